//! The decisions of a pass as a table, so that the model check can put a bad one in and see that it
//! is found out. The operator knows one table, [`Rules::SHIPPED`].

use std::hash::{Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;

use super::facts::{Cloud, Facts, Goal};
use super::object::Object;
use super::plan::{self, Action, Departure};
use super::record::{self, Recorded};
use crate::api::{AdoptionPolicy, ImageShareStatus, ShareStatus};
use crate::cloud::{Change, ShareId, Terms};
use crate::reason::Reason;

/// Everything that decides.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "each field is the function of its name")]
pub struct Rules {
    pub plan: fn(&Goal, &Facts, Timestamp, bool) -> Action,
    pub saw: fn(&mut Facts, Cloud),
    pub recorded: fn(&Object) -> Recorded,
    pub share_after:
        fn(&Facts, &ShareId, Option<&Terms>, Option<&ShareStatus>) -> Option<ShareStatus>,
    pub adopted_after: fn(&Facts, AdoptionPolicy, Option<bool>) -> Option<bool>,
    pub is_finalizer_idle: fn(&Facts, Reason) -> bool,
    pub departure: fn(&Facts, Reason, Duration, Option<Duration>) -> Departure,
    pub conflict_count_after: fn(&Facts, &[Change], Reason) -> u32,
    pub refused_since: fn(Option<&ImageShareStatus>, i64, Reason, Timestamp) -> Option<Timestamp>,
}

impl Rules {
    /// As shipped.
    pub const SHIPPED: Self = Self {
        plan: plan::plan,
        saw: Facts::saw,
        recorded: record::recorded,
        share_after: record::share_after,
        adopted_after: record::adopted_after,
        is_finalizer_idle: plan::is_finalizer_idle,
        departure: plan::departure,
        conflict_count_after: super::drift::conflict_count_after,
        refused_since: super::status::refused_since,
    };
}

/// A table of rules, which two passes share or not.
#[derive(Clone, Copy)]
pub(super) struct Table(pub(super) &'static Rules);

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Table {}

impl Hash for Table {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
