//! The rules that the model runs by: the shipped functions, unless a test puts a bad one in.

use std::time::Duration;

use imageshare::api::{AdoptionPolicy, ImageShareStatus, ShareStatus};
use imageshare::reason::Reason;
use imageshare::reconcile::line::Turn;
use imageshare::reconcile::plan::{self, Action, Cloud, Departure, Known, Place, Recorded, Wish};
use imageshare::reconcile::status::{self, Finding, Report};
use imageshare::swr::{Change, ShareId, Terms};
use jiff::Timestamp;

/// Everything that decides.
#[derive(Clone, Copy)]
pub struct Rules {
    pub plan: fn(Wish<'_>, &Known, Timestamp) -> Action,
    pub place: fn(&Turn) -> Place,
    pub saw: fn(&mut Known, Cloud),
    pub holds_nothing: fn(&Known, Reason) -> bool,
    pub departure: fn(&Known, Reason, Duration, Option<Duration>) -> Departure,
    pub share_after:
        fn(&Known, &ShareId, Option<&Terms>, Option<&ShareStatus>) -> Option<ShareStatus>,
    pub adopted_after: fn(&Known, AdoptionPolicy, Option<bool>) -> Option<bool>,
    pub recorded_of: fn(Option<&ImageShareStatus>, bool) -> Recorded,
    pub project:
        fn(Option<&ImageShareStatus>, i64, &Finding, Report, Timestamp) -> ImageShareStatus,
    pub undone_after: fn(&Known, &[Change], Reason) -> u32,
    /// What the glue does beside them.
    pub habits: Habits,
}

/// What the thin part of a pass does, where doing otherwise is a mistake worth trying.
#[allow(clippy::struct_excessive_bools, reason = "independent habits, each tried alone")]
#[derive(Clone, Copy)]
pub struct Habits {
    /// A new life of the operator waits for what a former one may have sent.
    pub waits_after_start: bool,
    /// A pass that the API server cut short keeps what was remembered of creates in flight.
    pub keeps_window: bool,
    /// After such a pass the object is read live.
    pub reads_again: bool,
    /// An object that may be out of date is read live before the first write to the cloud.
    pub verifies: bool,
    /// The window of each object ends by itself.
    pub has_its_own_window: bool,
    /// A pass over an object that is being deleted says so before anything else.
    pub says_it_leaves: bool,
}

/// As shipped.
pub const SHIPPED: Rules = Rules {
    plan: plan::plan,
    place: Turn::place,
    saw: Known::saw,
    holds_nothing: plan::holds_nothing,
    departure: plan::departure,
    share_after: status::share_after,
    adopted_after: status::adopted_after,
    recorded_of: status::recorded_of,
    project: status::project,
    undone_after: plan::undone_after,
    habits: Habits {
        waits_after_start: true,
        keeps_window: true,
        reads_again: true,
        verifies: true,
        has_its_own_window: true,
        says_it_leaves: true,
    },
};
