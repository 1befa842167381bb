//! A [`Pace`] between callers who always want more and gateways that count in different ways, in
//! virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::throttling::LimitBy;
use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

fn limit(calls: u32, window: Duration) -> Limit {
    Limit { by: LimitBy::User, calls, window }
}

/// How a gateway counts. No page says how the cloud's does.
#[derive(Debug, Clone, Copy)]
enum Counting {
    /// Windows follow each other; the first began so long before the first call.
    Following(Duration),
    /// A window begins with the first call after the one before.
    FromFirstCall,
    /// The calls of the last window, at any moment; refused ones too, or not.
    Sliding { refused: bool },
}

#[derive(Debug)]
struct Gateway {
    limit: Limit,
    counting: Counting,
    /// The calls that count, by their arrival.
    counted: VecDeque<Duration>,
}

impl Gateway {
    fn admits(&mut self, at: Duration) -> bool {
        let window = self.limit.window;
        let number = |at: Duration, phase: Duration| (at + phase).as_nanos() / window.as_nanos();
        match self.counting {
            Counting::Following(phase) => {
                self.counted.retain(|call| number(*call, phase) == number(at, phase));
            }
            Counting::FromFirstCall => {
                if self.counted.front().is_some_and(|first| *first + window <= at) {
                    self.counted.clear();
                }
            }
            Counting::Sliding { .. } => {
                while self.counted.front().is_some_and(|call| *call + window <= at) {
                    self.counted.pop_front();
                }
            }
        }
        let admits = self.counted.len() < self.limit.calls as usize;
        if admits || matches!(self.counting, Counting::Sliding { refused: true }) {
            self.counted.push_back(at);
        }
        admits
    }
}

#[derive(Clone, Copy)]
enum Event {
    /// Whoever waited asks for leave again.
    Turn,
    /// A call, sent then, reaches the gateway.
    Arrival(Duration),
    /// The answer to it is back: the limit, if it was refused.
    Answer(Duration, Option<Limit>),
    /// From now on the gateway has another limit.
    Change(Limit),
    /// Somebody else calls, and will again after this time.
    Stranger(Duration),
}

/// Callers with always more to call than they may, 16 calls under way at most, 2 to 40 ms there and back,
/// timers that are up to 2 ms late.
struct Run {
    start: Instant,
    pace: Pace,
    gateway: Gateway,
    agenda: BTreeMap<(Duration, u64), Event>,
    entries: u64,
    chance: u64,
    under_way: usize,
    waits: bool,
    /// When each call was sent, and whether it was let through.
    calls: Vec<(Duration, bool)>,
    /// When the first refusal was known.
    warned: Option<Duration>,
}

