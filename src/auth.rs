//! Credentials for SWR, from a Secret's data to a request header. Knows neither Kubernetes' client
//! nor HTTP. A token has no `Debug` and no `Display`, and is wiped from memory when dropped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::reason::Reason;

/// The longest token that is tried: the API gateway refuses headers over 32 KiB.
const TOKEN_MAX: usize = 32 * 1024;

/// An IAM token that can stand in a header.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Reads a token as a Secret holds it: white space at its ends, such as the line break that
    /// `echo` adds, is not part of it.
    ///
    /// Fails with [`Reason::TokenEmpty`] or [`Reason::TokenMalformed`]; no byte of it is told.
    pub fn read(bytes: &[u8]) -> Result<Self, Reason> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(Reason::TokenEmpty);
        }
        if token.len() > TOKEN_MAX || !token.iter().all(u8::is_ascii_graphic) {
            return Err(Reason::TokenMalformed);
        }
        let text = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
        Ok(Self(SecretString::from(text)))
    }

    /// The value of the header `X-Auth-Token`, marked as sensitive.
    pub fn header(&self) -> Result<HeaderValue, Reason> {
        let mut value =
            HeaderValue::from_str(self.0.expose_secret()).map_err(|_| Reason::TokenMalformed)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// One version of one Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// `namespace/name/key`: a Secret can hold several tokens.
    pub name: String,
    /// The Secret's uid and resourceVersion.
    pub version: String,
}

/// Remembers which credentials SWR rejected, so that not every object tries them again: five bad
/// attempts can lock an access key (API gateway, "Error Codes", `.0301`).
#[derive(Default)]
pub struct Rejected {
    by_name: Mutex<HashMap<String, (String, Instant)>>,
}

/// How often rejected credentials are tried again although nobody changed the Secret.
pub const PROBE: Duration = Duration::from_mins(15);

impl Rejected {
    /// Notes that SWR rejected these credentials.
    pub fn note(&self, secret: &SecretVersion, now: Instant) {
        self.lock().insert(secret.name.clone(), (secret.version.clone(), now));
    }

    /// Notes that SWR accepted these credentials.
    pub fn clear(&self, secret: &SecretVersion) {
        self.lock().remove(&secret.name);
    }

    /// Whether a call with these credentials must wait. Lets one caller through per [`PROBE`].
    pub fn holds_back(&self, secret: &SecretVersion, now: Instant) -> bool {
        let mut rejected = self.lock();
        let Some((version, since)) = rejected.get_mut(&secret.name) else {
            return false;
        };
        if *version != secret.version {
            return false;
        }
        if now.duration_since(*since) >= PROBE {
            *since = now;
            return false;
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, Instant)>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn rejected_credentials_wait_until_they_change_but_for_one_slow_probe() {
        let secret =
            |version: &str| SecretVersion { name: "ns/s/token".into(), version: version.into() };
        let (rejected, start) = (Rejected::default(), Instant::now());
        assert!(!rejected.holds_back(&secret("1"), start));
        rejected.note(&secret("1"), start);
        assert!(rejected.holds_back(&secret("1"), start + PROBE / 2));
        assert!(
            !rejected.holds_back(&secret("2"), start + PROBE / 2),
            "a changed Secret is tried at once"
        );
        assert!(!rejected.holds_back(&secret("1"), start + PROBE), "one probe");
        assert!(rejected.holds_back(&secret("1"), start + PROBE), "and only one");
        rejected.clear(&secret("1"));
        assert!(!rejected.holds_back(&secret("1"), start + PROBE));
    }
}
