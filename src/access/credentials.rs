//! Credentials for SWR, from a Secret's data to a request header. Knows neither Kubernetes' client
//! nor HTTP. A token has no `Debug` and no `Display`, and is wiped from memory when dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::reason::Reason;

/// The longest token that is tried: the API gateway refuses headers over 32 KiB.
const TOKEN_MAX: usize = 32 * 1024;

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

    /// Whether this is the same token.
    pub fn is_same(&self, other: &Token) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretVersion {
    /// `namespace/name/key@region`: a Secret can hold several tokens, and a token is good in one
    /// region only.
    pub name: String,
    /// The Secret's uid and resourceVersion.
    pub version: String,
}

impl SecretVersion {
    /// The name of a key of a Secret, as it is used in a region.
    pub fn name_of(namespace: &str, name: &str, key: &str, region: &str) -> String {
        format!("{namespace}/{name}/{key}@{region}")
    }
}

/// What SWR said of credentials.
///
/// Rejected ones are remembered so that not every object tries them again: five bad attempts can
/// lock an access key (API gateway, "Error Codes", `.0301`). The last accepted token of each Secret
/// is remembered, and one that was not used yet where there is none, because a namespace that is deleted
/// may lose its Secret before its shares.
#[derive(Default)]
pub struct CredentialHealth {
    rejected: Mutex<HashMap<String, (String, Instant)>>,
    known: Mutex<HashMap<String, (Token, Instant)>>,
}

/// How long a token lasts ("Obtaining a User Token", Huawei Cloud IAM API reference).
const TOKEN_LIFE: Duration = Duration::from_hours(24);

/// How often rejected credentials are tried again although nobody changed the Secret.
pub const PROBE: Duration = Duration::from_mins(15);

impl CredentialHealth {
    /// Notes that SWR rejected these credentials.
    pub fn reject(&self, secret: &SecretVersion, now: Instant) {
        lock(&self.rejected).insert(secret.name.clone(), (secret.version.clone(), now));
    }

    /// Forgets this token of this Secret: SWR does not accept it any more. One before it may still do.
    pub fn forget(&self, name: &str, token: &Token) {
        lock(&self.known).retain(|known, (last, _)| known != name || !last.is_same(token));
    }

    /// Keeps a token of which nothing is known yet, where none is known that was accepted: after a
    /// start, the Secret may go before anybody has used it.
    pub fn keep(&self, secret: &SecretVersion, token: &Token, now: Instant) {
        lock(&self.known).entry(secret.name.clone()).or_insert_with(|| (token.clone(), now));
    }

    /// Notes that SWR accepted these credentials. The token before them is wiped.
    pub fn accept(&self, secret: &SecretVersion, token: &Token, now: Instant) {
        lock(&self.rejected).remove(&secret.name);
        let mut known = lock(&self.known);
        known.retain(|_, (_, since)| now.duration_since(*since) < TOKEN_LIFE);
        known.insert(secret.name.clone(), (token.clone(), now));
    }

    /// The last token of this Secret that SWR accepted, or that was there before any was used; `name` as
    /// in [`SecretVersion`].
    pub fn last_known(&self, name: &str, now: Instant) -> Option<Token> {
        let known = lock(&self.known);
        let (token, since) = known.get(name)?;
        (now.duration_since(*since) < TOKEN_LIFE).then(|| token.clone())
    }

    /// Whether a call with these credentials must wait. Lets one caller through per [`PROBE`].
    pub fn must_wait(&self, secret: &SecretVersion, now: Instant) -> bool {
        let mut rejected = lock(&self.rejected);
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (health, start) = (CredentialHealth::default(), Instant::now());
        assert!(!health.must_wait(&secret("1"), start));
        health.reject(&secret("1"), start);
        assert!(health.must_wait(&secret("1"), start + PROBE / 2));
        assert!(
            !health.must_wait(&secret("2"), start + PROBE / 2),
            "a changed Secret is tried at once"
        );
        assert!(!health.must_wait(&secret("1"), start + PROBE), "one probe");
        assert!(health.must_wait(&secret("1"), start + PROBE), "and only one");
        health.accept(&secret("1"), &Token::read(b"t").ok().unwrap(), start);
        assert!(!health.must_wait(&secret("1"), start + PROBE));
    }

    #[test]
    fn the_last_accepted_token_of_each_secret_is_kept_for_its_life() {
        let (health, start) = (CredentialHealth::default(), Instant::now());
        let secret = |name: &str| SecretVersion { name: name.into(), version: "1".into() };
        let token = |bytes: &[u8]| Token::read(bytes).ok().unwrap();
        assert!(health.last_known("a", start).is_none());
        health.accept(&secret("a"), &token(b"old"), start);
        health.accept(&secret("a"), &token(b"new"), start);
        health.reject(&secret("a"), start);
        assert_eq!(health.last_known("a", start).unwrap().header().unwrap().as_bytes(), b"new");
        health.accept(&secret("b"), &token(b"other"), start + TOKEN_LIFE);
        assert!(health.last_known("a", start).is_none(), "its token is over");
        health.forget("b", &token(b"newer"));
        assert!(health.last_known("b", start).is_some(), "another token was rejected");
        health.forget("b", &token(b"other"));
        assert!(health.last_known("b", start).is_none());
        health.keep(&secret("b"), &token(b"untried"), start);
        assert!(health.last_known("b", start).unwrap().is_same(&token(b"untried")));
        health.accept(&secret("b"), &token(b"tried"), start);
        health.keep(&secret("b"), &token(b"untried"), start);
        assert!(health.last_known("b", start).unwrap().is_same(&token(b"tried")));
    }
}
