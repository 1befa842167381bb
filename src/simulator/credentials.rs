//! Who may call: what a request offers, and what the simulator accepts.
//!
//! Nothing secret leaves this folder in clear; the ledger gets a fingerprint.

mod access_keys;
mod signature;
mod tokens;

use std::fmt::Write;

use axum::http::{HeaderMap, Method, Uri};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use self::access_keys::AccessKeys;
use self::signature::Signed;
pub use self::tokens::{Facts, Project, Tokens};
use crate::answer::{ApiError, NO_CREDENTIAL};
use crate::options::AccessKey;
use crate::share::Creator;

const TOKEN_HEADER: &str = "x-auth-token";

/// What a request offers.
#[derive(Debug)]
pub enum Offered {
    /// No credential that SWR knows.
    Nothing,
    /// A token from IAM.
    Token(SecretString),
    /// A signature.
    Signed(Signed),
}

impl Offered {
    /// Reads a request; a token goes before a signature.
    pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        if let Some(token) = headers.get(TOKEN_HEADER) {
            let token = String::from_utf8_lossy(token.as_bytes()).into_owned();
            return Self::Token(SecretString::from(token));
        }
        Signed::read(method, uri, headers, body).map_or(Self::Nothing, Self::Signed)
    }

    /// A short hash by which the ledger tells credentials apart.
    pub fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Token(token) => Some(fingerprint(&digest_of(token.expose_secret()))),
            Self::Signed(signed) => Some(fingerprint(&digest_of(&signed.access_key))),
        }
    }
}

/// A secret in a JSON body.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct GivenSecret(pub SecretString);

impl From<String> for GivenSecret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

/// Whoever was let in: the same for all his credentials, if the simulator knows that they are his.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller(pub String);

impl Caller {
    /// As far as a share's creator fields show him.
    pub fn creator(&self) -> Creator {
        Creator { id: id_of(&self.0), name: "api-user".to_owned() }
    }
}

/// What the simulator accepts.
#[derive(Debug)]
pub struct Credentials {
    /// In `X-Auth-Token`.
    pub tokens: Tokens,
    /// In `Authorization`.
    pub access_keys: AccessKeys,
}

impl Credentials {
    /// What the options name.
    pub fn new(given: Vec<SecretString>, access_keys: Vec<AccessKey>, now: Timestamp) -> Self {
        let mut tokens = Tokens::new(now);
        for token in given {
            tokens.add(token.expose_secret());
        }
        Self { tokens, access_keys: AccessKeys::new(access_keys) }
    }

    /// Lets the request pass, or says why not.
    pub fn check(&mut self, offered: &Offered, now: Timestamp) -> Result<Caller, ApiError> {
        match offered {
            Offered::Nothing => Err(NO_CREDENTIAL),
            Offered::Token(token) => self.tokens.check(token.expose_secret(), now),
            Offered::Signed(signed) => self.access_keys.check(signed, now),
        }
    }

    /// The accepted tokens, as the ledger calls them.
    pub fn token_fingerprints(&self, now: Timestamp) -> Vec<String> {
        self.tokens.digests(now).map(fingerprint).collect()
    }
}

fn fingerprint(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// An id as IAM's are, always the same for the same thing.
pub fn id_of(text: &str) -> String {
    digest_of(text).chars().take(32).collect()
}

fn digest_of(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_short_and_not_the_token() {
        let offered = Offered::Token(SecretString::from("secret-token"));
        let fingerprint = offered.fingerprint().unwrap();
        assert_eq!(fingerprint.len(), 12);
        assert!(!fingerprint.contains("secret"));
        assert_eq!(Caller("secret-token".to_owned()).creator().id.len(), 32);
    }

    #[test]
    fn what_is_offered_shows_no_secret_when_it_is_printed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=x-security-token".parse().unwrap(),
        );
        headers.insert("x-security-token", "secret-token".parse().unwrap());
        let offered = Offered::read(&Method::GET, &Uri::from_static("/"), &headers, b"");
        assert!(matches!(offered, Offered::Signed(_)));
        assert!(!format!("{offered:?}").contains("secret-token"));
    }
}
