//! When to come back: the arithmetic of waiting, and what is remembered of each object between its
//! passes. Pure: time and jitter come in as parameters.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::facts::Jitter;
use super::object::Fingerprint;
use crate::access::credentials::SecretVersion;
use crate::cloud::Change;
use crate::reason::{Kind, RECHECK};

/// The first retry comes within this time; each further one within twice the time before.
pub const RETRY_FIRST: Duration = Duration::from_secs(2);
/// No retry waits longer.
pub const RETRY_MAX: Duration = Duration::from_mins(10);
/// No retry comes sooner: full jitter alone may say zero.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// How often a refused object looks at its Secret. With jitter, and with the age that a shared read may
/// have (10 s), below the promised 30 s.
pub const SECRET_POLL: Duration = Duration::from_secs(18);
/// How long to stay away when SWR asks for a pause without saying how long.
const PAUSE: Duration = Duration::from_secs(30);
/// No pause is shorter: `Retry-After: 0` is allowed, and no reason to ask without a pause at all.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// By what part of a pause those who wait for its end are spread.
const PAUSE_SPREAD: f64 = 0.05;
/// How long after a moment that a status has to tell of a pass begins: it should have come for everybody.
pub const TURN_MARGIN: Duration = Duration::from_millis(200);
/// How long a read may be late, behind what was written.
pub const LATENESS: Duration = Duration::from_secs(30);
/// How long an object waits that waits for a change only. It would be asked again at a restart.
const NO_INTERVAL: Duration = Duration::from_hours(10 * 365 * 24);

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
    pub fn with_history(self, history: History) -> Self {
        let (shown_with, rest) = (history.shown_with, History { shown_with: None, ..history });
        let history = (rest != History::default()).then(|| Box::new(rest));
        Self { shown_with, history, ..self }
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
        *self = self.clone().with_history(history);
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

/// How a pass ended, as far as coming back depends on it.
#[derive(Debug, Clone)]
pub struct Ended {
    /// When the pass began.
    pub began: Instant,
    /// The object that was handled, as the pass leaves it.
    pub fingerprint: Fingerprint,
    /// How to go on.
    pub kind: Kind,
    /// How long SWR asks us to stay away.
    pub pause: Option<Duration>,
    /// `spec.interval`; `None` is never.
    pub interval: Option<Duration>,
    /// How long until the share may be over by itself.
    pub turn: Option<Duration>,
    /// How long until a refusal comes to count as one that a person must see to.
    pub stalls_in: Option<Duration>,
    /// The Secret that was used, if it came to that.
    pub secret: Option<SecretVersion>,
    /// What outlives the pass.
    pub history: History,
    /// When the share was looked at last, and the jitter of those who looked together.
    pub looked: Option<(Instant, Jitter)>,
}

impl Ended {
    /// The end of a pass that found out nothing.
    pub fn cut_short(began: Instant, fingerprint: Fingerprint, history: History) -> Self {
        Self {
            began,
            fingerprint,
            kind: Kind::Transient,
            pause: None,
            interval: None,
            turn: None,
            stalls_in: None,
            secret: None,
            history,
            looked: None,
        }
    }
}

/// What to remember after a pass, and when to come back (`None`: when the object changes).
pub fn after(
    before: Option<&ObjectState>,
    ended: Ended,
    now: Instant,
    jitter: Jitter,
) -> (ObjectState, Option<Duration>) {
    let before = before.filter(|state| state.fingerprint == ended.fingerprint);
    let failures = match ended.kind {
        Kind::Transient => before.map_or(0, |state| state.failures).saturating_add(1),
        Kind::Steady | Kind::Waiting | Kind::Terminal => 0,
    };
    // Its status has something new to say then, and no call is due for that.
    let stalls_in = ended.stalls_in.map(|left| left + TURN_MARGIN);
    let delay = delay_after(&ended, failures, now, jitter).into_iter().chain(stalls_in).min();
    let is_refused = ended.kind == Kind::Terminal;
    let refused = ended.secret.filter(|_| is_refused).map(|with| {
        let earlier = before.and_then(|state| state.refused.as_ref());
        let stands = earlier.filter(|refused| refused.with == with && now < refused.recheck_at);
        let recheck_at =
            stands.map_or_else(|| now + around(RECHECK, jitter), |refused| refused.recheck_at);
        Box::new(Refused { with, recheck_at })
    });
    let state = ObjectState {
        fingerprint: ended.fingerprint,
        began: ended.began,
        not_before: now.checked_add(delay.unwrap_or(NO_INTERVAL)),
        looked_at: ended.looked.map_or(now, |(at, _)| at),
        failures,
        is_refused,
        refused,
        shown_with: None,
        history: None,
    };
    (state.with_history(still_of_use(ended.history, now)), delay)
}

/// A history without what only time had to do with.
fn still_of_use(history: History, now: Instant) -> History {
    let create_may_land_until = history.create_may_land_until.filter(|until| now < *until);
    let is_late = |at: &Instant| now.saturating_duration_since(*at) < LATENESS;
    let wrote_at = history.wrote_at.filter(is_late);
    History { create_may_land_until, wrote_at, ..history }
}

fn delay_after(ended: &Ended, failures: u32, now: Instant, jitter: Jitter) -> Option<Duration> {
    match ended.kind {
        Kind::Steady => {
            let (since, jitter) = ended.looked.unwrap_or((now, jitter));
            let past = now.saturating_duration_since(since);
            let interval = ended.interval.map(|interval| around(interval, jitter));
            let interval = interval.map(|interval| interval.saturating_sub(past));
            let turn = ended.turn.map(|turn| turn + TURN_MARGIN);
            interval.into_iter().chain(turn).min()
        }
        Kind::Waiting => {
            // A pause of a known length ends for all in turn: the lane and the queue see to that, and
            // what waits longer is a rate that is not used.
            let (pause, spread) = ended.pause.map_or((PAUSE, 1.0), |pause| (pause, PAUSE_SPREAD));
            let pause = pause.max(PAUSE_MIN);
            Some(pause + pause.mul_f64(spread * jitter.unit()))
        }
        Kind::Transient => Some(retry(failures, jitter)),
        Kind::Terminal => Some(around(SECRET_POLL, jitter)),
    }
}

/// Exponential with full jitter ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015):
/// anything up to 2 s, 4 s, 8 s … 10 min.
pub fn retry(failures: u32, jitter: Jitter) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX);
    ceiling.mul_f64(jitter.unit()).max(RETRY_MIN)
}

/// Within ±10 % of `interval`, so that objects made together do not stay together.
pub fn around(interval: Duration, jitter: Jitter) -> Duration {
    interval.mul_f64(0.9 + 0.2 * jitter.unit())
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
