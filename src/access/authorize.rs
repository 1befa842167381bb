//! What all kinds of credentials come to: something that lets a request pass at the gateway.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Request;

use crate::reason::Reason;

/// Lets requests pass.
pub trait Authorize: Send + Sync {
    /// Adds to a request, which is complete but for that, the headers that show who sends it. `now` is
    /// the time as the endpoint has it, as far as that is known.
    ///
    /// Fails if the credentials cannot stand in a header.
    fn authorize(&self, request: &mut Request, now: Timestamp) -> Result<(), Reason>;

    /// Whether a text shows something of the secret part: a server may send back what it was sent.
    fn is_shown_by(&self, text: &str) -> bool;
}

/// What calls go out with, and how long it lasts.
#[derive(Clone)]
pub struct Issued {
    /// What authorises the calls.
    pub authority: Arc<dyn Authorize>,
    /// Its end, if that is known.
    pub expires_at: Option<Timestamp>,
}

/// How many bytes in a row give a secret away.
const GIVEN_AWAY: usize = 8;

/// Whether `text` contains a piece of `secret` of that length, or all of a shorter one.
pub fn shows(text: &str, secret: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let (text, secret) = (text.as_bytes(), secret.as_bytes());
    let length = GIVEN_AWAY.min(secret.len());
    text.windows(length).any(|piece| secret.windows(length).any(|part| part == piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_of_a_secret_in_a_row_give_it_away() {
        let secret = "0123456789abcdef";
        for text in ["x01234567x", "89abcdef", secret, "id-456789ab-end"] {
            assert!(shows(text, secret), "{text}");
        }
        for text in ["0123456", "", "0123456-789abcd", "fedcba9876543210"] {
            assert!(!shows(text, secret), "{text}");
        }
        assert!(
            shows("my abc", "abc") && !shows("my ab", "abc"),
            "a short secret is its own piece"
        );
        assert!(!shows("anything", ""));
    }
}
