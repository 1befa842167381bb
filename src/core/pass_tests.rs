//! Whole walks: each begins with an object, names each effect in turn with what came of it, and ends
//! with what is remembered. An effect too few, too many or out of turn fails. In `("a; b", came)` it
//! is `b` that this came of; `a` went well.

use std::sync::OnceLock;

use super::super::fixtures::{
    MIDDLE, at, fresh, id, noon, ready, remote, secret, settings, shared, status, terms, with_spec,
    with_status,
};
use super::*;
use crate::api::{
    AdoptionPolicy, ConditionType, DeletionPolicy, ImageShareStatus, ManagementPolicy,
};
use crate::cloud::{RemoteShare, Terms};
use crate::core::effect::{
    Answer, Created, Event, Failure, NoCredentials, Ready, Refusal, Updated,
};
use crate::core::facts::{Settings, Write};
use crate::core::object::identity;
use crate::core::ownership::Role;
use crate::core::record::Record;
use crate::core::schedule::ObjectState;
use crate::core::step::Keep;

/// What comes of an effect.
#[derive(Clone)]
enum Came {
    /// All went well, and what was asked about is as the pass has it.
    Well,
    /// This.
    Is(Answer),
}
use Came::Well;

impl Came {
    fn answer(self, effect: &Effect, object: &Object) -> Answer {
        let Self::Is(answer) = self else { return well(effect, object.clone()) };
        answer
    }
}

fn well(effect: &Effect, object: Object) -> Answer {
    match effect {
        Effect::ReadObject => Answer::Read { object, is_unchanged: true },
        Effect::ReadCrd { .. } => Answer::Crd { is_deleting: false },
        Effect::ReadCredentials(Credentials::Current { .. }) => Answer::Credentials(Ok(ready("1"))),
        Effect::ReadCredentials(_) => Answer::Credentials(Ok(Ready::default())),
        Effect::AddFinalizer => {
            Answer::Written(Object { has_finalizer: true, has_intent: true, ..object })
        }
        Effect::RemoveFinalizer => {
            Answer::Written(Object { has_finalizer: false, has_intent: false, ..object })
        }
        Effect::WriteStatus(status) => {
            Answer::Written(Object { status: Some(status.clone()), ..object })
        }
        Effect::Emit(_) => Answer::Emitted(Some(true)),
        Effect::Create(_) => Answer::Created(Ok(Created::Done)),
        Effect::Update(_) => Answer::Updated(Ok(Updated::Done)),
        Effect::Delete => Answer::Deleted(Ok(())),
        Effect::Transfer(_) | Effect::List(_) | Effect::Look => {
            panic!("{} needs an answer", named(effect))
        }
    }
}

/// An effect in a few words.
fn named(effect: &Effect) -> String {
    match effect {
        Effect::ReadObject => "read".into(),
        Effect::ReadCrd { .. } => "crd".into(),
        Effect::ReadCredentials(which) => credentials(which),
        Effect::AddFinalizer => "add finalizer".into(),
        Effect::RemoveFinalizer => "remove finalizer".into(),
        Effect::WriteStatus(status) => format!("status {}", said(status)),
        Effect::Emit(event) => format!("event {}", event.reason()),
        Effect::Transfer(made) => format!("{made:?}"),
        Effect::List(_) => "list".into(),
        Effect::Look => "look".into(),
        Effect::Create(terms) => format!("create {}", terms.deadline.on_the_wire()),
        Effect::Update(terms) => format!("update {}", terms.deadline.on_the_wire()),
        Effect::Delete => "delete".into(),
    }
}

fn credentials(which: &Credentials) -> String {
    match which {
        Credentials::Current { refused: None, is_last_try: false } => "credentials".into(),
        Credentials::Current { refused: None, is_last_try: true } => "credentials, last try".into(),
        Credentials::Current { refused: Some(secret), .. } => {
            format!("credentials, refused with {}", secret.version)
        }
        Credentials::LastKnown => "last known credentials".into(),
        Credentials::ToKeep => "credentials to keep".into(),
    }
}

