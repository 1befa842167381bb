//! Every decision about a share, as a function of values: facts and the time come in, an [`Action`]
//! comes out, and after each action the pass asks again.
//!
//! Two marks come before the first write to the cloud: the finalizer, and a record that says that a
//! write may be under way. Both go when it is certain that nothing of ours is there.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::{Cloud, Facts, Goal, Write};
use super::ownership::{Move, Role};
use super::record::{Certainty, Recorded};
use crate::api::AdoptionPolicy;
use crate::cloud::Terms;
use crate::reason::{Kind, Reason};

/// How often in a row another hand may undo what we wrote, before we stop writing.
pub const CONFLICTS_MAX: u32 = 5;

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Put the finalizer on the object.
    AddFinalizer,
    /// Write into the status that a write may be under way.
    RecordIntent,
    /// See what a list of the repository says of the share.
    List,
    /// Ask the cloud for the share.
    Look,
    /// Create the share.
    Create,
    /// Change the share to the wanted terms.
    Update,
    /// Delete the share.
    Delete,
    /// Make a move in the transfer of the share.
    Transfer(Move),
    /// Take the finalizer off an object that is being deleted.
    RemoveFinalizer,
    /// Nothing more in this pass.
    Rest(Rest),
}

/// How a pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rest {
    /// SWR holds the share as wanted.
    Shared,
    /// SWR holds the share as wanted, but its deadline has passed.
    Expired,
    /// The object is being deleted and has no finalizer of ours.
    Gone,
    /// A successor is at it.
    Offering,
    /// It cannot go on.
    Failed(Reason),
}

/// What to do next. `offer_is_over`: the successor had its time.
pub fn plan(goal: &Goal, facts: &Facts, now: Timestamp, offer_is_over: bool) -> Action {
    match (goal, facts.role) {
        (Goal::Revoke | Goal::Retain, _) if !facts.has_finalizer => Action::Rest(Rest::Gone),
        (Goal::Retain, _) => Action::RemoveFinalizer,
        (_, Role::Offering { is_taken: false }) if offer_is_over => {
            Action::Transfer(Move::Withdraw)
        }
        (_, Role::Offering { .. }) => Action::Rest(Rest::Offering),
        (Goal::Share(desired, adoption), Role::Owner { .. } | Role::Taking) => {
            guarded(toward_share(&desired.terms, *adoption, facts, now), facts)
        }
        (Goal::Share(desired, adoption), Role::Offered) => {
            guarded(toward_taking(&desired.terms, *adoption, facts, now), facts)
        }
        (Goal::Share(..), Role::Duplicate { .. }) => failed(Reason::DuplicateShare),
        (Goal::Revoke, Role::Owner { has_candidate }) => toward_nothing(facts, has_candidate),
        (Goal::Revoke, Role::Taking) => toward_nothing(facts, false),
        (Goal::Revoke, Role::Offered) => Action::Transfer(Move::Decline),
        (Goal::Revoke, Role::Duplicate { .. }) if facts.create_may_land => {
            failed(Reason::CreateInFlight)
        }
        (Goal::Revoke, Role::Duplicate { .. }) => Action::RemoveFinalizer,
    }
}

fn failed(reason: Reason) -> Action {
    Action::Rest(Rest::Failed(reason))
}

/// The finalizer before the first write, and as long as there is a share of ours; a record that a
/// write may be under way before each that the object does not speak of yet.
fn guarded(action: Action, facts: &Facts) -> Action {
    use Certainty::{InDoubt, Nothing};
    let is_write = matches!(action, Action::Create | Action::Update | Action::Transfer(Move::Take));
    let rests_with_a_share = matches!(action, Action::Rest(Rest::Shared | Rest::Expired));
    let asks = matches!(action, Action::Look | Action::List);
    let needs_finalizer =
        is_write || rests_with_a_share || (asks && facts.recorded != Recorded::Nothing);
    match action {
        _ if needs_finalizer && !facts.has_finalizer => Action::AddFinalizer,
        Action::Create if facts.says != InDoubt => Action::RecordIntent,
        _ if is_write && facts.says == Nothing => Action::RecordIntent,
        action => action,
    }
}

fn toward_share(terms: &Terms, adoption: AdoptionPolicy, facts: &Facts, now: Timestamp) -> Action {
    match (&facts.cloud, facts.wrote) {
        (Cloud::Present(_), _) if facts.is_foreign && adoption == AdoptionPolicy::Create => {
            failed(Reason::AlreadyExists)
        }
        (Cloud::Present(share), wrote) => match (terms.are_met_by(&share.terms), wrote) {
            (true, _) if share.valid => Action::Rest(Rest::Shared),
            (true, _) => Action::Rest(Rest::Expired),
            (false, Some(Write::Updated)) => failed(Reason::NotApplied),
            (false, _) => repair(Action::Update, facts),
        },
        // "Exists" and "does not exist" in one breath: somebody else is at it.
        (Cloud::Absent, Some(Write::CreateConflicted | Write::Created)) => {
            failed(Reason::NotApplied)
        }
        // It was there when it was taken: the owner that goes looks once more.
        (Cloud::Absent, _) if facts.role == Role::Taking => Action::Transfer(Move::GiveBack),
        (Cloud::Absent, _) => create(terms, adoption, facts, now),
        (Cloud::Listed(Some(share)), _) if share.valid && terms.are_met_by(&share.terms) => {
            Action::Rest(Rest::Shared)
        }
        // Nothing brings a share back whose end has come, but other terms.
        (Cloud::Listed(Some(share)), _)
            if terms.deadline.has_passed(now) && terms.are_met_by(&share.terms) =>
        {
            Action::Rest(Rest::Expired)
        }
        (Cloud::Listed(_), _) | (Cloud::Unseen, Some(_)) => Action::Look,
        (Cloud::Unseen, None) if must_look_first(facts) => Action::Look,
        (Cloud::Unseen, None) => match &facts.recorded {
            // Without asking first, where whatever there may be is welcome.
            Recorded::Nothing if adoption == AdoptionPolicy::CreateOrAdopt => {
                create(terms, adoption, facts, now)
            }
            // The spec has moved away from what is recorded: no need to ask first.
            Recorded::Confirmed(recorded) if !terms.are_met_by(recorded) => Action::Update,
            Recorded::Confirmed(_) => Action::List,
            _ => Action::Look,
        },
    }
}

