//! What may leave the process as text: printable, short, and without a part of a secret.
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

/// So many bytes of a secret in a row do not stand in a text by chance.
const RUN: usize = 8;
/// A shorter secret is in any text by chance; IAM's shortest password has as many characters.
const SECRET_MIN: usize = 6;

/// Whether `text` holds a part of `secret`, in upper or lower case: eight bytes in a row, or the
/// whole of a shorter one.
pub fn shares_bytes_with(text: &str, secret: &[u8]) -> bool {
    let run = secret.len().min(RUN);
    if run < SECRET_MIN || text.len() < run {
        return false;
    }
    let number = |run: &[u8]| {
        run.iter().fold(0, |number, byte| number << 8 | u64::from(byte.to_ascii_lowercase()))
    };
    // Sorted are those of the text: what is copied here of a secret would not be wiped.
    let mut runs: Vec<u64> = text.as_bytes().windows(run).map(number).collect();
    runs.sort_unstable();
    secret.windows(run).any(|secret| runs.binary_search(&number(secret)).is_ok())
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
    fn eight_bytes_of_a_secret_in_a_row_are_a_part_of_it_and_seven_are_not() {
        for (text, secret, expected) in [
            ("id 34567890", "1234567890ab", true),
            ("id 4567890", "1234567890ab", false),
            ("ABCDEFGH", "xxabcdefghxx", true),
            ("1234567890ab", "1234567890ab", true),
            ("1234-5678-90ab", "1234567890ab", false),
            ("its pass12 is", "pass12", true),
            ("its pass is", "pass12", false),
            ("any text", "text", false),
            ("", "1234567890ab", false),
            ("any text", "", false),
        ] {
            assert_eq!(shares_bytes_with(text, secret.as_bytes()), expected, "{text} {secret}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_part_of_a_secret_is_found_wherever_it_stands(
            secret in "[ -~]{8,200}", at in 0usize..200, before in ".{0,30}", after in ".{0,30}",
        ) {
            let start = at % (secret.len() - 7);
            let text = format!("{before}{}{after}", &secret[start..start + 8]);
            proptest::prop_assert!(shares_bytes_with(&text, secret.as_bytes()));
        }

        #[test]
        fn what_is_found_is_a_part_of_the_secret(secret in "[ab]{0,20}", text in "[ab]{0,20}") {
            let run = secret.len().min(RUN);
            let is_in = |start: usize| text.contains(&secret[start..start + run]);
            let expected = run >= SECRET_MIN && (0..=secret.len() - run).any(is_in);
            proptest::prop_assert_eq!(shares_bytes_with(&text, secret.as_bytes()), expected);
        }
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
