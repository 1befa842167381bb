//! When to come back: the arithmetic of waiting, and what is remembered of each object between its
//! passes. Pure: time and chance come in as parameters.

use std::time::{Duration, Instant};

use crate::auth::SecretVersion;
use crate::reason::{Kind, RECHECK};
use crate::swr::Change;

/// The first retry comes within this time; each further one within twice the time before.
pub const RETRY_FIRST: Duration = Duration::from_secs(2);
/// No retry waits longer.
pub const RETRY_MAX: Duration = Duration::from_mins(10);
/// No retry comes sooner: full jitter alone may say zero.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// How often the Secret of a refused object is read. With jitter below the promised 30 s.
pub const SECRET_POLL: Duration = Duration::from_secs(20);
/// How long to stay away when SWR asks for a pause without saying how long.
const PAUSE: Duration = Duration::from_secs(30);
/// No pause is shorter: `Retry-After: 0` is allowed, and no reason to ask without a pause at all.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// How long after a deadline the cloud is asked: it should have noticed by then.
const TURN_MARGIN: Duration = Duration::from_millis(200);
/// How long an object waits that waits for a change only. It would be asked again at a restart.
const NO_INTERVAL: Duration = Duration::from_hours(10 * 365 * 24);

/// A number in `0.0..1.0`, drawn anew for each decision.
pub type Chance = f64;

/// What of an object, when it changes, makes a pass worth while at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Changes with the spec, and when the object is marked for deletion.
    pub generation: i64,
    /// Whether it carries our finalizer.
    pub held: bool,
    /// The hash of the annotation that asks for a pass.
    pub asked: u64,
    /// The hash of the object that owns the share instead; zero if there is none.
    pub owner: u64,
}

impl Seen {
    /// Whether nobody has asked for anything else in between.
    pub fn is_same_wish(self, other: Seen) -> bool {
        (self.generation, self.asked) == (other.generation, other.asked)
    }
}

/// What is remembered of an object between two passes. Lost at a restart, and nothing but time, and
/// the news of a repair, is lost with it.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The object at the end of its last pass.
    pub seen: Seen,
    /// When it was first handled looking like this.
    pub since: Instant,
    /// How often in a row a retry failed.
    pub failures: u32,
    /// When its last pass began.
    pub began: Instant,
    /// No call is made before, unless the object changes.
    pub not_before: Option<Instant>,
    /// The object's newest resourceVersion that was read live or written: an older one in the cache is
    /// out of date. `None` if it is known from the cache alone.
    pub version: Option<u64>,
    /// Set while SWR refuses: with which Secret, and until when there is no use in asking again.
    pub refused: Option<Refused>,
    /// What must outlive the pass.
    pub carried: Carried,
    /// When the share was looked at last; after a pass that did not look, when that pass ended: what
    /// a list showed before an object was in trouble is no news to it afterwards.
    pub looked: Instant,
}

/// What must outlive a pass, also one that found out nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// How often in a row another hand undid what we wrote.
    pub undone: u32,
    /// Until when a create that was sent may still take effect.
    pub quiet_at: Option<Instant>,
    /// When SWR accepted a write last: it may not show at once.
    pub wrote_at: Option<Instant>,
    /// What another hand had changed and nobody was told of yet: it was not certain to be put right.
    pub untold: Vec<Change>,
}

/// A refusal that stands until the Secret changes or the re-check is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The Secret with which SWR refused.
    pub with: SecretVersion,
    /// When to ask SWR again although nothing changed.
    pub recheck_at: Instant,
}

