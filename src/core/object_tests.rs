use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::fixtures::{fresh, id, noon, shared, spec, with_spec, with_status};
use super::*;
use crate::core::record::Certainty;
use crate::reason::Reason;

fn live() -> ImageShare {
    let mut object = ImageShare::new("a", spec());
    object.metadata.uid = Some("u".into());
    object
}

#[test]
fn an_object_is_read_from_its_metadata() {
    let mut object = live();
    let bare = Object { status: None, generation: 0, ..fresh() };
    assert_eq!(Object::of(&object), bare);
    object.status = fresh().own_status().cloned();
    object.metadata.generation = Some(7);
    object.metadata.finalizers = Some(vec!["another".into()]);
    object.metadata.deletion_timestamp = Some(Time(noon()));
    let read = Object { generation: 7, is_deleting: true, ..fresh() };
    assert_eq!(Object::of(&object), read);
    object.metadata.finalizers = Some(vec!["another".into(), FINALIZER.into()]);
    let annotate = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let requested = annotate(RECONCILE_REQUESTED_AT, "now");
    object.metadata.annotations = Some([requested.clone(), annotate(CREATE_INTENT, "u")].into());
    let requested_at = Some("now".to_owned());
    let read = Object { has_finalizer: true, has_intent: true, requested_at, ..read };
    assert_eq!(Object::of(&object), read);
    object.metadata.annotations = Some([requested, annotate(CREATE_INTENT, "another")].into());
    assert_eq!(Object::of(&object), Object { has_intent: false, ..read });
}

#[test]
fn an_object_without_a_uid_has_no_intent() {
    let mut object = live();
    object.metadata.uid = None;
    assert!(!Object::of(&object).has_intent);
}

#[test]
fn the_status_of_another_life_says_nothing() {
    let object = shared("forever");
    assert!(object.own_status().is_some());
    let said = |object_uid: Option<&str>| {
        let object_uid = object_uid.map(str::to_owned);
        let status = ImageShareStatus { object_uid, ..object.own_status().unwrap().clone() };
        with_status(object.clone(), status)
    };
    assert!(said(None).own_status().is_some(), "of an older version");
    assert!(said(Some("another")).own_status().is_none());
    assert_eq!(said(Some("another")).recorded(), Recorded::InDoubt, "by the annotation");
    assert!(Object { status: None, ..object }.own_status().is_none());
}

#[test]
fn a_pass_is_requested_by_each_new_value_of_the_annotation() {
    let request = |value: &str, handled: Option<&str>| {
        let object = shared("forever");
        let last_handled_reconcile_at = handled.map(str::to_owned);
        let status = object.own_status().unwrap().clone();
        let status = ImageShareStatus { last_handled_reconcile_at, ..status };
        Object { requested_at: Some(value.into()), ..with_status(object, status) }
    };
    let new = "new".to_owned();
    assert_eq!(request("new", None).requested(), Some(&new));
    assert_eq!(request("new", Some("old")).requested(), Some(&new));
    assert_eq!(request("new", Some("new")).requested(), None);
    assert_eq!(request("", None).requested(), None);
    assert_eq!(Object { requested_at: None, ..request("new", None) }.requested(), None);
    let first = Object { status: None, ..request("new", None) };
    assert_eq!(first.requested(), None, "nobody asks for the first pass");
}

#[test]
fn the_region_is_fixed_by_the_first_record() {
    let nowhere = |object| with_spec(object, |spec| spec.region = None);
    let elsewhere = ShareId { region: "other".into(), ..id() };
    assert_eq!(nowhere(shared("forever")).share_id(Some("other")), Ok(id()));
    assert_eq!(nowhere(fresh()).share_id(Some("other")), Ok(elsewhere));
    assert_eq!(fresh().share_id(Some("other")), Ok(id()));
    let unknown = nowhere(fresh()).share_id(None).unwrap_err();
    assert_eq!(unknown.reason, Reason::RegionUnknown);
}

