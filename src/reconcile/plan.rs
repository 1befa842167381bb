//! Every decision the operator can take, as a function of values. No clock, no randomness, no
//! client: `now` comes in, an [`Action`] comes out, and after each action the pass asks again.
//!
//! The finalizer is the mark of a share that may exist: it goes on before the first write to the
//! cloud, and comes off when it is certain that nothing of ours is there.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::AdoptionPolicy;
use crate::reason::{Kind, Reason};
use crate::swr::{Change, RemoteShare, Terms};

/// How often in a row another hand may undo what we wrote, before we stop writing.
pub const UNDONE_MAX: u32 = 5;

/// What an object wants of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// The share, on these terms.
    Share(&'a Terms, AdoptionPolicy),
    /// No share: the object is being deleted.
    Revoke,
    /// Whatever there is may stay: the object is being deleted and retains its share.
    LetGo,
}

/// What a pass knows at a moment.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whether the object carries our finalizer.
    pub held: bool,
    /// Where it stands among the objects that declare the same share.
    pub place: Place,
    /// What the object says of the share.
    pub recorded: Recorded,
    /// Whether a create that was sent before may still take effect.
    pub in_flight: bool,
    /// Whether what was written to the cloud may not show yet: it may say that a share is not there
    /// which is.
    pub is_fresh: bool,
    /// Whether to look before anything else: somebody asked for it, or only looking is allowed.
    pub look_first: bool,
    /// How often in a row another hand undid what we wrote.
    pub undone: u32,
    /// What the cloud said in this pass.
    pub cloud: Cloud,
    /// Whether the cloud showed a share that nobody of us had made.
    pub found: bool,
    /// What this pass wrote to the cloud last.
    pub wrote: Option<Write>,
}

impl Known {
    /// Notes what a look showed.
    pub fn saw(&mut self, cloud: Cloud) {
        let ours = self.recorded != Recorded::Nothing || self.wrote == Some(Write::Created);
        self.found |= matches!(cloud, Cloud::Present(_)) && !ours;
        self.cloud = cloud;
    }
}

/// Where an object stands among those that declare the same share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// It owns the share.
    Owner(Heir),
    /// Another object owns it, which may be leaving.
    Behind {
        /// Whether the owner is being deleted.
        leaving: bool,
    },
}

/// Who takes over when the owner goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heir {
    /// Nobody else declares the share.
    Nobody,
    /// There is one, and nobody has asked yet what it is worth.
    Unasked,
    /// The API server and the cloud say that it can answer for the share, and it is held.
    Fit,
    /// It cannot.
    Unfit,
}

/// What an object says of its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing of ours is in the cloud.
    Nothing,
    /// A create may have been sent: a share that is found is ours.
    InDoubt,
    /// SWR confirmed the share on these terms.
    Confirmed(Terms),
}

/// What the cloud said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cloud {
    /// Nothing yet, or nothing since the last write.
    Unseen,
    /// There is no such share.
    Absent,
    /// There is this share.
    Present(RemoteShare),
    /// A list of the repository shows this, or nothing. Lists end early and may be late, so one only
    /// confirms that all is well; anything else is looked at alone.
    Listed(Option<RemoteShare>),
}

impl Cloud {
    /// What is known after a create that SWR accepted at `now`, by its own clock: the share as it was
    /// written. Of one that is over already only a look can tell whether it grants anything.
    pub fn created(terms: &Terms, now: Timestamp) -> Self {
        if terms.deadline.has_passed(now) {
            Self::Unseen
        } else {
            Self::Present(RemoteShare::as_written(terms.clone()))
        }
    }
}

/// A write to the cloud, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A create that met an existing share.
    CreateConflicted,
    /// A create that SWR may or may not have carried out.
    CreateInDoubt,
    /// A create that SWR accepted.
    Created,
    /// An update that SWR accepted.
    Updated,
    /// A delete that SWR accepted.
    Deleted,
}

impl Write {
    /// Whether SWR said that it has made the share as it should be.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }

    /// The write as the log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateConflicted => "adopted",
            Self::CreateInDoubt => "create in doubt",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Put the finalizer on the object.
    Hold,
    /// Write into the status that a create may be under way, where it says otherwise.
    Announce,
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
    /// See whether the next object in line can answer for the share, and put the finalizer on it.
    AskHeir,
    /// Take the finalizer off: nothing of ours is left in the cloud.
    Release,
    /// Nothing more in this pass.
    Rest(Rest),
}

