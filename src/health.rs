//! Whether the operator can do its work, for `/readyz`, and whether it is stuck, for `/livez`; and why. Time
//! comes in as a parameter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// How long something may come to nothing before the operator counts as stuck. Each step of it has a bound of
/// its own that is far shorter: only a bug takes longer, and then a new start is all that helps.
const STUCK_AFTER: Duration = Duration::from_mins(5);

/// What goes on all the time, well or not: a failure is progress too, since it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The Lease is taken or renewed, or somebody else's is looked at.
    Lease,
    /// Passes begin and end.
    Queue,
    /// The watch on objects is answered, or fails.
    Watch,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "the Lease",
            Self::Queue => "the queue",
            Self::Watch => "the watch",
        }
    }
}

/// Cheap to clone: clones say the same.
#[derive(Clone)]
pub struct Health(Arc<Mutex<State>>);

struct State {
    not_ready: Option<String>,
    /// When each part last came to something; one that is not here has nothing to do.
    progress: BTreeMap<Part, Instant>,
}

impl Health {
    /// Not ready, because of this.
    pub fn not_ready(why: &str) -> Self {
        let state = State { not_ready: Some(why.to_owned()), progress: BTreeMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Says why the operator is not ready; `None`: it is.
    pub fn set(&self, why_not: Option<String>) {
        lock(&self.0).not_ready = why_not;
    }

    /// Why the operator is not ready; `None`: it is.
    pub fn why_not(&self) -> Option<String> {
        lock(&self.0).not_ready.clone()
    }

    /// A part has come to something, or begins.
    pub fn progressed(&self, part: Part, now: Instant) {
        let mut state = lock(&self.0);
        let last = state.progress.entry(part).or_insert(now);
        *last = now.max(*last);
    }

    /// A part has nothing to do from now on.
    pub fn rests(&self, part: Part) {
        lock(&self.0).progress.remove(&part);
    }

    /// What has come to nothing for too long.
    pub fn stuck(&self, now: Instant) -> Option<String> {
        let state = lock(&self.0);
        let since = |at: &Instant| now.saturating_duration_since(*at);
        let (part, at) = state.progress.iter().find(|(_, at)| since(at) > STUCK_AFTER)?;
        Some(format!("{} has come to nothing for {} s", part.as_str(), since(at).as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_comes_to_nothing_for_too_long_is_named_unless_it_rests() {
        let (health, start) = (Health::not_ready("starting"), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(health.stuck(after(10_000)), None, "nothing has begun");
        health.progressed(Part::Watch, start);
        health.progressed(Part::Queue, after(200));
        assert_eq!(health.stuck(after(300)), None);
        let said = health.stuck(after(301));
        assert_eq!(said.as_deref(), Some("the watch has come to nothing for 301 s"));
        health.progressed(Part::Watch, after(301));
        assert_eq!(health.stuck(after(400)), None);
        health.rests(Part::Queue);
        assert_eq!(health.stuck(after(550)), None);
    }
}
