use super::super::fixtures::{ALONE, confirmed, facts, listed, noon, present, terms};
use super::*;
use crate::core::desired::Desired;

const HAS_CANDIDATE: Role = Role::Owner { has_candidate: true };
const DUPLICATE: Role = Role::Duplicate { owner_answers: true };

fn share(deadline: &str) -> Goal {
    share_by(deadline, AdoptionPolicy::CreateOrAdopt)
}

fn share_by(deadline: &str, adoption: AdoptionPolicy) -> Goal {
    Goal::Share(Desired { terms: terms(deadline), interval: None }, adoption)
}

/// What comes next, while no offer is over.
fn next(goal: &Goal, facts: &Facts) -> Action {
    plan(goal, facts, noon(), false)
}

/// The object says already that a write may be under way.
fn intent_recorded(facts: Facts) -> Facts {
    Facts { says: Certainty::InDoubt, ..facts }
}

#[test]
fn who_does_not_own_the_share_touches_nothing() {
    let duplicate = failed(Reason::DuplicateShare);
    let waits = failed(Reason::CreateInFlight);
    let gone = Action::Rest(Rest::Gone);
    for (case, goal, has_finalizer, create_may_land, expected) in [
        ("declared", share("forever"), false, false, duplicate),
        ("declared, with a finalizer", share("forever"), true, false, duplicate),
        ("declared, a create may land", share("forever"), true, true, duplicate),
        ("deleted", Goal::Revoke, false, false, gone),
        ("deleted, a finalizer from earlier", Goal::Revoke, true, false, Action::RemoveFinalizer),
        ("deleted, a create may land", Goal::Revoke, true, true, waits),
        ("deleted, retains", Goal::Retain, true, false, Action::RemoveFinalizer),
        ("deleted, retains, a create may land", Goal::Retain, true, true, Action::RemoveFinalizer),
    ] {
        for owner_answers in [false, true] {
            let role = Role::Duplicate { owner_answers };
            let facts = facts(Recorded::InDoubt, Cloud::Unseen, None);
            let facts = Facts { has_finalizer, role, create_may_land, ..facts };
            assert_eq!(next(&goal, &facts), expected, "{case}, {owner_answers}");
        }
    }
}

#[test]
fn an_owner_that_goes_offers_the_share_before_it_revokes() {
    let plan = |role, create_may_land, recorded: Recorded, cloud: &Cloud, wrote| {
        let facts = facts(recorded, cloud.clone(), wrote);
        next(&Goal::Revoke, &Facts { role, create_may_land, ..facts })
    };
    let (ours, unseen) = (confirmed("forever"), Cloud::Unseen);
    let offer = Action::Transfer(Move::Offer);
    assert_eq!(plan(HAS_CANDIDATE, false, ours.clone(), &unseen, None), offer);
    assert_eq!(plan(HAS_CANDIDATE, false, Recorded::InDoubt, &unseen, None), offer);
    assert_eq!(plan(ALONE, false, ours.clone(), &unseen, None), Action::Delete);
    let nothing = plan(HAS_CANDIDATE, false, Recorded::Nothing, &unseen, None);
    assert_eq!(nothing, Action::RemoveFinalizer, "nothing to offer");
    assert_eq!(
        plan(HAS_CANDIDATE, true, Recorded::InDoubt, &unseen, None),
        failed(Reason::CreateInFlight),
        "the successor might be gone when the create lands"
    );
    let alone = plan(ALONE, true, Recorded::InDoubt, &unseen, None);
    assert_eq!(alone, Action::Delete, "nobody to offer it to: it looks after the delete");
    let deleted = Some(Write::Deleted);
    assert_eq!(plan(HAS_CANDIDATE, false, ours.clone(), &unseen, deleted), Action::Look);
    let absent = plan(HAS_CANDIDATE, false, ours, &Cloud::Absent, deleted);
    assert_eq!(absent, Action::RemoveFinalizer);
}

