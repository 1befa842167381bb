use super::super::fixtures::{
    confirmed, facts, fresh, id, listed, present, remote, shared, spec, status, terms, with_status,
};
use super::*;
use crate::core::status::Outcome;
use crate::reason::Reason;

fn nothing(cloud: Cloud, wrote: Option<Write>) -> Facts {
    facts(Recorded::Nothing, cloud, wrote)
}

fn seen(deadline: &str) -> ShareStatus {
    share_status(&id(), &remote(deadline, true))
}

fn unsure(deadline: &str) -> ShareStatus {
    in_doubt(&id(), &terms(deadline))
}

/// An object with this status, and whether it has our finalizer and its own intent.
fn object(status: Option<ImageShareStatus>, has_finalizer: bool, has_intent: bool) -> Object {
    let status = status.map(std::sync::Arc::new);
    Object { status, has_finalizer, has_intent, ..fresh() }
}

fn saying(adopted: Option<bool>, share: Option<ShareStatus>) -> ImageShareStatus {
    status(&Outcome::advised(Reason::Shared), Record { share, adopted })
}

#[test]
fn a_status_of_this_very_object_decides_alone() {
    let unreadable = ShareStatus { deadline: "one day".into(), ..seen("forever") };
    for (adopted, share, expected) in [
        (None, None, Recorded::Nothing),
        (None, Some(seen("forever")), Recorded::Nothing),
        (Some(true), None, Recorded::InDoubt),
        (Some(false), Some(unsure("forever")), Recorded::InDoubt),
        (Some(false), Some(seen("forever")), confirmed("forever")),
        (Some(true), Some(seen("2027-03-31")), confirmed("2027-03-31T23:59:59Z")),
        (Some(false), Some(unreadable), Recorded::InDoubt),
    ] {
        for (has_finalizer, has_intent) in [(false, false), (true, false), (true, true)] {
            let status = saying(adopted, share.clone());
            let object = object(Some(status), has_finalizer, has_intent);
            assert_eq!(recorded(&object), expected, "{object:?}");
        }
    }
}

#[test]
fn without_a_status_of_its_own_the_finalizer_with_its_intent_means_in_doubt() {
    let claims = saying(Some(false), Some(seen("forever")));
    let of_another = ImageShareStatus { object_uid: Some("another".into()), ..claims };
    let nobody_looked = fresh().status.as_deref().cloned();
    for status in [None, nobody_looked, Some(of_another)] {
        for (has_finalizer, has_intent, expected) in [
            (true, true, Recorded::InDoubt),
            (true, false, Recorded::Nothing),
            (false, true, Recorded::Nothing),
            (false, false, Recorded::Nothing),
        ] {
            let object = object(status.clone(), has_finalizer, has_intent);
            assert_eq!(recorded(&object), expected, "{object:?}");
        }
    }
}

#[test]
fn a_record_of_an_older_version_without_a_uid_is_believed() {
    for (adopted, share, expected) in [
        (Some(false), Some(seen("forever")), confirmed("forever")),
        (Some(true), Some(unsure("forever")), Recorded::InDoubt),
        (Some(true), None, Recorded::InDoubt),
        (None, Some(seen("forever")), Recorded::Nothing),
    ] {
        let status = ImageShareStatus { object_uid: None, ..saying(adopted, share) };
        assert_eq!(recorded(&object(Some(status), true, false)), expected, "{adopted:?}");
    }
}

#[test]
fn a_share_that_was_only_looked_at_is_not_the_objects_own() {
    for (adopted, share, expected) in [
        (None, Some(seen("forever")), true),
        (None, None, false),
        (Some(true), Some(seen("forever")), false),
        (Some(false), None, false),
    ] {
        assert_eq!(is_only_seen(Some(&saying(adopted, share))), expected, "{adopted:?}");
    }
    assert!(!is_only_seen(None));
}

#[test]
fn a_record_is_what_a_status_says() {
    let share = Some(seen("forever"));
    let status = saying(Some(true), share.clone());
    assert_eq!(Record::of(Some(&status)), Record { share, adopted: Some(true) });
    assert_eq!(Record::of(None), Record::default());
    let made = Record::confirmed(&id(), &terms("forever"));
    assert_eq!(made, Record { share: Some(seen("forever")), adopted: Some(false) });
    let object = shared("forever");
    assert_eq!(
        recorded(&with_status(object, saying(made.adopted, made.share))),
        confirmed("forever")
    );
}

#[test]
fn an_intent_names_the_share_and_its_terms_and_leaves_open_whether_it_is_valid() {
    let intent = |is_foreign, adopted, deadline: &str| {
        let facts = Facts { is_foreign, ..nothing(Cloud::Unseen, None) };
        let spec = ImageShareSpec { deadline: deadline.into(), ..spec() };
        Record::of_intent(&facts, adopted, &id(), &spec)
    };
    let plain = Record { share: Some(unsure("forever")), adopted: Some(false) };
    assert_eq!(intent(false, None, "forever"), plain);
    assert_eq!(intent(true, None, "forever"), Record { adopted: Some(true), ..plain.clone() });
    assert_eq!(intent(true, Some(false), "forever"), plain, "what was said before stands");
    assert_eq!(intent(false, Some(true), "forever").adopted, Some(true));
    let day = intent(false, None, "2027-03-31").share.unwrap();
    assert_eq!(day.deadline, "2027-03-31T23:59:59Z");
    let unusable = intent(false, None, "one day").share.unwrap();
    assert_eq!(unusable.deadline, "one day");
}