impl Run {
    fn new(limit: Limit, counting: Counting, seed: u64) -> Self {
        let mut run = Self {
            start: Instant::now(),
            pace: Pace::default(),
            gateway: Gateway { limit, counting, counted: VecDeque::new() },
            agenda: BTreeMap::new(),
            entries: 0,
            chance: seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15),
            under_way: 0,
            waits: false,
            calls: Vec::new(),
            warned: None,
        };
        run.enter(Duration::ZERO, Event::Turn);
        run
    }

    /// A time of up to so many microseconds, by Marsaglia's xorshift.
    fn any_of(&mut self, micros: u64) -> Duration {
        for shift in [(13, true), (7, false), (17, true)] {
            let (bits, left) = shift;
            self.chance ^= if left { self.chance << bits } else { self.chance >> bits };
        }
        Duration::from_micros(self.chance % micros)
    }

    fn enter(&mut self, at: Duration, event: Event) {
        self.entries += 1;
        self.agenda.insert((at, self.entries), event);
    }

    fn one_way(&mut self, at: Duration) -> Duration {
        at + Duration::from_millis(1) + self.any_of(19_000)
    }

    fn until(mut self, end: Duration) -> Self {
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            if at > end {
                break;
            }
            self.happens(at, event);
        }
        self
    }

    fn happens(&mut self, at: Duration, event: Event) {
        match event {
            Event::Turn => {
                self.waits = false;
                self.look(at);
            }
            Event::Arrival(sent) => {
                let refused = (!self.gateway.admits(at)).then_some(self.gateway.limit);
                let back = self.one_way(at);
                self.enter(back, Event::Answer(sent, refused));
            }
            Event::Answer(sent, refused) => {
                self.under_way -= 1;
                self.calls.push((sent, refused.is_none()));
                match refused {
                    Some(limit) => {
                        self.warned.get_or_insert(at);
                        self.pace.throttled(Some(limit), None, self.start + at);
                    }
                    None => self.pace.accepted(self.start + at),
                }
                self.look(at);
            }
            Event::Change(limit) => self.gateway.limit = limit,
            Event::Stranger(every) => {
                self.gateway.admits(at);
                self.enter(at + every, Event::Stranger(every));
            }
        }
    }

    fn look(&mut self, at: Duration) {
        while self.under_way < 16 {
            if let Some(ready) = self.pace.ready_at(self.start + at) {
                // One waits for all.
                if !self.waits {
                    self.waits = true;
                    let late = self.any_of(2000);
                    self.enter(ready - self.start + late, Event::Turn);
                }
                return;
            }
            self.pace.sent(self.start + at);
            self.under_way += 1;
            let arrival = self.one_way(at);
            self.enter(arrival, Event::Arrival(at));
        }
    }

    /// What part of the allowed rate was used in that time.
    fn used(&self, from: Duration, to: Duration) -> f64 {
        let Limit { calls, window, .. } = self.gateway.limit;
        let admitted =
            |(sent, admitted): &&(Duration, bool)| *admitted && (from..to).contains(sent);
        let count = u32::try_from(self.calls.iter().filter(admitted).count()).unwrap();
        f64::from(count)
            / f64::from(calls)
            / ((to.as_secs_f64() - from.as_secs_f64()) / window.as_secs_f64())
    }

    /// What part of the calls was refused that were sent in that time, and after the first refusal was known.
    fn refused(&self, from: Duration, to: Duration) -> f64 {
        let from = self.warned.unwrap().max(from);
        let sent = self.calls.iter().filter(|(sent, _)| (from..to).contains(sent));
        let (mut all, mut refused) = (0.0, 0.0);
        for (_, admitted) in sent {
            all += 1.0;
            refused += if *admitted { 0.0 } else { 1.0 };
        }
        refused / all
    }
}

fn all_countings(window: Duration) -> Vec<Counting> {
    let phases = [0, 1, 2, 5, 9].map(|tenths| Counting::Following(window * tenths / 10));
    let sliding = [true, false].map(|refused| Counting::Sliding { refused });
    phases.into_iter().chain([Counting::FromFirstCall]).chain(sliding).collect()
}

#[test]
fn nearly_all_of_the_rate_is_used_and_hardly_a_call_refused_however_the_gateway_counts() {
    // Long enough that trying more is in the figures.
    for (calls, window, windows) in [(5, SECOND, 900), (100, MINUTE, 24), (2000, MINUTE, 12)] {
        for (counting, seed) in all_countings(window).into_iter().zip(1..) {
            let end = window * windows;
            let run = Run::new(limit(calls, window), counting, seed).until(end);
            let (used, refused) = (run.used(window, end), run.refused(Duration::ZERO, end));
            assert!(
                used >= 0.95 && refused <= 0.02,
                "{calls} per {window:?}, {counting:?}: {used} used, {refused} refused"
            );
        }
    }
}

#[test]
fn a_raised_limit_is_used_soon() {
    // How long it takes to try twice as much: a window for each doubling of what is sent more.
    for (calls, window, soon) in
        [(5, SECOND, 30 * SECOND), (100, MINUTE, 9 * MINUTE), (2000, MINUTE, 9 * MINUTE)]
    {
        for counting in all_countings(window) {
            let mut run = Run::new(limit(calls, window), counting, 1);
            let raised = 2 * MINUTE;
            run.enter(raised, Event::Change(limit(2 * calls, window)));
            let (from, end) = (raised + soon, raised + soon + 5 * MINUTE);
            let run = run.until(end);
            let (used, refused) = (run.used(from, end), run.refused(from, end));
            assert!(
                used >= 0.9 && refused <= 0.02,
                "{calls} per {window:?}, {counting:?}: {used} used, {refused} refused"
            );
        }
    }
}