/// What a status says: the reason, and the record.
fn said(status: &ImageShareStatus) -> String {
    let reason = &status.conditions.last().unwrap().reason;
    let record = match (&status.share, status.adopted) {
        (None, None) => "nothing".to_owned(),
        (None, Some(_)) => "own, unknown".to_owned(),
        (Some(share), None) => format!("seen {}", share.deadline),
        (Some(share), Some(is_adopted)) => {
            let of = if is_adopted { "adopted" } else { "created" };
            let sure = match share.valid {
                None => "in doubt",
                Some(true) => "confirmed",
                Some(false) => "over",
            };
            format!("{sure} {of} {}", share.deadline)
        }
    };
    format!("{reason}: {record}")
}

/// What is left of a pass, as far as it is out of the ordinary.
fn left(end: &End) -> String {
    let mut left = match &end.keep {
        Keep::State(state) => remembered(state),
        Keep::AsItWas => vec!["as it was".into()],
        Keep::Nothing => vec!["forgotten".into()],
    };
    let summary = &end.summary;
    left.extend(summary.refusal.map(|refusal| format!("{refusal:?}")));
    for (is, what) in [
        (end.is_unsure, "unsure"),
        (summary.is_released, "released"),
        (summary.orphan.is_some(), "orphaned"),
        (summary.is_resumed, "resumed"),
        (summary.is_uninstalling, "uninstalling"),
        (summary.has_lost_write_right, "no right to write"),
    ] {
        left.extend(is.then(|| what.to_owned()));
    }
    left.extend(end.come_back.map(|delay| format!("back in {delay:?}")));
    left.join(", ")
}

fn remembered(state: &ObjectState) -> Vec<String> {
    let (now, history) = (now().monotonic, state.history());
    let ahead = |until: Instant| until.saturating_duration_since(now);
    let mut left = vec![];
    left.extend((state.failures > 0).then(|| format!("failed {}", state.failures)));
    left.extend(
        state.refused.iter().map(|refused| format!("refused with {}", refused.with.version)),
    );
    left.extend(
        (history.conflict_count > 0).then(|| format!("conflicts {}", history.conflict_count)),
    );
    let unreported = history.unreported_drift.len();
    left.extend((unreported > 0).then(|| format!("unreported {unreported}")));
    left.extend(history.is_revoked.then(|| "revoked".to_owned()));
    left.extend(history.nothing_sent.then(|| "nothing sent".to_owned()));
    left.extend(
        history.create_may_land_until.map(|until| format!("may land for {:?}", ahead(until))),
    );
    left.extend((history.wrote_at == Some(now)).then(|| "wrote".to_owned()));
    left.extend(history.offer_until.map(|until| format!("offers for {:?}", ahead(until))));
    left
}

/// The one moment of all walks.
fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let monotonic = *START.get_or_init(Instant::now) + Duration::from_hours(1000);
    Now { monotonic, wall: noon(), cloud: Some(noon()) }
}

fn ago(duration: Duration) -> Instant {
    now().monotonic.checked_sub(duration).unwrap()
}

/// A first pass in this life of the operator, which began long ago.
fn start(object: Object) -> Start {
    Start {
        object,
        is_outdated: false,
        deleted_for: Duration::ZERO,
        place: Place::ALONE,
        state: None,
        settings: Arc::new(settings()),
        leads_since: ago(Duration::from_hours(500)),
        jitter: MIDDLE,
        repository_jitter: MIDDLE,
    }
}

/// A further pass, with this history, ten minutes after the one before.
fn later(object: Object, history: History) -> Start {
    placed(object, Place::ALONE, history)
}

fn placed(object: Object, place: Place, history: History) -> Start {
    let fingerprint = Fingerprint::of(&object, &place);
    let state = ObjectState::new(fingerprint, history, ago(Duration::from_mins(10)));
    Start { state: Some(state), place, ..start(object) }
}

fn again(object: Object) -> Start {
    later(object, History::default())
}

fn place(role: Role) -> Place {
    let other = (role != Role::Owner { has_candidate: false }).then(|| "ns/other".to_owned());
    Place { role, other }
}