fn must_look_first(facts: &Facts) -> bool {
    facts.look_first || facts.conflict_count > 0 || facts.role == Role::Taking
}

/// A successor takes only what it sees and could have made its own.
fn toward_taking(terms: &Terms, adoption: AdoptionPolicy, facts: &Facts, now: Timestamp) -> Action {
    let is_willing = adoption != AdoptionPolicy::Create && !terms.deadline.has_passed(now);
    match &facts.cloud {
        _ if !is_willing => Action::Transfer(Move::Decline),
        Cloud::Present(_) => Action::Transfer(Move::Take),
        Cloud::Absent => Action::Transfer(Move::Decline),
        Cloud::Unseen | Cloud::Listed(_) => Action::Look,
    }
}

fn create(terms: &Terms, adoption: AdoptionPolicy, facts: &Facts, now: Timestamp) -> Action {
    if adoption == AdoptionPolicy::Adopt {
        failed(Reason::NothingToAdopt)
    } else if terms.deadline.has_passed(now) {
        failed(Reason::DeadlinePassed)
    } else {
        repair(Action::Create, facts)
    }
}

/// A repair is not tried for ever against somebody who undoes it.
fn repair(action: Action, facts: &Facts) -> Action {
    if facts.conflict_count + 1 >= CONFLICTS_MAX {
        failed(Reason::ExternalConflict)
    } else {
        action
    }
}

fn toward_nothing(facts: &Facts, has_candidate: bool) -> Action {
    match (&facts.cloud, facts.wrote) {
        (Cloud::Unseen, None) if facts.recorded == Recorded::Nothing => Action::RemoveFinalizer,
        // Not while a create of ours may still land: the successor might have left again by then.
        (Cloud::Unseen, None) if has_candidate && facts.create_may_land => {
            failed(Reason::CreateInFlight)
        }
        (Cloud::Unseen, None) if has_candidate => Action::Transfer(Move::Offer),
        // A create that lands after the delete would leave a share that nobody answers for.
        (Cloud::Absent, _) if facts.create_may_land => failed(Reason::CreateInFlight),
        // Only the look says that it is gone, and what was written lately may not show yet.
        (Cloud::Absent, Some(Write::DeleteInDoubt)) if facts.is_fresh => failed(Reason::NotApplied),
        (Cloud::Absent, _) => Action::RemoveFinalizer,
        (Cloud::Unseen, Some(Write::Deleted | Write::DeleteInDoubt)) => Action::Look,
        (Cloud::Present(_), Some(Write::Deleted | Write::DeleteInDoubt)) => {
            failed(Reason::NotApplied)
        }
        _ => Action::Delete,
    }
}

/// Whether an object whose pass ended with `reason` needs no finalizer: it has certainly nothing in
/// the cloud, and only a person could change that.
pub fn is_finalizer_idle(facts: &Facts, reason: Reason) -> bool {
    match facts.role {
        // What the owner answers for, nobody else needs to; nor what was never there.
        Role::Duplicate { owner_answers } if reason == Reason::DuplicateShare => {
            !facts.create_may_land && (owner_answers || facts.recorded == Recorded::Nothing)
        }
        _ => facts.has_nothing() && reason.kind() == Kind::Terminal,
    }
}

/// What becomes of an object that is being deleted when revoking its share failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Departure {
    /// It stays until the share is revoked.
    Stay,
    /// It goes: there is no share.
    Go,
    /// It goes, and the share is left behind: somebody must know.
    Orphan,
}

/// Decides about an object that is being deleted when revoking its share failed with `reason`.
///
/// It goes at once where the cloud says that no such share can exist. If only a person could help,
/// the person has `orphan_after` (`None`: for ever) from the deletion on. A fault that passes
/// by itself never leaves a share behind.
pub fn departure(
    facts: &Facts,
    reason: Reason,
    waited: Duration,
    orphan_after: Option<Duration>,
) -> Departure {
    // Both pass by themselves, and what comes then decides.
    if matches!(reason, Reason::CreateInFlight | Reason::DuplicateShare) {
        return Departure::Stay;
    }
    let is_ruled_out = reason.rules_out_a_share(facts.has_shown_the_share);
    if is_ruled_out || facts.recorded == Recorded::Nothing {
        return Departure::Go;
    }
    let late = orphan_after.is_some_and(|grace| waited >= grace);
    if reason.kind() == Kind::Terminal && late { Departure::Orphan } else { Departure::Stay }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
