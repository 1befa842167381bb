//! What stands before SWR: who may call. How often, [`crate::throttle`] says.
//!
//! A token never leaves this file in clear; the ledger gets a fingerprint.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

use crate::answer::{
    Answer, ApiError, BAD_ACCESS_KEY, BAD_TOKEN, NO_CREDENTIAL, REQUEST_TOO_LARGE, UNKNOWN_API,
};
use crate::api::{self, Call};
use crate::front::Request;
use crate::options::AccessKey;
use crate::share::Creator;
use crate::world::World;

/// Performs a call as the cloud would: past the gateway, then in SWR. A read is answered from the shares as they were
/// `age` ago. Gives the answer, and whether the call changed shares.
pub fn perform(
    world: &mut World,
    request: &Request,
    request_id: &str,
    age: Duration,
) -> (Answer, bool) {
    let before = world.state.revision();
    let answer = pass(world, request, age).unwrap_or_else(|error| {
        let answer = Answer::refusal(&error, request_id);
        let now = world.now();
        let throttle = world.throttle.as_ref();
        match throttle.and_then(|throttle| throttle.retry_after(&error, now)) {
            Some(value) => answer.with_header(RETRY_AFTER, value),
            None => answer,
        }
    });
    (answer, world.state.revision() != before)
}

fn pass(world: &mut World, request: &Request, age: Duration) -> Result<Answer, ApiError> {
    let route = request.route.as_ref().ok_or(UNKNOWN_API)?;
    let body = request.body.as_ref().ok_or(REQUEST_TOO_LARGE)?;
    world.credentials.check(&request.credential)?;
    if let Some(throttle) = &mut world.throttle {
        throttle.admit(throttle.bucket_of(request), Instant::now())?;
    }
    let now = world.now();
    let then = now.saturating_sub(age).unwrap_or(now);
    let call = Call {
        route,
        query: &request.query(),
        body,
        creator: request.credential.user(),
        now: then,
        list_limit: world.list_limit,
    };
    world.state.as_of(then, now, |state| api::perform(state, call))
}

const TOKEN_HEADER: &str = "x-auth-token";
/// `Authorization: SDK-HMAC-SHA256 Access=AK, SignedHeaders=a;b;c, Signature=hex`.
const SIGNATURE_ALGORITHM: &str = "SDK-HMAC-SHA256";

/// What a request offers.
#[derive(Debug)]
pub enum Offered {
    /// No credential that SWR knows.
    Nothing,
    /// A token from IAM.
    Token(SecretString),
    /// The public half of the access key that signed the request.
    AccessKey(String),
}

impl Offered {
    /// Reads the headers; a token goes before a signature.
    pub fn read(headers: &HeaderMap) -> Self {
        if let Some(token) = headers.get(TOKEN_HEADER) {
            return Self::Token(SecretString::from(
                String::from_utf8_lossy(token.as_bytes()).into_owned(),
            ));
        }
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match authorization.and_then(access_key_of) {
            Some(id) => Self::AccessKey(id.to_owned()),
            None => Self::Nothing,
        }
    }

    /// A short hash by which the ledger tells credentials apart.
    pub fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Token(token) => Some(fingerprint(token.expose_secret())),
            Self::AccessKey(id) => Some(fingerprint(id)),
        }
    }

    /// The user behind the credential, as far as a share's creator fields show him.
    pub fn user(&self) -> Creator {
        let text = match self {
            Self::Nothing => "",
            Self::Token(token) => token.expose_secret(),
            Self::AccessKey(id) => id,
        };
        Creator { id: hex_digits(text, 32), name: "api-user".to_owned() }
    }
}

fn access_key_of(authorization: &str) -> Option<&str> {
    let parameters = authorization.strip_prefix(SIGNATURE_ALGORITHM)?.trim_start();
    parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Access="))
}

/// What the simulator accepts.
#[derive(Debug, Default)]
pub struct Credentials {
    tokens: Vec<SecretString>,
    /// Without their secrets, as long as signatures are not verified.
    access_keys: BTreeSet<String>,
}

impl Credentials {
    /// What the options name.
    pub fn new(tokens: Vec<SecretString>, access_keys: Vec<AccessKey>) -> Self {
        Self { tokens, access_keys: access_keys.into_iter().map(|key| key.id).collect() }
    }

    /// Lets the request pass, or says why not.
    pub fn check(&self, offered: &Offered) -> Result<(), ApiError> {
        match offered {
            Offered::Nothing => Err(NO_CREDENTIAL),
            Offered::Token(token) if self.accepts(token.expose_secret()) => Ok(()),
            Offered::Token(_) => Err(BAD_TOKEN),
            Offered::AccessKey(id) if self.access_keys.contains(id) => Ok(()),
            Offered::AccessKey(_) => Err(BAD_ACCESS_KEY),
        }
    }

    /// Accepts one more token.
    pub fn add_token(&mut self, token: String) {
        if !self.accepts(&token) {
            self.tokens.push(SecretString::from(token));
        }
    }

    /// Accepts a token no more.
    pub fn revoke_token(&mut self, token: &str) -> bool {
        let before = self.tokens.len();
        self.tokens.retain(|one| one.expose_secret() != token);
        self.tokens.len() < before
    }

    /// Accepts no token any more.
    pub fn revoke_all_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The accepted tokens, as the ledger calls them.
    pub fn token_fingerprints(&self) -> Vec<String> {
        self.tokens.iter().map(|token| fingerprint(token.expose_secret())).collect()
    }

    fn accepts(&self, token: &str) -> bool {
        self.tokens.iter().any(|one| one.expose_secret() == token)
    }
}

fn fingerprint(text: &str) -> String {
    hex_digits(text, 12)
}

fn hex_digits(text: &str, count: usize) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.truncate(count);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_key_is_read_from_the_signature() {
        let header = "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=00ff";
        assert_eq!(access_key_of(header), Some("AK1"));
        for other in ["Basic Access=AK1", "SDK-HMAC-SHA256 Signature=00ff", ""] {
            assert_eq!(access_key_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_fingerprint_is_short_and_not_the_token() {
        let offered = Offered::Token(SecretString::from("secret-token"));
        let fingerprint = offered.fingerprint().unwrap();
        assert_eq!(fingerprint.len(), 12);
        assert!(!fingerprint.contains("secret"));
        assert_eq!(offered.user().id.len(), 32);
    }
}
