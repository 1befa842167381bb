//! When to come back: the arithmetic of waiting. Pure: time and jitter come in as parameters.

use std::time::{Duration, Instant};

use super::facts::Jitter;
use super::object::Fingerprint;
use super::object_state::{History, ObjectState, Refused};
use crate::access::credentials::SecretVersion;
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
/// How long an object waits that waits for a change only. It would be asked again at a restart.
const NO_INTERVAL: Duration = Duration::from_hours(10 * 365 * 24);

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
    (state.with_history(ended.history.still_of_use(now)), delay)
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