#[test]
fn an_owner_waits_for_its_successor_until_the_offer_is_over_or_taken() {
    let offering = |is_taken, goal: &Goal, offer_is_over| {
        let facts = facts(confirmed("forever"), Cloud::Unseen, None);
        let facts = Facts { role: Role::Offering { is_taken }, ..facts };
        plan(goal, &facts, noon(), offer_is_over)
    };
    let waits = Action::Rest(Rest::Offering);
    for goal in [Goal::Revoke, share("forever")] {
        assert_eq!(offering(false, &goal, false), waits, "{goal:?}");
        assert_eq!(offering(false, &goal, true), Action::Transfer(Move::Withdraw), "{goal:?}");
        assert_eq!(offering(true, &goal, false), waits, "{goal:?}");
        assert_eq!(offering(true, &goal, true), waits, "{goal:?}");
    }
    assert_eq!(offering(true, &Goal::Retain, true), Action::RemoveFinalizer);
}

#[test]
fn a_successor_takes_only_what_it_sees_and_could_have_made_its_own() {
    use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
    let (decline, take) = (Action::Transfer(Move::Decline), Action::Transfer(Move::Take));
    for (case, goal, cloud, expected) in [
        ("not seen yet", share("forever"), Cloud::Unseen, Action::Look),
        ("a list is not enough", share("forever"), listed("forever", true), Action::Look),
        ("as wanted", share("forever"), present("forever", true), take),
        ("to be changed", share("forever"), present("2027-02-01", true), take),
        ("not there", share("forever"), Cloud::Absent, decline),
        ("not seen, adopts", share_by("forever", Adopt), Cloud::Unseen, Action::Look),
        ("there, adopts", share_by("forever", Adopt), present("forever", true), take),
        ("not seen, only creates", share_by("forever", Create), Cloud::Unseen, decline),
        ("there, only creates", share_by("forever", Create), present("forever", true), decline),
        ("over", share_by("2026-12-31", CreateOrAdopt), present("2026-12-31", false), decline),
        ("deleted", Goal::Revoke, present("forever", true), decline),
    ] {
        let facts = intent_recorded(facts(Recorded::Nothing, cloud, None));
        let facts = Facts { role: Role::Offered, ..facts };
        assert_eq!(next(&goal, &facts), expected, "{case}");
    }
}

