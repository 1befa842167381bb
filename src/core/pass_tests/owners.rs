//! Several objects that declare the same share.

use super::*;

fn duplicate(object: Object) -> Start {
    placed(object, place(DUPLICATE), History::default())
}

fn said_duplicate() -> Object {
    let outcome = Outcome::failed(Reason::DuplicateShare, "ns/other");
    with_status(fresh(), status(&outcome, Record::default()))
}

#[test]
fn a_duplicate_names_the_owner_and_calls_nobody() {
    let walked = walk(
        Start { place: place(DUPLICATE), ..start(fresh()) },
        [("status DuplicateShare: nothing", Well)],
        "back in 18s",
    );
    assert_eq!(walked.object, said_duplicate());
    walk(duplicate(said_duplicate()), [], "back in 18s");
}

#[test]
fn a_duplicate_drops_what_the_owner_answers_for_and_nothing_else() {
    walk(
        duplicate(shared("forever")),
        [("remove finalizer", Well), ("status DuplicateShare: nothing", Well)],
        "back in 18s",
    );
    let role = Role::Duplicate { owner_answers: false };
    walk(
        placed(shared("forever"), place(role), History::default()),
        [("status DuplicateShare: confirmed created forever", Well)],
        "back in 18s",
    );
}

#[test]
fn a_duplicate_that_is_deleted_goes_without_a_call() {
    walk(
        duplicate(deleted(shared("forever"))),
        [("crd; remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn an_owner_that_is_deleted_offers_and_waits() {
    let offered = walk(
        placed(deleted(shared("forever")), place(HAS_CANDIDATE), History::default()),
        [("crd; Offer", moved(OFFERING))],
        "offers for 60s, back in 61.5s",
    );
    let start = Start { place: place(OFFERING), ..offered.next() };
    walk(start.clone(), [("crd", Well)], "offers for 60s, back in 61.5s");
    let taken = Role::Offering { is_taken: true };
    let start = Start { place: place(taken), ..start };
    walk(start, [("crd", Well)], "offers for 60s, back in 61.5s");
}

#[test]
fn an_offer_that_nobody_took_in_time_is_withdrawn_and_the_share_revoked() {
    let history = History { offer_until: Some(now().monotonic), ..History::default() };
    walk(
        placed(deleted(shared("forever")), place(OFFERING), history),
        [
            ("crd; Withdraw", moved(ALONE)),
            ("credentials; read; delete; look", saw_nothing()),
            ("remove finalizer", Well),
        ],
        "forgotten, released",
    );
    walk(
        placed(deleted(shared("forever")), place(OFFERING), History::default()),
        [("crd; Withdraw", moved(HAS_CANDIDATE)), ("Offer", moved(OFFERING))],
        "offers for 60s, back in 61.5s",
    );
}

#[test]
fn an_owner_that_goes_with_the_crd_offers_nothing() {
    walk(
        placed(deleted(shared("forever")), place(HAS_CANDIDATE), History::default()),
        [("crd", crd_goes()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn an_owner_that_lost_the_share_while_it_offered_goes() {
    let history = History { offer_until: Some(now().monotonic), ..History::default() };
    walk(
        placed(deleted(shared("forever")), place(OFFERING), history),
        [("crd; Withdraw", moved(DUPLICATE)), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

fn successor(role: Role, object: Object) -> Start {
    Start { place: place(role), ..start(object) }
}

#[test]
fn a_successor_takes_the_share_as_it_is() {
    let walked = walk(
        successor(Role::Offered, said_duplicate()),
        [
            ("read; credentials; look", saw("forever")),
            ("add finalizer", Well),
            ("status DuplicateShare: in doubt created forever", Well),
            ("Take", moved(Role::Taking)),
            ("status Shared: confirmed created forever", Well),
            ("Complete", moved(ALONE)),
        ],
        "back in 600s",
    );
    assert_eq!(walked.state().fingerprint, Fingerprint::of(&walked.object, &place(ALONE)));
}

#[test]
fn a_successor_with_other_terms_changes_what_it_took_before_it_completes() {
    walk(
        successor(Role::Offered, fresh()),
        [
            ("read; credentials; look", saw("2027-02-01")),
            ("add finalizer; Take", moved(Role::Taking)),
            ("crd; update forever; look", saw("forever")),
            ("status Shared: confirmed created forever", Well),
            ("Complete", moved(ALONE)),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn a_take_that_comes_too_late_changes_nothing() {
    walk(
        successor(Role::Offered, fresh()),
        [
            ("read; credentials; look", saw("forever")),
            ("add finalizer; Take", moved(DUPLICATE)),
            ("remove finalizer", Well),
            ("status DuplicateShare: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_successor_declines_what_it_does_not_see_or_does_not_want() {
    walk(
        successor(Role::Offered, said_duplicate()),
        [("read; credentials; look", saw_nothing()), ("Decline", moved(DUPLICATE))],
        "refused with 1, back in 18s",
    );
    let unwilling = creates_only(said_duplicate());
    let suspended = with_spec(said_duplicate(), |spec| spec.suspend = true);
    let bad = with_spec(said_duplicate(), |spec| spec.deadline = "one day".into());
    let declined = ("read; Decline", moved(DUPLICATE));
    walk(successor(Role::Offered, unwilling), [declined.clone()], "back in 18s");
    for (object, status, end) in [
        (suspended, "status Suspended: nothing", ""),
        (bad, "status InvalidSpec: nothing", "back in 18s"),
    ] {
        walk(successor(Role::Offered, object), [declined.clone(), (status, Well)], end);
    }
}

#[test]
fn a_successor_that_is_refused_for_good_declines_before_it_took_and_gives_back_after() {
    for missing in [no_secret(), terminating()] {
        let walked = walk(
            successor(Role::Offered, said_duplicate()),
            [("read; credentials", missing), ("Decline", moved(DUPLICATE))],
            "back in 18s",
        );
        assert_eq!(walked.object, said_duplicate());
    }
    walk(
        successor(Role::Offered, said_duplicate()),
        [
            ("read; credentials; look", look_failed(Reason::Forbidden)),
            ("Decline", moved(DUPLICATE)),
        ],
        "refused with 1, back in 18s",
    );
    walk(
        successor(Role::Taking, in_doubt()),
        [
            ("read; credentials; look", saw("2027-02-01")),
            ("crd; update forever", update_failed(Reason::Forbidden)),
            ("GiveBack", moved(DUPLICATE)),
            ("remove finalizer", Well),
            ("status DuplicateShare: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_successor_that_is_hindered_for_a_while_tries_again() {
    walk(
        successor(Role::Offered, said_duplicate()),
        [
            ("read; credentials; look", look_failed(Reason::Timeout)),
            ("status Timeout: nothing", Well),
        ],
        "failed 1, back in 1s",
    );
    walk(
        successor(Role::Taking, in_doubt()),
        [
            ("read; credentials; look", saw("2027-02-01")),
            ("crd; update forever", update_failed(Reason::Timeout)),
            ("status Timeout: in doubt created forever", Well),
        ],
        "failed 1, back in 1s",
    );
}

#[test]
fn what_was_taken_and_is_not_there_any_more_is_given_back() {
    walk(
        successor(Role::Taking, in_doubt()),
        [
            ("read; credentials; look", saw_nothing()),
            ("GiveBack", moved(DUPLICATE)),
            ("remove finalizer", Well),
            ("status DuplicateShare: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_successor_that_is_deleted_declines_or_revokes_what_it_took() {
    walk(
        successor(Role::Offered, deleted(in_doubt())),
        [("read; crd; Decline", moved(DUPLICATE)), ("remove finalizer", Well)],
        "forgotten, released",
    );
    walk(
        successor(Role::Taking, deleted(in_doubt())),
        [("read; crd; credentials; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn a_successor_that_is_gone_or_was_edited_is_judged_as_it_is_now() {
    walk(
        successor(Role::Offered, said_duplicate()),
        [("read", refused(Refusal::Gone))],
        "forgotten, Gone",
    );
    let unwilling = creates_only(said_duplicate());
    let walked = walk(
        successor(Role::Offered, said_duplicate()),
        [("read", read(unwilling.clone())), ("Decline", moved(DUPLICATE))],
        "back in 18s",
    );
    assert_eq!(walked.object, unwilling);
}

#[test]
fn a_status_that_was_not_written_completes_nothing() {
    walk(
        successor(Role::Taking, in_doubt()),
        [
            ("read; credentials; look", saw("forever")),
            ("status Shared: confirmed created forever", refused(Refusal::Failed)),
        ],
        "failed 1, Failed, unsure, back in 1s",
    );
    walk(
        successor(Role::Taking, shared("forever")),
        [("read; credentials; look", saw("forever")), ("Complete", moved(ALONE))],
        "back in 600s",
    );
}
