//! The secrets of the tests, and whether a text shows a piece of one: plain, in base64, in hex or
//! percent-encoded. Every operator's log is looked through when it ends, and with `CANARY` set, for which
//! the logs are at TRACE, all that people can see of a test's namespace and cloud.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The token that every test's Secret `swr` holds.
pub const TOKEN: &str = "canary-9b1f4e77-Tk81";
/// A token that no cloud accepts.
pub const WRONG_TOKEN: &str = "canary-2b7d90e1-Wr52";
/// An IAM user's password.
pub const PASSWORD: &str = "canary-5d1c86b3-Pw97";
/// The secret half of an access key.
pub const SECRET_KEY: &str = "canary-77ab13f0-Sk46";
/// What comes with a temporary one.
pub const SECURITY_TOKEN: &str = "canary-c3d9e2a5-St68";
/// How the token of any `ServiceAccount` begins: `{"alg":` in base64.
const IDENTITY_TOKEN: &str = "eyJhbGciOi";

const SECRETS: [&str; 5] = [TOKEN, WRONG_TOKEN, PASSWORD, SECRET_KEY, SECURITY_TOKEN];
/// So many bytes in a row of a secret are a piece of it.
const PIECE: usize = 8;

/// Whether everything is logged and looked through.
pub fn is_thorough() -> bool {
    std::env::var_os("CANARY").is_some()
}

/// Fails if a text shows a piece of a secret. A test that fails already is left alone.
pub fn look_through(text: &str, what: &str) {
    if std::thread::panicking() {
        return;
    }
    if let Some(found) = FORMS.find(text) {
        let line = text[..found.start()].matches('\n').count();
        let shown = text.lines().nth(line).unwrap_or_default();
        panic!("{what} shows {:?} of a secret: {shown}", &text[found.range()]);
    }
}

static FORMS: LazyLock<AhoCorasick> = LazyLock::new(|| AhoCorasick::new(forms()).unwrap());

/// Each piece of each secret in each form.
fn forms() -> Vec<String> {
    let pieces = SECRETS.into_iter().flat_map(|secret| secret.as_bytes().windows(PIECE));
    let mut forms: Vec<_> = pieces.flat_map(forms_of).collect();
    forms.push(IDENTITY_TOKEN.to_owned());
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn forms_of(piece: &[u8]) -> Vec<String> {
    let hex = |upper: bool| {
        let digits = piece
            .iter()
            .map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect::<String>()
    };
    let percent = piece.iter().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let plain = String::from_utf8_lossy(piece).into_owned();
    let dash = plain.replace('-', "%2D");
    let mut forms = vec![plain, dash, hex(false), hex(true), percent];
    // A piece begins at any of three places of a group of base64: only the signs that it alone makes.
    for before in 0..3_usize {
        let bytes = [&vec![0; before], piece].concat();
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        forms.push(STANDARD.encode(&bytes)[from..to].to_owned());
        forms.push(URL_SAFE.encode(&bytes)[from..to].to_owned());
    }
    forms
}

#[test]
fn a_piece_of_a_secret_is_found_in_every_form_and_nothing_else_is() {
    let found = |text: &str| FORMS.is_match(text);
    let [.., hex, _, percent] = &forms_of(PASSWORD.as_bytes())[..5] else {
        panic!("too few forms")
    };
    for text in
        [PASSWORD.to_owned(), hex.clone(), percent.clone(), format!("x{}y", &SECRET_KEY[5..13])]
    {
        assert!(found(&text), "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        assert!(found(&STANDARD.encode(format!("{before}{SECURITY_TOKEN}"))), "{before}");
        assert!(found(&STANDARD.encode(format!("{before}{}", &TOKEN[3..15]))), "{before}");
    }
    for text in ["canary-", "password, token, secret key", "0123456789abcdef", &PASSWORD[..7]] {
        assert!(!found(text), "{text}");
    }
}
