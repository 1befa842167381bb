//! What is remembered of an object between its passes. Pure: the time comes in as a parameter.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::object::Fingerprint;
use crate::access::credentials::SecretVersion;
use crate::cloud::Change;

/// How long a read may be late, behind what was written.
pub const LATENESS: Duration = Duration::from_secs(30);

/// What is remembered of an object between two passes. Lost at a restart, and nothing but time, and
/// the news of a repair, is lost with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectState {
    /// The object at the end of its last pass.
    pub fingerprint: Fingerprint,
    /// When its last pass began.
    pub began: Instant,
    /// No call is made before, unless the object changes.
    pub not_before: Option<Instant>,
    /// When the share was looked at last; after a pass that did not look, when that pass ended: what
    /// a list showed before an object was in trouble is no news to it afterwards.
    pub looked_at: Instant,
    /// How often in a row a retry failed.
    pub failures: u32,
    /// Whether it is refused, and somebody may mend a Secret.
    pub is_refused: bool,
    /// Set while SWR refuses.
    pub refused: Option<Box<Refused>>,
    /// What of the history nearly every object has: see [`ObjectState::history`].
    pub shown_with: Option<NonZeroU64>,
    /// The rest of it, which most objects have none of.
    pub history: Option<Box<History>>,
}

/// What outlives any pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// How often in a row another hand undid what we wrote.
    pub conflict_count: u32,
    /// What another hand had changed and was not reported yet: it was not certain to be put right.
    pub unreported_drift: Vec<Change>,
    /// The record says that a write may be under way, and in truth none was sent.
    pub nothing_sent: bool,
    /// The object is being deleted and its share was seen to be gone: only the finalizer is left. It
    /// stays so, since nothing is created for an object that is being deleted.
    pub is_revoked: bool,
    /// Until when a create that was sent may still take effect.
    pub create_may_land_until: Option<Instant>,
    /// The hash of the Secret with which SWR showed or made the share last.
    pub shown_with: Option<NonZeroU64>,
    /// When SWR accepted a write last: it may not show at once.
    pub wrote_at: Option<Instant>,
    /// Until when a successor may take what was offered.
    pub offer_until: Option<Instant>,
    /// The end of credentials that an event has warned of.
    pub warned_of: Option<Timestamp>,
}

impl History {
    /// A create is about to be sent, which may take effect until then. Only its answer can say
    /// otherwise.
    pub fn note_create(&mut self, until: Instant) {
        (self.create_may_land_until, self.nothing_sent) = (Some(until), false);
    }

    /// Without what is of no use any more, since time has passed.
    #[must_use]
    pub fn still_of_use(self, now: Instant) -> Self {
        let create_may_land_until = self.create_may_land_until.filter(|until| now < *until);
        let is_late = |at: &Instant| now.saturating_duration_since(*at) < LATENESS;
        let wrote_at = self.wrote_at.filter(is_late);
        Self { create_may_land_until, wrote_at, ..self }
    }
}

/// A refusal that stands until the Secret changes or the re-check is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The Secret with which SWR refused.
    pub with: SecretVersion,
    /// When to ask SWR again although nothing changed.
    pub recheck_at: Instant,
}

impl ObjectState {
    /// The state of an object that no pass has come to an end of.
    pub fn new(fingerprint: Fingerprint, history: History, now: Instant) -> Self {
        Self {
            fingerprint,
            began: now,
            not_before: None,
            looked_at: now,
            failures: 0,
            is_refused: false,
            refused: None,
            shown_with: None,
            history: None,
        }
        .with_history(history)
    }

    /// The state with this history.
    #[must_use]
    pub fn with_history(mut self, history: History) -> Self {
        self.set_history(history);
        self
    }

    fn set_history(&mut self, history: History) {
        let (shown_with, rest) = (history.shown_with, History { shown_with: None, ..history });
        self.shown_with = shown_with;
        self.history = (rest != History::default()).then(|| Box::new(rest));
    }

    /// What outlives any pass.
    pub fn history(&self) -> History {
        let rest = self.history.as_deref().cloned().unwrap_or_default();
        History { shown_with: self.shown_with, ..rest }
    }

    /// A write to the cloud is about to be sent, a create that may take effect until `create_until`.
    pub fn note_write(&mut self, create_until: Option<Instant>) {
        let mut history = self.history();
        history.nothing_sent = false;
        if let Some(until) = create_until {
            history.note_create(until);
        }
        self.set_history(history);
    }

    /// How long a pass over an object with this fingerprint must still wait; `None` is: go.
    ///
    /// A watch event that comes within the waiting time makes no call and counts for nothing.
    pub fn wait(&self, fingerprint: Fingerprint, now: Instant) -> Option<Duration> {
        if self.fingerprint != fingerprint {
            return None;
        }
        self.not_before?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// The cloud is back from an outage, at `back_at`: who failed in it starts over, at once. Gives
    /// whether that is so.
    pub fn wake(&mut self, back_at: Instant) -> bool {
        let failed_in_it = self.failures > 0 && self.began <= back_at;
        if failed_in_it {
            (self.failures, self.not_before) = (0, None);
        }
        failed_in_it
    }

    /// What it refers to has changed: who waits for that looks at it at once. Gives whether it does.
    pub fn wake_stalled(&mut self) -> bool {
        if self.is_refused {
            self.not_before = None;
        }
        self.is_refused
    }

    /// The history that a pass over an object with this fingerprint begins with: somebody who asks
    /// for something else starts over.
    pub fn history_for(&self, fingerprint: Fingerprint) -> History {
        let mut history = self.history();
        if !self.fingerprint.is_same_request(fingerprint) {
            history.conflict_count = 0;
        }
        if self.fingerprint.generation != fingerprint.generation {
            history.unreported_drift.clear();
        }
        history
    }

    /// The Secret with which SWR refused this very object, and with which there is no use in asking
    /// again yet.
    pub fn refused_with(&self, fingerprint: Fingerprint, now: Instant) -> Option<&SecretVersion> {
        let refused = self.refused.as_ref().filter(|refused| now < refused.recheck_at)?;
        (self.fingerprint == fingerprint).then_some(&refused.with)
    }
}
