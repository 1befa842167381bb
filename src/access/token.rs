//! The first kind: an IAM token, which stands in a header as it is. It has no `Debug` and no
//! `Display`, and is wiped from memory when dropped.
//!
//! Source: "Obtaining a User Token Through Password Authentication" (Huawei Cloud IAM API reference);
//! header limits: "Error Codes" of the API gateway, `.0201`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Request;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::authorize::{Authorize, Confidential};
use crate::reason::Reason;

/// The longest token that is tried: the API gateway refuses headers over 32 KiB.
const TOKEN_MAX: usize = 32 * 1024;

/// The header that a token stands in.
pub const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// An IAM token that can stand in a header.
#[derive(Clone)]
pub struct Token(Arc<SecretString>);

impl Token {
    /// Reads a token as a Secret holds it: white space at its ends, such as the line break that
    /// `echo` adds, is not part of it.
    ///
    /// Fails with [`Reason::TokenEmpty`] or [`Reason::TokenMalformed`]; no byte of it is shown.
    pub fn read(bytes: &[u8]) -> Result<Self, Reason> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(Reason::TokenEmpty);
        }
        if token.len() > TOKEN_MAX || !token.iter().all(u8::is_ascii_graphic) {
            return Err(Reason::TokenMalformed);
        }
        let text = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
        Ok(Self(Arc::new(SecretString::from(text))))
    }

    /// The value of a header with it, marked as sensitive.
    pub fn header(&self) -> Result<HeaderValue, Reason> {
        header(&self.0, Reason::TokenMalformed)
    }
}

/// A secret as a header's value, marked as sensitive; `otherwise` if it cannot stand in one.
pub(super) fn header(secret: &SecretString, otherwise: Reason) -> Result<HeaderValue, Reason> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| otherwise)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Authorize for Token {
    fn authorize(&self, request: &mut Request, _now: Timestamp) -> Result<(), Reason> {
        request.headers_mut().insert(AUTH_TOKEN, self.header()?);
        Ok(())
    }

    fn goes_by_the_clock(&self) -> bool {
        false
    }
}

impl Confidential for Token {
    fn is_shown_by(&self, text: &str) -> bool {
        self.0.is_shown_by(text)
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Token {}

/// Under a hasher with keys of its own, as maps have one: the hash shows nothing of the token.
impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.expose_secret().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_the_ends_is_not_part_of_a_token() {
        for bytes in [&b"abc"[..], b"abc\n", b"  abc\r\n", b"\tabc "] {
            assert_eq!(Token::read(bytes).ok().unwrap().header().unwrap().as_bytes(), b"abc");
        }
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_refused() {
        for (bytes, reason) in [
            (&b""[..], Reason::TokenEmpty),
            (b" \r\n\t", Reason::TokenEmpty),
            (b"a\r\nX-Evil: 1", Reason::TokenMalformed),
            (b"a b", Reason::TokenMalformed),
            (b"a\0b", Reason::TokenMalformed),
            (b"t\xc3\xb6ken", Reason::TokenMalformed),
            (b"\xff\xfe", Reason::TokenMalformed),
            (&vec![b'x'; TOKEN_MAX + 1], Reason::TokenMalformed),
        ] {
            assert_eq!(Token::read(bytes).err(), Some(reason));
        }
    }

    #[test]
    fn a_tokens_header_never_shows_it() {
        let header = Token::read(b"canary").ok().unwrap().header().unwrap();
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
