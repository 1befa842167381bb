use proptest::prelude::*;

use super::super::fixtures::{at, fresh, id, noon, present, shared, terms};
use super::*;
use crate::reason::Cure;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn share(deadline: &str, valid: bool) -> ShareStatus {
    let share = Record::confirmed(&id(), &terms(deadline)).share.unwrap();
    ShareStatus { valid: Some(valid), ..share }
}

fn report(deadline: &str, valid: bool) -> Report {
    let record = Record { share: Some(share(deadline, valid)), adopted: Some(false) };
    Report { record, ..Report::default() }
}

fn status_of(status: &ImageShareStatus, kind: ConditionType) -> Option<&str> {
    status.conditions.iter().find(|c| c.type_ == kind.as_str()).map(|c| c.status.as_str())
}

#[test]
fn the_conditions_of_each_kind_of_end() {
    use ConditionType::{Error, Expired, Ready, Reconciling, Stalled};
    let (yes, no) = (Some("True"), Some("False"));
    for (reason, expected) in [
        (Reason::Shared, [yes, no, None, None, None]),
        (Reason::Suspended, [None; 5]),
        (Reason::ActionPending, [no, no, None, None, None]),
        (Reason::Expired, [no, no, None, yes, yes]),
        (Reason::Timeout, [no, yes, yes, None, None]),
        (Reason::Throttled, [no, yes, yes, None, None]),
        (Reason::RepositoryNotFound, [no, yes, None, yes, None]),
    ] {
        let outcome = Outcome::failed(reason, "x");
        let status = project(None, 1, &outcome, Report::default(), second(0));
        let found =
            [Ready, Error, Reconciling, Stalled, Expired].map(|kind| status_of(&status, kind));
        assert_eq!(found, expected, "{}", reason.as_str());
    }
}

/// The status after a pass of an object that is refused for two minutes before it counts as failed.
fn after(
    before: Option<&ImageShareStatus>,
    generation: i64,
    reason: Reason,
    at: i64,
) -> ImageShareStatus {
    let refused_since = refused_since(before, generation, reason, second(at));
    let stalled_after = Duration::from_mins(2);
    let report = Report { refused_since, stalled_after, ..Report::default() };
    project(before, generation, &Outcome::failed(reason, "x"), report, second(at))
}

#[test]
fn what_may_heal_from_outside_counts_as_failed_only_after_its_time_and_anything_else_at_once() {
    use ConditionType::{Error, Ready, Reconciling, Stalled};
    for reason in Reason::ALL.iter().filter(|reason| reason.cure().is_some()) {
        let at_once = reason.cure() == Some(Cure::Object);
        let first = after(None, 1, *reason, 1000);
        let soon = after(Some(&first), 1, *reason, 1119);
        let late = after(Some(&soon), 1, *reason, 1120);
        for (status, stalled) in [(&first, at_once), (&soon, at_once), (&late, true)] {
            let is = |kind| is_true(status, kind);
            let found = [Ready, Error, Reconciling, Stalled].map(is);
            assert_eq!(found, [false, true, !stalled, stalled], "{}", reason.as_str());
        }
        assert_eq!(soon, first, "{}: nothing is written in between", reason.as_str());
        assert_eq!(late == soon, at_once, "{}: one write more", reason.as_str());
    }
}