#[test]
fn when_and_by_whom_a_share_was_made_is_never_worth_a_write_of_its_own() {
    let before = share_after(&nothing(present("2027-03-31", true), None), &id(), None, None);
    let looked = RemoteShare {
        created: Some("2026-01-01T00:00:00Z".into()),
        updated: Some("2026-01-01T00:00:00Z".into()),
        creator: Some("admin".into()),
        ..remote("2027-03-31T00:00:00Z", true)
    };
    let after = |share: &RemoteShare| {
        let facts = nothing(Cloud::Present(share.clone()), None);
        share_after(&facts, &id(), None, before.as_ref())
    };
    assert_eq!(after(&looked), before);
    let over = after(&RemoteShare { valid: false, ..looked.clone() }).unwrap();
    let all = (over.created_at, over.updated_at, over.creator);
    assert_eq!(
        all,
        (looked.created.clone(), looked.updated.clone(), Some("admin".to_owned())),
        "taken along when something of weight changes"
    );
    let listed = nothing(Cloud::Listed(Some(looked)), None);
    assert_eq!(share_after(&listed, &id(), None, before.as_ref()), before, "nor of a list");
}

#[test]
fn a_record_of_another_share_or_one_that_cannot_be_read_is_written_anew() {
    let facts = nothing(present("forever", true), None);
    let now = Some(seen("forever"));
    let elsewhere = ShareStatus { region: "other".into(), ..now.clone().unwrap() };
    let unreadable = ShareStatus { deadline: "one day".into(), ..now.clone().unwrap() };
    for before in [elsewhere, unreadable] {
        assert_eq!(share_after(&facts, &id(), None, Some(&before)), now, "{before:?}");
    }
}

#[test]
fn a_create_in_doubt_is_recorded_as_such_and_dropped_only_by_evidence() {
    let wanted = terms("forever");
    let doubt = nothing(Cloud::Unseen, Some(Write::CreateInDoubt));
    let share = share_after(&doubt, &id(), Some(&wanted), None);
    assert_eq!(share, Some(unsure("forever")));
    let object = object(Some(saying(Some(false), share.clone())), true, false);
    assert_eq!(recorded(&object), Recorded::InDoubt);
    let after = |facts: &Facts| share_after(facts, &id(), Some(&wanted), share.as_ref());
    assert_eq!(after(&nothing(Cloud::Absent, None)), None);
    assert_eq!(after(&nothing(Cloud::Unseen, None)), share);
    assert_eq!(after(&nothing(Cloud::Listed(None), None)), share);
    let confirmed = Some(seen("2027-03-31"));
    let retained = ShareStatus { valid: None, ..confirmed.clone().unwrap() };
    for facts in [
        Facts { is_fresh: true, ..nothing(Cloud::Absent, None) },
        Facts { create_may_land: true, ..nothing(Cloud::Absent, None) },
        Facts { may_have_written: true, ..nothing(Cloud::Absent, None) },
    ] {
        let after = share_after(&facts, &id(), Some(&wanted), confirmed.as_ref());
        assert_eq!(after.as_ref(), Some(&retained), "it may not show yet, or land: {facts:?}");
    }
}

#[test]
fn while_a_create_may_land_nothing_counts_as_confirmed() {
    for cloud in [present("forever", true), listed("forever", true)] {
        let facts = Facts { create_may_land: true, ..facts(Recorded::InDoubt, cloud, None) };
        assert_eq!(share_after(&facts, &id(), None, None), Some(unsure("forever")));
    }
}

#[test]
fn after_an_update_the_record_is_what_the_cloud_said() {
    let before = Some(seen("2030-03-31"));
    let cut = nothing(present("2030-03-31T00:00:00Z", true), Some(Write::Updated));
    let after = share_after(&cut, &id(), None, before.as_ref()).unwrap();
    assert_eq!(after.deadline, "2030-03-31T00:00:00Z", "or the next pass would update again");
}

#[test]
fn a_share_counts_as_adopted_only_if_it_was_there_before_and_taken() {
    let mut met = nothing(Cloud::Unseen, Some(Write::CreateConflicted));
    met.saw(present("forever", true));
    let there = || present("forever", true);
    let both = AdoptionPolicy::CreateOrAdopt;
    let late = Facts { is_fresh: true, ..nothing(Cloud::Absent, None) };
    for (facts, policy, before, expected) in [
        (&met, both, None, Some(true)),
        (&met, AdoptionPolicy::Adopt, None, Some(true)),
        (&met, AdoptionPolicy::Create, None, None),
        (&nothing(there(), Some(Write::Created)), both, None, Some(false)),
        (&nothing(there(), None), both, None, Some(false)),
        (&nothing(there(), None), both, Some(true), Some(true)),
        (&nothing(Cloud::Unseen, Some(Write::CreateInDoubt)), both, None, Some(false)),
        (&nothing(Cloud::Unseen, Some(Write::CreateInDoubt)), both, Some(true), Some(false)),
        (&nothing(Cloud::Absent, None), both, Some(true), None),
        (&late, both, Some(true), Some(true)),
        (&nothing(Cloud::Unseen, None), both, Some(true), Some(true)),
        (&nothing(Cloud::Unseen, None), both, None, None),
        (&nothing(listed("forever", true), None), both, None, None),
    ] {
        assert_eq!(adopted_after(facts, policy, before), expected, "{facts:?} {before:?}");
    }
}

#[test]
fn a_record_names_its_share() {
    assert_eq!(share_id(&seen("forever")), id());
}
