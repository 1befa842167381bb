//! The book of every API request, from which tests and benchmarks count.
//!
//! Its times are the machine's, not the simulated clock's: they measure. It never sees a token, only a fingerprint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use crate::time::microseconds;

/// What a request was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One share, be it made, shown, changed or revoked.
    Share,
    /// The shares of a repository.
    List,
    /// An account-wide list.
    Shared,
    /// A token in exchange for a password or an identity token.
    SignIn,
    /// An access key in exchange for an identity token.
    Assume,
    /// What a token is good for.
    Token,
    /// Nothing that the gateway knows.
    #[default]
    Unknown,
}

/// One request.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    /// Counted from 1, in the order of arrival.
    pub seq: u64,
    /// When it had arrived in full.
    pub started: String,
    /// When the answer left or the connection ended; `null` as long as neither has happened.
    pub ended: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// What it is about.
    pub kind: Kind,
    /// Path and query as they came.
    pub path: String,
    /// `org/repo/account`, or `org/repo` for a list; for a call of IAM or STS which one it is.
    pub key: Option<String>,
    /// A short hash of the token or access key.
    pub credential: Option<String>,
    /// The answer's status; `null` when there was none.
    pub status: Option<u16>,
    /// Whether the call changed shares.
    pub applied: bool,
    /// When it did, which may be after `ended`.
    pub applied_at: Option<String>,
}

/// So many requests that are alike.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    /// The HTTP method.
    pub method: String,
    /// What they were about.
    pub kind: Kind,
    /// The answer's status; `null` when there was none.
    pub status: Option<u16>,
    /// How many.
    pub count: u64,
}

/// The book.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    /// Writes down a request that has arrived: number and time are added to what is known of it.
    pub fn open(self: &Arc<Self>, arrived: Entry) -> Receipt {
        let mut entries = self.entries();
        let seq = entries.len() as u64 + 1;
        entries.push(Entry { seq, started: microseconds(Timestamp::now()), ..arrived });
        Receipt { ledger: Arc::clone(self), seq }
    }

    /// The requests after number `seq`.
    pub fn since(&self, seq: u64) -> Vec<Entry> {
        after(&self.entries(), seq).to_vec()
    }

    /// How many of each sort there were after number `seq`.
    pub fn summary(&self, seq: u64) -> Vec<Tally> {
        let entries = self.entries();
        let mut counts = BTreeMap::new();
        for Entry { method, kind, status, .. } in after(&entries, seq) {
            *counts.entry((method.as_str(), *kind, *status)).or_insert(0) += 1;
        }
        let tally = |((method, kind, status), count): ((&str, _, _), _)| Tally {
            method: method.to_owned(),
            kind,
            status,
            count,
        };
        counts.into_iter().map(tally).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry's place is its number, so nothing is searched for.
fn after(entries: &[Entry], seq: u64) -> &[Entry] {
    usize::try_from(seq).ok().and_then(|skipped| entries.get(skipped..)).unwrap_or_default()
}

/// Held while a request is under way; when it goes, the request has ended.
#[derive(Debug)]
pub struct Receipt {
    ledger: Arc<Ledger>,
    seq: u64,
}

impl Receipt {
    /// The request's number, in the form of an `X-Request-Id`.
    pub fn request_id(&self) -> String {
        format!("{:032x}", self.seq)
    }

    /// Notes that the call's effect took place.
    pub fn applied(&self) {
        self.write(|entry| {
            entry.applied = true;
            entry.applied_at = Some(microseconds(Timestamp::now()));
        });
    }

    /// Notes the status that the caller is about to get.
    pub fn answered(self, status: StatusCode) {
        self.write(|entry| entry.status = Some(status.as_u16()));
    }

    /// Notes that the request has ended; what comes behind changes that no more.
    pub fn end(&self) {
        self.write(|entry| {
            entry.ended.get_or_insert_with(|| microseconds(Timestamp::now()));
        });
    }

    fn write(&self, change: impl FnOnce(&mut Entry)) {
        let index = usize::try_from(self.seq - 1).unwrap_or(usize::MAX);
        if let Some(entry) = self.ledger.entries().get_mut(index) {
            change(entry);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.end();
    }
}