#[test]
fn who_takes_a_share_looks_updates_and_never_creates() {
    let taking = |goal: &Goal, recorded, cloud, wrote| {
        let facts = intent_recorded(facts(recorded, cloud, wrote));
        next(goal, &Facts { role: Role::Taking, ..facts })
    };
    let (forever, doubt) = (share("forever"), || Recorded::InDoubt);
    assert_eq!(taking(&forever, confirmed("2027-02-01"), Cloud::Unseen, None), Action::Look);
    assert_eq!(taking(&forever, Recorded::Nothing, Cloud::Unseen, None), Action::Look);
    assert_eq!(taking(&forever, doubt(), present("2027-02-01", true), None), Action::Update);
    let rests = Action::Rest(Rest::Shared);
    assert_eq!(taking(&forever, doubt(), present("forever", true), None), rests);
    let back = Action::Transfer(Move::GiveBack);
    assert_eq!(taking(&forever, doubt(), Cloud::Absent, None), back);
    assert_eq!(taking(&forever, doubt(), Cloud::Absent, Some(Write::Updated)), back);
    let revokes = taking(&Goal::Revoke, doubt(), Cloud::Unseen, None);
    assert_eq!(revokes, Action::Delete, "it offers to nobody what it took");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn the_way_to_a_share() {
    let (past, soon) = ("2026-12-31", "2027-01-01");
    for (case, deadline, facts, expected) in [
        (
            "nothing known, and recorded by the annotation: one POST, without asking first",
            "forever",
            intent_recorded(facts(Recorded::Nothing, Cloud::Unseen, None)),
            Action::Create,
        ),
        (
            "nothing known, by a status that claims nothing: the intent comes first",
            "forever",
            facts(Recorded::Nothing, Cloud::Unseen, None),
            Action::RecordIntent,
        ),
        (
            "recorded: a list will do",
            "forever",
            facts(confirmed("forever"), Cloud::Unseen, None),
            Action::List,
        ),
        (
            "listed as wanted",
            "forever",
            facts(confirmed("forever"), listed("forever", true), None),
            Action::Rest(Rest::Shared),
        ),
        (
            "listed otherwise: the list may be late",
            "forever",
            facts(confirmed("forever"), listed("2027-02-01", true), None),
            Action::Look,
        ),
        (
            "not listed: the list may end early",
            "forever",
            facts(confirmed("forever"), Cloud::Listed(None), None),
            Action::Look,
        ),
        (
            "listed as over, as it should be by now",
            past,
            facts(confirmed(past), listed(past, false), None),
            Action::Rest(Rest::Expired),
        ),
        (
            "listed as over before its time: for the cloud to say so itself",
            soon,
            facts(confirmed(soon), listed(soon, false), None),
            Action::Look,
        ),
        (
            "listed as over, with a deadline that is not the wanted one",
            past,
            facts(confirmed(past), listed("2026-12-30", false), None),
            Action::Look,
        ),
        (
            "recorded in doubt: look",
            "forever",
            facts(Recorded::InDoubt, Cloud::Unseen, None),
            Action::Look,
        ),
        (
            "recorded otherwise: the spec changed",
            "forever",
            facts(confirmed("2027-02-01"), Cloud::Unseen, None),
            Action::Update,
        ),
        (
            "after an update: look",
            "forever",
            facts(confirmed("2027-02-01"), Cloud::Unseen, Some(Write::Updated)),
            Action::Look,
        ),
        (
            "after a create that met a share: look",
            "forever",
            facts(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateConflicted)),
            Action::Look,
        ),
        (
            "as wanted",
            "forever",
            facts(Recorded::Nothing, present("forever", true), None),
            Action::Rest(Rest::Shared),
        ),
        (
            "as wanted but over",
            past,
            facts(Recorded::Nothing, present(past, false), None),
            Action::Rest(Rest::Expired),
        ),
        (
            "over, but the spec moved on: renew",
            "forever",
            intent_recorded(facts(Recorded::Nothing, present(past, false), None)),
            Action::Update,
        ),
        (
            "drifted",
            "forever",
            intent_recorded(facts(Recorded::Nothing, present("2027-02-01", true), None)),
            Action::Update,
        ),
        (
            "drifted, and the object claims nothing yet",
            "forever",
            facts(Recorded::Nothing, present("2027-02-01", true), None),
            Action::RecordIntent,
        ),
        (
            "drifted, and confirmed before: it answers for the share already",
            "forever",
            facts(confirmed("forever"), present("2027-02-01", true), None),
            Action::Update,
        ),
        (
            "adopted, then made equal",
            "forever",
            intent_recorded(facts(
                Recorded::Nothing,
                present("2027-02-01", true),
                Some(Write::CreateConflicted),
            )),
            Action::Update,
        ),
        (
            "updated in vain: no loop",
            "forever",
            facts(Recorded::Nothing, present("2027-02-01", true), Some(Write::Updated)),
            failed(Reason::NotApplied),
        ),
        (
            "removed by another hand: the intent is recorded before a create is sent",
            "forever",
            facts(confirmed("forever"), Cloud::Absent, None),
            Action::RecordIntent,
        ),
        (
            "the intent is recorded",
            "forever",
            facts(Recorded::InDoubt, Cloud::Absent, None),
            Action::Create,
        ),
        (
            "gone at the update",
            "forever",
            facts(confirmed("2027-02-01"), Cloud::Absent, None),
            Action::RecordIntent,
        ),
        (
            "exists and does not",
            "forever",
            facts(Recorded::Nothing, Cloud::Absent, Some(Write::CreateConflicted)),
            failed(Reason::NotApplied),
        ),
        (
            "created in vain: no loop",
            "forever",
            facts(Recorded::Nothing, Cloud::Absent, Some(Write::Created)),
            failed(Reason::NotApplied),
        ),
        (
            "past, nothing known",
            past,
            facts(Recorded::Nothing, Cloud::Unseen, None),
            failed(Reason::DeadlinePassed),
        ),
        (
            "past, removed by another hand",
            past,
            facts(confirmed(past), Cloud::Absent, None),
            failed(Reason::DeadlinePassed),
        ),
        (
            "to be looked at first",
            "forever",
            Facts { look_first: true, ..facts(confirmed("forever"), Cloud::Unseen, None) },
            Action::Look,
        ),
        (
            "undone before: look",
            "forever",
            Facts { conflict_count: 1, ..facts(confirmed("forever"), Cloud::Unseen, None) },
            Action::Look,
        ),
    ] {
        assert_eq!(next(&share(deadline), &facts), expected, "{case}");
    }
}

