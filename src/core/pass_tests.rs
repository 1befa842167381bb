//! Whole walks: each begins with an object, names each effect in turn with what came of it, and ends
//! with what is remembered. An effect too few, too many or out of turn fails. In `("a; b", came)` it
//! is `b` that this came of; `a` went well.

#[path = "pass_tests/coming_back.rs"]
mod coming_back;
#[path = "pass_tests/in_doubt_and_refused.rs"]
mod in_doubt_and_refused;
#[path = "pass_tests/leaving.rs"]
mod leaving;
#[path = "pass_tests/not_writing.rs"]
mod not_writing;
#[path = "pass_tests/owners.rs"]
mod owners;
#[path = "pass_tests/patience.rs"]
mod patience;
#[path = "pass_tests/sharing.rs"]
mod sharing;
#[path = "pass_tests/the_api_server.rs"]
mod the_api_server;
#[path = "pass_tests/what_was_there_before.rs"]
mod what_was_there_before;

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
use crate::core::object_state::ObjectState;
use crate::core::ownership::Role;
use crate::core::record::Record;
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
