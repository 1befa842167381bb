//! Rules that are known to be bad: the model must find out each of them. If one survives, the model is
//! too weak, or the rule is not needed.

use std::time::Duration;

use imageshare::api::{AdoptionPolicy, ShareStatus};
use imageshare::cloud::{Change, ShareId, Terms};
use imageshare::core::drift;
use imageshare::core::facts::{Cloud, Facts, Goal, Write};
use imageshare::core::object::Object;
use imageshare::core::ownership::{Move, Role};
use imageshare::core::plan::{self, Action, Departure, plan};
use imageshare::core::record::{self, Certainty, Recorded};
use imageshare::core::rules::Rules;
use imageshare::reason::Reason;
use jiff::Timestamp;

use crate::settings::Habits;

/// What a mutant does wrong.
#[derive(Clone, Copy)]
pub struct Mutant {
    pub name: &'static str,
    /// Under which policy it shows.
    pub adoption: AdoptionPolicy,
    pub rules: &'static Rules,
    pub habits: Habits,
}

const SHIPPED: Rules = Rules::SHIPPED;

const fn ruled(name: &'static str, adoption: AdoptionPolicy, rules: &'static Rules) -> Mutant {
    Mutant { name, adoption, rules, habits: Habits::GOOD }
}

const fn habit(name: &'static str, habits: Habits) -> Mutant {
    Mutant { name, adoption: AdoptionPolicy::CreateOrAdopt, rules: &Rules::SHIPPED, habits }
}

use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};

/// Those that show with one object.
pub const ALL: &[Mutant] = &[
    ruled(
        "released while a create may be in flight",
        CreateOrAdopt,
        &Rules { plan: impatient, ..SHIPPED },
    ),
    ruled("created without the finalizer", CreateOrAdopt, &Rules { plan: unmarked, ..SHIPPED }),
    ruled(
        "released right after the delete, without a look",
        CreateOrAdopt,
        &Rules { plan: trusting, ..SHIPPED },
    ),
    ruled(
        "released after a delete that was not answered",
        CreateOrAdopt,
        &Rules { plan: hopeful, ..SHIPPED },
    ),
    ruled(
        "created again without recording the intent",
        CreateOrAdopt,
        &Rules { plan: silent, ..SHIPPED },
    ),
    ruled("a share in doubt is foreign", Create, &Rules { saw: suspicious, ..SHIPPED }),
    ruled(
        "the finalizer stays although there is nothing of ours",
        Adopt,
        &Rules { is_finalizer_idle: |_, _| false, ..SHIPPED },
    ),
    ruled(
        "released although something may be there",
        CreateOrAdopt,
        &Rules { is_finalizer_idle: careless, ..SHIPPED },
    ),
    ruled(
        "confirmed while a create is in flight",
        CreateOrAdopt,
        &Rules { share_after: overconfident, ..SHIPPED },
    ),
    ruled(
        "an object left in the middle of a pass has nothing",
        CreateOrAdopt,
        &Rules { recorded: forgetful, plan: silent, ..SHIPPED },
    ),
    ruled(
        "a fault that passes leaves a share behind",
        CreateOrAdopt,
        &Rules { departure: reckless, ..SHIPPED },
    ),
    ruled(
        "a repair that failed counts as undone by another hand",
        CreateOrAdopt,
        &Rules { conflict_count_after: resentful, ..SHIPPED },
    ),
    ruled(
        "each refusal begins its time anew",
        Adopt,
        &Rules { refused_since: |_, _, _, now| Some(now), ..SHIPPED },
    ),
    ruled("the finalizer alone is believed", Create, &Rules { recorded: gullible, ..SHIPPED }),
    ruled(
        "a status of another life is believed",
        Create,
        &Rules { recorded: nostalgic, ..SHIPPED },
    ),
    habit(
        "what a former life sent is not waited for",
        Habits { waits_after_start: false, ..Habits::GOOD },
    ),
    habit(
        "a former leader goes on with a call to the cloud",
        Habits { fences: false, ..Habits::GOOD },
    ),
    habit(
        "the end of a pass forgets the create in flight",
        Habits { keeps_window: false, ..Habits::GOOD },
    ),
    habit("late news of a gone object are acted on", Habits { verifies: false, ..Habits::GOOD }),
];