fn moved(role: Role) -> Came {
    Came::Is(Answer::Place(place(role)))
}

const ALONE: Role = Role::Owner { has_candidate: false };
const HAS_CANDIDATE: Role = Role::Owner { has_candidate: true };
const OFFERING: Role = Role::Offering { is_taken: false };
const DUPLICATE: Role = Role::Duplicate { owner_answers: true };

/// One after the other goes well, and this comes of the last.
fn several(names: &str, came: Came) -> Vec<(&str, Came)> {
    let mut steps: Vec<_> = names.split("; ").map(|name| (name, Well)).collect();
    steps.last_mut().unwrap().1 = came;
    steps
}

/// A walk at its end.
struct Walked {
    object: Object,
    end: End,
    events: Vec<Event>,
    wrote: Vec<Arc<ImageShareStatus>>,
}

impl Walked {
    fn state(&self) -> &ObjectState {
        let Keep::State(state) = &self.end.keep else { panic!("{:?}", self.end) };
        state
    }

    /// The next pass over the object.
    fn next(&self) -> Start {
        Start { state: Some(self.state().clone()), ..start(self.object.clone()) }
    }

    /// The next pass over the object, after a restart of the operator.
    fn restarted(&self) -> Start {
        start(self.object.clone())
    }

    fn message(&self) -> &str {
        &self.object.status.as_ref().unwrap().conditions[0].message
    }
}

#[track_caller]
fn walk<const N: usize>(start: Start, steps: [(&str, Came); N], end: &str) -> Walked {
    walk_at(&now(), start, steps, end)
}

#[track_caller]
fn walk_all(start: Start, steps: Vec<(&str, Came)>, end: &str) -> Walked {
    let now = now();
    walk_on(Pass::begin(start, &now), &now, steps, end)
}

#[track_caller]
fn walk_at<const N: usize>(now: &Now, start: Start, steps: [(&str, Came); N], end: &str) -> Walked {
    walk_on(Pass::begin(start, now), now, steps, end)
}

#[track_caller]
fn walk_on<'a>(
    mut pass: Pass,
    now: &Now,
    steps: impl IntoIterator<Item = (&'a str, Came)>,
    end: &str,
) -> Walked {
    let (mut events, mut wrote) = (vec![], vec![]);
    let split = |(names, came)| several(names, came);
    for (expected, came) in steps.into_iter().flat_map(split) {
        let effect = match pass.next(now) {
            Step::Do(effect) => effect,
            Step::Done(end) => panic!("instead of {expected}: {}", left(&end)),
        };
        assert_eq!(named(&effect), expected);
        match &effect {
            Effect::Emit(event) => events.push(event.clone()),
            Effect::WriteStatus(status) => wrote.push(status.clone()),
            _ => {}
        }
        pass.on(came.answer(&effect, pass.object()), now);
    }
    let found = match pass.next(now) {
        Step::Done(found) => *found,
        Step::Do(effect) => panic!("and then: {}", named(&effect)),
    };
    assert_eq!(left(&found), end);
    assert_eq!(pass.next(now), Step::Done(Box::new(found.clone())), "the end is the end");
    Walked { object: pass.object().clone(), end: found, events, wrote }
}

fn failure(reason: Reason) -> Failure {
    let request_id = Some("r1".to_owned());
    Failure { reason, evidence: "why".into(), pause: None, request_id }
}

fn looked(share: Option<RemoteShare>) -> Came {
    Came::Is(Answer::Looked(Ok(share), now().monotonic))
}

fn saw(deadline: &str) -> Came {
    looked(Some(remote(deadline, true)))
}

fn saw_nothing() -> Came {
    looked(None)
}

fn look_failed(reason: Reason) -> Came {
    Came::Is(Answer::Looked(Err(failure(reason)), now().monotonic))
}

fn listed(share: Option<RemoteShare>) -> Came {
    Came::Is(Answer::Listed { share: Ok(share), at: now().monotonic, jitter: MIDDLE })
}