#[test]
fn a_lowered_limit_is_kept_as_soon_as_it_refuses() {
    for counting in all_countings(MINUTE) {
        let mut run = Run::new(limit(300, MINUTE), counting, 1);
        run.enter(150 * SECOND, Event::Change(limit(100, MINUTE)));
        let (from, end) = (5 * MINUTE, 25 * MINUTE);
        let run = run.until(end);
        let (used, refused) = (run.used(from, end), run.refused(from, end));
        assert!(used >= 0.9 && refused <= 0.02, "{counting:?}: {used} used, {refused} refused");
    }
}

#[test]
fn a_bucket_that_a_former_life_has_used_up_is_not_called_again_and_again() {
    let mut run = Run::new(limit(2000, MINUTE), Counting::FromFirstCall, 1);
    run.gateway.counted = vec![Duration::ZERO; 2000].into();
    let run = run.until(2 * MINUTE);
    let in_vain = run.calls.iter().filter(|(_, admitted)| !admitted).count();
    // Those under way at once, one after each pause (7.5, 15 and 30 seconds), and those that try more.
    assert!(in_vain <= 16 + 3 + 16, "{in_vain}");
    assert!(run.calls.len() > 1000, "it is used again: {}", run.calls.len());
}

#[test]
fn a_bucket_that_others_use_as_well_is_called_no_more_than_if_it_were_ours_alone() {
    for counting in all_countings(MINUTE) {
        let mut run = Run::new(limit(100, MINUTE), counting, 1);
        run.enter(Duration::ZERO, Event::Stranger(MINUTE / 50));
        let run = run.until(10 * MINUTE);
        let (used, calls) = (run.used(MINUTE, 10 * MINUTE), run.calls.len());
        assert!(used >= 0.45 && calls <= 11 * 100, "{counting:?}: {used} used, {calls} calls");
    }
}

/// A pace, and what time it is.
struct Told(Pace, Instant);

impl Told {
    fn new() -> Self {
        Self(Pace::default(), Instant::now())
    }

    /// How long the next call has to wait.
    fn wait(&mut self) -> Duration {
        let Self(pace, now) = self;
        pace.ready_at(*now).map_or(Duration::ZERO, |at| at - *now)
    }

    fn later(&mut self, by: Duration) {
        self.1 += by;
    }

    fn sends(&mut self, calls: u32) {
        (0..calls).for_each(|_| self.0.sent(self.1));
    }

    fn throttled(&mut self, limit: Option<Limit>, pause: Option<Duration>) {
        self.0.throttled(limit, pause, self.1);
    }
}

#[test]
fn without_a_refusal_nothing_waits() {
    let mut told = Told::new();
    told.sends(100_000);
    assert_eq!(told.wait(), Duration::ZERO);
    assert_eq!(told.0.calls.len(), CALLS_MAX, "what is remembered is bounded");
}

#[test]
fn a_learned_limit_counts_what_was_sent_before_and_what_was_refused() {
    let mut told = Told::new();
    told.sends(60);
    told.later(10 * SECOND);
    told.sends(40);
    told.later(5 * SECOND);
    told.throttled(Some(limit(100, MINUTE)), None);
    // A minute and the margin, less the 15 seconds.
    let left = Duration::from_millis(45_625);
    assert_eq!(told.wait(), left);
    told.later(left);
    assert_eq!(told.wait(), Duration::ZERO);
    told.sends(60);
    assert_eq!(told.wait(), 10 * SECOND, "until those that were sent later leave the window");
}

#[test]
fn a_pause_is_kept_and_the_limit_after_it() {
    let mut told = Told::new();
    told.sends(6);
    told.throttled(Some(limit(5, SECOND)), Some(7 * SECOND));
    told.throttled(Some(limit(5, SECOND)), Some(3 * SECOND));
    assert_eq!(told.wait(), 7 * SECOND, "the longer one");
    told.later(7 * SECOND);
    assert_eq!(told.wait(), Duration::ZERO);
    told.sends(5);
    assert_eq!(told.wait(), Duration::from_millis(1035));
    told.throttled(None, Some(Duration::MAX));
    assert_eq!(told.wait(), LONGEST_PAUSE);
}

#[test]
fn a_refusal_without_limit_and_pause_is_a_longer_pause_each_time_until_a_call_is_let_through() {
    let mut told = Told::new();
    for seconds in [30, 60, 120, 240, 480, 600, 600] {
        told.sends(1);
        told.throttled(None, None);
        // One that was under way already, as was the call that is let through.
        told.throttled(None, None);
        told.0.accepted(told.1);
        assert_eq!(told.wait(), Duration::from_secs(seconds));
        told.later(Duration::from_secs(seconds));
        assert_eq!(told.wait(), Duration::ZERO);
    }
    told.sends(1);
    told.0.accepted(told.1);
    told.throttled(None, None);
    assert_eq!(told.wait(), 30 * SECOND);
}

