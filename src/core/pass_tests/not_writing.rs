//! Objects that only look, or for which nothing is done.

use super::*;

fn suspended(object: Object) -> Object {
    with_spec(object, |spec| spec.suspend = true)
}

fn observing(object: Object) -> Object {
    with_spec(object, |spec| spec.management_policy = ManagementPolicy::Observe)
}

#[test]
fn nobody_is_called_for_a_suspended_object_and_its_record_stays() {
    let walked = walk(
        again(suspended(shared("forever"))),
        [("status Suspended: confirmed created forever", Well)],
        "",
    );
    assert_eq!(walked.end.come_back, None);
    walk(walked.next(), [], "");
    walk(
        start(suspended(fresh())),
        [("credentials to keep", Well), ("status Suspended: nothing", Well)],
        "",
    );
    let deleted = deleted(suspended(shared("forever")));
    walk(
        again(deleted),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn credentials_are_kept_only_for_a_share_that_can_be_named_and_is_not_being_revoked() {
    let nowhere = with_spec(suspended(fresh()), |spec| spec.region = None);
    walk(start(nowhere), [("status Suspended: nothing", Well)], "");
    walk(
        start(deleted(suspended(shared("forever")))),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

/// Who suspends an object in the middle of its first create does not make it forget the share.
#[test]
fn a_suspended_object_says_what_so_far_only_its_annotation_did() {
    let marked = Object { has_finalizer: true, has_intent: true, ..suspended(fresh()) };
    let walked = walk(
        start(marked),
        [("credentials to keep", Well), ("status Suspended: in doubt created forever", Well)],
        "",
    );
    assert_eq!(walked.object.recorded(), Recorded::InDoubt);
}

#[test]
fn a_suspended_object_handles_no_request() {
    let requested_at = Some("now".to_owned());
    let walked = walk(
        again(Object { requested_at, ..suspended(shared("forever")) }),
        [("status Suspended: confirmed created forever", Well)],
        "",
    );
    assert_eq!(walked.object.own_status().unwrap().last_handled_reconcile_at, None);
}

#[test]
fn who_only_observes_says_what_would_be_done() {
    let walked = walk(
        start(observing(fresh())),
        [("credentials; look", saw_nothing()), ("status ActionPending: nothing", Well)],
        "back in 600s",
    );
    let pending = walked.object.own_status().unwrap().pending_action.clone().unwrap();
    assert_eq!((pending.action.as_str(), pending.changes.len()), ("Create", 1));
    let walked = walk(
        walked.next(),
        [
            ("credentials; look", saw("2027-02-01")),
            ("status ActionPending: seen 2027-02-01T23:59:59Z", Well),
        ],
        "back in 600s",
    );
    let pending = walked.object.own_status().unwrap().pending_action.clone().unwrap();
    assert_eq!((pending.action.as_str(), pending.changes.len()), ("Update", 1));
    let walked = walk(
        walked.next(),
        [("credentials; look", saw("forever")), ("status Shared: seen forever", Well)],
        "back in 600s",
    );
    assert_eq!(walked.object.own_status().unwrap().pending_action, None);
}

#[test]
fn who_has_come_to_observe_keeps_its_record_until_the_share_is_gone() {
    let walked = walk(
        again(observing(shared("forever"))),
        [("credentials; look", saw("forever"))],
        "back in 600s",
    );
    walk(
        walked.next(),
        [
            ("credentials; look", saw_nothing()),
            ("remove finalizer", Well),
            ("status ActionPending: nothing", Well),
        ],
        "back in 600s",
    );
    walk(
        again(deleted(observing(shared("forever")))),
        [("remove finalizer", Well)],
        "forgotten, released",
    );
}

/// An object that only observed so far, and saw this share.
fn observed(deadline: &str) -> Object {
    let share = Record::confirmed(&id(), &terms(deadline)).share;
    let record = Record { share, adopted: None };
    with_status(fresh(), status(&Outcome::advised(Reason::ActionPending), record))
}

#[test]
fn who_observes_no_more_looks_before_it_creates() {
    walk(
        again(observed("forever")),
        [
            ("credentials; look", saw("forever")),
            ("add finalizer", Well),
            ("event Adopted", Well),
            ("status Shared: confirmed adopted forever", Well),
        ],
        "back in 600s",
    );
}

#[test]
fn who_observes_no_more_and_changes_what_was_there_says_that_it_adopted_it() {
    walk(
        again(observed("2027-02-01")),
        [
            ("credentials; look", saw("2027-02-01")),
            ("add finalizer", Well),
            ("status ActionPending: in doubt adopted forever", Well),
            ("crd; update forever; look", saw("forever")),
            ("event Adopted", Well),
            ("status Shared: confirmed adopted forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn a_spec_that_cannot_be_served_is_refused_without_a_call() {
    let bad = edited(fresh(), "one day");
    walk(again(bad), [("status InvalidSpec: nothing", Well)], "back in 18s");
    let bad = edited(shared("forever"), "one day");
    walk(again(bad), [("status InvalidSpec: confirmed created forever", Well)], "back in 18s");
    let nowhere = with_spec(fresh(), |spec| spec.region = None);
    walk(start(nowhere), [("status RegionUnknown: nothing", Well)], "back in 18s");
}

#[test]
fn a_deadline_that_has_passed_is_refused_without_a_call_to_the_cloud() {
    let walked = walk(
        start(edited(fresh(), "2026-12-31")),
        [("status DeadlinePassed: nothing", Well)],
        "back in 18s",
    );
    assert!(walked.message().contains("(spec.deadline)"), "{}", walked.message());
}