#[test]
fn the_time_of_a_refusal_goes_on_over_other_failures_and_begins_anew_with_a_spec_or_a_success() {
    use Reason::{Forbidden, SecretNotFound, Shared, Timeout};
    let first = after(None, 1, SecretNotFound, 1000);
    let other = after(Some(&first), 1, Forbidden, 1060);
    let outage = after(Some(&other), 1, Timeout, 1090);
    assert!(is_true(&outage, ConditionType::Reconciling));
    for before in [&first, &other, &outage] {
        assert_eq!(before.refused_since.as_deref(), Some("1970-01-01T00:16:40Z"));
        assert!(is_true(&after(Some(before), 1, Forbidden, 1120), ConditionType::Stalled));
        assert!(!is_true(&after(Some(before), 2, Forbidden, 1120), ConditionType::Stalled));
    }
    let shared = after(Some(&other), 1, Shared, 1090);
    assert_eq!(shared.refused_since, None);
    assert!(!is_true(&after(Some(&shared), 1, Forbidden, 1120), ConditionType::Stalled));
    // An outage is no refusal, however long it was.
    let outage = after(None, 1, Timeout, 0);
    assert_eq!(outage.refused_since, None);
    assert!(!is_true(&after(Some(&outage), 1, Forbidden, 1120), ConditionType::Stalled));
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up_for_longer_than_the_time_itself() {
    let ahead = after(None, 1, Reason::SecretNotFound, 1_000_000);
    let back = after(Some(&ahead), 1, Reason::SecretNotFound, 1000);
    assert!(is_true(&back, ConditionType::Reconciling));
    let late = after(Some(&back), 1, Reason::SecretNotFound, 1120);
    assert!(is_true(&late, ConditionType::Stalled));
}

#[test]
fn an_object_that_an_older_operator_has_called_stalled_stays_so() {
    let outcome = Outcome::failed(Reason::SecretNotFound, "x");
    let old = project(None, 1, &outcome, Report::default(), second(0));
    assert!(is_true(&old, ConditionType::Stalled) && old.refused_since.is_none());
    let new = after(Some(&old), 1, Reason::SecretNotFound, 1000);
    assert_eq!(new.conditions, old.conditions);
}

#[test]
fn the_pass_that_calls_an_object_stalled_is_due_when_its_time_is_over() {
    let two = Duration::from_mins(2);
    let left = |status: &ImageShareStatus, at| until_stalled(status, two, second(at));
    let first = after(None, 1, Reason::SecretNotFound, 1000);
    assert_eq!(left(&first, 1000), Some(two));
    assert_eq!(left(&first, 1115), Some(Duration::from_secs(5)));
    assert_eq!(left(&first, 2000), Some(Duration::ZERO));
    assert_eq!(left(&after(Some(&first), 1, Reason::SecretNotFound, 1120), 1120), None);
    assert_eq!(
        left(&after(Some(&first), 1, Reason::Timeout, 1060), 1060),
        None,
        "it passes by itself"
    );
    assert_eq!(left(&after(None, 1, Reason::InvalidSpec, 1000), 1000), None, "it was so at once");
    assert_eq!(left(&after(None, 1, Reason::Shared, 1000), 1000), None);
}

#[test]
fn a_suspended_object_keeps_each_word_that_was_said_of_it() {
    for reason in [Reason::Shared, Reason::Timeout, Reason::Forbidden, Reason::Expired] {
        let before = after(None, 1, reason, 1000);
        let suspended = after(Some(&before), 2, Reason::Suspended, 2000);
        let (kept, new) = suspended.conditions.split_at(before.conditions.len());
        assert_eq!(kept, before.conditions, "{}", reason.as_str());
        let [new] = new else { panic!("{new:?}") };
        assert_eq!((new.type_.as_str(), new.status.as_str()), ("Suspended", "True"));
        assert_eq!(new.observed_generation, Some(2));
        assert_eq!(suspended.observed_generation, 2);
        let again = after(Some(&suspended), 2, Reason::Suspended, 3000);
        assert_eq!(again, suspended, "nothing is written anew");
        let resumed = after(Some(&suspended), 3, Reason::Shared, 4000);
        assert_eq!(status_of(&resumed, ConditionType::Suspended), None);
        assert!(is_true(&resumed, ConditionType::Ready));
    }
}

/// Without a word of Ready, all that know kstatus take it for done: nothing will come of it.
#[test]
fn of_an_object_that_is_suspended_from_the_start_nothing_else_is_said() {
    let fresh = fresh().own_status().cloned();
    for before in [fresh.as_ref(), None] {
        let status = after(before, 1, Reason::Suspended, 1000);
        let kinds: Vec<_> = status.conditions.iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(kinds, ["Suspended"]);
    }
}

/// That it could not be read, or not be reported, was said from outside of a pass; and an older operator said
/// nothing but that it is suspended.
#[test]
fn what_is_over_does_not_stay_with_a_suspended_object() {
    for reason in [Reason::CrdOutdated, Reason::ObjectUnreadable] {
        let before = after(None, 1, reason, 1000);
        let status = after(Some(&before), 1, Reason::Suspended, 2000);
        let kinds: Vec<_> = status.conditions.iter().map(|c| c.type_.as_str()).collect();
        assert_eq!(kinds, ["Suspended"], "{}", reason.as_str());
    }
    let mut older = after(None, 1, Reason::Timeout, 1000);
    for condition in &mut older.conditions {
        condition.reason = "Suspended".into();
    }
    let status = after(Some(&older), 1, Reason::Suspended, 2000);
    let kinds: Vec<_> = status.conditions.iter().map(|c| c.type_.as_str()).collect();
    assert_eq!(kinds, ["Suspended"]);
}

#[test]
fn a_status_says_all_that_a_report_does() {
    let pending = PendingAction { action: "Create".into(), changes: vec![] };
    let report = Report {
        object_uid: Some("u".into()),
        pending: Some(pending.clone()),
        handled: Some("now".into()),
        ..report("forever", true)
    };
    let outcome = Outcome::shared(&id(), &terms("forever"));
    let status = project(None, 7, &outcome, report.clone(), at("1970-01-01T00:00:09.5Z"));
    let said = (status.object_uid, status.pending_action, status.last_handled_reconcile_at);
    assert_eq!(said, (Some("u".into()), Some(pending), Some("now".into())));
    assert_eq!(status.observed_generation, 7);
    assert_eq!(Record { share: status.share, adopted: status.adopted }, report.record);
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, Some(7));
        assert_eq!(condition.reason, "Shared");
        assert_eq!(condition.message, outcome.message);
        assert_eq!(condition.last_transition_time.0, second(9), "to the second");
    }
}