#[test]
fn after_a_pause_of_our_own_choice_one_call_goes_first() {
    let mut told = Told::new();
    told.throttled(None, None);
    told.later(30 * SECOND);
    assert_eq!(told.wait(), Duration::ZERO);
    told.sends(1);
    assert_eq!(told.wait(), TRIAL, "or until it is lost");
    told.0.accepted(told.1);
    assert_eq!(told.wait(), Duration::ZERO);
    told.sends(1);
    assert_eq!(told.wait(), Duration::ZERO, "the trial is over");
}

#[test]
fn a_limit_is_forgotten_ten_minutes_after_its_last_refusal() {
    let mut told = Told::new();
    told.sends(1);
    told.throttled(Some(limit(1, Duration::from_hours(1))), None);
    assert_eq!(told.wait(), FORGOTTEN_AFTER, "though its window is longer");
    told.later(9 * MINUTE);
    told.sends(1);
    told.throttled(None, Some(SECOND));
    assert_eq!(told.wait(), FORGOTTEN_AFTER);
    told.later(FORGOTTEN_AFTER);
    assert_eq!(told.wait(), Duration::ZERO);
    told.sends(1);
    assert_eq!(told.wait(), TRIAL, "one call goes first");
    told.0.accepted(told.1);
    told.sends(5);
    assert_eq!(told.wait(), Duration::ZERO);
}

#[test]
fn it_is_idle_when_nothing_is_lost_with_it() {
    let mut told = Told::new();
    assert!(told.0.is_idle(told.1));
    told.sends(1);
    told.later(MINUTE);
    assert!(!told.0.is_idle(told.1), "a call counts");
    told.later(SECOND);
    assert!(told.0.is_idle(told.1));
    told.throttled(None, Some(2 * MINUTE));
    assert!(!told.0.is_idle(told.1), "a pause");
    told.later(2 * MINUTE);
    assert!(told.0.is_idle(told.1));
    told.throttled(Some(limit(5, SECOND)), None);
    told.later(9 * MINUTE);
    assert!(!told.0.is_idle(told.1), "a limit");
    told.later(MINUTE);
    assert!(told.0.is_idle(told.1));
}

proptest! {
    /// Whatever came before, and in whatever order the callers looked at the clock.
    #[test]
    fn no_window_holds_more_calls_than_a_known_limit(
        calls in 1u32..6,
        millis in 0u64..3000,
        // Fewer than twenty seconds: later, more is tried.
        steps in prop::collection::vec((0u64..100, 0u64..20), 1..200),
    ) {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let limit = limit(calls, Duration::from_millis(millis));
        pace.sent(now);
        pace.throttled(Some(limit), None, now);
        let mut sent = vec![now];
        for (later, earlier) in steps {
            now += Duration::from_millis(later);
            if pace.ready_at(now).is_none() {
                let looked = now.checked_sub(Duration::from_millis(earlier)).unwrap().max(sent[0]);
                pace.sent(looked);
                pace.accepted(now);
                sent.push(now);
            }
        }
        for (first, over) in sent.iter().zip(sent.iter().skip(calls as usize)) {
            prop_assert!(*over - *first + Duration::from_millis(20) >= limit.window);
        }
    }

    #[test]
    fn no_words_of_a_gateway_and_no_clock_make_it_panic(
        steps in prop::collection::vec(
            (any::<u32>(), any::<u32>(), any::<u64>(), prop::option::of(any::<u64>()), 0u8..5),
            1..50,
        ),
    ) {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for (at, calls, window, pause, step) in steps {
            let now = start + Duration::from_millis(at.into());
            let limit = (step > 2).then(|| limit(calls, Duration::from_nanos(window)));
            match step {
                0 => pace.sent(now),
                1 => pace.accepted(now),
                _ => pace.throttled(limit, pause.map(Duration::from_secs), now),
            }
            prop_assert!(pace.ready_at(now).is_none_or(|ready| ready > now));
            let _ = pace.is_idle(now);
        }
    }
}
