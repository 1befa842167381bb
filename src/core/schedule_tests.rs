use std::num::NonZeroU64;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::fixtures::{MIDDLE, secret};
use super::*;
use crate::cloud::Change;

const SAME: Fingerprint =
    Fingerprint { generation: 1, has_finalizer: true, requested: 0, place: 0 };
const CHANGED: Fingerprint = Fingerprint { generation: 2, ..SAME };
const LAST: Jitter = Jitter(u32::MAX);
const FIRST: Jitter = Jitter(0);

fn ended(kind: Kind) -> Ended {
    let interval = Some(Duration::from_mins(10));
    let ended = Ended::cut_short(Instant::now(), SAME, History::default());
    Ended { kind, interval, ..ended }
}

#[test]
fn retries_double_up_to_ten_minutes_and_start_over_with_a_success_or_a_changed_object() {
    let now = Instant::now();
    let mut state = None;
    let mut ceilings = vec![];
    for _ in 0..12 {
        let (next, delay) = after(state.as_ref(), ended(Kind::Transient), now, LAST);
        ceilings.push(delay.unwrap().as_secs_f64().round());
        state = Some(next);
    }
    assert_eq!(ceilings, [2., 4., 8., 16., 32., 64., 128., 256., 512., 600., 600., 600.]);
    let changed = Ended { fingerprint: CHANGED, ..ended(Kind::Transient) };
    assert_eq!(after(state.as_ref(), changed, now, MIDDLE).0.failures, 1);
    for kind in [Kind::Steady, Kind::Waiting, Kind::Terminal] {
        assert_eq!(after(state.as_ref(), ended(kind), now, MIDDLE).0.failures, 0, "{kind:?}");
    }
}

#[test]
fn an_event_within_the_waiting_time_waits_but_a_changed_object_goes_at_once() {
    let now = Instant::now();
    let (state, delay) = after(None, ended(Kind::Transient), now, MIDDLE);
    assert_eq!(state.wait(SAME, now), delay);
    assert_eq!(state.wait(CHANGED, now), None);
    assert_eq!(state.wait(SAME, now + delay.unwrap()), None);
    let placed = Fingerprint { place: 1, ..SAME };
    assert_eq!(state.wait(placed, now), None, "its owner has gone");
    let new = ObjectState::new(SAME, History::default(), now);
    assert_eq!(new.wait(SAME, now), None, "no pass has come to an end");
}

#[test]
fn the_history_outlives_any_pass_but_not_another_request() {
    let now = Instant::now();
    let until = now.checked_add(Duration::from_mins(1));
    let history = History {
        is_revoked: true,
        conflict_count: 4,
        unreported_drift: vec![Change::of_existence()],
        nothing_sent: true,
        create_may_land_until: until,
        shown_with: NonZeroU64::new(1),
        wrote_at: Some(now),
        offer_until: until,
        warned_of: Some(Timestamp::UNIX_EPOCH),
    };
    for kind in [Kind::Steady, Kind::Waiting, Kind::Transient, Kind::Terminal] {
        let end = Ended { history: history.clone(), ..ended(kind) };
        let (state, _) = after(None, end, now, MIDDLE);
        assert_eq!(state.history_for(SAME), history);
        let anew = History { conflict_count: 0, unreported_drift: vec![], ..history.clone() };
        assert_eq!(state.history_for(CHANGED), anew, "the create may land all the same");
        let requested = Fingerprint { requested: 1, ..SAME };
        let asked = History { conflict_count: 0, ..history.clone() };
        assert_eq!(state.history_for(requested), asked, "somebody asked for a pass");
        let placed = Fingerprint { place: 1, has_finalizer: false, ..SAME };
        assert_eq!(state.history_for(placed), history, "nobody asked for anything");
    }
}

#[test]
fn a_create_that_cannot_land_any_more_is_forgotten() {
    let now = Instant::now();
    let kept = |until| {
        let create_may_land_until = Some(until);
        let history = History { create_may_land_until, ..History::default() };
        let end = Ended { history, ..ended(Kind::Steady) };
        after(None, end, now, MIDDLE).0.history().create_may_land_until
    };
    let later = now + Duration::from_secs(1);
    assert_eq!(kept(later), Some(later));
    assert_eq!(kept(now), None);
}

