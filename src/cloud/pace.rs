//! How fast a bucket of the gateway may be called: the calls that its limit counts together. A value
//! without clock, lock or task; whoever makes the calls asks it before each and tells it what came of
//! them.
//!
//! The gateway says what its limit is only when it refuses a call ([`super::throttling`]). From then
//! on the calls of any window are counted here, so that no more go out than are let through. That fits
//! a gateway which counts in windows that follow each other, at whatever moment they begin, as well
//! as one whose window slides: where no span of that length holds too many calls, no window does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::throttling::{LONGEST_PAUSE, Limit};

/// Calls are remembered for at least so long, so that a limit counts what was sent before it was
/// learned: a minute, the longest window that is known of the gateway, with the margin of [`Learned`].
const REMEMBERED: Duration = Duration::from_millis(60_625);
/// How many calls are remembered: 256 KiB at the most. Of a limit above that no more is used.
const CALLS_MAX: usize = 16_384;
/// A limit that for so long has refused nothing is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// A limit that was raised does not say so. One that is in full use is tried after so long, or after a
/// window if that is longer: one call more is sent than it lets through, or one more of 128, then twice
/// as many and so on, a window after the other, as long as none is refused. If it was not raised that
/// costs about 1 % refused calls.
const TRIED_AFTER: Duration = Duration::from_secs(20);
/// The first pause after a refusal that says neither a pause nor a limit.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// How long a call on trial is waited for: it may be lost on its way, and who waits may not look earlier.
const TRIAL: Duration = Duration::from_secs(1);

/// The calls that one bucket of the gateway gets, and when it may get the next one.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// When the newest calls were sent, oldest first; refused ones too, since some gateways count them.
    calls: VecDeque<Instant>,
    learned: Option<Learned>,
    /// Nothing goes out before that.
    paused_until: Option<Instant>,
    /// How long the next pause of our own choice is; `None` after a call that was let through.
    next_pause: Option<Duration>,
    /// After such a pause, or when a limit is forgotten, one call goes first.
    on_trial: bool,
    /// Nothing else goes before that one is answered, or then.
    trial_until: Option<Instant>,
}

/// A limit, and when it refused a call last.
#[derive(Debug, Clone, Copy)]
struct Learned {
    calls: usize,
    window: Duration,
    refused: Instant,
    /// How many calls more are tried.
    more: usize,
    /// When to try more, or yet more.
    try_at: Instant,
}

impl Learned {
    /// The window is stretched by 1 % and 25 ms: a call that takes that much longer to the gateway than
    /// one after it must not meet it in the same window. Of 5 per second that leaves 96.6 %, of 100 per
    /// minute 99 %. A longer window than [`FORGOTTEN_AFTER`] is forgotten before it is over.
    fn of(limit: Limit, now: Instant) -> Self {
        let window = limit.window.min(FORGOTTEN_AFTER);
        let window = window + window / 100 + Duration::from_millis(25);
        Self {
            calls: usize::try_from(limit.calls).unwrap_or(CALLS_MAX).clamp(1, CALLS_MAX),
            window,
            refused: now,
            more: 0,
            try_at: now + window.max(TRIED_AFTER),
        }
    }

    /// It is in full use, and refuses nothing.
    fn try_more(&mut self, now: Instant) {
        if now >= self.try_at && self.allowed() < CALLS_MAX {
            let first = (self.calls / 128).max(1);
            (self.more, self.try_at) = ((self.more * 2).max(first), now + self.window);
        }
    }

    fn allowed(&self) -> usize {
        (self.calls + self.more).min(CALLS_MAX)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now >= self.forgotten_at()
    }

    fn forgotten_at(&self) -> Instant {
        self.refused + FORGOTTEN_AFTER
    }
}

