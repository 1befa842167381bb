//! Every decision of the operator, in values alone: no clock, no chance, no client, no runtime.
//!
//! ```text
//! Start ─▶ Pass::begin                       facts, desired: what the object says
//!            │ next(now) ─▶ Effect           plan: what to do next
//!            │ on(answer) ◀─ Answer
//!            ▼
//!          End ◀─ record, status, schedule   what to write down, what to say, when to come back
//! ```
//!
//! [`pass`] is one walk over one object. [`ownership`] says which of several objects may write.
//! The exhaustive model check drives these modules as they are shipped.

pub mod desired;
pub mod drift;
pub mod effect;
pub mod facts;
pub mod forecast;
pub mod object;
pub mod object_state;
pub mod orphan;
pub mod ownership;
pub mod pass;
pub mod plan;
pub mod record;
pub mod rules;
pub mod schedule;
pub mod state;
pub mod status;
pub mod step;

#[cfg(test)]
#[path = "core/fixtures_tests.rs"]
pub(crate) mod fixtures;
