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
}
