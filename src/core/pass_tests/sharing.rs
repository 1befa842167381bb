//! Toward a share: it is created, compared, put right.

use super::*;

#[test]
fn a_fresh_object_costs_two_api_writes_and_one_call() {
    let walked = walk(
        start(fresh()),
        [
            ("credentials; add finalizer; crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
    assert_eq!(walked.object, shared("forever"), "to the last word");
    let summary = &walked.end.summary;
    assert_eq!((summary.wrote, summary.is_news), (Some(Write::Created), true));
    assert_eq!(summary.outcome.as_ref().unwrap().reason, Reason::Shared);
}

#[test]
fn an_object_without_any_status_is_as_fresh() {
    walk(
        start(Object { status: None, ..fresh() }),
        [
            ("credentials; add finalizer; crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn an_object_that_was_refused_before_records_its_intent_first() {
    let walked = walk(
        again(refused_before(Reason::Forbidden)),
        [
            ("credentials; add finalizer", Well),
            ("status Forbidden: in doubt created forever", Well),
            ("crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
    assert_eq!(walked.object, shared("forever"));
    let intent = &walked.wrote[0];
    let before = refused_before(Reason::Forbidden);
    let before = before.own_status().unwrap();
    let share = intent.share.clone();
    assert_eq!(
        **intent,
        ImageShareStatus { share, adopted: Some(false), ..before.clone() },
        "all that changes is the record"
    );
}

#[test]
fn what_is_listed_as_wanted_is_written_down_by_nobody() {
    let walked =
        walk(again(shared("forever")), [("credentials; list", lists("forever"))], "back in 600s");
    assert_eq!(walked.object, shared("forever"));
    assert!(!walked.end.summary.is_news);
}

#[test]
fn a_changed_spec_is_sent_without_asking_first() {
    walk(
        again(edited(shared("2027-02-01"), "forever")),
        [
            ("credentials; read; crd; update forever; look", saw("forever")),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn what_another_hand_changed_is_put_right_and_reported() {
    let updated = RemoteShare { updated: Some("now".into()), ..remote("forever", true) };
    let walked = walk(
        again(shared("forever")),
        [
            ("credentials; list", lists("2027-02-01")),
            ("look", saw("2027-02-01")),
            ("read; crd; update forever; look", looked(Some(updated))),
            ("event DriftRepaired", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "conflicts 1, wrote, back in 600s",
    );
    let changes = terms("forever").changes_from(&terms("2027-02-01"));
    assert_eq!(walked.events, [Event::DriftRepaired(changes)]);
}

#[test]
fn a_repair_that_leaves_the_status_as_it_was_is_reported_all_the_same() {
    walk(
        again(shared("forever")),
        [
            ("credentials; list", listed(None)),
            ("look", saw("2027-02-01")),
            ("read; crd; update forever; look", saw("forever")),
            ("event DriftRepaired", Well),
        ],
        "conflicts 1, wrote, back in 600s",
    );
}

#[test]
fn what_another_hand_removed_is_created_again_once_the_intent_is_recorded() {
    walk(
        again(shared("forever")),
        [
            ("credentials; list", listed(None)),
            ("look", saw_nothing()),
            ("status Shared: in doubt created forever", Well),
            ("crd; create forever", Well),
            ("event DriftRepaired", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "conflicts 1, wrote, back in 600s",
    );
}

#[test]
fn a_repair_whose_end_nobody_saw_is_reported_by_the_pass_that_sees_it() {
    let walked = walk(
        again(shared("forever")),
        [
            ("credentials; list", listed(None)),
            ("look", saw("2027-02-01")),
            ("read; crd; update forever; look", look_failed(Reason::Timeout)),
            ("status Timeout: confirmed created forever", Well),
        ],
        "failed 1, conflicts 1, unreported 1, wrote, back in 1s",
    );
    walk(
        walked.next(),
        [
            ("credentials; look", saw("forever")),
            ("event DriftRepaired", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn a_repair_that_was_undone_too_often_is_given_up() {
    let history = History { conflict_count: 4, ..History::default() };
    let walked = walk(
        later(shared("forever"), history),
        [
            ("credentials; look", saw("2027-02-01")),
            ("status ExternalConflict: confirmed created 2027-02-01T23:59:59Z", Well),
        ],
        "refused with 1, conflicts 4, back in 18s",
    );
    assert!(walked.message().contains("deadline: SWR has"), "{}", walked.message());
    let object = walked.object.clone();
    walk(
        walked.restarted(),
        [("credentials; look", saw("2027-02-01"))],
        "refused with 1, conflicts 5, back in 18s",
    );
    let requested_at = Some("now".to_owned());
    let asked = Object { requested_at, ..object };
    walk(
        start(asked),
        [
            ("credentials; look", saw("2027-02-01")),
            ("read; crd; update forever; look", saw("forever")),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn however_long_both_values_are_the_advice_behind_them_is_kept() {
    let (ours, theirs) = ("o".repeat(1000), "t".repeat(1000));
    let theirs = Terms { description: theirs, ..terms("forever") };
    let kept = || looked(Some(RemoteShare::as_written(theirs.clone())));
    let object = with_spec(shared("forever"), |spec| spec.description = ours);
    let history = History { conflict_count: 4, ..History::default() };
    let conflict = walk(
        later(object.clone(), history),
        [
            ("credentials; look", kept()),
            ("status ExternalConflict: confirmed created forever", Well),
        ],
        "refused with 1, conflicts 4, back in 18s",
    );
    let not_applied = walk(
        again(object),
        [
            ("credentials; read; crd; update forever; look", kept()),
            ("status NotApplied: confirmed created forever", Well),
        ],
        "failed 1, conflicts 1, wrote, back in 1s",
    );
    for (walked, reason) in
        [(conflict, Reason::ExternalConflict), (not_applied, Reason::NotApplied)]
    {
        let said = walked.message();
        assert!(said.contains(r#"SWR has "ttt"#) && said.contains(r#"says "ooo"#), "{said}");
        assert!(said.ends_with(reason.advice()), "{said}");
    }
}

#[test]
fn an_update_that_finds_no_share_creates_one() {
    walk(
        again(edited(shared("2027-02-01"), "forever")),
        [
            ("credentials; read; crd", Well),
            ("update forever", Came::Is(Answer::Updated(Ok(Updated::Absent)))),
            ("status Shared: in doubt created forever", Well),
            ("crd; create forever", Well),
            ("status Shared: confirmed created forever", Well),
        ],
        "wrote, back in 600s",
    );
}

#[test]
fn an_update_that_shows_no_effect_is_not_sent_again_at_once() {
    walk(
        again(edited(shared("2027-02-01"), "forever")),
        [
            ("credentials; read; crd; update forever; look", saw("2027-02-01")),
            ("status NotApplied: confirmed created 2027-02-01T23:59:59Z", Well),
        ],
        "failed 1, conflicts 1, wrote, back in 1s",
    );
}

/// As when SWR keeps another text than it is given.
#[test]
fn an_update_that_never_takes_is_given_up_with_the_field_and_both_values() {
    let another = |description: &str| {
        let terms = Terms { description: description.into(), ..terms("forever") };
        RemoteShare::as_written(terms)
    };
    let object = with_spec(shared("forever"), |spec| spec.description = "a  b".into());
    let kept = || looked(Some(another("a b")));
    // The first goes out without a look, and each further one behind one.
    let mut walked = walk(
        again(object),
        [
            ("credentials; read; crd; update forever; look", kept()),
            ("status NotApplied: confirmed created forever", Well),
        ],
        "failed 1, conflicts 1, wrote, back in 1s",
    );
    let both = r#"description: SWR has "a b", the spec says "a  b""#;
    assert!(walked.message().contains(both), "{}", walked.message());
    for count in 2..=4 {
        let mut next = walked.next();
        next.state.as_mut().unwrap().failures = 0;
        walked = walk(
            next,
            [("credentials; look", kept()), ("read; crd; update forever; look", kept())],
            &format!("failed 1, conflicts {count}, wrote, back in 1s"),
        );
    }
    // Late reads may have hidden that it was applied: they are asked again with the next poll.
    walked = walk(
        walked.next(),
        [
            ("credentials; look", kept()),
            ("status ExternalConflict: confirmed created forever", Well),
        ],
        "conflicts 4, wrote, back in 18s",
    );
    assert!(walked.message().contains(both), "{}", walked.message());
    let mut at_rest = walked.next();
    let state = at_rest.state.take().unwrap();
    let history = History { wrote_at: None, ..state.history() };
    at_rest.state = Some(state.with_history(history));
    let refused = "refused with 1, conflicts 4, back in 18s";
    walk(at_rest, [("credentials; look", kept())], refused);
}

#[test]
fn a_record_stays_where_a_create_does_not_even_find_the_repository() {
    walk(
        again(shared("forever")),
        [
            ("credentials; list", listed(None)),
            ("look", saw_nothing()),
            ("status Shared: in doubt created forever; crd", Well),
            ("create forever", create_failed(Reason::RepositoryNotFound)),
            ("status RepositoryNotFound: in doubt created forever", Well),
        ],
        "refused with 1, back in 18s",
    );
}

#[test]
fn a_requested_pass_looks_and_says_which_request_it_handled() {
    let requested_at = Some("now".to_owned());
    let walked = walk(
        again(Object { requested_at: requested_at.clone(), ..shared("forever") }),
        [("credentials; look", saw("forever")), ("status Shared: confirmed created forever", Well)],
        "back in 600s",
    );
    let status = walked.object.own_status().unwrap();
    assert_eq!(status.last_handled_reconcile_at, requested_at);
    let next = walked.next();
    walk(next, [("credentials; list", lists("forever"))], "back in 600s");
}