#[test]
fn a_share_that_is_over_when_it_is_made_is_looked_at() {
    let next = |deadline| {
        let cloud = Cloud::created(&terms(deadline), noon());
        next(&share(deadline), &facts(Recorded::Nothing, cloud, Some(Write::Created)))
    };
    assert_eq!(next("2027-01-01"), Action::Rest(Rest::Shared));
    assert_eq!(next("2026-12-31"), Action::Look);
}

#[test]
fn the_finalizer_comes_before_any_write_and_stays_with_a_share_of_ours() {
    for (recorded, cloud) in [
        (Recorded::Nothing, Cloud::Unseen),
        (Recorded::Nothing, Cloud::Absent),
        (Recorded::Nothing, present("forever", true)),
        (Recorded::Nothing, present("2027-02-01", true)),
        (confirmed("forever"), Cloud::Unseen),
        (confirmed("2027-02-01"), Cloud::Unseen),
        (Recorded::InDoubt, Cloud::Unseen),
    ] {
        let facts = Facts { has_finalizer: false, ..facts(recorded, cloud, None) };
        assert_eq!(next(&share("forever"), &facts), Action::AddFinalizer, "{facts:?}");
    }
    let taken = facts(Recorded::Nothing, present("forever", true), None);
    let taken = Facts { has_finalizer: false, role: Role::Offered, ..taken };
    assert_eq!(next(&share("forever"), &taken), Action::AddFinalizer, "before it is taken");
    let facts = facts(Recorded::Nothing, Cloud::Unseen, None);
    let facts = Facts { has_finalizer: false, ..facts };
    let refused = next(&share("2026-12-31"), &facts);
    let expected = failed(Reason::DeadlinePassed);
    assert_eq!(refused, expected, "an object that is refused without a call needs no finalizer");
    let first = next(&share_by("forever", AdoptionPolicy::Create), &facts);
    assert_eq!(first, Action::Look, "looking needs no finalizer");
}

#[test]
fn the_intent_comes_before_any_write_that_the_object_does_not_speak_of() {
    use Certainty::{Confirmed, InDoubt, Nothing};
    let next = |role, cloud, says| {
        let facts = facts(Recorded::Nothing, cloud, None);
        next(&share("forever"), &Facts { role, says, ..facts })
    };
    let other = || present("2027-02-01", true);
    for (role, cloud, says, expected) in [
        (ALONE, Cloud::Absent, Nothing, Action::RecordIntent),
        (ALONE, Cloud::Absent, Confirmed, Action::RecordIntent),
        (ALONE, Cloud::Absent, InDoubt, Action::Create),
        (ALONE, other(), Nothing, Action::RecordIntent),
        (ALONE, other(), Confirmed, Action::Update),
        (ALONE, other(), InDoubt, Action::Update),
        (Role::Offered, other(), Nothing, Action::RecordIntent),
        (Role::Offered, other(), Confirmed, Action::Transfer(Move::Take)),
        (Role::Offered, other(), InDoubt, Action::Transfer(Move::Take)),
        (Role::Offered, Cloud::Absent, Nothing, Action::Transfer(Move::Decline)),
    ] {
        assert_eq!(next(role, cloud, says), expected, "{role:?} {says:?}");
    }
}

#[test]
fn what_becomes_of_a_share_that_exists_already() {
    use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
    let seen = |adoption, recorded, cloud| {
        let mut facts = intent_recorded(facts(recorded, Cloud::Unseen, None));
        facts.saw(cloud);
        next(&share_by("forever", adoption), &facts)
    };
    let (nothing, other) = (|| Recorded::Nothing, || present("2027-02-01", true));
    assert_eq!(seen(CreateOrAdopt, nothing(), other()), Action::Update);
    assert_eq!(seen(Adopt, nothing(), other()), Action::Update);
    assert_eq!(seen(Create, nothing(), other()), failed(Reason::AlreadyExists));
    let same = seen(Create, nothing(), present("forever", true));
    assert_eq!(same, failed(Reason::AlreadyExists));
    assert_eq!(seen(Adopt, nothing(), Cloud::Absent), failed(Reason::NothingToAdopt));
    assert_eq!(seen(Create, nothing(), Cloud::Absent), Action::Create);
    for recorded in [Recorded::InDoubt, confirmed("forever")] {
        let next = seen(Create, recorded, present("forever", true));
        assert_eq!(next, Action::Rest(Rest::Shared), "a lost answer is no foreign share");
    }
}