#[test]
fn access_ends_with_the_day_of_the_deadline_and_its_end_is_said_in_time() {
    let until = |deadline: &str, valid: bool, now: &str| {
        let soon = Some(Duration::from_hours(72));
        let report = Report { soon, time: at(now), ..report(deadline, valid) };
        let status = project(None, 1, &Outcome::advised(Reason::Shared), report, second(0));
        let near = is_true(&status, ConditionType::ExpiringSoon);
        (status.effective_until.unwrap_or_default(), near)
    };
    let end = "2027-04-01T00:00:00Z".to_owned();
    let at_four = "2027-03-31T16:00:00Z";
    assert_eq!(until("2027-03-31", true, "2027-01-01T00:00:00Z"), (end.clone(), false));
    assert_eq!(until(at_four, true, "2027-03-28T23:59:59Z"), (end.clone(), false));
    assert_eq!(until(at_four, true, "2027-03-29T00:00:00Z"), (end.clone(), true));
    assert_eq!(until(at_four, false, "2027-04-02T00:00:00Z"), (end.clone(), false));
    assert_eq!(until(at_four, false, "2027-04-01T00:00:00Z"), (end, false));
    assert_eq!(until(at_four, false, "2027-03-31T17:00:00Z"), (at_four.to_owned(), false));
    assert_eq!(until("forever", true, "2027-03-29T00:00:00Z"), (String::new(), false));
    // A cloud whose days end elsewhere: by its word it is over, and never in a time to come.
    let noon = "2027-03-31T12:00:00Z";
    for deadline in ["2027-03-31", "2027-03-31T00:00:00Z", "2027-03-31T23:59:59Z", at_four] {
        assert_eq!(until(deadline, false, noon), (noon.to_owned(), false), "{deadline}");
    }
}

#[test]
fn once_a_share_is_over_the_end_that_was_said_first_holds_for_this_deadline() {
    let outcome = Outcome::expired(&terms("2027-03-31"));
    let say = |before: Option<&ImageShareStatus>, deadline: &str, valid, now: &str| {
        let report = Report { time: at(now), ..report(deadline, valid) };
        project(before, 1, &outcome, report, second(0))
    };
    let first = say(None, "2027-03-31", false, "2027-03-31T12:00:00Z");
    let until = |deadline, valid| {
        say(Some(&first), deadline, valid, "2027-03-31T20:00:00Z").effective_until.unwrap()
    };
    assert_eq!(until("2027-03-31", false), "2027-03-31T12:00:00Z");
    assert_eq!(until("2027-03-31", true), "2027-04-01T00:00:00Z", "it grants access again");
    assert_eq!(until("2027-04-05", false), "2027-03-31T20:00:00Z", "it was moved");
    let valid = say(None, "2027-03-31", true, "2027-03-31T12:00:00Z");
    let after = say(Some(&valid), "2027-03-31", false, "2027-03-31T20:00:00Z");
    assert_eq!(after.effective_until.unwrap(), "2027-03-31T20:00:00Z");
}

