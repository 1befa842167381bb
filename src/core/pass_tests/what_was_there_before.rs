//! A share that was there before the object.

use super::*;

#[test]
fn a_share_that_exists_is_adopted_where_that_is_welcome() {
    let walked = walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", exists_already()),
            ("look", saw("2027-02-01")),
            ("crd; update forever; look", saw("forever")),
            ("event Adopted", Well),
            ("status Shared: confirmed adopted forever", Well),
        ],
        "wrote, back in 600s",
    );
    let note = "took over the share of group/tools/busybox with demo, which existed already";
    assert_eq!(walked.events, [Event::Adopted(note.into())]);
}

#[test]
fn an_update_without_an_answer_may_have_adopted_what_was_there_before() {
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", exists_already()),
            ("look", saw("2027-02-01")),
            ("crd; update forever", update_failed(Reason::Timeout)),
            ("status Timeout: in doubt adopted forever", Well),
        ],
        "failed 1, back in 1s",
    );
}

#[test]
fn an_update_that_is_refused_for_good_has_adopted_nothing() {
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", exists_already()),
            ("look", saw("2027-02-01")),
            ("crd; update forever", update_failed(Reason::Forbidden)),
            ("remove finalizer", Well),
            ("status Forbidden: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn who_only_adopts_looks_first_and_creates_nothing() {
    let object = || with_policy(fresh(), AdoptionPolicy::Adopt);
    walk(
        start(object()),
        [
            ("credentials; look", saw("forever")),
            ("add finalizer", Well),
            ("event Adopted", Well),
            ("status Shared: confirmed adopted forever", Well),
        ],
        "back in 600s",
    );
    walk(
        start(object()),
        [("credentials; look", saw_nothing()), ("status NothingToAdopt: nothing", Well)],
        "refused with 1, back in 18s",
    );
}

#[test]
fn who_only_creates_leaves_a_foreign_share_and_needs_no_finalizer() {
    walk(
        start(creates_only(fresh())),
        [("credentials; look", saw("forever")), ("status AlreadyExists: seen forever", Well)],
        "refused with 1, back in 18s",
    );
    walk(
        start(creates_only(fresh())),
        [
            ("credentials; look", saw_nothing()),
            ("add finalizer; crd; create forever", exists_already()),
            ("look", saw("forever")),
            ("remove finalizer", Well),
            ("status AlreadyExists: seen forever", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn who_only_creates_claims_nothing_of_a_create_that_was_not_sent() {
    walk(
        start(creates_only(fresh())),
        [
            ("credentials; look", saw_nothing()),
            ("add finalizer; crd; create forever", exists_already()),
            ("look", look_failed(Reason::Timeout)),
            ("status Timeout: nothing", Well),
        ],
        "failed 1, back in 1s",
    );
}

#[test]
fn a_restored_finalizer_proves_nothing() {
    let restored = || Object { has_finalizer: true, ..fresh() };
    walk(
        start(restored()),
        [
            ("credentials", Well),
            ("status NotReconciled: in doubt created forever", Well),
            ("crd; create forever", exists_already()),
            ("look", saw("forever")),
            ("event Adopted", Well),
            ("status Shared: confirmed adopted forever", Well),
        ],
        "back in 600s",
    );
    walk(
        start(creates_only(restored())),
        [
            ("credentials; look", saw("forever")),
            ("remove finalizer", Well),
            ("status AlreadyExists: seen forever", Well),
        ],
        "refused with 1, back in 18s",
    );
    walk(start(deleted(restored())), [("crd; remove finalizer", Well)], "forgotten, released");
}

#[test]
fn a_restored_status_of_another_uid_claims_nothing() {
    let restored = || of_another_life(shared("forever"));
    walk(start(deleted(restored())), [("crd; remove finalizer", Well)], "forgotten, released");
    walk(
        start(creates_only(restored())),
        [
            ("credentials; look", saw("forever")),
            ("remove finalizer", Well),
            ("status AlreadyExists: seen forever", Well),
        ],
        "refused with 1, back in 18s",
    );
    walk(
        start(Object { has_finalizer: false, ..restored() }),
        [
            ("credentials; add finalizer; crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn a_restored_status_of_another_uid_with_the_finalizer_records_its_own_intent() {
    walk(
        start(of_another_life(shared("forever"))),
        [
            ("credentials; add finalizer; crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn a_record_of_an_older_version_without_a_uid_is_believed() {
    let object = shared("forever");
    let status = ImageShareStatus { object_uid: None, ..object.own_status().unwrap().clone() };
    let old = Object { has_intent: false, ..with_status(object, status) };
    walk(
        start(old.clone()),
        [
            ("credentials; list", lists("forever")),
            ("status Shared: confirmed created forever", Well),
        ],
        "back in 600s",
    );
    walk(
        start(deleted(old)),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn a_crash_behind_the_finalizer_leaves_the_share_in_doubt() {
    let crashed = || Object { has_finalizer: true, has_intent: true, ..fresh() };
    walk(
        start(creates_only(crashed())),
        [("credentials; look", saw("forever")), ("status Shared: confirmed created forever", Well)],
        "back in 600s",
    );
    walk(
        start(deleted(crashed())),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}