/// Those that show where two objects declare one share.
pub const OF_TWO: &[Mutant] = &[
    ruled("any other claim spares the delete", CreateOrAdopt, &Rules { plan: generous, ..SHIPPED }),
    habit("two objects own the share", Habits { has_one_owner: false, ..Habits::GOOD }),
    habit("an offer is taken by two", Habits { offers_without_right: false, ..Habits::GOOD }),
    Mutant {
        habits: Habits { accepts_before_release: false, ..Habits::GOOD },
        ..ruled(
            "a release before the acceptance is written",
            CreateOrAdopt,
            &Rules { plan: unrecorded, ..SHIPPED },
        )
    },
];

/// Those for which much must come together.
pub const OF_TWO_AND_MUCH_ELSE: &[Mutant] = &[habit(
    "one object's wait excuses another's",
    Habits { has_its_own_window: false, ..Habits::GOOD },
)];

fn generous(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    match plan(goal, facts, now, over) {
        Action::Transfer(Move::Offer) => Action::RemoveFinalizer,
        action => action,
    }
}

fn unrecorded(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    match plan(goal, facts, now, over) {
        Action::RecordIntent | Action::AddFinalizer if facts.role == Role::Offered => {
            Action::Transfer(Move::Take)
        }
        action => action,
    }
}

fn impatient(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    plan(goal, &Facts { create_may_land: false, ..facts.clone() }, now, over)
}

fn unmarked(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    let says = Certainty::InDoubt;
    match plan(goal, facts, now, over) {
        Action::AddFinalizer => {
            plan(goal, &Facts { has_finalizer: true, says, ..facts.clone() }, now, over)
        }
        action => action,
    }
}

fn trusting(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    match plan(goal, facts, now, over) {
        Action::Look if *goal == Goal::Revoke && facts.wrote == Some(Write::Deleted) => {
            Action::RemoveFinalizer
        }
        action => action,
    }
}

fn hopeful(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    match plan(goal, facts, now, over) {
        Action::Look if *goal == Goal::Revoke && facts.wrote == Some(Write::DeleteInDoubt) => {
            Action::RemoveFinalizer
        }
        action => action,
    }
}

fn silent(goal: &Goal, facts: &Facts, now: Timestamp, over: bool) -> Action {
    match plan(goal, facts, now, over) {
        Action::RecordIntent => Action::Create,
        action => action,
    }
}

fn suspicious(facts: &mut Facts, cloud: Cloud) {
    let unsure = facts.recorded == Recorded::InDoubt && facts.wrote.is_none();
    let present = matches!(cloud, Cloud::Present(_));
    facts.saw(cloud);
    facts.is_foreign |= unsure && present;
}

fn careless(facts: &Facts, reason: Reason) -> bool {
    plan::is_finalizer_idle(facts, reason) || reason.is_certain_refusal()
}

fn overconfident(
    facts: &Facts,
    id: &ShareId,
    wanted: Option<&Terms>,
    before: Option<&ShareStatus>,
) -> Option<ShareStatus> {
    record::share_after(&Facts { create_may_land: false, ..facts.clone() }, id, wanted, before)
}

fn resentful(facts: &Facts, drift: &[Change], reason: Reason) -> u32 {
    let count = drift::conflict_count_after(facts, drift, reason);
    if drift.is_empty() { count } else { facts.conflict_count + 1 }
}

fn forgetful(object: &Object) -> Recorded {
    match object.own_status().and_then(|status| status.adopted) {
        None => Recorded::Nothing,
        Some(_) => record::recorded(object),
    }
}

fn gullible(object: &Object) -> Recorded {
    match record::recorded(object) {
        Recorded::Nothing if object.has_finalizer => Recorded::InDoubt,
        recorded => recorded,
    }
}

fn nostalgic(object: &Object) -> Recorded {
    let uid = object.status.as_ref().and_then(|status| status.object_uid.clone());
    let uid = uid.unwrap_or_else(|| object.uid.clone());
    record::recorded(&Object { uid, ..object.clone() })
}

fn reckless(facts: &Facts, reason: Reason, waited: Duration, grace: Option<Duration>) -> Departure {
    match plan::departure(facts, reason, waited, grace) {
        Departure::Stay if reason == Reason::Timeout => Departure::Go,
        departure => departure,
    }
}