#[test]
fn nothing_is_said_to_end_soon_unless_somebody_wants_to_know() {
    let report = Report { time: at("2027-03-31T12:00:00Z"), ..report("2027-03-31", true) };
    let status = project(None, 1, &Outcome::advised(Reason::Shared), report, second(0));
    assert!(!is_true(&status, ConditionType::ExpiringSoon));
}

#[test]
fn messages_stay_short_printable_and_say_what_to_do() {
    for reason in Reason::ALL {
        let outcome = Outcome::failed(*reason, &"x\u{202e}\n".repeat(100));
        assert!(outcome.message.chars().count() <= MESSAGE_MAX);
        assert!(outcome.message.chars().all(|c| !c.is_control() && c != '\u{202e}'));
        assert!(outcome.message.ends_with(reason.advice()), "{}", outcome.message);
        let evidence = "HTTP 404, SVCSTG.SWR.4040010, while looking at the share";
        let outcome = Outcome::failed(*reason, evidence);
        assert!(outcome.message.ends_with(reason.advice()), "{}", outcome.message);
        let outcome = Outcome::advised(*reason);
        assert!(outcome.message.ends_with(reason.advice()), "{}", outcome.message);
    }
}

#[test]
fn a_share_is_named_in_the_words_of_the_spec() {
    let shared = Outcome::shared(&id(), &terms("2027-03-31"));
    let message = "group/tools/busybox is shared with demo, to the end of 2027-03-31 (UTC)";
    assert_eq!(shared, Outcome { reason: Reason::Shared, message: message.into() });
    let expired = Outcome::expired(&terms("2027-03-31"));
    assert_eq!(expired.reason, Reason::Expired);
    assert!(expired.message.contains("(to the end of 2027-03-31 (UTC))"), "{}", expired.message);
}

#[test]
fn only_a_refusal_is_said_again() {
    let said = |reason| {
        let outcome = Outcome::failed(reason, "x");
        let status = project(None, 1, &outcome, Report::default(), second(0));
        (repeated(Some(&status)), outcome)
    };
    let (again, outcome) = said(Reason::Forbidden);
    assert_eq!(again, Some(outcome));
    for reason in [Reason::Timeout, Reason::Throttled, Reason::Shared, Reason::Suspended] {
        assert_eq!(said(reason).0, None, "{}", reason.as_str());
    }
    assert_eq!(repeated(None), None);
    let outcome = Outcome::failed(Reason::Forbidden, "x");
    let mut status = project(None, 1, &outcome, Report::default(), second(0));
    status.conditions.retain(|condition| condition.type_ == ConditionType::Ready.as_str());
    assert_eq!(repeated(Some(&status)), Some(outcome), "by the first condition alone");
    status.conditions.clear();
    assert_eq!(repeated(Some(&status)), None);
}

#[test]
fn the_time_of_a_condition_moves_when_it_flips_and_not_before() {
    let project = |before: Option<&ImageShareStatus>, reason, at| {
        let outcome = Outcome::failed(reason, "x");
        project(before, 1, &outcome, Report::default(), second(at))
    };
    let times = |status: &ImageShareStatus| -> Vec<_> {
        let times = status.conditions.iter().map(|c| c.last_transition_time.0.as_second());
        times.collect()
    };
    let first = project(None, Reason::Shared, 1);
    let failed = project(Some(&first), Reason::Timeout, 2);
    let refused = project(Some(&failed), Reason::Forbidden, 3);
    assert_eq!(times(&first), [1, 1]);
    assert_eq!(times(&failed), [2, 2, 2]);
    assert_eq!(times(&refused), [2, 2, 3], "Stalled instead of Reconciling");
}

#[test]
fn the_reason_of_another_generation_says_nothing_of_this_one() {
    let object = shared("forever");
    assert_eq!(reason_of(object.own_status(), 1), Some(Reason::Shared));
    assert_eq!(reason_of(object.own_status(), 2), None);
    assert_eq!(reason_of(fresh().own_status(), -1), Some(Reason::NotReconciled));
    assert_eq!(reason_of(None, 1), None);
}