#[test]
fn a_repair_is_given_up_when_it_is_undone_again_and_again() {
    for cloud in [Cloud::Absent, present("2027-02-01", true)] {
        let facts = facts(confirmed("forever"), cloud, None);
        let next =
            |conflict_count| next(&share("forever"), &Facts { conflict_count, ..facts.clone() });
        let given_up = failed(Reason::ExternalConflict);
        assert_ne!(next(CONFLICTS_MAX - 2), given_up);
        assert_eq!(next(CONFLICTS_MAX - 1), given_up);
        assert_eq!(next(CONFLICTS_MAX), given_up);
    }
}

#[test]
fn only_an_object_that_is_refused_with_certainly_nothing_in_the_cloud_needs_no_finalizer() {
    let fresh = facts(Recorded::Nothing, Cloud::Unseen, None);
    let doubt = facts(Recorded::InDoubt, Cloud::Unseen, None);
    let sent = facts(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateInDoubt));
    let gone = facts(confirmed("forever"), Cloud::Absent, None);
    let late = Facts { create_may_land: true, ..facts(Recorded::InDoubt, Cloud::Absent, None) };
    let just_written = Facts { is_fresh: true, ..gone.clone() };
    let met = facts(Recorded::Nothing, Cloud::Unseen, Some(Write::CreateConflicted));
    let seen = Facts { is_foreign: true, ..met.clone() };
    let met_again = facts(Recorded::InDoubt, Cloud::Unseen, Some(Write::CreateConflicted));
    let landing = Facts { create_may_land: true, ..fresh.clone() };
    for (facts, reason, expected) in [
        (&fresh, Reason::Forbidden, true),
        (&fresh, Reason::HostNotFound, false),
        (&fresh, Reason::Throttled, false),
        (&fresh, Reason::Timeout, false),
        (&fresh, Reason::Suspended, false),
        (&landing, Reason::Forbidden, false),
        (&doubt, Reason::Forbidden, false),
        (&sent, Reason::Forbidden, false),
        (&gone, Reason::NothingToAdopt, true),
        (&gone, Reason::Timeout, false),
        (&late, Reason::InvalidAccount, false),
        (&just_written, Reason::NothingToAdopt, false),
        (&met, Reason::Timeout, false),
        (&met, Reason::NotApplied, false),
        (&met, Reason::Forbidden, true),
        (&seen, Reason::Timeout, false),
        (&seen, Reason::AlreadyExists, true),
        (&met_again, Reason::Timeout, false),
        (&met_again, Reason::Forbidden, false),
    ] {
        assert_eq!(is_finalizer_idle(facts, reason), expected, "{facts:?} {reason:?}");
    }
}

#[test]
fn a_duplicate_needs_no_finalizer_for_what_the_owner_answers_for_or_what_never_was() {
    let idle = |owner_answers, recorded, create_may_land, reason| {
        let role = Role::Duplicate { owner_answers };
        let facts = facts(recorded, Cloud::Unseen, None);
        is_finalizer_idle(&Facts { role, create_may_land, ..facts }, reason)
    };
    let duplicate = Reason::DuplicateShare;
    assert!(idle(true, Recorded::InDoubt, false, duplicate));
    assert!(idle(true, confirmed("forever"), false, duplicate));
    assert!(idle(false, Recorded::Nothing, false, duplicate));
    assert!(!idle(false, Recorded::InDoubt, false, duplicate));
    assert!(!idle(false, confirmed("forever"), false, duplicate));
    assert!(!idle(true, Recorded::InDoubt, true, duplicate), "it may land yet");
    assert!(!idle(false, Recorded::Nothing, true, duplicate), "it may land yet");
    assert!(!idle(true, Recorded::InDoubt, false, Reason::InvalidSpec));
    assert!(idle(true, Recorded::Nothing, false, Reason::InvalidSpec));
    let owner = facts(confirmed("forever"), Cloud::Unseen, None);
    assert!(!is_finalizer_idle(&owner, duplicate), "an owner is no duplicate");
}