#[test]
fn a_create_that_is_about_to_be_sent_is_no_intent_alone() {
    let until = Instant::now();
    let mut history = History { nothing_sent: true, ..History::default() };
    history.note_create(until);
    let expected = History { create_may_land_until: Some(until), ..History::default() };
    assert_eq!(history, expected);
}

#[test]
fn who_failed_in_an_outage_starts_over_when_it_ends_and_nobody_else() {
    let start = Instant::now();
    let back_at = start + Duration::from_hours(1);
    let failed = |began, at| {
        let mut state = None;
        for _ in 0..12 {
            let end = Ended { began, ..ended(Kind::Transient) };
            state = Some(after(state.as_ref(), end, at, LAST).0);
        }
        state.unwrap()
    };
    let mut state = failed(start, start);
    assert!(state.wake(back_at));
    assert_eq!(state.wait(SAME, back_at), None);
    let (again, _) = after(Some(&state), ended(Kind::Transient), back_at, LAST);
    assert_eq!(again.failures, 1, "a flap does not cost ten minutes");
    let later = back_at + Duration::from_secs(1);
    assert!(failed(start, later).wake(back_at), "its call was sent before");
    assert!(failed(back_at, later).wake(back_at), "its call was sent at that moment");
    let mut state = failed(later, later);
    assert!(!state.wake(back_at), "it failed since then");
    assert!(state.wait(SAME, later).is_some());
    for kind in [Kind::Steady, Kind::Waiting, Kind::Terminal] {
        let (mut other, _) = after(None, Ended { began: start, ..ended(kind) }, back_at, MIDDLE);
        assert!(!other.wake(back_at), "{kind:?}");
        assert!(other.wait(SAME, back_at).is_some(), "{kind:?}");
    }
}

#[test]
fn a_refusal_stands_until_the_secret_changes_or_the_recheck_is_due() {
    let now = Instant::now();
    let refusal = |version| Ended { secret: Some(secret(version)), ..ended(Kind::Terminal) };
    let (state, delay) = after(None, refusal("1"), now, MIDDLE);
    assert!(delay.unwrap() <= Duration::from_secs(30));
    assert_eq!(state.refused_with(SAME, now), Some(&secret("1")));
    assert_eq!(state.refused_with(CHANGED, now), None);
    assert_eq!(state.refused_with(SAME, now + RECHECK * 2), None);
    assert_eq!(state.refused_with(SAME, now + RECHECK), None, "it is due at that moment");
    let later = now + SECRET_POLL;
    let (again, _) = after(Some(&state), refusal("1"), later, MIDDLE);
    assert_eq!(again.refused, state.refused, "polling the Secret does not put the re-check off");
    let (other, _) = after(Some(&state), refusal("2"), later, MIDDLE);
    let recheck_at = later + RECHECK;
    assert_eq!(other.refused, Some(Box::new(Refused { with: secret("2"), recheck_at })));
    let due = now + RECHECK;
    let (anew, _) = after(Some(&state), refusal("1"), due, MIDDLE);
    assert_eq!(
        anew.refused,
        Some(Box::new(Refused { with: secret("1"), recheck_at: due + RECHECK }))
    );
    for kind in [Kind::Steady, Kind::Waiting, Kind::Transient] {
        let end = Ended { kind, ..refusal("1") };
        assert_eq!(after(Some(&state), end, later, MIDDLE).0.refused, None, "{kind:?}");
    }
}

#[test]
fn only_a_list_from_after_a_pass_that_did_not_look_is_news() {
    let now = Instant::now();
    let later = now + Duration::from_mins(1);
    let looked = Ended { looked: Some((now, MIDDLE)), ..ended(Kind::Steady) };
    let (state, _) = after(None, looked, later, MIDDLE);
    assert_eq!(state.looked_at, now);
    assert_eq!(after(Some(&state), ended(Kind::Terminal), later, MIDDLE).0.looked_at, later);
}

