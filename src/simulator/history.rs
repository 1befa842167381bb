//! What shares were before they were changed, so that a read can be answered from the past.
//!
//! Pure: time comes in as a parameter, and it is the simulated clock's, so that a test moves it instead of waiting.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};
use std::time::Duration;

use jiff::Timestamp;

use crate::names::Place;
use crate::share::Share;

/// How far back it goes.
pub const KEPT: Duration = Duration::from_mins(5);

/// A share by its repository and its account's identity.
pub type Key = (Place, String);

/// The changes of the last minutes. Of several to one share at one instant only the first is kept, so that a clock
/// that stands does not make it grow without end.
#[derive(Debug, Default)]
pub struct History(BTreeMap<Timestamp, BTreeMap<Key, Option<Share>>>);

impl History {
    /// Notes what a share was before a change; `None`: it was not there.
    pub fn record(&mut self, now: Timestamp, key: Key, before: Option<Share>) {
        self.forget(now);
        self.0.entry(now).or_default().entry(key).or_insert(before);
    }

    /// What shares were before the changes after `then` and until `now`, the newest change first.
    pub fn between(&self, then: Timestamp, now: Timestamp) -> Vec<(Key, Option<Share>)> {
        let instants = self.0.range((Excluded(then.min(now)), Included(now))).rev();
        let changes = instants.flat_map(|(_, changes)| changes);
        changes.map(|(key, before)| (key.clone(), before.clone())).collect()
    }

    /// Drops what is too old, and what lies ahead because the clock was set back.
    fn forget(&mut self, now: Timestamp) {
        let horizon = now.saturating_sub(KEPT).unwrap_or(now);
        while self.0.first_key_value().is_some_and(|(at, _)| *at < horizon) {
            self.0.pop_first();
        }
        while self.0.last_key_value().is_some_and(|(at, _)| *at > now) {
            self.0.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn key(account: &str) -> Key {
        (Place::parse("group/busybox").unwrap(), account.to_owned())
    }

    #[test]
    fn it_goes_five_minutes_back_and_never_ahead() {
        let mut history = History::default();
        for seconds in [0, 1, 301] {
            history.record(at(seconds), key("demo"), None);
        }
        assert_eq!(history.0.keys().copied().collect::<Vec<_>>(), [at(1), at(301)]);
        history.record(at(200), key("demo"), None);
        assert_eq!(history.0.keys().copied().collect::<Vec<_>>(), [at(1), at(200)]);
    }

    #[test]
    fn a_standing_clock_does_not_make_it_grow() {
        let mut history = History::default();
        for _ in 0..100 {
            history.record(at(0), key("demo"), None);
            history.record(at(0), key("other"), None);
        }
        assert_eq!(history.between(at(-1), at(0)).len(), 2);
        assert!(history.between(at(0), at(0)).is_empty());
    }
}