#[test]
fn a_condition_that_is_there_is_not_yet_true() {
    let fresh = fresh().own_status().cloned().unwrap();
    assert!(!is_true(&fresh, ConditionType::Ready));
    let shared = shared("forever").own_status().cloned().unwrap();
    assert!(is_true(&shared, ConditionType::Ready));
    assert!(!is_true(&shared, ConditionType::Error));
    assert!(!is_true(&shared, ConditionType::Stalled));
}

#[test]
fn long_names_of_a_share_are_cut_alike_and_its_deadline_is_kept() {
    let long = ShareId {
        repository: "r".repeat(128),
        account: "a".repeat(128),
        ..crate::core::fixtures::id()
    };
    let message = Outcome::shared(&long, &terms("2027-02-01")).message;
    let (repository, account) = (message.matches('r').count(), message.matches('a').count());
    assert!(
        message.ends_with("2027-02-01T23:59:59Z") || message.contains("2027-02-01"),
        "{message}"
    );
    assert!(message.starts_with("group/rrrr") && repository.abs_diff(account) < 10, "{message}");
    assert!(message.chars().count() <= MESSAGE_MAX, "{message}");
}

#[test]
fn what_would_be_done_is_said_field_by_field() {
    let pending = |action, cloud: &Cloud| pending(action, &terms("forever"), cloud);
    let change = |field: &str, current: &str, desired: &str| PendingChange {
        field: field.into(),
        current: current.into(),
        desired: desired.into(),
    };
    let create = pending(Action::Create, &Cloud::Absent).unwrap();
    assert_eq!(create.action, "Create");
    assert_eq!(create.changes, [change("share", "absent", "present")]);
    let update = pending(Action::Update, &present("2027-02-01", true)).unwrap();
    assert_eq!(update.action, "Update");
    assert_eq!(update.changes, [change("deadline", "2027-02-01T23:59:59Z", "forever")]);
    for action in [Action::Look, Action::Delete, Action::List, Action::AddFinalizer] {
        assert_eq!(pending(action, &Cloud::Absent), None, "{action:?}");
    }
}

#[test]
fn a_share_that_the_cloud_has_ended_is_not_near_its_end() {
    let near = |valid| {
        let share = ShareStatus { valid, ..share("2027-01-02", true) };
        let soon = Some(Duration::from_hours(72));
        is_near(Some(&share), Some(at("2027-01-03T00:00:00Z")), soon, noon())
    };
    assert!(near(Some(true)));
    assert!(near(None));
    assert!(!near(Some(false)));
}

/// A pass of a history: how it ended, what it saw of the share, and what came before it.
#[derive(Debug, Clone)]
struct Past {
    reason: usize,
    /// Whether it is valid is unknown while a write is in doubt.
    share: Option<Validity>,
    deadline: usize,
    soon: bool,
    edits: i64,
    /// Clocks also go backwards.
    seconds: i64,
    /// How long nothing happens afterwards.
    later: i64,
}

type Validity = Option<bool>;

fn past() -> impl Strategy<Value = Past> {
    let share = proptest::option::of(proptest::option::of(any::<bool>()));
    let seconds = (-60..86_400i64, 1..86_400i64);
    let fields = (0..Reason::ALL.len(), share, 0..3usize, any::<bool>(), 0..3i64, seconds);
    fields.prop_map(|(reason, share, deadline, soon, edits, (seconds, later))| Past {
        reason,
        share,
        deadline,
        soon,
        edits,
        seconds,
        later,
    })
}

fn report_of(past: &Past, time: Timestamp) -> Report {
    let deadline = ["forever", "1970-01-02", "1970-01-05T06:00:00Z"][past.deadline];
    let share = past.share.map(|valid| ShareStatus { valid, ..share(deadline, true) });
    let soon = past.soon.then_some(Duration::from_hours(72));
    let adopted = share.is_some().then_some(false);
    Report { record: Record { share, adopted }, soon, time, ..Report::default() }
}

