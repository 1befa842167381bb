//! Access keys: given at the start, added by hand, or handed out by STS for a while.
//!
//! Pure: now comes in as a parameter.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::signature::{Flaw, Signed};
use super::{Caller, digest_of};
use crate::answer::{
    ACCESS_KEY_LOCKED, ApiError, BAD_SECURITY_TOKEN, EXPIRED_ACCESS_KEY, bad_signature,
    signature_expired, undated_signature, unknown_access_key,
};
use crate::options::AccessKey;
use crate::time::compact;

/// "If AK/SK authentication fails for more than five consecutive times, the AK/SK pair is locked for five minutes."
const FAILURES_BORNE: u32 = 5;
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The access keys that the simulator knows.
#[derive(Debug, Default)]
pub struct AccessKeys(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    secret: SecretString,
    /// Only temporary keys have one.
    security_token: Option<SecretString>,
    expires_at: Option<Timestamp>,
    failures: u32,
    locked_until: Option<Timestamp>,
}

impl AccessKeys {
    /// Those that the options name.
    pub fn new(given: Vec<AccessKey>) -> Self {
        let mut keys = Self::default();
        for AccessKey { id, secret } in given {
            keys.add(id, secret, None, None);
        }
        keys
    }

    /// Accepts one more, or an old one with another secret.
    pub fn add(
        &mut self,
        id: String,
        secret: SecretString,
        security_token: Option<SecretString>,
        expires_at: Option<Timestamp>,
    ) {
        let known = Known { secret, security_token, expires_at, failures: 0, locked_until: None };
        self.0.insert(id, known);
    }

    /// Accepts a key no more.
    pub fn remove(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// The ids, which are no secret.
    pub fn ids(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Lets a signed request pass, or says why not. Every refusal of a known key that holds counts as a failure; no
    /// page says whether a wrong clock does, so it does.
    pub fn check(&mut self, signed: &Signed, now: Timestamp) -> Result<Caller, ApiError> {
        let id = &signed.access_key;
        let known = self.0.get_mut(id).ok_or_else(|| unknown_access_key(id))?;
        if known.expires_at.is_some_and(|end| end <= now) {
            return Err(EXPIRED_ACCESS_KEY);
        }
        match known.locked_until {
            Some(end) if now < end => return Err(ACCESS_KEY_LOCKED),
            Some(_) => (known.failures, known.locked_until) = (0, None),
            None => {}
        }
        let verdict = known.verify(signed, now);
        known.failures = if verdict.is_ok() { 0 } else { known.failures + 1 };
        if known.failures > FAILURES_BORNE {
            known.locked_until = Some(now.saturating_add(LOCKED_FOR).unwrap_or(now));
        }
        verdict.map(|()| Caller(id.clone()))
    }
}

impl Known {
    fn verify(&self, signed: &Signed, now: Timestamp) -> Result<(), ApiError> {
        signed.check(&self.secret, now).map_err(|flaw| match flaw {
            Flaw::NoDate => undated_signature(),
            Flaw::Skewed { signed_at } => signature_expired(&signed_at, &compact(now)),
            Flaw::Wrong { canonical } => bad_signature(&canonical),
        })?;
        // Digests, so that the time that comparing takes says nothing.
        let digest = |token: &SecretString| digest_of(token.expose_secret());
        let offered = signed.security_token.as_ref().map(digest);
        let expected = self.security_token.as_ref().map(digest);
        if offered == expected { Ok(()) } else { Err(BAD_SECURITY_TOKEN) }
    }
}
