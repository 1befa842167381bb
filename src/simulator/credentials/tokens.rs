//! Tokens: given at the start or by hand, or issued by IAM for a while.
//!
//! Pure: now comes in as a parameter. Tokens are kept as their digests only.

use jiff::{SignedDuration, Timestamp};

use super::{Caller, digest_of};
use crate::answer::{ApiError, BAD_TOKEN, TOKEN_MUST_BE_UPDATED};

/// How long a token lives of which nobody said it ("validity period: 24 hours").
const USUAL_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A project by both its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Such as `eu-west-101`.
    pub name: String,
}

/// What IAM tells of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// What it was issued for: `password` or `mapped`.
    pub method: &'static str,
    /// Its scope.
    pub project: Option<Project>,
    /// The account of its user.
    pub account: String,
    /// Its user.
    pub user: String,
}

/// The tokens that the simulator knows, in the order in which it came to know them.
#[derive(Debug)]
pub struct Tokens {
    known: Vec<Known>,
    started: Timestamp,
}

#[derive(Debug)]
struct Known {
    digest: String,
    sort: Sort,
    revoked: bool,
}

#[derive(Debug)]
enum Sort {
    /// Given; it holds for ever unless somebody said otherwise.
    Fixed(Option<Timestamp>),
    Issued(Facts),
}

impl Tokens {
    /// None yet. Those without a known end are said to be as old as the simulator.
    pub fn new(started: Timestamp) -> Self {
        Self { known: Vec::new(), started }
    }

    /// Accepts one more. One that is known already keeps its end.
    pub fn add(&mut self, token: &str) {
        let held = self.find(token).is_some_and(|known| !known.revoked);
        if !held {
            self.insert(token, Sort::Fixed(None));
        }
    }

    /// Accepts one that was issued.
    pub fn issue(&mut self, token: &str, facts: Facts) {
        self.insert(token, Sort::Issued(facts));
    }

    /// Sets the end of a known token.
    pub fn expire_at(&mut self, token: &str, end: Timestamp) -> bool {
        let digest = digest_of(token);
        let known = self.known.iter_mut().find(|known| known.digest == digest && !known.revoked);
        match known.map(|known| &mut known.sort) {
            Some(Sort::Fixed(expires_at)) => *expires_at = Some(end),
            Some(Sort::Issued(facts)) => facts.expires_at = end,
            None => return false,
        }
        true
    }

    /// Accepts a token no more.
    pub fn revoke(&mut self, token: &str) -> bool {
        let digest = digest_of(token);
        self.revoke_where(|known| known.digest == digest)
    }

    /// Accepts no issued token any more.
    pub fn revoke_issued(&mut self) {
        self.revoke_where(|known| matches!(known.sort, Sort::Issued(_)));
    }

    /// Accepts no token any more.
    pub fn revoke_all(&mut self) {
        self.revoke_where(|_| true);
    }

    /// The digests of those that are accepted.
    pub fn digests(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let accepted = self.known.iter().filter(move |known| known.holds_at(now));
        accepted.map(|known| known.digest.as_str())
    }

    /// Lets a token pass, or says why not: one that held once "must be updated".
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Caller, ApiError> {
        let known = self.find(token).ok_or(BAD_TOKEN)?;
        match &known.sort {
            _ if known.holds_at(now) => Ok(known.caller()),
            // A given token that is taken back is as if it had never been.
            Sort::Fixed(_) if known.revoked => Err(BAD_TOKEN),
            _ => Err(TOKEN_MUST_BE_UPDATED),
        }
    }

    /// What is known of a token that holds.
    pub fn facts(&self, token: &str, now: Timestamp) -> Option<Facts> {
        let known = self.find(token).filter(|known| known.holds_at(now))?;
        Some(match &known.sort {
            Sort::Issued(facts) => facts.clone(),
            Sort::Fixed(end) => {
                let usual = self.started.saturating_add(USUAL_LIFETIME).unwrap_or(self.started);
                Facts {
                    issued_at: self.started,
                    expires_at: end.unwrap_or(usual),
                    method: "password",
                    project: None,
                    account: "account".to_owned(),
                    user: "api-user".to_owned(),
                }
            }
        })
    }

    fn insert(&mut self, token: &str, sort: Sort) {
        let digest = digest_of(token);
        self.known.retain(|known| known.digest != digest);
        self.known.push(Known { digest, sort, revoked: false });
    }

    fn find(&self, token: &str) -> Option<&Known> {
        let digest = digest_of(token);
        self.known.iter().find(|known| known.digest == digest)
    }

    fn revoke_where(&mut self, wanted: impl Fn(&Known) -> bool) -> bool {
        let mut any = false;
        for known in self.known.iter_mut().filter(|known| !known.revoked && wanted(known)) {
            (known.revoked, any) = (true, true);
        }
        any
    }
}

impl Known {
    fn holds_at(&self, now: Timestamp) -> bool {
        let end = match &self.sort {
            Sort::Fixed(end) => *end,
            Sort::Issued(facts) => Some(facts.expires_at),
        };
        !self.revoked && end.is_none_or(|end| now < end)
    }

    /// A user is one caller, however many tokens were issued for him.
    fn caller(&self) -> Caller {
        Caller(match &self.sort {
            Sort::Fixed(_) => self.digest.clone(),
            Sort::Issued(facts) => format!("{}/{}", facts.account, facts.user),
        })
    }
}