#[test]
fn the_interval_counts_from_the_look_with_the_jitter_of_all_who_looked_together() {
    let now = Instant::now();
    let later = now + Duration::from_mins(1);
    let delay =
        |looked, jitter| after(None, Ended { looked, ..ended(Kind::Steady) }, later, jitter).1;
    let nine = Some(Duration::from_mins(9));
    assert_eq!(delay(Some((now, MIDDLE)), FIRST), nine);
    assert_eq!(delay(Some((now, FIRST)), LAST), Some(Duration::from_mins(8)));
    assert_eq!(delay(None, FIRST), nine);
    let long_ago = Some((now.checked_sub(Duration::from_mins(20)).unwrap(), MIDDLE));
    assert_eq!(delay(long_ago, FIRST), Some(Duration::ZERO), "never before now");
}

#[test]
fn a_pause_is_kept_and_an_interval_of_zero_waits_for_a_change() {
    let now = Instant::now();
    let paused =
        |pause, jitter| after(None, Ended { pause, ..ended(Kind::Waiting) }, now, jitter).1;
    let seven = Duration::from_secs(7);
    assert_eq!(paused(Some(seven), FIRST), Some(seven));
    assert_eq!(paused(Some(seven), MIDDLE), Some(seven + seven / 40), "in turn, by the lane");
    assert_eq!(paused(None, FIRST), Some(PAUSE));
    assert_eq!(paused(None, MIDDLE), Some(PAUSE + PAUSE / 2), "nobody knows how long");
    assert_eq!(paused(Some(Duration::ZERO), FIRST), Some(PAUSE_MIN), "no hot loop");
    let turn = Some(Duration::from_secs(5));
    let soon = Ended { turn, ..ended(Kind::Steady) };
    let expected = Some(Duration::from_secs(5) + TURN_MARGIN);
    assert_eq!(after(None, soon, now, MIDDLE).1, expected, "the deadline comes first");
    let only = Ended { turn, interval: None, ..ended(Kind::Steady) };
    assert_eq!(after(None, only, now, MIDDLE).1, expected);
    let never = Ended { interval: None, ..ended(Kind::Steady) };
    let (state, delay) = after(None, never, now, MIDDLE);
    assert_eq!(delay, None);
    let years = now + Duration::from_hours(9 * 365 * 24);
    assert!(state.wait(SAME, years).is_some(), "an event alone is no reason to look");
}

#[test]
fn a_refused_object_looks_at_its_secret_at_least_every_twenty_seconds() {
    let now = Instant::now();
    let delay = |jitter| after(None, ended(Kind::Terminal), now, jitter).1;
    assert_eq!(delay(FIRST), Some(Duration::from_millis(16_200)));
    assert_eq!(delay(MIDDLE), Some(SECRET_POLL));
}

#[test]
fn no_retry_comes_at_once_and_a_pass_that_was_cut_short_is_retried() {
    assert_eq!(retry(1, FIRST), RETRY_MIN);
    assert_eq!(retry(1, MIDDLE), Duration::from_secs(1));
    assert_eq!(retry(3, MIDDLE), Duration::from_secs(4));
    let now = Instant::now();
    let history = History { conflict_count: 3, ..History::default() };
    let cut_short = Ended::cut_short(now, SAME, history.clone());
    let (state, delay) = after(None, cut_short, now, MIDDLE);
    assert_eq!((state.failures, state.began, state.history()), (1, now, history));
    assert_eq!(delay, Some(Duration::from_secs(1)));
}

proptest! {
    #[test]
    fn every_delay_keeps_its_bounds(
        failures in 0u32..u32::MAX, jitter in any::<u32>(), seconds in 1u64..604_800
    ) {
        let jitter = Jitter(jitter);
        prop_assert!((RETRY_MIN..=RETRY_MAX).contains(&retry(failures, jitter)));
        let interval = Duration::from_secs(seconds);
        let delay = around(interval, jitter);
        prop_assert!(delay >= interval.mul_f64(0.9) && delay <= interval.mul_f64(1.1));
        // With the age that a shared read of the Secret may have.
        prop_assert!(around(SECRET_POLL, jitter) < Duration::from_secs(20));
    }
}