impl Memory {
    /// How long a pass over an object that looks like `seen` must still wait; `None` is: go.
    ///
    /// A watch event that comes within the waiting time makes no call and counts for nothing.
    pub fn wait(&self, seen: Seen, now: Instant) -> Option<Duration> {
        if self.seen != seen {
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

    /// What is carried into a pass over an object that looks like `seen`: somebody who asks for
    /// something else starts over.
    pub fn carried_into(&self, seen: Seen) -> Carried {
        let mut carried = self.carried.clone();
        if !self.seen.is_same_wish(seen) {
            carried.undone = 0;
        }
        if self.seen.generation != seen.generation {
            carried.untold.clear();
        }
        carried
    }

    /// Whether SWR has refused with this very Secret, and asking again would be of no use yet.
    pub fn is_refused_with(&self, seen: Seen, secret: &SecretVersion, now: Instant) -> bool {
        self.seen == seen
            && self
                .refused
                .as_ref()
                .is_some_and(|refused| refused.with == *secret && now < refused.recheck_at)
    }
}

/// How a pass ended, as far as coming back depends on it.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// When the pass began.
    pub began: Instant,
    /// The object that was handled, as the pass leaves it.
    pub seen: Seen,
    /// How to go on.
    pub kind: Kind,
    /// How long SWR asks us to stay away.
    pub pause: Option<Duration>,
    /// `spec.interval`; `None` is never.
    pub interval: Option<Duration>,
    /// How long until the share may be over by itself.
    pub turn: Option<Duration>,
    /// The Secret that was used, if it came to that.
    pub secret: Option<&'a SecretVersion>,
    /// The object's newest resourceVersion that was read live or written.
    pub version: Option<u64>,
    /// What must outlive the pass.
    pub carried: &'a Carried,
    /// When the share was looked at last, and the lot of those who looked together.
    pub looked: Option<(Instant, Chance)>,
}

/// What to remember after a pass, and when to come back (`None`: when the object changes).
pub fn after(
    before: Option<&Memory>,
    end: End<'_>,
    now: Instant,
    chance: Chance,
) -> (Memory, Option<Duration>) {
    let before = before.filter(|memory| memory.seen == end.seen);
    let failures = match end.kind {
        Kind::Retry => before.map_or(0, |memory| memory.failures).saturating_add(1),
        Kind::Settled | Kind::Wait | Kind::Refuse => 0,
    };
    let delay = match end.kind {
        Kind::Settled => {
            let (since, chance) = end.looked.unwrap_or((now, chance));
            let past = now.saturating_duration_since(since);
            let interval = end.interval.map(|interval| around(interval, chance));
            let interval = interval.map(|interval| interval.saturating_sub(past));
            let turn = end.turn.map(|turn| turn + TURN_MARGIN);
            interval.into_iter().chain(turn).min()
        }
        Kind::Wait => {
            let pause = end.pause.unwrap_or(PAUSE).max(PAUSE_MIN);
            Some(pause + pause.mul_f64(chance))
        }
        Kind::Retry => Some(retry(failures, chance)),
        Kind::Refuse => Some(around(SECRET_POLL, chance)),
    };
    let refused = end.secret.filter(|_| end.kind == Kind::Refuse).map(|secret| Refused {
        with: secret.clone(),
        recheck_at: before
            .and_then(|memory| memory.refused.as_ref())
            .filter(|refused| refused.with == *secret && now < refused.recheck_at)
            .map_or_else(|| now + around(RECHECK, chance), |refused| refused.recheck_at),
    });
    let memory = Memory {
        seen: end.seen,
        since: before.map_or(now, |memory| memory.since),
        failures,
        began: end.began,
        version: end.version,
        not_before: now.checked_add(delay.unwrap_or(NO_INTERVAL)),
        refused,
        carried: Carried {
            quiet_at: end.carried.quiet_at.filter(|quiet_at| now < *quiet_at),
            ..end.carried.clone()
        },
        looked: end.looked.map_or(now, |(at, _)| at),
    };
    (memory, delay)
}

/// Exponential with full jitter ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015):
/// anything up to 2 s, 4 s, 8 s … 10 min.
pub fn retry(failures: u32, chance: Chance) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX);
    ceiling.mul_f64(chance).max(RETRY_MIN)
}