/// How a pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// SWR holds the share as wanted.
    Shared,
    /// SWR holds the share as wanted, but its deadline has passed.
    Expired,
    /// The object does not hold anything.
    Gone,
    /// It cannot go on.
    Failed(Reason),
}

/// What to do next.
pub fn plan(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match (wish, known.place) {
        (Wish::Share(terms, adoption), Place::Owner(_)) => {
            guarded(toward_share(terms, adoption, known, now), known)
        }
        (Wish::Share(..), Place::Behind { .. }) => DUPLICATE,
        (Wish::Revoke | Wish::LetGo, _) if !known.held => Action::Rest(Rest::Gone),
        (Wish::LetGo, _) => Action::Release,
        (Wish::Revoke, Place::Owner(heir)) => toward_nothing(known, heir),
        (Wish::Revoke, Place::Behind { leaving }) => out_of_line(known, leaving),
    }
}

const DUPLICATE: Action = Action::Rest(Rest::Failed(Reason::DuplicateShare));

/// An object that does not own the share, but was held for it.
fn out_of_line(known: &Known, owner_is_leaving: bool) -> Action {
    if owner_is_leaving {
        // The share may have just been handed over: it is revoked when the owner is gone.
        DUPLICATE
    } else if known.in_flight {
        Action::Rest(Rest::Failed(Reason::CreateInFlight))
    } else {
        Action::Release
    }
}

/// The finalizer before the first write, and as long as there is a share of ours; a note that a
/// create may be under way before each create that the object does not own up to yet.
fn guarded(action: Action, known: &Known) -> Action {
    let ours = known.recorded != Recorded::Nothing;
    match action {
        Action::Create | Action::Update | Action::Rest(Rest::Shared | Rest::Expired)
            if !known.held =>
        {
            Action::Hold
        }
        Action::Look | Action::List if !known.held && ours => Action::Hold,
        Action::Create if matches!(known.recorded, Recorded::Confirmed(_)) => Action::Announce,
        action => action,
    }
}

fn toward_share(terms: &Terms, adoption: AdoptionPolicy, known: &Known, now: Timestamp) -> Action {
    match (&known.cloud, known.wrote) {
        (Cloud::Present(_), _) if known.found && adoption == AdoptionPolicy::Create => {
            Action::Rest(Rest::Failed(Reason::AlreadyExists))
        }
        (Cloud::Present(share), wrote) => match (terms.are_met_by(&share.terms), wrote) {
            (true, _) if share.valid => Action::Rest(Rest::Shared),
            (true, _) => Action::Rest(Rest::Expired),
            (false, Some(Write::Updated)) => Action::Rest(Rest::Failed(Reason::NotApplied)),
            (false, _) => repair(Action::Update, known),
        },
        // "Exists" and "does not exist" in one breath: somebody else is at it.
        (Cloud::Absent, Some(Write::CreateConflicted)) => {
            Action::Rest(Rest::Failed(Reason::NotApplied))
        }
        (Cloud::Absent, _) => create(terms, adoption, known, now),
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
        (Cloud::Unseen, None) if known.look_first || known.undone > 0 => Action::Look,
        (Cloud::Unseen, None) => match &known.recorded {
            // Without asking first, where whatever there may be is welcome.
            Recorded::Nothing if adoption == AdoptionPolicy::CreateOrAdopt => {
                create(terms, adoption, known, now)
            }
            // The spec has moved away from what is recorded: no need to ask first.
            Recorded::Confirmed(recorded) if !terms.are_met_by(recorded) => Action::Update,
            Recorded::Confirmed(_) => Action::List,
            _ => Action::Look,
        },
    }
}

fn create(terms: &Terms, adoption: AdoptionPolicy, known: &Known, now: Timestamp) -> Action {
    if adoption == AdoptionPolicy::Adopt {
        Action::Rest(Rest::Failed(Reason::NothingToAdopt))
    } else if terms.deadline.has_passed(now) {
        Action::Rest(Rest::Failed(Reason::DeadlinePassed))
    } else {
        repair(Action::Create, known)
    }
}

