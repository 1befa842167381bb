//! Objects that are being deleted.

use super::*;

#[test]
fn a_deletion_revokes_the_share_and_looks_before_the_object_goes() {
    let walked = walk(
        again(deleted(shared("forever"))),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
    assert_eq!(walked.end.summary.wrote, Some(Write::Deleted));
}

#[test]
fn a_share_that_is_there_after_its_delete_is_revoked_again() {
    walk(
        again(deleted(shared("forever"))),
        [
            ("crd; credentials; read; delete; look", saw("forever")),
            ("status NotApplied: confirmed created forever", Well),
        ],
        "failed 1, back in 1s",
    );
}

#[test]
fn an_object_that_has_nothing_goes_without_a_call() {
    walk(
        again(deleted(Object { has_finalizer: true, ..refused_before(Reason::Forbidden) })),
        [("crd; remove finalizer", Well)],
        "forgotten, released",
    );
    walk(start(deleted(fresh())), [], "forgotten");
}

#[test]
fn a_create_that_may_land_keeps_the_object_until_it_cannot_any_more() {
    let until = Some(now().monotonic + Duration::from_mins(1));
    let history = History { create_may_land_until: until, ..History::default() };
    let walked = walk(
        later(deleted(in_doubt()), history),
        [
            ("crd; credentials; read; delete; look", saw_nothing()),
            ("status CreateInFlight: in doubt created forever", Well),
        ],
        "may land for 60s, back in 61.5s",
    );
    assert!(walked.message().contains("group/tools/busybox with demo"), "{}", walked.message());
}

#[test]
fn a_create_cannot_land_any_more_at_the_end_of_its_window() {
    let until = Some(now().monotonic);
    let history = History { create_may_land_until: until, ..History::default() };
    walk(
        later(deleted(in_doubt()), history),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn a_deletion_that_waits_keeps_its_finalizer_whatever_else_would_be_idle() {
    static RULES: Rules = Rules { is_finalizer_idle: |_, _| true, ..Rules::SHIPPED };
    walk_on(
        Pass::begin_by(&RULES, again(deleted(shared("forever"))), &now()),
        &now(),
        [
            ("crd; credentials", no_secret()),
            ("last known credentials", no_secret()),
            ("status SecretNotFound: confirmed created forever", Well),
        ],
        "back in 18s",
    );
}

#[test]
fn while_the_crd_goes_the_objects_go_and_the_shares_stay() {
    walk(
        again(deleted(shared("forever"))),
        [("crd", crd_goes()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn while_the_crd_goes_nothing_is_written_to_the_cloud() {
    walk(
        start(fresh()),
        [("credentials; add finalizer; crd", crd_goes())],
        "failed 1, nothing sent, unsure, uninstalling, back in 1s",
    );
    walk(
        again(edited(shared("2027-02-01"), "forever")),
        [("credentials; read; crd", crd_goes())],
        "failed 1, unsure, uninstalling, back in 1s",
    );
}

#[test]
fn who_retains_its_share_goes_without_a_look_at_anything() {
    let retain = |object| with_spec(object, |spec| spec.deletion_policy = DeletionPolicy::Retain);
    walk(
        again(deleted(retain(shared("forever")))),
        [("remove finalizer", Well)],
        "forgotten, released",
    );
    walk(start(deleted(retain(fresh()))), [], "forgotten");
    for role in [DUPLICATE, OFFERING, HAS_CANDIDATE] {
        let start = placed(deleted(retain(in_doubt())), place(role), History::default());
        walk(start, [("remove finalizer", Well)], "forgotten, released");
    }
}

#[test]
fn a_secret_that_has_gone_is_replaced_by_what_worked_last() {
    walk(
        again(deleted(shared("forever"))),
        [
            ("crd; credentials", no_secret()),
            ("last known credentials; read; delete; look", saw_nothing()),
            ("remove finalizer", Well),
        ],
        "forgotten, released",
    );
}

#[test]
fn what_worked_last_says_nothing_of_the_secret_there_is_now() {
    let malformed =
        NoCredentials::Unusable(Reason::TokenMalformed, "Secret swr".into(), Some(secret("1")));
    walk(
        again(deleted(shared("forever"))),
        [
            ("crd; credentials", without_credentials(malformed)),
            ("last known credentials; read; delete", delete_failed(Reason::Forbidden)),
            ("status Forbidden: confirmed created forever", Well),
        ],
        "back in 18s",
    );
}

#[test]
fn a_deletion_without_any_credentials_waits_for_them() {
    let held_back = NoCredentials::Rejected(secret("1"));
    for (why, reason) in
        [(no_secret(), "SecretNotFound"), (without_credentials(held_back), "Unauthorized")]
    {
        let said = format!("status {reason}: confirmed created forever");
        walk(
            again(deleted(shared("forever"))),
            [
                ("crd; credentials", why),
                ("last known credentials", no_secret()),
                (said.as_str(), Well),
            ],
            "back in 18s",
        );
    }
}

/// An object that was deleted so long ago.
fn waited(duration: Duration) -> Start {
    Start { deleted_for: duration, ..again(deleted(shared("forever"))) }
}

#[test]
fn after_the_grace_the_share_is_named_and_left_behind_in_this_order() {
    let walked = walk(
        waited(Duration::from_hours(1)),
        [
            ("crd; credentials, last try", no_secret()),
            ("last known credentials", no_secret()),
            ("event ShareOrphaned", Well),
            ("remove finalizer", Well),
        ],
        "forgotten, released, orphaned",
    );
    let note = walked.end.summary.orphan.unwrap();
    assert_eq!(walked.events, [Event::Orphaned(note.clone())]);
    assert!(
        note.starts_with(
            "the share of group/tools/busybox with demo in eu-west-101 is left behind"
        ),
        "{note}"
    );
    assert!(note.contains("the Secret does not exist"), "{note}");
    walk(
        waited(Duration::from_hours(1)),
        [
            ("crd; credentials, last try; read; delete", delete_failed(Reason::Forbidden)),
            ("event ShareOrphaned", Well),
            ("remove finalizer", Well),
        ],
        "forgotten, released, orphaned",
    );
}

#[test]
fn an_orphan_counts_once_whatever_becomes_of_the_event_and_of_the_release() {
    let emitted = |is_news| Came::Is(Answer::Emitted(is_news));
    let failed = "failed 1, Failed, unsure";
    for (event, release, end) in [
        (emitted(Some(false)), Well, "forgotten, released"),
        (emitted(None), Well, "forgotten, released, orphaned"),
        (emitted(Some(true)), refused(Refusal::Gone), "forgotten, released, orphaned"),
        (
            emitted(Some(true)),
            refused(Refusal::Failed),
            "failed 1, Failed, unsure, orphaned, back in 1s",
        ),
        (emitted(Some(false)), refused(Refusal::Failed), &format!("{failed}, back in 1s")),
        (emitted(None), refused(Refusal::Failed), &format!("{failed}, back in 1s")),
    ] {
        walk(
            waited(Duration::from_hours(1)),
            [
                ("crd; credentials, last try", no_secret()),
                ("last known credentials", no_secret()),
                ("event ShareOrphaned", event),
                ("remove finalizer", release),
            ],
            end,
        );
    }
}

#[test]
fn neither_a_restart_nor_an_annotation_begins_the_grace_anew() {
    let long = || waited(Duration::from_hours(1));
    let mut asked = long();
    asked.object.requested_at = Some("now".into());
    for start in [asked, Start { state: None, ..long() }] {
        walk(
            start,
            [
                ("crd; credentials, last try", no_secret()),
                ("last known credentials", no_secret()),
                ("event ShareOrphaned; remove finalizer", Well),
            ],
            "forgotten, released, orphaned",
        );
    }
}

#[test]
fn before_the_grace_is_over_and_without_one_nothing_is_left_behind() {
    let mut without = waited(Duration::from_hours(100));
    without.settings = Arc::new(Settings { orphan_after: None, ..settings() });
    let early = || waited(Duration::from_secs(3599));
    for start in [without, early()] {
        walk(
            start,
            [
                ("crd; credentials", no_secret()),
                ("last known credentials", no_secret()),
                ("status SecretNotFound: confirmed created forever", Well),
            ],
            "back in 18s",
        );
    }
}

#[test]
fn where_no_such_share_can_exist_the_object_goes_at_once() {
    let has_shown = History { shown_with: identity(&secret("1")), ..History::default() };
    let goes = |history, reason| {
        walk(
            later(deleted(shared("forever")), history),
            [("crd; credentials; read; delete", delete_failed(reason)), ("remove finalizer", Well)],
            "forgotten, released",
        );
    };
    goes(History::default(), Reason::InvalidAccount);
    goes(has_shown.clone(), Reason::RepositoryNotFound);
    goes(has_shown, Reason::OrganizationNotFound);
}

/// Another account's token sees neither organization nor repository.
#[test]
fn what_the_credentials_have_never_shown_is_not_gone_because_they_do_not_find_its_repository() {
    let other = History { shown_with: identity(&secret("0")), ..History::default() };
    for history in [History::default(), other] {
        walk(
            later(deleted(shared("forever")), history),
            [
                ("crd; credentials; read; delete", delete_failed(Reason::OrganizationNotFound)),
                ("status OrganizationNotFound: confirmed created forever", Well),
            ],
            "refused with 1, back in 18s",
        );
    }
    walk(
        waited(Duration::from_hours(1)),
        [
            ("crd; credentials, last try; read; delete", delete_failed(Reason::RepositoryNotFound)),
            ("event ShareOrphaned; remove finalizer", Well),
        ],
        "forgotten, released, orphaned",
    );
}

#[test]
fn a_delete_without_an_answer_is_looked_behind() {
    let delete = "crd; credentials; read; delete";
    for reason in [Reason::Timeout, Reason::GatewayError, Reason::AnswerUnreadable] {
        walk(
            again(deleted(shared("forever"))),
            [(delete, delete_failed(reason)), ("look", saw_nothing()), ("remove finalizer", Well)],
            "forgotten, released",
        );
        let said = format!("status {}: confirmed created forever", reason.as_str());
        walk(
            again(deleted(shared("forever"))),
            [(delete, delete_failed(reason)), ("look", saw("forever")), (said.as_str(), Well)],
            "failed 1, back in 1s",
        );
        walk(
            again(deleted(shared("forever"))),
            [
                (delete, delete_failed(reason)),
                ("look", look_failed(Reason::Timeout)),
                ("status Timeout: confirmed created forever", Well),
            ],
            "failed 1, back in 1s",
        );
    }
    // What the look does not show may have been made a moment before.
    let wrote_at = Some(ago(Duration::from_secs(5)));
    walk(
        later(deleted(shared("forever")), History { wrote_at, ..History::default() }),
        [
            (delete, delete_failed(Reason::Timeout)),
            ("look", saw_nothing()),
            ("status Timeout: in doubt created forever", Well),
        ],
        "failed 1, back in 1s",
    );
    // What was certainly not done needs no look.
    walk(
        again(deleted(shared("forever"))),
        [(delete, delete_failed(Reason::Busy)), ("status Busy: confirmed created forever", Well)],
        "failed 1, back in 1s",
    );
}

fn denied() -> Came {
    Came::Is(Answer::Denied("policy 'team' denied request: a label".into()))
}

#[test]
fn a_share_is_revoked_once_however_often_its_object_is_not_let_go() {
    for (release, rest, end) in [
        (
            denied(),
            vec![("event WriteRefused", Well), ("status WriteRefused: nothing", Well)],
            "failed 1, revoked, back in 1s",
        ),
        (
            denied(),
            vec![
                ("event WriteRefused", Well),
                ("status WriteRefused: nothing", denied()),
                ("event WriteRefused", Well),
            ],
            "failed 1, revoked, Failed, unsure, back in 1s",
        ),
        (refused(Refusal::Failed), vec![], "failed 1, revoked, Failed, unsure, back in 1s"),
    ] {
        let first = [
            ("crd; credentials; read; delete; look", saw_nothing()),
            ("remove finalizer", release),
        ];
        let steps: Vec<_> = first.into_iter().chain(rest).collect();
        let walked = walk_all(again(deleted(shared("forever"))), steps, end);
        walk(walked.next(), [("crd; remove finalizer", Well)], "forgotten, released");
    }
}

#[test]
fn a_finalizer_that_is_not_let_on_is_said_in_the_words_of_the_policy() {
    let walked = walk(
        start(fresh()),
        [
            ("credentials; add finalizer", denied()),
            ("event WriteRefused", Well),
            ("status WriteRefused: nothing", Well),
        ],
        "failed 1, back in 1s",
    );
    assert!(walked.message().contains("policy 'team' denied request: a label"));
    // Said once, and tried again.
    walk(walked.next(), [("credentials; add finalizer", denied())], "failed 2, back in 2s");
}

#[test]
fn a_finalizer_that_may_not_come_off_an_object_that_stays_changes_nothing_of_what_is_said() {
    walk(
        start(fresh()),
        [
            (
                "credentials; add finalizer; crd; create forever",
                create_failed(Reason::RepositoryNotFound),
            ),
            ("remove finalizer", denied()),
            ("status RepositoryNotFound: nothing", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_release_that_was_not_answered_is_tried_again() {
    for (refusal, end) in [
        (Refusal::Failed, "failed 1, Failed, unsure, back in 1s"),
        (Refusal::Conflict, "failed 1, Conflict, unsure, back in 1s"),
        (Refusal::Gone, "forgotten, released"),
    ] {
        walk(
            again(deleted(Object { has_finalizer: true, ..refused_before(Reason::Forbidden) })),
            [("crd; remove finalizer", refused(refusal))],
            end,
        );
    }
}

#[test]
fn a_share_that_cannot_be_named_any_more_is_left_behind() {
    let unusable = |object| with_spec(object, |spec| spec.organization = "Not/Allowed".into());
    let walked = walk(
        start(deleted(unusable(shared("forever")))),
        [("crd", Well), ("event ShareOrphaned", Well), ("remove finalizer", Well)],
        "forgotten, released, orphaned",
    );
    let note = walked.end.summary.orphan.unwrap();
    assert!(note.contains("group/tools/busybox with demo in eu-west-101"), "{note}");
    let refused = Object { has_finalizer: true, ..refused_before(Reason::InvalidSpec) };
    walk(
        start(deleted(unusable(refused))),
        [("crd; remove finalizer", Well)],
        "forgotten, released",
    );
    walk(start(deleted(unusable(fresh()))), [], "forgotten");
    let released = Object { has_finalizer: false, ..unusable(shared("forever")) };
    walk(start(deleted(released)), [], "forgotten");
}

#[test]
fn who_retains_a_share_that_cannot_be_named_any_more_goes_all_the_same() {
    let object = deleted(with_spec(shared("forever"), |spec| {
        spec.organization = "Not/Allowed".into();
        spec.deletion_policy = DeletionPolicy::Retain;
    }));
    walk(start(object.clone()), [("remove finalizer", Well)], "forgotten, released");
    let offered = Start { place: place(Role::Offered), ..start(object.clone()) };
    walk(offered, [("read; remove finalizer", Well)], "forgotten, released");
    walk(start(Object { has_finalizer: false, ..object }), [], "forgotten");
}

#[test]
fn a_bad_deadline_never_blocks_a_deletion() {
    walk(
        again(deleted(edited(shared("forever"), "one day"))),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}

#[test]
fn a_share_in_a_region_that_nobody_knows_any_more_is_left_behind() {
    let nowhere = |object| with_spec(object, |spec| spec.region = None);
    let crashed = Object { has_finalizer: true, has_intent: true, ..fresh() };
    let walked = walk(
        start(deleted(nowhere(crashed))),
        [("crd", Well), ("event ShareOrphaned", Well), ("remove finalizer", Well)],
        "forgotten, released, orphaned",
    );
    let note = walked.end.summary.orphan.unwrap();
    assert!(note.contains("group/tools/busybox with demo in an unknown region"), "{note}");
    walk(
        start(deleted(nowhere(shared("forever")))),
        [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
        "forgotten, released",
    );
}