impl Pace {
    /// When the next call may go out: `None` is now. Who waits asks again by then, since others may
    /// have gone first; it pays to ask after each answer as well, since that may end the waiting.
    pub fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        if self.learned.is_some_and(|learned| learned.is_forgotten(now)) {
            (self.learned, self.on_trial) = (None, true);
        }
        let room_at = |learned: Learned| self.room_at(learned.allowed(), learned);
        let mut room = self.learned.and_then(room_at).filter(|at| *at > now);
        if let Some(learned) = self.learned.as_mut().filter(|_| room.is_some()) {
            learned.try_more(now);
            room = self.learned.and_then(|learned| self.room_at(learned.allowed(), learned));
        }
        room.max(self.paused_until).max(self.trial_until).filter(|at| *at > now)
    }

    /// How many calls may go out at this moment, one after the other; asked when one may.
    pub fn free(&self, now: Instant) -> usize {
        match self.learned {
            _ if self.on_trial => 1,
            Some(learned) => {
                let is_old = |call: &Instant| now.saturating_duration_since(*call) > learned.window;
                let counted = self.calls.len() - self.calls.partition_point(is_old);
                learned.allowed().saturating_sub(counted)
            }
            None => usize::MAX,
        }
    }

    /// Notes that a call goes out.
    pub fn sent(&mut self, now: Instant) {
        let remembered = self.learned.map_or(REMEMBERED, |learned| learned.window.max(REMEMBERED));
        let is_old = |call: &Instant| now.saturating_duration_since(*call) > remembered;
        while self.calls.len() >= CALLS_MAX || self.calls.front().is_some_and(is_old) {
            self.calls.pop_front();
        }
        // Callers on several threads may come in another order than they looked at the clock.
        let latest = self.calls.back().map_or(now, |latest| now.max(*latest));
        self.calls.push_back(latest);
        self.trial_until = self.on_trial.then(|| now + TRIAL);
    }

    /// Notes that the gateway let a call through: pauses of our own choice begin anew. One that was
    /// under way before the pause says nothing of what comes after it.
    pub fn accepted(&mut self, now: Instant) {
        if !self.is_paused(now) {
            (self.next_pause, self.on_trial, self.trial_until) = (None, false, None);
        }
    }

    /// Notes that the gateway refused a call, with the limit and the pause that it named.
    ///
    /// A pause is kept. A limit alone asks for none: the calls of its window are known, and the next
    /// goes out as soon as there is room. Only if the window is far from full, somebody else uses the
    /// same bucket, or we did in a former life, and there is no knowing when there will be room: an
    /// eighth of the window then, twice as long each time, up to a whole one. After a refusal without
    /// both, half a minute, and twice as long each time, up to ten minutes.
    pub fn throttled(&mut self, limit: Option<Limit>, pause: Option<Duration>, now: Instant) {
        match (&mut self.learned, limit) {
            (learned, Some(limit)) => *learned = Some(Learned::of(limit, now)),
            (Some(learned), None) => learned.refused = now,
            (None, None) => {}
        }
        self.trial_until = None;
        match (pause, limit.and(self.learned)) {
            (Some(pause), _) => self.pause(pause, now),
            (None, Some(learned)) if self.fills(learned, now) => {}
            (None, Some(Learned { window, .. })) => self.back_off(window / 8, window, now),
            (None, None) => self.back_off(FIRST_PAUSE, LONGEST_PAUSE, now),
        }
    }

    /// Whether nothing is lost if this is dropped: no pause, no limit, no call in the last minute.
    pub fn is_idle(&self, now: Instant) -> bool {
        let is_old = |call: &Instant| now.saturating_duration_since(*call) > REMEMBERED;
        !self.is_paused(now)
            && self.learned.is_none_or(|learned| learned.is_forgotten(now))
            && self.calls.back().is_none_or(is_old)
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    /// When the oldest of the last `calls` that fill a window leaves it.
    fn room_at(&self, calls: usize, limit: Learned) -> Option<Instant> {
        let oldest = self.calls.len().checked_sub(calls)?;
        let leaves = *self.calls.get(oldest)? + limit.window;
        Some(leaves.min(limit.forgotten_at()))
    }

    /// Whether our own calls explain that the limit is reached: nine of ten in the last window. Not
    /// all of them, because room that has just come up says nothing of somebody else.
    fn fills(&self, limit: Learned, now: Instant) -> bool {
        let nine_tenths = limit.calls - limit.calls / 10;
        self.room_at(nine_tenths, limit).is_some_and(|at| at > now)
    }

    fn pause(&mut self, pause: Duration, now: Instant) {
        self.paused_until = self.paused_until.max(Some(now + pause.min(LONGEST_PAUSE)));
    }

    /// Refusals of calls that were under way when the pause began do not make it longer.
    fn back_off(&mut self, first: Duration, most: Duration, now: Instant) {
        if !self.is_paused(now) {
            let pause = self.next_pause.unwrap_or(first).clamp(first, most);
            (self.next_pause, self.on_trial) = (Some(pause * 2), true);
            self.pause(pause, now);
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
