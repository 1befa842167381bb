//! What all kinds of credentials come to: something that lets a request pass at the gateway.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Request;
use secrecy::{ExposeSecret, SecretString};

use crate::reason::Reason;
use crate::redact::shares_bytes_with;

/// Has a secret part.
pub trait Confidential: Send + Sync {
    /// Whether a text shows something of it: a server may send back what it was sent.
    fn is_shown_by(&self, text: &str) -> bool;
}

impl Confidential for SecretString {
    fn is_shown_by(&self, text: &str) -> bool {
        shares_bytes_with(text, self.expose_secret().as_bytes())
    }
}

/// Lets requests pass.
pub trait Authorize: Confidential {
    /// Adds to a request, which is complete but for that, the headers that show who sends it. `now` is
    /// the time as the endpoint has it, as far as that is known.
    ///
    /// Fails if the credentials cannot stand in a header.
    fn authorize(&self, request: &mut Request, now: Timestamp) -> Result<(), Reason>;

    /// Whether the time is part of that: then a wrong clock is a reason to be refused.
    fn goes_by_the_clock(&self) -> bool;
}

/// What calls go out with, and how long it lasts.
#[derive(Clone)]
pub struct Issued {
    /// What authorises the calls.
    pub authority: Arc<dyn Authorize>,
    /// Its end, if that is known.
    pub expires_at: Option<Timestamp>,
}