fn lists(deadline: &str) -> Came {
    listed(Some(remote(deadline, true)))
}

fn exists_already() -> Came {
    Came::Is(Answer::Created(Ok(Created::AlreadyExists)))
}

fn create_failed(reason: Reason) -> Came {
    Came::Is(Answer::Created(Err(failure(reason))))
}

fn update_failed(reason: Reason) -> Came {
    Came::Is(Answer::Updated(Err(failure(reason))))
}

fn delete_failed(reason: Reason) -> Came {
    Came::Is(Answer::Deleted(Err(failure(reason))))
}

fn without_credentials(why: NoCredentials) -> Came {
    Came::Is(Answer::Credentials(Err(why)))
}

fn no_secret() -> Came {
    without_credentials(NoCredentials::Unusable(Reason::SecretNotFound, "Secret swr".into(), None))
}

fn terminating() -> Came {
    let (reason, words) = (Reason::SecretNotFound, "Secret swr".into());
    without_credentials(NoCredentials::Terminating(reason, words))
}

fn refused(refusal: Refusal) -> Came {
    Came::Is(Answer::Refused(refusal))
}

fn read(object: Object) -> Came {
    Came::Is(Answer::Read { object, is_unchanged: false })
}

fn crd_goes() -> Came {
    Came::Is(Answer::Crd { is_deleting: true })
}

fn with_policy(object: Object, policy: AdoptionPolicy) -> Object {
    with_spec(object, |spec| spec.adoption_policy = policy)
}

fn creates_only(object: Object) -> Object {
    with_policy(object, AdoptionPolicy::Create)
}

fn deleted(object: Object) -> Object {
    Object { is_deleting: true, generation: 2, ..object }
}

/// The spec is edited, in whatever way.
fn edited(object: Object, deadline: &str) -> Object {
    let object = with_spec(object, |spec| spec.deadline = deadline.into());
    Object { generation: object.generation + 1, ..object }
}

/// An object that an earlier pass ended with this reason, and that has no share.
fn refused_before(reason: Reason) -> Object {
    with_status(fresh(), status(&Outcome::failed(reason, "why"), Record::default()))
}

/// An object whose status says that a write may be under way.
fn in_doubt() -> Object {
    let object = shared("forever");
    let mut status = object.own_status().unwrap().clone();
    status.share.as_mut().unwrap().valid = None;
    with_status(object, status)
}

fn of_another_life(object: Object) -> Object {
    let object_uid = Some("another".to_owned());
    let status = ImageShareStatus { object_uid, ..object.own_status().unwrap().clone() };
    Object { has_intent: false, ..with_status(object, status) }
}

mod sharing {
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
        let walked = walk(
            again(shared("forever")),
            [("credentials; list", lists("forever"))],
            "back in 600s",
        );
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
            [
                ("credentials; look", saw("forever")),
                ("status Shared: confirmed created forever", Well),
            ],
            "back in 600s",
        );
        let status = walked.object.own_status().unwrap();
        assert_eq!(status.last_handled_reconcile_at, requested_at);
        let next = walked.next();
        walk(next, [("credentials; list", lists("forever"))], "back in 600s");
    }
}

mod in_doubt_and_refused {
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
            [
                ("credentials; look", saw("forever")),
                ("status Shared: in doubt created forever", Well),
            ],
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
            [
                ("credentials; look", saw("forever")),
                ("status Shared: confirmed created forever", Well),
            ],
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
        let malformed = || {
            NoCredentials::Unusable(Reason::TokenMalformed, "Secret swr".into(), Some(secret("1")))
        };
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
}

mod what_was_there_before {
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
            [
                ("credentials; look", saw("forever")),
                ("status Shared: confirmed created forever", Well),
            ],
            "back in 600s",
        );
        walk(
            start(deleted(crashed())),
            [("crd; credentials; read; delete; look", saw_nothing()), ("remove finalizer", Well)],
            "forgotten, released",
        );
    }
}