/// A repair is not tried for ever against somebody who undoes it.
fn repair(action: Action, known: &Known) -> Action {
    if known.undone + 1 >= UNDONE_MAX {
        Action::Rest(Rest::Failed(Reason::ExternalConflict))
    } else {
        action
    }
}

/// What another hand has changed since the share was confirmed on these very terms; empty if
/// nobody did.
pub fn drift(terms: &Terms, known: &Known) -> Vec<Change> {
    match &known.recorded {
        Recorded::Confirmed(recorded) if known.wrote.is_none() && terms.are_met_by(recorded) => {
            missing(terms, &known.cloud)
        }
        _ => Vec::new(),
    }
}

/// How often in a row another hand has now undone what we wrote, after a pass that began with this
/// drift. What SWR did not let us repair was not undone.
pub fn undone_after(known: &Known, drift: &[Change], reason: Reason) -> u32 {
    match reason {
        _ if !drift.is_empty() && known.wrote.is_some_and(Write::is_made) => {
            known.undone.saturating_add(1)
        }
        Reason::Shared | Reason::Expired if known.cloud != Cloud::Unseen => 0,
        _ => known.undone,
    }
}

/// What another hand had changed, after a pass that began with this drift: what can be told of now as
/// put right, and what is to be told of later. `untold` is what earlier passes have left to tell.
pub fn told_after(
    mut untold: Vec<Change>,
    known: &Known,
    drift: &[Change],
    reason: Reason,
) -> (Vec<Change>, Vec<Change>) {
    let is_made = known.wrote.is_some_and(Write::is_made);
    // The write may have landed, or the look behind it failed. A create that met a share repaired nothing.
    let in_doubt = known.wrote != Some(Write::CreateConflicted)
        && reason.kind() == Kind::Retry
        && !reason.is_certain_refusal();
    if is_made || in_doubt {
        for change in drift {
            if !untold.iter().any(|known| known.field == change.field) {
                untold.push(change.clone());
            }
        }
    }
    match reason {
        Reason::Shared | Reason::Expired => (untold, Vec::new()),
        _ => (Vec::new(), untold),
    }
}

/// What sets the cloud apart from the terms, a field each.
pub fn missing(terms: &Terms, cloud: &Cloud) -> Vec<Change> {
    match cloud {
        Cloud::Unseen | Cloud::Listed(_) => Vec::new(),
        Cloud::Absent => vec![Change::of_existence()],
        Cloud::Present(share) => terms.changes_from(&share.terms),
    }
}

/// Whether an object whose pass failed with `reason` has certainly nothing in the cloud, so that
/// nothing needs to hold it.
pub fn holds_nothing(known: &Known, reason: Reason) -> bool {
    let had_nothing = known.recorded == Recorded::Nothing;
    let sent_nothing = matches!(known.wrote, None | Some(Write::CreateConflicted));
    // Whoever made the share that a create met, it was not this object; held, it would take the share
    // for its own from now on.
    let met_another_s = had_nothing && known.wrote == Some(Write::CreateConflicted) && !known.found;
    let refused = sent_nothing && (had_nothing || is_gone(known)) && reason.is_certain_refusal();
    known.held && !known.in_flight && (refused || met_another_s)
}

/// Whether the share of an object is gone for certain, so that who only looks needs not be held: what
/// comes later is another hand's.
pub fn is_gone(known: &Known) -> bool {
    known.cloud == Cloud::Absent && !known.is_fresh && !known.in_flight
}

fn toward_nothing(known: &Known, heir: Heir) -> Action {
    match (&known.cloud, known.wrote) {
        (Cloud::Unseen, None) if known.recorded == Recorded::Nothing => Action::Release,
        (Cloud::Unseen, None) if heir == Heir::Unasked => Action::AskHeir,
        // Not while a create of ours may still land: the heir might have left again by then.
        (Cloud::Unseen, None) if heir == Heir::Fit && known.in_flight => {
            Action::Rest(Rest::Failed(Reason::CreateInFlight))
        }
        (Cloud::Unseen, None) if heir == Heir::Fit => Action::Release,
        // A create that lands after the delete would leave a share that nobody answers for.
        (Cloud::Absent, _) if known.in_flight => Action::Rest(Rest::Failed(Reason::CreateInFlight)),
        (Cloud::Absent, _) => Action::Release,
        (Cloud::Unseen, Some(Write::Deleted)) => Action::Look,
        (Cloud::Present(_), Some(Write::Deleted)) => Action::Rest(Rest::Failed(Reason::NotApplied)),
        _ => Action::Delete,
    }
}

