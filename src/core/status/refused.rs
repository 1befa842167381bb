//! Since when an object is refused, and when that is something that a person must see to.

use std::time::Duration;

use jiff::Timestamp;

use super::{Report, find, is_true, reason_of};
use crate::api::{ConditionType, ImageShareStatus};
use crate::reason::{Cure, Kind, Reason};

/// Since when this generation of an object is refused, after a pass that ended with `reason`. Another
/// refusal goes on with the same time, also where something that passes by itself came in between: or an
/// object that is refused for ever might never say so.
pub fn refused_since(
    before: Option<&ImageShareStatus>,
    generation: i64,
    reason: Reason,
    now: Timestamp,
) -> Option<Timestamp> {
    let before = before.filter(|before| before.observed_generation == generation);
    let earlier = before.and_then(said_refused_since);
    match reason.kind() {
        Kind::Steady => None,
        Kind::Waiting | Kind::Transient => earlier,
        // A clock that was set back must not hold it up.
        Kind::Terminal => Some(earlier.map_or(now, |since| since.min(now))),
    }
}

fn said_refused_since(status: &ImageShareStatus) -> Option<Timestamp> {
    if let Some(since) = &status.refused_since {
        return since.parse().ok();
    }
    // An older operator did not say it, and an older CRD does not hold it.
    let error = find(status, ConditionType::Error).filter(|error| error.status == "True")?;
    let is_refused = reason_of(Some(status), status.observed_generation)?.kind() == Kind::Terminal;
    is_refused.then_some(error.last_transition_time.0)
}

/// Whether a refusal counts as one that a person must see to. What only a change of the object can heal
/// does so at once; for anything else, what heals it may be under way.
pub(super) fn is_stalled(reason: Reason, report: &Report, now: Timestamp) -> bool {
    match reason.cure() {
        None => false,
        Some(Cure::Object) => true,
        Some(Cure::Outside) => {
            let since = report.refused_since.unwrap_or(now);
            until(since, report.stalled_after, now).is_zero()
        }
    }
}

/// In how long a refusal that this status tells of comes to count as one that a person must see to; `None`
/// where it does already, or never will.
pub fn until_stalled(
    status: &ImageShareStatus,
    stalled_after: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let reason = reason_of(Some(status), status.observed_generation)?;
    let is_open = reason.cure().is_some() && !is_true(status, ConditionType::Stalled);
    let since = status.refused_since.as_ref().filter(|_| is_open)?.parse().ok()?;
    Some(until(since, stalled_after, now))
}

fn until(since: Timestamp, stalled_after: Duration, now: Timestamp) -> Duration {
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    stalled_after.saturating_sub(passed)
}