mod leaving {
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
        let retain =
            |object| with_spec(object, |spec| spec.deletion_policy = DeletionPolicy::Retain);
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
                [
                    ("crd; credentials; read; delete", delete_failed(reason)),
                    ("remove finalizer", Well),
                ],
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
                (
                    "crd; credentials, last try; read; delete",
                    delete_failed(Reason::RepositoryNotFound),
                ),
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
                [
                    (delete, delete_failed(reason)),
                    ("look", saw_nothing()),
                    ("remove finalizer", Well),
                ],
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
            [
                (delete, delete_failed(Reason::Busy)),
                ("status Busy: confirmed created forever", Well),
            ],
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
}

mod patience {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(2);

    /// For two minutes a refusal may heal, by the settings of this walk.
    fn patient(start: Start) -> Start {
        let settings = Settings { stalled_after: PATIENCE, ..settings() };
        Start { settings: Arc::new(settings), ..start }
    }

    fn in_seconds(seconds: u64) -> Now {
        let later = Duration::from_secs(seconds);
        let Now { monotonic, wall, cloud } = now();
        Now { monotonic: monotonic + later, wall: wall + later, cloud: cloud.map(|at| at + later) }
    }

    fn is_stalled(walked: &Walked) -> bool {
        status::is_true(walked.object.own_status().unwrap(), ConditionType::Stalled)
    }

    /// SWR is not asked again for that: the Secret with which it refused is as it was.
    #[test]
    fn a_refusal_is_called_final_in_its_time_with_one_write_and_without_a_call() {
        let steps = [
            ("credentials; add finalizer; crd; create forever", create_failed(Reason::Forbidden)),
            ("remove finalizer", Well),
            ("status Forbidden: nothing", Well),
        ];
        let first = walk(patient(start(fresh())), steps, "refused with 1, back in 18s");
        assert!(!is_stalled(&first));
        let refused = (
            "credentials, refused with 1",
            without_credentials(NoCredentials::Refused(secret("1"))),
        );
        let soon = in_seconds(110);
        let steps = [refused.clone()];
        let second = walk_at(&soon, patient(first.next()), steps, "refused with 1, back in 10.2s");
        assert!(!is_stalled(&second), "nothing is written before");
        let steps = [refused, ("status Forbidden: nothing", Well)];
        let late = in_seconds(120);
        let third = walk_at(&late, patient(second.next()), steps, "refused with 1, back in 18s");
        assert!(is_stalled(&third));
    }

    #[test]
    fn a_restart_of_the_operator_begins_no_time_anew_and_writes_nothing() {
        let no_secret = || ("credentials", no_secret());
        let said = ("status SecretNotFound: nothing", Well);
        let first = walk(patient(start(fresh())), [no_secret(), said.clone()], "back in 18s");
        let soon = in_seconds(60);
        let again = walk_at(&soon, patient(first.restarted()), [no_secret()], "back in 18s");
        let late = in_seconds(121);
        let last = walk_at(&late, patient(again.restarted()), [no_secret(), said], "back in 18s");
        assert!(!is_stalled(&again) && is_stalled(&last));
    }

    #[test]
    fn what_only_the_object_can_heal_is_final_at_once() {
        let bad = with_spec(fresh(), |spec| spec.deadline = "one day".into());
        let steps = [("status InvalidSpec: nothing", Well)];
        assert!(is_stalled(&walk(patient(start(bad)), steps, "back in 18s")));
    }
}

mod not_writing {
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
}

mod owners {
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
}

mod the_api_server {
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
        let walked = walk(
            again(object()),
            [
                ("credentials; look", saw("forever")),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, Well),
            ],
            "back in 600s",
        );
        assert!(walked.wrote.iter().all(|status| *status == walked.wrote[0]));
        walk(
            again(object()),
            [
                ("credentials; look", saw("forever")),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
                ("read", labelled(object())),
                (STATUS, conflict()),
            ],
            "failed 1, Conflict, unsure, back in 1s",
        );
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
}

mod coming_back {
    use super::*;