/// What becomes of an object that is being deleted when revoking its share failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It stays until the share is revoked.
    Stay,
    /// It goes: there is no share.
    Go,
    /// It goes, and the share is left behind: somebody must be told.
    Orphan,
}

/// Decides about an object that is being deleted when revoking its share failed with `reason`.
///
/// It goes at once where the cloud says that no such share can exist. If only a person could help,
/// the person has `orphan_after` (`None`: for ever) from the first attempt on. A fault that passes
/// by itself never leaves a share behind.
pub fn departure(
    known: &Known,
    reason: Reason,
    waited: Duration,
    orphan_after: Option<Duration>,
) -> Departure {
    // Both pass by themselves, and what comes then decides.
    if matches!(reason, Reason::CreateInFlight | Reason::DuplicateShare) {
        return Departure::Stay;
    }
    if reason.rules_out_a_share() || known.recorded == Recorded::Nothing {
        return Departure::Go;
    }
    let late = orphan_after.is_some_and(|grace| waited >= grace);
    if reason.kind() == Kind::Refuse && late { Departure::Orphan } else { Departure::Stay }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(deadline: &str) -> Terms {
        Terms {
            permission: "read".into(),
            deadline: deadline.parse().unwrap(),
            description: String::new(),
        }
    }

    fn present(deadline: &str, valid: bool) -> Cloud {
        Cloud::Present(RemoteShare { valid, ..RemoteShare::as_written(terms(deadline)) })
    }

    fn listed(deadline: &str, valid: bool) -> Cloud {
        let share = RemoteShare { valid, ..RemoteShare::as_written(terms(deadline)) };
        Cloud::Listed(Some(share))
    }

    fn confirmed(deadline: &str) -> Recorded {
        Recorded::Confirmed(terms(deadline))
    }

    fn known(recorded: Recorded, cloud: Cloud, wrote: Option<Write>) -> Known {
        Known {
            held: true,
            place: Place::Owner(Heir::Nobody),
            recorded,
            in_flight: false,
            is_fresh: false,
            look_first: false,
            undone: 0,
            cloud,
            found: false,
            wrote,
        }
    }

    fn share(terms: &Terms) -> Wish<'_> {
        Wish::Share(terms, AdoptionPolicy::CreateOrAdopt)
    }

    fn now() -> Timestamp {
        "2027-01-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn who_does_not_own_the_share_touches_nothing() {
        let forever = terms("forever");
        let duplicate = Action::Rest(Rest::Failed(Reason::DuplicateShare));
        let waits = Action::Rest(Rest::Failed(Reason::CreateInFlight));
        let gone = Action::Rest(Rest::Gone);
        for (case, wish, held, in_flight, leaving, expected) in [
            ("declared", share(&forever), false, false, false, duplicate),
            ("declared, the owner goes", share(&forever), true, false, true, duplicate),
            ("deleted", Wish::Revoke, false, false, false, gone),
            (
                "deleted, the owner goes without having asked",
                Wish::Revoke,
                false,
                false,
                true,
                gone,
            ),
            ("deleted, the owner may have handed over", Wish::Revoke, true, false, true, duplicate),
            ("deleted, held from earlier", Wish::Revoke, true, false, false, Action::Release),
            ("deleted, a create may land", Wish::Revoke, true, true, false, waits),
            ("deleted, retains", Wish::LetGo, true, false, true, Action::Release),
        ] {
            let place = Place::Behind { leaving };
            let known = known(Recorded::InDoubt, Cloud::Unseen, None);
            let known = Known { held, place, in_flight, ..known };
            assert_eq!(plan(wish, &known, now()), expected, "{case}");
        }
    }

    #[test]
    fn an_owner_that_goes_asks_for_an_heir_before_it_revokes() {
        let plan = |heir, in_flight, recorded: Recorded, cloud: &Cloud, wrote| {
            let known = known(recorded, cloud.clone(), wrote);
            let known = Known { in_flight, place: Place::Owner(heir), ..known };
            plan(Wish::Revoke, &known, now())
        };
        let (ours, unseen) = (confirmed("forever"), Cloud::Unseen);
        assert_eq!(plan(Heir::Unasked, false, ours.clone(), &unseen, None), Action::AskHeir);
        assert_eq!(plan(Heir::Fit, false, ours.clone(), &unseen, None), Action::Release);
        assert_eq!(plan(Heir::Unfit, false, ours.clone(), &unseen, None), Action::Delete);
        assert_eq!(plan(Heir::Nobody, false, ours.clone(), &unseen, None), Action::Delete);
        let nothing = plan(Heir::Unasked, false, Recorded::Nothing, &unseen, None);
        assert_eq!(nothing, Action::Release, "nothing to hand over");
        assert_eq!(
            plan(Heir::Fit, true, Recorded::InDoubt, &unseen, None),
            Action::Rest(Rest::Failed(Reason::CreateInFlight)),
            "the heir might be gone when the create lands"
        );
        let deleted = Some(Write::Deleted);
        assert_eq!(plan(Heir::Unfit, false, ours.clone(), &unseen, deleted), Action::Look);
        assert_eq!(plan(Heir::Unfit, false, ours, &Cloud::Absent, deleted), Action::Release);
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn the_way_to_a_share() {
        let failed = |reason| Action::Rest(Rest::Failed(reason));
        let forever = terms("forever");
        let (past, soon) = (terms("2026-12-31"), terms("2027-01-01"));
        for (case, terms, known, expected) in [
            (
                "nothing known: one POST, without asking first",
                &forever,
                known(Recorded::Nothing, Cloud::Unseen, None),
                Action::Create,
            ),
            (
                "recorded: a list will do",
                &forever,
                known(confirmed("forever"), Cloud::Unseen, None),
                Action::List,
            ),
            (
                "listed as wanted",
                &forever,
                known(confirmed("forever"), listed("forever", true), None),
                Action::Rest(Rest::Shared),
            ),
            (
                "listed otherwise: the list may be late",
                &forever,
                known(confirmed("forever"), listed("2027-02-01", true), None),
                Action::Look,
            ),
            (
                "not listed: the list may end early",
                &forever,
                known(confirmed("forever"), Cloud::Listed(None), None),
                Action::Look,
            ),
            (
                "listed as over, as it should be by now",
                &past,
                known(confirmed("2026-12-31"), listed("2026-12-31", false), None),
                Action::Rest(Rest::Expired),
            ),
            (
                "listed as over before its time: for the cloud to say so itself",
                &soon,
                known(confirmed("2027-01-01"), listed("2027-01-01", false), None),
                Action::Look,
            ),
            (
                "recorded in doubt: look",
                &forever,
                known(Recorded::InDoubt, Cloud::Unseen, None),
                Action::Look,
            ),
            (
                "recorded otherwise: the spec changed",
                &forever,
                known(confirmed("2027-02-01"), Cloud::Unseen, None),
                Action::Update,
            ),
            (
                "after an update: look",
                &forever,
                known(confirmed("2027-02-01"), Cloud::Unseen, Some(Write::Updated)),
                Action::Look,
            ),
            (
                "after a create that met a share: look",
                &forever,
                known(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateConflicted)),
                Action::Look,
            ),
            (
                "as wanted",
                &forever,
                known(Recorded::Nothing, present("forever", true), None),
                Action::Rest(Rest::Shared),
            ),
            (
                "as wanted but over",
                &past,
                known(Recorded::Nothing, present("2026-12-31", false), None),
                Action::Rest(Rest::Expired),
            ),
            (
                "over, but the spec moved on: renew",
                &forever,
                known(Recorded::Nothing, present("2026-12-31", false), None),
                Action::Update,
            ),
            (
                "drifted",
                &forever,
                known(Recorded::Nothing, present("2027-02-01", true), None),
                Action::Update,
            ),
            (
                "adopted, then made equal",
                &forever,
                known(
                    Recorded::Nothing,
                    present("2027-02-01", true),
                    Some(Write::CreateConflicted),
                ),
                Action::Update,
            ),
            (
                "updated in vain: no loop",
                &forever,
                known(Recorded::Nothing, present("2027-02-01", true), Some(Write::Updated)),
                failed(Reason::NotApplied),
            ),
            (
                "removed by another hand: the object must own up to a create before it is sent",
                &forever,
                known(confirmed("forever"), Cloud::Absent, None),
                Action::Announce,
            ),
            ("announced", &forever, known(Recorded::InDoubt, Cloud::Absent, None), Action::Create),
            (
                "gone at the update",
                &forever,
                known(confirmed("2027-02-01"), Cloud::Absent, None),
                Action::Announce,
            ),
            (
                "exists and does not",
                &forever,
                known(Recorded::Nothing, Cloud::Absent, Some(Write::CreateConflicted)),
                failed(Reason::NotApplied),
            ),
            (
                "past, nothing known",
                &past,
                known(Recorded::Nothing, Cloud::Unseen, None),
                failed(Reason::DeadlinePassed),
            ),
            (
                "past, removed by another hand",
                &past,
                known(confirmed("2026-12-31"), Cloud::Absent, None),
                failed(Reason::DeadlinePassed),
            ),
        ] {
            assert_eq!(plan(share(terms), &known, now()), expected, "{case}");
        }
    }

    #[test]
    fn a_share_that_is_over_when_it_is_made_is_looked_at() {
        let next = |deadline| {
            let (terms, wrote) = (terms(deadline), Some(Write::Created));
            let known = known(Recorded::Nothing, Cloud::created(&terms, now()), wrote);
            plan(share(&terms), &known, now())
        };
        assert_eq!(next("2027-01-01"), Action::Rest(Rest::Shared));
        assert_eq!(next("2026-12-31"), Action::Look);
    }

    #[test]
    fn the_finalizer_comes_before_any_write_and_stays_with_a_share_of_ours() {
        let forever = terms("forever");
        for (recorded, cloud) in [
            (Recorded::Nothing, Cloud::Unseen),
            (Recorded::Nothing, Cloud::Absent),
            (Recorded::Nothing, present("forever", true)),
            (Recorded::Nothing, present("2027-02-01", true)),
            (confirmed("forever"), Cloud::Unseen),
            (confirmed("2027-02-01"), Cloud::Unseen),
        ] {
            let known = Known { held: false, ..known(recorded, cloud, None) };
            assert_eq!(plan(share(&forever), &known, now()), Action::Hold, "{known:?}");
        }
        let known = Known { held: false, ..known(Recorded::Nothing, Cloud::Unseen, None) };
        let past = terms("2026-12-31");
        assert_eq!(
            plan(share(&past), &known, now()),
            Action::Rest(Rest::Failed(Reason::DeadlinePassed)),
            "an object that is refused without a call needs no finalizer"
        );
        let first = plan(Wish::Share(&forever, AdoptionPolicy::Create), &known, now());
        assert_eq!(first, Action::Look, "looking needs no finalizer");
    }

    #[test]
    fn what_becomes_of_a_share_that_exists_already() {
        use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
        let failed = |reason| Action::Rest(Rest::Failed(reason));
        let forever = terms("forever");
        let found = |adoption, cloud| {
            let mut known = known(Recorded::Nothing, Cloud::Unseen, None);
            known.saw(cloud);
            plan(Wish::Share(&forever, adoption), &known, now())
        };
        let other = || present("2027-02-01", true);
        assert_eq!(found(CreateOrAdopt, other()), Action::Update);
        assert_eq!(found(Adopt, other()), Action::Update);
        assert_eq!(found(Create, other()), failed(Reason::AlreadyExists));
        assert_eq!(found(Create, present("forever", true)), failed(Reason::AlreadyExists));
        assert_eq!(found(Adopt, Cloud::Absent), failed(Reason::NothingToAdopt));
        assert_eq!(found(Create, Cloud::Absent), Action::Create);

        for recorded in [Recorded::InDoubt, confirmed("forever")] {
            let mut known = known(recorded, Cloud::Unseen, None);
            known.saw(present("forever", true));
            let next = plan(Wish::Share(&forever, Create), &known, now());
            assert_eq!(next, Action::Rest(Rest::Shared), "a lost answer is no foreign share");
        }
    }

    #[test]
    fn a_repair_is_given_up_when_it_is_undone_again_and_again() {
        let forever = terms("forever");
        for cloud in [Cloud::Absent, present("2027-02-01", true)] {
            let known = known(confirmed("forever"), cloud, None);
            assert!(!drift(&forever, &known).is_empty());
            let next = |undone| plan(share(&forever), &Known { undone, ..known.clone() }, now());
            let given_up = Action::Rest(Rest::Failed(Reason::ExternalConflict));
            assert_ne!(next(UNDONE_MAX - 2), given_up);
            assert_eq!(next(UNDONE_MAX - 1), given_up);
        }
        let moved = known(confirmed("2027-02-01"), present("2027-02-01", true), None);
        assert_eq!(drift(&forever, &moved), [], "a changed spec is nobody's drift");
    }

    #[test]
    fn only_a_repair_that_was_made_counts_as_undone_and_only_a_look_that_all_is_well_ends_the_count()
     {
        let drifted = [Change::of_existence()];
        let after = |drift: &[Change], cloud, wrote, reason| {
            let known = Known { undone: 2, ..known(confirmed("forever"), cloud, wrote) };
            undone_after(&known, drift, reason)
        };
        let (unseen, held) = (|| Cloud::Unseen, || present("forever", true));
        for (drift, cloud, wrote, reason, expected) in [
            (&drifted[..], held(), Some(Write::Updated), Reason::Shared, 3),
            (&drifted, held(), Some(Write::Created), Reason::Shared, 3),
            (&drifted, unseen(), Some(Write::Updated), Reason::Timeout, 3),
            (&drifted, held(), Some(Write::CreateConflicted), Reason::Shared, 0),
            (&drifted, unseen(), Some(Write::CreateInDoubt), Reason::Timeout, 2),
            (&drifted, held(), None, Reason::Throttled, 2),
            (&[], held(), None, Reason::Shared, 0),
            (&[], unseen(), None, Reason::SecretNotFound, 2),
        ] {
            assert_eq!(after(drift, cloud, wrote, reason), expected, "{wrote:?} {reason:?}");
        }
    }

    #[test]
    fn a_repair_is_told_of_once_it_is_certain_and_only_if_it_was_one() {
        let drift = [Change::of_existence()];
        let (ours, none) = (|| drift.to_vec(), Vec::new);
        let (updated, doubt) = (Some(Write::Updated), Some(Write::CreateInDoubt));
        for (untold, drift, wrote, reason, told, later) in [
            (none(), &drift[..], updated, Reason::Shared, ours(), none()),
            (none(), &drift, updated, Reason::Expired, ours(), none()),
            (none(), &drift, updated, Reason::Timeout, none(), ours()),
            (none(), &drift, None, Reason::Timeout, none(), ours()),
            (none(), &drift, doubt, Reason::ConnectionLost, none(), ours()),
            (none(), &drift, None, Reason::Forbidden, none(), none()),
            (none(), &drift, None, Reason::ExternalConflict, none(), none()),
            (none(), &drift, None, Reason::ActionPending, none(), none()),
            (none(), &drift, Some(Write::CreateConflicted), Reason::Shared, none(), none()),
            (none(), &drift, Some(Write::CreateConflicted), Reason::NotApplied, none(), none()),
            (ours(), &[], None, Reason::Shared, ours(), none()),
            (ours(), &drift, updated, Reason::Shared, ours(), none()),
            (ours(), &[], None, Reason::SecretNotFound, none(), ours()),
        ] {
            let known = known(confirmed("forever"), Cloud::Unseen, wrote);
            let found = told_after(untold, &known, drift, reason);
            assert_eq!(found, (told, later), "{wrote:?} {reason:?}");
        }
    }

    #[test]
    fn only_an_object_with_certainly_nothing_in_the_cloud_needs_no_finalizer() {
        let fresh = known(Recorded::Nothing, Cloud::Unseen, None);
        let doubt = known(Recorded::InDoubt, Cloud::Unseen, None);
        let sent = known(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateInDoubt));
        let gone = known(confirmed("forever"), Cloud::Absent, None);
        let late = Known { in_flight: true, ..known(Recorded::InDoubt, Cloud::Absent, None) };
        let just_written = Known { is_fresh: true, ..gone.clone() };
        let met = known(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateConflicted));
        let taken = Known { found: true, ..met.clone() };
        let met_again = known(Recorded::InDoubt, Cloud::Unseen, Some(Write::CreateConflicted));
        for (known, reason, expected) in [
            (&fresh, Reason::Forbidden, true),
            (&fresh, Reason::HostNotFound, true),
            (&fresh, Reason::Throttled, true),
            (&fresh, Reason::Timeout, false),
            (&doubt, Reason::Forbidden, false),
            (&sent, Reason::Forbidden, false),
            (&gone, Reason::NothingToAdopt, true),
            (&late, Reason::InvalidAccount, false),
            (&just_written, Reason::NothingToAdopt, false),
            (&met, Reason::Timeout, true),
            (&met, Reason::NotApplied, true),
            (&taken, Reason::Timeout, false),
            (&met_again, Reason::Timeout, false),
        ] {
            assert_eq!(holds_nothing(known, reason), expected, "{known:?} {reason:?}");
        }
    }

    #[test]
    fn the_way_out() {
        for (case, known, expected) in [
            ("first delete", known(confirmed("forever"), Cloud::Unseen, None), Action::Delete),
            ("never made", known(Recorded::Nothing, Cloud::Unseen, None), Action::Release),
            (
                "a create may still land",
                Known {
                    in_flight: true,
                    ..known(Recorded::InDoubt, Cloud::Absent, Some(Write::Deleted))
                },
                Action::Rest(Rest::Failed(Reason::CreateInFlight)),
            ),
            (
                "then look",
                known(Recorded::Nothing, Cloud::Unseen, Some(Write::Deleted)),
                Action::Look,
            ),
            (
                "then go",
                known(Recorded::Nothing, Cloud::Absent, Some(Write::Deleted)),
                Action::Release,
            ),
            ("was not there", known(Recorded::Nothing, Cloud::Absent, None), Action::Release),
            (
                "deleted in vain",
                known(Recorded::Nothing, present("forever", true), Some(Write::Deleted)),
                Action::Rest(Rest::Failed(Reason::NotApplied)),
            ),
        ] {
            assert_eq!(plan(Wish::Revoke, &known, now()), expected, "{case}");
        }
        let held = known(confirmed("forever"), Cloud::Unseen, None);
        assert_eq!(plan(Wish::LetGo, &held, now()), Action::Release);
        let free = Known { held: false, ..held };
        assert_eq!(plan(Wish::LetGo, &free, now()), Action::Rest(Rest::Gone));
        assert_eq!(plan(Wish::Revoke, &free, now()), Action::Rest(Rest::Gone));
    }

    #[test]
    fn an_object_goes_unrevoked_only_without_a_share_or_after_the_grace() {
        let never = known(Recorded::Nothing, Cloud::Unseen, None);
        let worked = known(confirmed("forever"), Cloud::Unseen, None);
        let doubt = known(Recorded::InDoubt, Cloud::Unseen, None);
        let grace = Some(Duration::from_mins(10));
        let (soon, late) = (Duration::from_mins(9), Duration::from_mins(10));
        for (known, reason, waited, grace, expected) in [
            (&never, Reason::SecretNotFound, soon, grace, Departure::Go),
            (&never, Reason::Unauthorized, soon, grace, Departure::Go),
            (&never, Reason::HostNotFound, soon, grace, Departure::Go),
            (&never, Reason::Timeout, late, grace, Departure::Go),
            (&worked, Reason::HostNotFound, late, grace, Departure::Stay),
            (&worked, Reason::RepositoryNotFound, soon, grace, Departure::Go),
            (&worked, Reason::SecretNotFound, soon, grace, Departure::Stay),
            (&worked, Reason::SecretNotFound, late, grace, Departure::Orphan),
            (&worked, Reason::Forbidden, late, grace, Departure::Orphan),
            (&doubt, Reason::Unauthorized, late, grace, Departure::Orphan),
            (&worked, Reason::SecretNotFound, late, None, Departure::Stay),
            (&worked, Reason::ServerError, late, grace, Departure::Stay),
            (&worked, Reason::Throttled, late, grace, Departure::Stay),
        ] {
            assert_eq!(
                departure(known, reason, waited, grace),
                expected,
                "{known:?} {reason:?} {waited:?}"
            );
        }
    }
}