#[test]
fn the_way_out() {
    let (deleted, unseen) = (Some(Write::Deleted), || Cloud::Unseen);
    let late = facts(Recorded::InDoubt, Cloud::Absent, deleted);
    for (case, facts, expected) in [
        ("first delete", facts(confirmed("forever"), unseen(), None), Action::Delete),
        ("never made", facts(Recorded::Nothing, unseen(), None), Action::RemoveFinalizer),
        (
            "a create may still land",
            Facts { create_may_land: true, ..late },
            failed(Reason::CreateInFlight),
        ),
        ("then look", facts(Recorded::Nothing, unseen(), deleted), Action::Look),
        ("then go", facts(Recorded::Nothing, Cloud::Absent, deleted), Action::RemoveFinalizer),
        ("was not there", facts(Recorded::Nothing, Cloud::Absent, None), Action::RemoveFinalizer),
        (
            "deleted in vain",
            facts(Recorded::Nothing, present("forever", true), deleted),
            failed(Reason::NotApplied),
        ),
        ("there", facts(Recorded::InDoubt, present("forever", true), None), Action::Delete),
    ] {
        assert_eq!(next(&Goal::Revoke, &facts), expected, "{case}");
    }
    let with = facts(confirmed("forever"), unseen(), None);
    assert_eq!(next(&Goal::Retain, &with), Action::RemoveFinalizer);
    let without = Facts { has_finalizer: false, ..with };
    for role in [ALONE, DUPLICATE, Role::Offered, Role::Taking] {
        let without = Facts { role, ..without.clone() };
        assert_eq!(next(&Goal::Retain, &without), Action::Rest(Rest::Gone), "{role:?}");
        assert_eq!(next(&Goal::Revoke, &without), Action::Rest(Rest::Gone), "{role:?}");
    }
}

#[test]
fn an_object_goes_unrevoked_only_without_a_share_or_after_the_grace() {
    let never = facts(Recorded::Nothing, Cloud::Unseen, None);
    let worked = facts(confirmed("forever"), Cloud::Unseen, None);
    let doubt = facts(Recorded::InDoubt, Cloud::Unseen, None);
    let shown = Facts { has_shown_the_share: true, ..worked.clone() };
    let grace = Some(Duration::from_mins(10));
    let (soon, late) = (Duration::from_mins(9), Duration::from_mins(10));
    for (facts, reason, waited, grace, expected) in [
        (&never, Reason::SecretNotFound, soon, grace, Departure::Go),
        (&never, Reason::Unauthorized, soon, grace, Departure::Go),
        (&never, Reason::HostNotFound, soon, grace, Departure::Go),
        (&never, Reason::Timeout, late, grace, Departure::Go),
        (&never, Reason::CreateInFlight, late, grace, Departure::Stay),
        (&never, Reason::DuplicateShare, late, grace, Departure::Stay),
        (&worked, Reason::HostNotFound, late, grace, Departure::Stay),
        (&shown, Reason::RepositoryNotFound, soon, grace, Departure::Go),
        (&shown, Reason::OrganizationNotFound, soon, grace, Departure::Go),
        (&worked, Reason::RepositoryNotFound, soon, grace, Departure::Stay),
        (&worked, Reason::OrganizationNotFound, soon, grace, Departure::Stay),
        (&doubt, Reason::RepositoryNotFound, late, grace, Departure::Orphan),
        (&worked, Reason::InvalidAccount, soon, grace, Departure::Go),
        (&worked, Reason::SecretNotFound, soon, grace, Departure::Stay),
        (&worked, Reason::SecretNotFound, late, grace, Departure::Orphan),
        (&worked, Reason::Forbidden, late, grace, Departure::Orphan),
        (&worked, Reason::DuplicateShare, late, grace, Departure::Stay),
        (&doubt, Reason::Unauthorized, late, grace, Departure::Orphan),
        (&worked, Reason::SecretNotFound, late, None, Departure::Stay),
        (&worked, Reason::ServerError, late, grace, Departure::Stay),
        (&worked, Reason::Throttled, late, grace, Departure::Stay),
    ] {
        let found = departure(facts, reason, waited, grace);
        assert_eq!(found, expected, "{facts:?} {reason:?} {waited:?}");
    }
}