    #[test]
    fn what_an_earlier_life_has_settled_is_resumed_within_a_fifth_of_its_interval() {
        for (repository_jitter, end) in [
            (Jitter(0), "resumed, back in 200ms"),
            (MIDDLE, "resumed, back in 60.2s"),
            (Jitter(u32::MAX), "resumed, back in 120.199999972s"),
        ] {
            let start = Start { repository_jitter, ..start(shared("forever")) };
            let walked = walk(start, [("credentials to keep", Well)], end);
            assert_eq!(walked.object, shared("forever"));
        }
        let without = no_secret();
        let start = start(shared("forever"));
        walk(start, [("credentials to keep", without)], "resumed, back in 60.2s");
    }

    #[test]
    fn an_object_whose_secret_could_not_be_read_is_resumed_later() {
        walk(
            start(shared("forever")),
            [("credentials to keep", without_credentials(NoCredentials::Unread))],
            "as it was, back in 2s",
        );
    }

    #[test]
    fn only_what_is_settled_is_resumed() {
        let shared = || shared("forever");
        let requested_at = Some("now".to_owned());
        let looks = [
            Object { requested_at, ..shared() },
            in_doubt(),
            with_spec(shared(), |spec| spec.management_policy = ManagementPolicy::Observe),
        ];
        for object in looks {
            let mut pass = Pass::begin(start(object), &now());
            let first = pass.next(&now());
            let current = Credentials::Current { refused: None, is_last_try: false };
            assert_eq!(first, Step::Do(Effect::ReadCredentials(current)), "{pass:?}");
        }
        let duplicate = Start { place: place(DUPLICATE), ..start(shared()) };
        walk(
            duplicate,
            [("remove finalizer", Well), ("status DuplicateShare: nothing", Well)],
            "back in 18s",
        );
        walk(again(shared()), [("credentials; list", lists("forever"))], "back in 600s");
    }

    #[test]
    fn a_share_that_ends_is_looked_at_when_it_does_by_the_clouds_clock() {
        let end = at("2027-01-02T00:00:00Z");
        let before = Now { cloud: Some(at("2027-01-01T23:59:00Z")), ..now() };
        let start = || start(shared("2027-01-01"));
        walk_at(&before, start(), [("credentials to keep", Well)], "resumed, back in 60.2s");
        let unknown = Now { cloud: None, ..now() };
        walk_at(&unknown, start(), [("credentials; list", lists("2027-01-01"))], "back in 600s");
        let over = Now { cloud: Some(end), ..now() };
        let over_share = || looked(Some(remote("2027-01-01", false)));
        let walked = walk_at(
            &over,
            start(),
            [
                ("credentials; list", listed(None)),
                ("look", over_share()),
                ("status Expired: over created 2027-01-01T23:59:59Z", Well),
            ],
            "back in 600s",
        );
        let status = walked.object.own_status().unwrap();
        assert_eq!(status.effective_until.as_deref(), Some("2027-01-02T00:00:00Z"));
        walk_at(&over, start(), [("credentials; list", lists("2027-01-01"))], "back in 1.2s");
    }

    #[test]
    fn the_end_of_a_share_is_announced_once() {
        let expiring_soon = Some(Duration::from_hours(72));
        let soon = Arc::new(Settings { expiring_soon, ..settings() });
        let near = Start { settings: soon.clone(), ..again(shared("2027-01-03")) };
        let walked = walk(
            near,
            [
                ("credentials; list", lists("2027-01-03")),
                ("event ExpiringSoon", Well),
                ("status Shared: confirmed created 2027-01-03T23:59:59Z", Well),
            ],
            "back in 600s",
        );
        let note = "the share of group/tools/busybox with demo ends at 2027-01-04T00:00:00Z";
        assert_eq!(walked.events, [Event::ExpiringSoon(note.into())]);
        let next = Start { settings: soon.clone(), ..walked.next() };
        walk(next, [("credentials; list", lists("2027-01-03"))], "back in 600s");
        // Its end comes near in a minute.
        let at_noon = Now { cloud: Some(at("2027-01-01T23:59:00Z")), ..now() };
        let far = Start { settings: soon, ..again(shared("2027-01-04")) };
        walk_at(&at_noon, far, [("credentials; list", lists("2027-01-04"))], "back in 60.2s");
    }