#[test]
fn what_an_object_wants_follows_from_its_policies_and_whether_it_is_deleted() {
    use DeletionPolicy::{Delete, Retain};
    use ManagementPolicy::{Full, Observe};
    for (is_deleting, deletion, management, expected) in [
        (true, Delete, Full, Some(Goal::Revoke)),
        (true, Retain, Full, Some(Goal::Retain)),
        (true, Delete, Observe, Some(Goal::Retain)),
        (true, Retain, Observe, Some(Goal::Retain)),
        (false, Delete, Full, None),
        (false, Retain, Observe, None),
    ] {
        let object = with_spec(fresh(), |spec| {
            (spec.deletion_policy, spec.management_policy) = (deletion, management);
        });
        let share = Goal::Share(desired::desired(&object.spec).unwrap(), spec().adoption_policy);
        let object = Object { is_deleting, ..object };
        assert_eq!(object.is_observing(), management == Observe);
        assert_eq!(object.goal(), Ok(expected.unwrap_or(share)), "{object:?}");
    }
    let bad = with_spec(fresh(), |spec| spec.deadline = "one day".into());
    assert_eq!(bad.goal().unwrap_err().reason, Reason::InvalidSpec);
    let deleted = Object { is_deleting: true, ..bad };
    assert_eq!(deleted.goal(), Ok(Goal::Revoke), "a bad deadline never blocks a deletion");
}

#[test]
fn a_deletion_is_not_suspended() {
    let suspended = with_spec(fresh(), |spec| spec.suspend = true);
    assert!(suspended.is_suspended());
    assert!(!Object { is_deleting: true, ..suspended }.is_suspended());
    assert!(!fresh().is_suspended());
}

#[test]
fn an_object_claims_its_share_unless_it_observes_or_is_as_good_as_gone() {
    let claim = |object: Object| object.claim("a", noon());
    let claimed = Claim {
        who: "a",
        record: Certainty::Confirmed,
        created: noon(),
        is_deleting: false,
        has_finalizer: true,
    };
    assert_eq!(claim(shared("forever")), Some(claimed.clone()));
    let deleted = Object { is_deleting: true, ..shared("forever") };
    assert_eq!(claim(deleted.clone()), Some(Claim { is_deleting: true, ..claimed.clone() }));
    assert_eq!(claim(Object { has_finalizer: false, ..deleted }), None);
    let record = Certainty::Nothing;
    assert_eq!(claim(fresh()), Some(Claim { record, has_finalizer: false, ..claimed }));
    let observes = |spec: &mut ImageShareSpec| spec.management_policy = ManagementPolicy::Observe;
    assert_eq!(claim(with_spec(shared("forever"), observes)), None);
}

#[test]
fn a_fingerprint_changes_with_all_that_makes_a_pass_worth_while_and_with_nothing_else() {
    let of = |object: &Object, place: &Place| Fingerprint::of(object, place);
    let object = shared("forever");
    let same = of(&object, &Place::ALONE);
    let requested_at = Some("now".to_owned());
    let other = Some("ns/other".to_owned());
    for different in [
        of(&Object { generation: 2, ..object.clone() }, &Place::ALONE),
        of(&Object { has_finalizer: false, ..object.clone() }, &Place::ALONE),
        of(&Object { requested_at, ..object.clone() }, &Place::ALONE),
        of(&object, &Place { role: Role::Offered, other: None }),
        of(&object, &Place { other, ..Place::ALONE }),
    ] {
        assert_ne!(different, same);
    }
    assert_eq!(of(&Object { status: None, has_intent: false, ..object }, &Place::ALONE), same);
}

#[test]
fn a_request_is_the_same_until_the_spec_or_the_annotation_changes() {
    let first = Fingerprint::of(&shared("forever"), &Place::ALONE);
    assert!(first.is_same_request(Fingerprint { has_finalizer: false, place: 0, ..first }));
    assert!(!first.is_same_request(Fingerprint { generation: 2, ..first }));
    assert!(!first.is_same_request(Fingerprint { requested: 0, ..first }));
}
