//! A write whose answer is missing, or is a refusal.

use super::*;

fn created_without_an_answer() -> Walked {
    walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", create_failed(Reason::Timeout)),
            ("status Timeout: in doubt created forever", Well),
        ],
        "failed 1, may land for 120s, back in 1s",
    )
}

#[test]
fn a_create_without_an_answer_is_looked_for() {
    let first = created_without_an_answer();
    assert_eq!(first.end.summary.request_id.as_deref(), Some("r1"));
    assert_eq!(first.end.summary.wrote, Some(Write::CreateInDoubt));
    walk(
        first.next(),
        [("credentials; look", saw("forever")), ("status Shared: in doubt created forever", Well)],
        "may land for 120s, back in 120.2s",
    );
    walk(
        first.next(),
        [
            ("credentials; look", saw_nothing()),
            ("read; crd; create forever", Well),
            ("status Shared: in doubt created forever", Well),
        ],
        "may land for 120s, wrote, back in 120.2s",
    );
}

#[test]
fn a_create_that_cannot_land_any_more_is_confirmed_by_a_look() {
    walk(
        again(in_doubt()),
        [("credentials; look", saw("forever")), ("status Shared: confirmed created forever", Well)],
        "back in 600s",
    );
}

#[test]
fn a_throttled_create_keeps_its_marks_and_needs_no_further_announcement() {
    let pause = Some(Duration::from_secs(6));
    let throttled = Failure { pause, ..failure(Reason::Throttled) };
    let first = walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd", Well),
            ("create forever", Came::Is(Answer::Created(Err(throttled.clone())))),
            ("status Throttled: in doubt created forever", Well),
        ],
        "nothing sent, back in 6.15s",
    );
    let second = walk(
        first.next(),
        [
            ("credentials; read; crd", Well),
            ("create forever", Came::Is(Answer::Created(Err(throttled)))),
        ],
        "nothing sent, back in 6.15s",
    );
    walk(
        second.next(),
        [
            ("credentials; read; crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn after_a_restart_nobody_knows_that_a_throttled_create_was_not_sent() {
    let object = in_doubt();
    let young = Start { leads_since: now().monotonic, ..start(object) };
    walk(
        young,
        [
            ("credentials; look", saw_nothing()),
            ("read; crd; create forever", create_failed(Reason::Throttled)),
            ("status Throttled: in doubt created forever", Well),
        ],
        "may land for 120s, back in 45s",
    );
}

#[test]
fn a_create_that_is_refused_for_good_leaves_no_mark() {
    let walked = walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd", Well),
            ("create forever", create_failed(Reason::Forbidden)),
            ("remove finalizer", Well),
            ("status Forbidden: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
    let expected = refused_before(Reason::Forbidden);
    assert_eq!(walked.object, expected);
}

#[test]
fn a_refused_object_asks_again_only_with_another_secret() {
    let first = walk(
        again(refused_before(Reason::Forbidden)),
        [
            ("credentials; add finalizer", Well),
            ("status Forbidden: in doubt created forever", Well),
            ("crd; create forever", create_failed(Reason::Forbidden)),
            ("remove finalizer", Well),
            ("status Forbidden: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
    let refused = NoCredentials::Refused(secret("1"));
    let second = walk(
        first.next(),
        [("credentials, refused with 1", without_credentials(refused))],
        "refused with 1, back in 18s",
    );
    assert_eq!(second.state().refused, first.state().refused);
    let other = Came::Is(Answer::Credentials(Ok(ready("2"))));
    walk(
        second.next(),
        [
            ("credentials, refused with 1", other),
            ("add finalizer", Well),
            ("status Forbidden: in doubt created forever", Well),
            ("crd; create forever", create_failed(Reason::Forbidden)),
            ("remove finalizer", Well),
            ("status Forbidden: nothing", Well),
        ],
        "refused with 2, back in 18s",
    );
}

#[test]
fn an_object_without_credentials_needs_no_finalizer() {
    let rejected = || NoCredentials::Rejected(secret("1"));
    let malformed =
        || NoCredentials::Unusable(Reason::TokenMalformed, "Secret swr".into(), Some(secret("1")));
    let no_endpoint =
        || NoCredentials::Unusable(Reason::EndpointInvalid, "eu-west-101".into(), None);
    let missing = || NoCredentials::Unusable(Reason::SecretNotFound, "Secret swr".into(), None);
    for (why, status, end, evidence) in [
        (missing(), "SecretNotFound", "back in 18s", "(Secret swr)"),
        (malformed(), "TokenMalformed", "refused with 1, back in 18s", "(Secret swr)"),
        (rejected(), "Unauthorized", "refused with 1, back in 18s", "(Secret swr)"),
        (no_endpoint(), "EndpointInvalid", "back in 18s", "(eu-west-101)"),
    ] {
        let status = format!("status {status}: nothing");
        let steps = [("credentials", without_credentials(why)), (status.as_str(), Well)];
        let walked = walk(start(fresh()), steps, end);
        assert!(walked.message().contains(evidence), "{}", walked.message());
    }
}

#[test]
fn a_secret_that_goes_before_its_object_with_the_namespace_is_no_news() {
    for object in [fresh(), shared("forever"), in_doubt()] {
        walk(again(object), [("credentials", terminating())], "back in 45s");
    }
    let unsent = History { nothing_sent: true, ..History::default() };
    let start = later(in_doubt(), unsent);
    walk(start, [("credentials", terminating())], "nothing sent, back in 45s");
    // A deletion goes on with what worked, and says what there is to say.
    walk(
        again(deleted(shared("forever"))),
        [
            ("crd; credentials", terminating()),
            ("last known credentials; read; delete; look", saw_nothing()),
            ("remove finalizer", Well),
        ],
        "forgotten, released",
    );
    walk(
        again(deleted(shared("forever"))),
        [
            ("crd; credentials", terminating()),
            ("last known credentials", no_secret()),
            ("status SecretNotFound: confirmed created forever", Well),
        ],
        "back in 18s",
    );
}

#[test]
fn a_refusal_that_cannot_be_repeated_is_said_of_the_secret() {
    let refused = NoCredentials::Refused(secret("1"));
    walk(
        again(fresh()),
        [("credentials", without_credentials(refused)), ("status Unauthorized: nothing", Well)],
        "refused with 1, back in 18s",
    );
}

#[test]
fn rejected_credentials_are_named_in_the_words_of_a_call_that_was_spared() {
    let called = walk(
        again(shared("forever")),
        [
            ("credentials", Well),
            (
                "list",
                Came::Is(Answer::Listed {
                    share: Err(failure(Reason::Unauthorized)),
                    at: now().monotonic,
                    jitter: MIDDLE,
                }),
            ),
            ("status Unauthorized: confirmed created forever", Well),
        ],
        "refused with 1, back in 18s",
    );
    let held_back = NoCredentials::Rejected(secret("1"));
    let spared = walk(
        again(shared("forever")),
        [
            ("credentials", without_credentials(held_back)),
            ("status Unauthorized: confirmed created forever", Well),
        ],
        "refused with 1, back in 18s",
    );
    assert_eq!(called.object, spared.object);
}

#[test]
fn an_unanswered_update_is_nothing_to_be_confirmed() {
    walk(
        again(edited(shared("2027-02-01"), "forever")),
        [
            ("credentials; read; crd; update forever", update_failed(Reason::Timeout)),
            ("status Timeout: confirmed created 2027-02-01T23:59:59Z", Well),
        ],
        "failed 1, back in 1s",
    );
}
