//! Rules that are known to be bad: the model must find out each of them. If one survives, the model is
//! too weak, or the rule is not needed.

use std::time::Duration;

use imageshare::api::{AdoptionPolicy, ImageShareStatus, ShareStatus};
use imageshare::reason::Reason;
use imageshare::reconcile::plan::{
    self, Action, Cloud, Departure, Heir, Known, Place, Recorded, Wish, Write, plan,
};
use imageshare::reconcile::status::{self, Finding, Report};
use imageshare::swr::{Change, ShareId, Terms};
use jiff::Timestamp;

use crate::rules::{Habits, Rules, SHIPPED};

/// Each with what it does wrong, and the policy under which that shows.
pub fn all() -> Vec<(&'static str, AdoptionPolicy, Rules)> {
    use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
    let habits = |habits| Rules { habits, ..SHIPPED };
    let good = SHIPPED.habits;
    vec![
        (
            "released while a create may be in flight",
            CreateOrAdopt,
            Rules { plan: impatient, ..SHIPPED },
        ),
        ("created without the finalizer", CreateOrAdopt, Rules { plan: unheld, ..SHIPPED }),
        (
            "released right after the delete, without a look",
            CreateOrAdopt,
            Rules { plan: trusting, ..SHIPPED },
        ),
        (
            "created again without an announcement",
            CreateOrAdopt,
            Rules { plan: unannounced, ..SHIPPED },
        ),
        ("held before the first look", Create, Rules { plan: hasty, ..SHIPPED }),
        ("a share in doubt is foreign", Create, Rules { saw: suspicious, ..SHIPPED }),
        (
            "held although there is nothing of ours",
            Adopt,
            Rules { holds_nothing: |_, _| false, ..SHIPPED },
        ),
        (
            "released although something may be there",
            CreateOrAdopt,
            Rules { holds_nothing: careless, ..SHIPPED },
        ),
        (
            "confirmed while a create is in flight",
            CreateOrAdopt,
            Rules { share_after: overconfident, ..SHIPPED },
        ),
        (
            "an object left in the middle of a pass has nothing",
            CreateOrAdopt,
            Rules { recorded_of: forgetful, ..SHIPPED },
        ),
        (
            "a fault that passes leaves a share behind",
            CreateOrAdopt,
            Rules { departure: reckless, ..SHIPPED },
        ),
        (
            "what a former life sent is not waited for",
            CreateOrAdopt,
            habits(Habits { waits_after_start: false, ..good }),
        ),
        (
            "a pass that is cut short forgets the create in flight",
            CreateOrAdopt,
            habits(Habits { keeps_window: false, ..good }),
        ),
        (
            "a write without an answer counts as not made",
            CreateOrAdopt,
            habits(Habits { reads_again: false, ..good }),
        ),
        (
            "late news of a gone object are acted on",
            CreateOrAdopt,
            habits(Habits { verifies: false, ..good }),
        ),
        (
            "a repair that failed counts as undone by another hand",
            CreateOrAdopt,
            Rules { undone_after: resentful, ..SHIPPED },
        ),
    ]
}

/// Bad rules that show where two objects declare one share.
pub fn of_two() -> Vec<(&'static str, AdoptionPolicy, Rules)> {
    use AdoptionPolicy::CreateOrAdopt;
    let habits = |habits| Rules { habits, ..SHIPPED };
    let good = SHIPPED.habits;
    vec![
        ("any other claim spares the delete", CreateOrAdopt, Rules { plan: generous, ..SHIPPED }),
        (
            "an heir does not wait for an owner that leaves",
            CreateOrAdopt,
            Rules { plan: inattentive, ..SHIPPED },
        ),
        (
            "two objects own the share",
            CreateOrAdopt,
            Rules { place: |_| Place::Owner(Heir::Nobody), ..SHIPPED },
        ),
        ("a conflict is called Ready", CreateOrAdopt, Rules { project: optimistic, ..SHIPPED }),
        (
            "an owner leaves without a word",
            CreateOrAdopt,
            habits(Habits { says_it_leaves: false, ..good }),
        ),
    ]
}

/// Those for which much must come together.
pub fn of_two_and_much_else() -> Vec<(&'static str, AdoptionPolicy, Rules)> {
    let habits = Habits { has_its_own_window: false, ..SHIPPED.habits };
    let rules = Rules { habits, ..SHIPPED };
    vec![("one object's wait excuses another's", AdoptionPolicy::CreateOrAdopt, rules)]
}

fn generous(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match plan(wish, known, now) {
        Action::AskHeir => Action::Release,
        action => action,
    }
}

fn inattentive(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    let place = match known.place {
        Place::Behind { .. } => Place::Behind { leaving: false },
        place @ Place::Owner(_) => place,
    };
    plan(wish, &Known { place, ..known.clone() }, now)
}

fn impatient(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    plan(wish, &Known { in_flight: false, ..known.clone() }, now)
}

fn unheld(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match plan(wish, known, now) {
        Action::Hold => plan(wish, &Known { held: true, ..known.clone() }, now),
        action => action,
    }
}

fn trusting(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match plan(wish, known, now) {
        Action::Look if wish == Wish::Revoke && known.wrote == Some(Write::Deleted) => {
            Action::Release
        }
        action => action,
    }
}

fn unannounced(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match plan(wish, known, now) {
        Action::Announce => Action::Create,
        action => action,
    }
}

fn hasty(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match plan(wish, known, now) {
        Action::Look if !known.held => Action::Hold,
        action => action,
    }
}

fn suspicious(known: &mut Known, cloud: Cloud) {
    let unsure = known.recorded == Recorded::InDoubt && known.wrote.is_none();
    let present = matches!(cloud, Cloud::Present(_));
    known.saw(cloud);
    known.found |= unsure && present;
}

fn careless(known: &Known, reason: Reason) -> bool {
    known.held && reason.is_certain_refusal()
}

fn overconfident(
    known: &Known,
    id: &ShareId,
    wanted: Option<&Terms>,
    before: Option<&ShareStatus>,
) -> Option<ShareStatus> {
    status::share_after(&Known { in_flight: false, ..known.clone() }, id, wanted, before)
}

fn optimistic(
    before: Option<&ImageShareStatus>,
    generation: i64,
    finding: &Finding,
    report: Report,
    now: Timestamp,
) -> ImageShareStatus {
    let reason = match finding.reason {
        Reason::DuplicateShare => Reason::Shared,
        reason => reason,
    };
    let finding = Finding { reason, ..finding.clone() };
    status::project(before, generation, &finding, report, now)
}

fn resentful(known: &Known, drift: &[Change], reason: Reason) -> u32 {
    let undone = plan::undone_after(known, drift, reason);
    if drift.is_empty() { undone } else { known.undone + 1 }
}

fn forgetful(status: Option<&ImageShareStatus>, held: bool) -> Recorded {
    match status.and_then(|status| status.adopted) {
        None => Recorded::Nothing,
        Some(_) => status::recorded_of(status, held),
    }
}

fn reckless(known: &Known, reason: Reason, waited: Duration, grace: Option<Duration>) -> Departure {
    match plan::departure(known, reason, waited, grace) {
        Departure::Stay if reason == Reason::Timeout => Departure::Go,
        departure => departure,
    }
}