    #[test]
    fn a_list_is_no_older_than_the_interval_and_newer_than_the_last_look() {
        let freshness = |now: &Now, start| {
            let mut pass = Pass::begin(start, now);
            pass.next(now);
            pass.on(Answer::Credentials(Ok(Ready::default())), now);
            let Step::Do(Effect::List(freshness)) = pass.next(now) else { panic!("{pass:?}") };
            freshness
        };
        let after = Some(ago(Duration::from_mins(10)));
        let of = |at_most| Freshness { after, at_most };
        let minutes = Duration::from_mins;
        assert_eq!(freshness(&now(), again(shared("forever"))), of(minutes(10)));
        let over = Now { cloud: Some(at("2027-01-02T00:01:00Z")), ..now() };
        assert_eq!(freshness(&over, again(shared("2027-01-01"))), of(minutes(1)));
        let long_over = Now { cloud: Some(at("2027-01-02T01:00:00Z")), ..now() };
        assert_eq!(freshness(&long_over, again(shared("2027-01-01"))), of(minutes(10)));
        let requested = with_spec(shared("forever"), |spec| spec.interval = "0s".into());
        assert_eq!(freshness(&now(), again(requested)), of(Duration::ZERO));
    }

    #[test]
    fn who_followed_a_list_stays_with_those_who_did_the_same() {
        let jitter = Jitter(0);
        let at = ago(Duration::from_secs(5));
        let share = Ok(Some(remote("forever", true)));
        let walked = walk(
            again(shared("forever")),
            [("credentials; list", Came::Is(Answer::Listed { share, at, jitter }))],
            "back in 535s",
        );
        assert_eq!(walked.state().looked_at, at);
        let later = ago(Duration::from_secs(3));
        let seen = Answer::Looked(Ok(Some(remote("forever", true))), later);
        let walked = walk(
            again(shared("forever")),
            [
                ("credentials; list", Came::Is(Answer::Listed { share: Ok(None), at, jitter })),
                ("look", Came::Is(seen)),
            ],
            "back in 537s",
        );
        assert_eq!(walked.state().looked_at, later);
    }

    #[test]
    fn a_look_that_may_be_late_is_repeated_with_the_next_poll_of_the_secret() {
        let object = with_policy(shared("forever"), AdoptionPolicy::Adopt);
        let wrote_at = Some(ago(Duration::from_secs(29)));
        let fresh = History { wrote_at, ..History::default() };
        walk(
            later(object.clone(), fresh),
            [
                ("credentials; list", listed(None)),
                ("look", saw_nothing()),
                ("status NothingToAdopt: in doubt created forever", Well),
            ],
            "back in 18s",
        );
        let wrote_at = Some(ago(Duration::from_secs(30)));
        let old = History { wrote_at, ..History::default() };
        walk(
            later(object, old),
            [
                ("credentials; list", listed(None)),
                ("look", saw_nothing()),
                ("remove finalizer", Well),
                ("status NothingToAdopt: nothing", Well),
            ],
            "refused with 1, back in 18s",
        );
    }

    #[test]
    fn a_bug_in_the_rules_ends_the_pass() {
        fn looks_for_ever(_: &Goal, _: &Facts, _: jiff::Timestamp, _: bool) -> Action {
            Action::Look
        }
        static RULES: Rules = Rules { plan: looks_for_ever, ..Rules::SHIPPED };
        let mut pass = Pass::begin_by(&RULES, again(shared("forever")), &now());
        let mut looks = 0;
        loop {
            match pass.next(&now()) {
                Step::Do(effect) => {
                    looks += usize::from(effect == Effect::Look);
                    let came = if effect == Effect::Look { saw("forever") } else { Well };
                    pass.on(came.answer(&effect, pass.object()), &now());
                }
                Step::Done(end) => {
                    let outcome = end.summary.outcome.unwrap();
                    assert_eq!((outcome.reason, looks), (Reason::InternalError, 12));
                    break;
                }
            }
        }
    }
}