/// What the kstatus conventions and docs/behaviour.md promise of every status.
fn keeps_its_promises(status: &ImageShareStatus, reason: Reason, generation: i64) {
    let is = |kind| is_true(status, kind);
    assert_eq!(is(ConditionType::Suspended), reason == Reason::Suspended);
    let troubles = [
        ConditionType::Reconciling,
        ConditionType::Stalled,
        ConditionType::Error,
        ConditionType::Expired,
    ];
    assert!(!(is(ConditionType::Ready) && troubles.into_iter().any(is)), "{status:?}");
    assert!(!(is(ConditionType::Reconciling) && is(ConditionType::Stalled)), "{status:?}");
    // What is said of a suspended object was said before.
    if reason != Reason::Suspended {
        assert_eq!(is(ConditionType::Ready), reason == Reason::Shared);
        assert!(status_of(status, ConditionType::Ready).is_some());
        assert!(status_of(status, ConditionType::Error).is_some());
        let is_refused = reason.kind() == Kind::Terminal;
        assert!(is(ConditionType::Stalled) == (reason == Reason::Expired) || is_refused);
        assert!(status.refused_since.is_some() || !is_refused);
    }
    assert_eq!(status.observed_generation, generation);
    let is_looked_at = reason != Reason::Suspended;
    let over = is_looked_at && status.share.as_ref().is_none_or(|share| share.valid == Some(false));
    assert!(!(is(ConditionType::ExpiringSoon) && over), "{status:?}");
    let end = status.effective_until.as_ref();
    assert!(end.is_none_or(|end| end.parse::<Timestamp>().is_ok()), "{status:?}");
    assert!(end.is_none() || status.share.is_some(), "{status:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    /// Transition times move only when a status flips, and saying the same again changes nothing:
    /// so a settled object causes no write.
    #[test]
    fn the_conditions_keep_their_promises_over_any_history(
        history in proptest::collection::vec(past(), 1..6)
    ) {
        let (mut before, mut generation, mut now) = (None::<ImageShareStatus>, 1, 0);
        for past in history {
            generation += past.edits;
            now += past.seconds;
            let reason = Reason::ALL[past.reason];
            let refused_since = refused_since(before.as_ref(), generation, reason, second(now));
            let stalled_after = Duration::from_mins(2);
            let report = report_of(&past, second(now));
            let report = Report { refused_since, stalled_after, ..report };
            let outcome = Outcome::failed(reason, "x");
            let after = project(before.as_ref(), generation, &outcome, report.clone(), second(now));
            keeps_its_promises(&after, reason, generation);
            for condition in &after.conditions {
                let earlier = before.iter().flat_map(|before| &before.conditions);
                let earlier = earlier.filter(|c| c.type_ == condition.type_).find(|c| c.status == condition.status);
                let expected = earlier.map_or(second(now), |earlier| earlier.last_transition_time.0);
                prop_assert_eq!(condition.last_transition_time.0, expected);
            }
            let again = project(Some(&after), generation, &outcome, report.clone(), second(now));
            prop_assert_eq!(&again, &after);
            // As time goes by, nothing changes but that the end comes near, and that a refusal is old.
            let time = second(now + past.later);
            let later =
                project(Some(&after), generation, &outcome, Report { time, ..report }, time);
            let is_timed = |c: &Condition| {
                use ConditionType::{ExpiringSoon, Reconciling, Stalled};
                [ExpiringSoon, Reconciling, Stalled].iter().any(|kind| kind.as_str() == c.type_)
            };
            let without_time = |status: &ImageShareStatus| {
                let mut status = status.clone();
                status.conditions.retain(|condition| !is_timed(condition));
                status
            };
            prop_assert_eq!(without_time(&later), without_time(&after));
            let is = |status, kind| is_true(status, kind);
            prop_assert!(is(&later, ConditionType::ExpiringSoon) || !is(&after, ConditionType::ExpiringSoon));
            prop_assert!(is(&later, ConditionType::Stalled) || !is(&after, ConditionType::Stalled));
            let in_time = until_stalled(&after, stalled_after, second(now));
            let is_due = in_time.is_some_and(|left| left.as_secs() <= past.later.unsigned_abs());
            let stalls = is(&later, ConditionType::Stalled) && !is(&after, ConditionType::Stalled);
            prop_assert_eq!(stalls, is_due && past.later > 0);
            before = Some(after);
        }
    }
}