/// Within ±10 % of `interval`, so that objects made together do not stay together.
pub fn around(interval: Duration, chance: Chance) -> Duration {
    interval.mul_f64(0.9 + 0.2 * chance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEEN: Seen = Seen { generation: 1, held: true, asked: 0, owner: 0 };
    const NOTHING: &Carried =
        &Carried { undone: 0, quiet_at: None, wrote_at: None, untold: Vec::new() };
    const CHANGED: Seen = Seen { generation: 2, held: true, asked: 0, owner: 0 };

    fn end(kind: Kind) -> End<'static> {
        End {
            began: Instant::now(),
            seen: SEEN,
            kind,
            pause: None,
            interval: Some(Duration::from_mins(10)),
            turn: None,
            secret: None,
            version: None,
            carried: NOTHING,
            looked: None,
        }
    }

    fn secret(version: &str) -> SecretVersion {
        SecretVersion { name: "ns/s/token".into(), version: version.into() }
    }

    #[test]
    fn retries_double_up_to_ten_minutes_and_start_over_with_a_success_or_a_changed_object() {
        let now = Instant::now();
        let mut memory = None;
        let mut ceilings = vec![];
        for _ in 0..12 {
            let (next, delay) = after(memory.as_ref(), end(Kind::Retry), now, 0.999_999_999);
            ceilings.push(delay.unwrap().as_secs_f64().round());
            memory = Some(next);
        }
        assert_eq!(ceilings, [2., 4., 8., 16., 32., 64., 128., 256., 512., 600., 600., 600.]);
        let changed = End { seen: CHANGED, ..end(Kind::Retry) };
        assert_eq!(after(memory.as_ref(), changed, now, 0.5).0.failures, 1);
        assert_eq!(after(memory.as_ref(), end(Kind::Settled), now, 0.5).0.failures, 0);
    }

    #[test]
    fn an_event_within_the_waiting_time_waits_but_a_changed_object_goes_at_once() {
        let now = Instant::now();
        let (memory, delay) = after(None, end(Kind::Retry), now, 0.5);
        assert_eq!(memory.wait(SEEN, now), delay);
        assert_eq!(memory.wait(CHANGED, now), None);
        assert_eq!(memory.wait(SEEN, now + delay.unwrap()), None);
    }

    #[test]
    fn what_is_carried_outlives_any_pass_but_not_another_wish() {
        let now = Instant::now();
        let quiet_at = now.checked_add(Duration::from_mins(1));
        let (wrote_at, untold) = (Some(now), vec![Change::of_existence()]);
        let carried = Carried { undone: 4, quiet_at, wrote_at, untold };
        for kind in [Kind::Settled, Kind::Wait, Kind::Retry, Kind::Refuse] {
            let (memory, _) = after(None, End { carried: &carried, ..end(kind) }, now, 0.5);
            assert_eq!(memory.carried_into(SEEN), carried);
            let anew = Carried { quiet_at, wrote_at, ..Carried::default() };
            assert_eq!(memory.carried_into(CHANGED), anew, "the create may land all the same");
            let asked = Seen { asked: 1, ..SEEN };
            let untold = carried.untold.clone();
            assert_eq!(memory.carried_into(asked), Carried { untold, ..anew }, "asked for a pass");
        }
    }

    #[test]
    fn who_failed_in_an_outage_starts_over_when_it_ends_and_nobody_else() {
        let start = Instant::now();
        let back_at = start + Duration::from_hours(1);
        let failed = |began, ended| {
            let mut memory = None;
            for _ in 0..12 {
                let end = End { began, ..end(Kind::Retry) };
                memory = Some(after(memory.as_ref(), end, ended, 0.999).0);
            }
            memory.unwrap()
        };
        let mut memory = failed(start, start);
        assert!(memory.wake(back_at));
        assert_eq!(memory.wait(SEEN, back_at), None);
        let (again, _) = after(Some(&memory), end(Kind::Retry), back_at, 0.999);
        assert_eq!(again.failures, 1, "a flap does not cost ten minutes");

        let later = back_at + Duration::from_secs(1);
        assert!(failed(start, later).wake(back_at), "its call was sent before");
        let mut memory = failed(later, later);
        assert!(!memory.wake(back_at), "it failed since then");
        assert!(memory.wait(SEEN, later).is_some());
        for kind in [Kind::Settled, Kind::Wait, Kind::Refuse] {
            let (mut other, _) = after(None, End { began: start, ..end(kind) }, back_at, 0.5);
            assert!(!other.wake(back_at), "{kind:?}");
        }
    }

    #[test]
    fn a_refusal_stands_until_the_secret_changes_or_the_recheck_is_due() {
        let now = Instant::now();
        let (first, second) = (secret("1"), secret("2"));
        let refusal = End { secret: Some(&first), ..end(Kind::Refuse) };
        let (memory, delay) = after(None, refusal, now, 0.5);
        assert!(delay.unwrap() <= Duration::from_secs(30));
        assert!(memory.is_refused_with(SEEN, &first, now));
        assert!(!memory.is_refused_with(SEEN, &second, now));
        assert!(!memory.is_refused_with(CHANGED, &first, now));
        assert!(!memory.is_refused_with(SEEN, &first, now + RECHECK * 2));
        let later = now + SECRET_POLL;
        let (again, _) = after(Some(&memory), refusal, later, 0.5);
        assert_eq!(
            again.refused, memory.refused,
            "polling the Secret does not put the re-check off"
        );
    }

    #[test]
    fn only_a_list_from_after_a_pass_that_did_not_look_is_news() {
        let now = Instant::now();
        let later = now + Duration::from_mins(1);
        let looked = End { looked: Some((now, 0.5)), ..end(Kind::Settled) };
        let (memory, _) = after(None, looked, later, 0.5);
        assert_eq!(memory.looked, now);
        assert_eq!(after(Some(&memory), end(Kind::Refuse), later, 0.5).0.looked, later);
    }

    #[test]
    fn a_pause_is_kept_and_an_interval_of_zero_waits_for_a_change() {
        let now = Instant::now();
        let throttled = End { pause: Some(Duration::from_secs(7)), ..end(Kind::Wait) };
        assert_eq!(after(None, throttled, now, 0.0).1, Some(Duration::from_secs(7)));
        let at_once = End { pause: Some(Duration::ZERO), ..end(Kind::Wait) };
        assert_eq!(after(None, at_once, now, 0.0).1, Some(PAUSE_MIN), "no hot loop");
        let soon = End { turn: Some(Duration::from_secs(5)), ..end(Kind::Settled) };
        assert_eq!(
            after(None, soon, now, 0.5).1,
            Some(Duration::from_secs(5) + TURN_MARGIN),
            "the deadline comes first"
        );
        let never = End { interval: None, ..end(Kind::Settled) };
        let (memory, delay) = after(None, never, now, 0.5);
        assert_eq!(delay, None);
        assert!(
            memory.wait(SEEN, now + Duration::from_hours(24)).is_some(),
            "an event alone is no reason to look"
        );
    }

    proptest! {
        #[test]
        fn every_delay_keeps_its_bounds(failures in 0u32..u32::MAX, chance in 0.0f64..1.0, seconds in 1u64..604_800) {
            prop_assert!((RETRY_MIN..=RETRY_MAX).contains(&retry(failures, chance)));
            let interval = Duration::from_secs(seconds);
            let delay = around(interval, chance);
            prop_assert!(delay >= interval.mul_f64(0.9) && delay <= interval.mul_f64(1.1));
            prop_assert!(around(SECRET_POLL, chance) < Duration::from_secs(30));
        }
    }
}
