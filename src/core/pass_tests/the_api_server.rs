//! The API server refuses, fails, or has news.

use super::*;

const STATUS: &str = "status Shared: confirmed created forever";

fn conflict() -> Came {
    refused(Refusal::Conflict)
}

fn requested(object: Object) -> Object {
    let requested_at = Some("now".to_owned());
    Object { requested_at, ..object }
}

/// Another change of the object than of its status.
fn labelled(object: Object) -> Came {
    read(with_spec(requested(object), |spec| spec.description = "d".into()))
}

#[test]
fn a_status_is_tried_five_times_while_nobody_else_writes_it() {
    let object = || requested(shared("forever"));
    let tries = |last: Came, end| {
        let mut steps = vec![("credentials; look", saw("forever"))];
        for _ in 0..4 {
            steps.extend([(STATUS, conflict()), ("read", labelled(object()))]);
        }
        steps.push((STATUS, last));
        walk_all(again(object()), steps, end)
    };
    let walked = tries(Well, "back in 600s");
    assert!(walked.wrote.iter().all(|status| *status == walked.wrote[0]));
    tries(conflict(), "failed 1, Conflict, unsure, back in 1s");
}

#[test]
fn what_somebody_else_has_said_is_not_overwritten() {
    let other = with_status(requested(shared("forever")), {
        status(&Outcome::failed(Reason::Forbidden, "why"), Record::default())
    });
    walk(
        again(requested(shared("forever"))),
        [("credentials; look", saw("forever")), (STATUS, conflict()), ("read", read(other))],
        "failed 1, Conflict, unsure, back in 1s",
    );
}

#[test]
fn an_object_that_is_gone_is_forgotten_wherever_the_pass_is() {
    let gone = || refused(Refusal::Gone);
    walk(start(fresh()), [("credentials; add finalizer", gone())], "forgotten, Gone");
    walk(
        start(fresh()),
        [("credentials; add finalizer; crd; create forever", Well), (STATUS, gone())],
        "forgotten, Gone",
    );
    walk(
        again(requested(shared("forever"))),
        [("credentials; look", saw("forever")), (STATUS, conflict()), ("read", gone())],
        "forgotten, Gone",
    );
}

#[test]
fn a_pass_that_gets_no_answer_says_nothing_and_comes_back_soon() {
    let failed = || refused(Refusal::Failed);
    walk(
        start(fresh()),
        [("credentials; add finalizer", failed())],
        "failed 1, Failed, unsure, back in 1s",
    );
    walk(
        start(fresh()),
        [("credentials", without_credentials(NoCredentials::Unread))],
        "failed 1, Failed, unsure, back in 1s",
    );
    walk(
        start(fresh()),
        [("credentials; add finalizer; crd", failed())],
        "failed 1, nothing sent, Failed, unsure, back in 1s",
    );
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd", Well),
            ("create forever", create_failed(Reason::Forbidden)),
            ("remove finalizer", failed()),
        ],
        "failed 1, nothing sent, Failed, unsure, back in 1s",
    );
}

#[test]
fn a_pass_that_was_cut_short_behind_a_write_keeps_what_it_sent() {
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", create_failed(Reason::Timeout)),
            ("status Timeout: in doubt created forever", refused(Refusal::Failed)),
        ],
        "failed 1, may land for 120s, Failed, unsure, back in 1s",
    );
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", Well),
            (STATUS, refused(Refusal::Failed)),
        ],
        "failed 1, wrote, Failed, unsure, back in 1s",
    );
}

#[test]
fn nothing_is_sent_for_an_object_that_has_changed_meanwhile() {
    let object = edited(shared("2027-02-01"), "forever");
    walk(
        again(object.clone()),
        [("credentials; read", read(edited(object, "2027-03-01")))],
        "failed 1, Conflict, unsure, back in 1s",
    );
}

#[test]
fn who_has_lost_the_right_to_write_comes_back_to_see_who_has_it() {
    let lost = || Came::Is(Answer::NoWriteRight);
    walk(
        start(fresh()),
        [("credentials; add finalizer; crd; create forever", lost())],
        "failed 1, nothing sent, unsure, no right to write, back in 1s",
    );
    walk(
        again(deleted(shared("forever"))),
        [("crd; credentials; read; delete", lost())],
        "failed 1, unsure, no right to write, back in 1s",
    );
}

#[test]
fn an_object_of_which_a_newer_version_is_known_is_read_first() {
    let start = Start { is_outdated: true, ..again(fresh()) };
    walk(
        start.clone(),
        [("read", read(shared("forever"))), ("credentials; list", lists("forever"))],
        "back in 600s",
    );
    walk(start.clone(), [("read", refused(Refusal::Gone))], "forgotten, Gone");
    walk(start, [("read", refused(Refusal::Failed))], "failed 1, Failed, unsure, back in 1s");
}

#[test]
fn a_pass_that_reads_its_object_anew_began_before_that() {
    let start = Start { is_outdated: true, ..again(fresh()) };
    let mut pass = Pass::begin(start, &now());
    let later = Now { monotonic: now().monotonic + Duration::from_secs(5), ..now() };
    pass.on(Answer::Read { object: shared("forever"), is_unchanged: false }, &later);
    pass.on(Answer::Refused(Refusal::Failed), &later);
    let Step::Done(end) = pass.next(&later) else { panic!("{pass:?}") };
    let Keep::State(state) = end.keep else { panic!("{end:?}") };
    assert_eq!(state.began, now().monotonic);
}

#[test]
fn an_event_that_cannot_be_left_harms_nobody() {
    walk(
        again(shared("forever")),
        [
            ("credentials; list", listed(None)),
            ("look", saw("2027-02-01")),
            ("read; crd; update forever; look", saw("forever")),
            ("event DriftRepaired", Came::Is(Answer::Emitted(None))),
        ],
        "conflicts 1, wrote, back in 600s",
    );
}
