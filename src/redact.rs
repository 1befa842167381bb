//! What may leave the process as text: printable, and short.
//!
//! Imports nothing of ours. Every condition message and every text that came from outside passes
//! through here.

/// The longest message of a condition, in characters.
pub const MESSAGE_MAX: usize = 256;

/// `text` without control and invisible formatting characters, cut to `max` characters with an
/// ellipsis.
pub fn printable(text: &str, max: usize) -> String {
    let clean = |c: char| {
        if c.is_control() || is_invisible(c) { ' ' } else { c }
    };
    if text.chars().count() <= max {
        return text.chars().map(clean).collect();
    }
    text.chars().map(clean).take(max.saturating_sub(1)).chain(['…']).collect()
}

/// The longest that each of several texts may be, so that together they have at most `max` characters:
/// only the long ones are cut, and all of these alike.
pub fn fair_length<'a>(texts: impl IntoIterator<Item = &'a str>, max: usize) -> usize {
    let mut lengths: Vec<_> = texts.into_iter().map(|text| text.chars().count()).collect();
    lengths.sort_unstable();
    let (mut left, mut others) = (max, lengths.len());
    for length in lengths {
        if length > left / others {
            return left / others;
        }
        (left, others) = (left - length, others - 1);
    }
    max
}

/// Line separators, and the formatting characters that reorder or hide text (Unicode TR 36, 3.4).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_on_a_character_and_never_longer_than_asked() {
        assert_eq!(printable("äöü", 3), "äöü");
        assert_eq!(printable("äöüß", 3), "äö…");
        assert_eq!(printable("a\nb\u{202e}c\u{7}", 9), "a b c ");
    }

    #[test]
    fn only_the_long_ones_of_several_texts_are_cut_and_alike() {
        for (texts, max, length) in [
            (vec!["ä", "öü"], 3, 3),
            (vec!["a", "bcdefghi", "jklmnopq"], 11, 5),
            (vec!["a", "bcd", "efghijkl"], 8, 4),
            (vec!["abc", "def"], 0, 0),
            (vec![], 5, 5),
        ] {
            assert_eq!(fair_length(texts.iter().copied(), max), length, "{texts:?}");
        }
    }
}
