use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::super::queue::Room;
use super::*;
use crate::api::{CREATE_INTENT, FINALIZER, ImageShareSpec, ManagementPolicy};
use crate::cloud::Change;
use crate::core::fixtures;
use crate::core::object::{Fingerprint, Object};
use crate::core::object_state::History;
use crate::core::ownership::Role;
use crate::core::record::Record;
use crate::core::status::Outcome;
use crate::reason::Reason;

const ALONE: Role = Role::Owner { has_candidate: false };
const OWNER: Role = Role::Owner { has_candidate: true };
const DUPLICATE: Role = Role::Duplicate { owner_answers: false };

fn spec() -> ImageShareSpec {
    ImageShareSpec { region: None, ..crate::core::fixtures::spec() }
}

/// An object of this name, created at this second.
fn object(name: &str, created: i64) -> ImageShare {
    let mut object = ImageShare::new(name, spec());
    let metadata = &mut object.metadata;
    metadata.namespace = Some("ns".into());
    metadata.uid = Some(format!("uid-{name}"));
    metadata.resource_version = Some("1".into());
    metadata.creation_timestamp = Some(Time(Timestamp::from_second(created).unwrap()));
    object
}

/// The object with the finalizer, and the annotation that it was about to create its share.
fn marked(mut object: ImageShare) -> ImageShare {
    let uid = object.metadata.uid.clone().unwrap();
    object.metadata.finalizers = Some(vec![FINALIZER.into()]);
    object.metadata.annotations = Some([(CREATE_INTENT.to_owned(), uid)].into());
    object
}

fn deleted(mut object: ImageShare) -> ImageShare {
    object.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    object
}

fn with_account(account: &str, mut object: ImageShare) -> ImageShare {
    object.spec.account = account.into();
    object
}

/// Whatever is due may run.
struct Open;

impl Gate for Open {
    fn places(&self, _region: &str) -> usize {
        usize::MAX
    }

    fn room(&self, _flow: &Flow, _now: Instant) -> Room {
        Room::Places(usize::MAX)
    }
}

/// The object in its next version.
fn next_version(mut object: ImageShare) -> ImageShare {
    let version = super::super::entry::version(&object.metadata).unwrap().get() + 1;
    object.metadata.resource_version = Some(version.to_string());
    object
}

fn left(keep: Keep) -> Left {
    Left { object: None, keep, come_back: None, is_unsure: false, has_let_go: false, back_at: None }
}

/// A registry whose objects had their passes.
struct World {
    registry: Registry,
    version: std::cell::Cell<u64>,
}

impl World {
    fn new(objects: &[&ImageShare]) -> Self {
        let registry = Registry::new(Some("eu".into()));
        let world = Self { registry, version: std::cell::Cell::new(1) };
        for object in objects {
            world.registry.update(object, Urgency::Routine);
        }
        world.registry.listed(None);
        world.registry.complete();
        let mut names: Vec<_> = objects.iter().map(|object| object.name_any()).collect();
        // What comes to be a duplicate has one more pass.
        let mut woken = world.woken();
        names.sort();
        woken.sort();
        woken.dedup();
        assert_eq!(woken, names, "each has a pass at first");
        world
    }

    fn share(object: &ImageShare) -> ShareId {
        Object::of(object).share_id(Some("eu")).unwrap()
    }

    fn key(object: &ImageShare) -> Key {
        Key::of(&object.metadata)
    }

    fn place(&self, object: &ImageShare) -> Place {
        self.registry.place(&Self::key(object), &Self::share(object))
    }

    fn role(&self, object: &ImageShare) -> Role {
        self.place(object).role
    }

    fn make(&self, object: &ImageShare, made: Move) -> Role {
        self.registry.transfer(&Self::key(object), &Self::share(object), made).role
    }

    /// The watch brings an object, in a version that is new.
    fn update(&self, object: &ImageShare) {
        self.version.set(self.version.get() + 1);
        let mut object = object.clone();
        object.metadata.resource_version = Some(self.version.get().to_string());
        self.registry.update(&object, Urgency::News);
    }

    fn next(&self) -> Option<Work> {
        self.registry.next(Instant::now(), &Open)
    }

    /// The pass of an object ends, and remembers it as it is in its place.
    fn end(&self, work: &Work) {
        let object = work.object.as_ref().unwrap().unpack(&work.key).unwrap();
        let fingerprint = Fingerprint::of(&Object::of(&object), &self.place(&object));
        let state = ObjectState::new(fingerprint, History::default(), Instant::now());
        let left = left(Keep::State(Box::new(state)));
        self.registry.ended(&work.key, &work.flow, left, Instant::now());
    }

    /// The names of those that are due, whose passes end at once.
    fn woken(&self) -> Vec<String> {
        let mut names = vec![];
        while let Some(work) = self.next() {
            names.push(work.key.name().to_owned());
            self.end(&work);
        }
        names
    }

    fn names(&self) -> Vec<String> {
        let inner = self.registry.lock();
        let mut names: Vec<_> = inner.entries.keys().map(|key| key.name().to_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn an_object_is_known_by_namespace_name_and_uid() {
    let key = Key::of(&object("a", 1).metadata);
    assert_eq!((key.namespace(), key.name(), key.full_name()), ("ns", "a", "ns/a"));
    let mut anew = object("a", 1).metadata;
    anew.uid = Some("another".into());
    assert_ne!(key, Key::of(&anew));
}

#[test]
fn the_oldest_owns_the_share_and_the_others_are_named_its_owner() {
    let (a, b) = (object("a", 2), object("b", 1));
    let world = World::new(&[&a, &b]);
    assert_eq!(world.place(&a), Place { role: DUPLICATE, other: Some("ns/b".into()) });
    assert_eq!(world.place(&b), Place { role: OWNER, other: None });
}

#[test]
fn an_object_that_nobody_has_heard_of_is_alone() {
    let world = World::new(&[]);
    assert_eq!(world.place(&object("a", 1)), Place::ALONE);
    assert_eq!(world.make(&object("a", 1), Move::Offer), ALONE);
}

#[test]
fn accounts_that_differ_in_case_are_one() {
    let (a, b) = (object("a", 1), with_account("DEMO", object("b", 2)));
    let other = with_account("demo2", object("c", 3));
    let world = World::new(&[&a, &b, &other]);
    assert_eq!((world.role(&a), world.role(&b)), (OWNER, DUPLICATE));
    assert_eq!(world.role(&other), ALONE);
    let offered = World::new(&[&with_account("Demo", marked(a.clone())), &b]);
    let a = deleted(with_account("Demo", marked(a)));
    offered.role(&a);
    offered.update(&a);
    assert_eq!(offered.make(&a, Move::Offer), Role::Offering { is_taken: false });
    assert_eq!(offered.role(&b), Role::Offered);
}

#[test]
fn a_share_is_one_in_each_region_whoever_names_it() {
    let (a, mut b, mut c) = (object("a", 1), object("b", 2), object("c", 3));
    b.spec.region = Some("eu".into());
    c.spec.region = Some("us".into());
    let world = World::new(&[&a, &b, &c]);
    assert_eq!((world.role(&a), world.role(&b), world.role(&c)), (OWNER, DUPLICATE, ALONE));
}

#[test]
fn an_object_that_only_observes_claims_nothing() {
    let (mut a, b) = (object("a", 1), object("b", 2));
    a.spec.management_policy = ManagementPolicy::Observe;
    let world = World::new(&[&a, &b]);
    assert_eq!(world.role(&b), ALONE);
}

#[test]
fn an_object_that_goes_makes_room_for_the_next_and_wakes_it() {
    let (a, b) = (object("a", 1), object("b", 2));
    let world = World::new(&[&a, &b]);
    assert_eq!(world.role(&b), DUPLICATE);
    world.registry.gone(&a.metadata);
    assert_eq!(world.woken(), ["b"]);
    assert_eq!(world.place(&b), Place::ALONE);
    world.registry.gone(&a.metadata);
    assert_eq!(world.woken(), [""; 0], "it is gone already");
    world.registry.gone(&b.metadata);
    let inner = world.registry.lock();
    assert!(inner.claimed.is_empty() && inner.entries.is_empty() && inner.flows.is_empty());
}

#[test]
fn an_object_that_comes_to_declare_another_share_leaves_the_first() {
    let (a, b) = (object("a", 1), object("b", 2));
    let world = World::new(&[&a, &b]);
    assert_eq!(world.role(&b), DUPLICATE);
    world.update(&a);
    assert_eq!(world.woken(), [""; 0], "the same again is no news");
    let moved = with_account("other", a.clone());
    world.update(&moved);
    assert_eq!(world.woken(), ["b", "a"]);
    assert_eq!((world.role(&moved), world.role(&b)), (ALONE, ALONE));
    let mut observing = b.clone();
    observing.spec.management_policy = ManagementPolicy::Observe;
    world.update(&observing);
    assert_eq!(world.registry.lock().entries[&World::key(&b)].share, None);
    assert_eq!(world.registry.lock().claimed.len(), 1);
}

#[test]
fn a_new_list_drops_what_it_does_not_bring() {
    let (a, b, c) = (object("a", 1), object("b", 2), object("c", 3));
    let world = World::new(&[&a, &b, &c]);
    assert_eq!(world.role(&a), OWNER);
    world.registry.relist(None);
    world.update(&b);
    assert_eq!(world.role(&a), OWNER, "the list is not complete yet");
    world.update(&c);
    world.registry.listed(None);
    world.registry.complete();
    assert_eq!(world.woken(), ["b", "c"]);
    assert_eq!((world.role(&b), world.role(&c)), (OWNER, DUPLICATE));
    assert_eq!(world.names(), ["b", "c"]);
    world.registry.listed(None);
    world.registry.complete();
    assert_eq!(world.woken(), [""; 0], "a list that did not begin drops nothing");
    assert_eq!(world.role(&c), DUPLICATE);
}

#[test]
fn a_new_list_of_one_namespace_says_nothing_of_another() {
    let (a, b) = (object("a", 1), with_account("b", object("b", 2)));
    let (mut other, mut gone) = (object("c", 3), with_account("b", object("d", 4)));
    for object in [&mut other, &mut gone] {
        object.metadata.namespace = Some("other".into());
        object.spec.organization = "others".into();
    }
    let world = World::new(&[&a, &b, &other, &gone]);
    // Both are listed at a time, and one list is complete before the other.
    world.registry.relist(Some("other"));
    world.registry.relist(Some("ns"));
    world.update(&other);
    world.registry.listed(Some("other"));
    assert_eq!(world.names(), ["a", "b", "c"]);
    world.update(&a);
    world.registry.listed(Some("other"));
    assert_eq!(world.names(), ["a", "b", "c"], "the other list is not complete yet");
    world.registry.listed(Some("ns"));
    assert_eq!(world.names(), ["a", "c"]);
}

#[test]
fn no_pass_begins_before_all_is_known() {
    let registry = Registry::new(Some("eu".into()));
    registry.update(&object("a", 1), Urgency::Routine);
    registry.listed(Some("ns"));
    assert!(registry.next(Instant::now(), &Open).is_none());
    registry.complete();
    assert!(registry.next(Instant::now(), &Open).is_some());
}

#[test]
fn what_a_new_list_does_not_bring_is_forgotten() {
    let (a, mut b) = (object("a", 1), object("b", 2));
    b.spec.management_policy = ManagementPolicy::Observe;
    let world = World::new(&[&a, &b]);
    world.registry.relist(None);
    world.registry.listed(None);
    world.registry.complete();
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn an_object_that_was_made_anew_under_its_name_is_another() {
    let a = object("a", 1);
    let world = World::new(&[&a]);
    assert_eq!(world.role(&a), ALONE);
    world.registry.relist(None);
    let mut anew = object("a", 2);
    anew.metadata.uid = Some("anew".into());
    world.update(&anew);
    assert_eq!(world.role(&anew), DUPLICATE);
    world.registry.listed(None);
    world.registry.complete();
    assert_eq!(world.woken(), ["a"]);
    assert_eq!(world.role(&anew), ALONE);
}

#[test]
fn a_move_wakes_whom_it_concerns_and_gives_the_place_after_it() {
    let (a, b, c) = (marked(object("a", 1)), object("b", 2), object("c", 3));
    let world = World::new(&[&a, &b, &c]);
    assert_eq!(world.role(&a), OWNER);
    let a = deleted(a);
    world.update(&a);
    assert_eq!(world.woken(), [""; 0]);
    assert_eq!(world.make(&a, Move::Offer), Role::Offering { is_taken: false });
    assert_eq!(world.woken(), ["b"]);
    assert_eq!(world.place(&a).other.as_deref(), Some("ns/b"));
    assert_eq!(world.make(&b, Move::Take), Role::Taking);
    assert_eq!(world.woken(), [""; 0]);
    assert_eq!(world.make(&b, Move::Complete), OWNER);
    assert_eq!(world.woken(), ["a", "c"]);
    assert_eq!(world.make(&c, Move::Complete), DUPLICATE, "it is not its own to make");
    assert_eq!(world.woken(), [""; 0]);
}

#[test]
fn news_of_a_successor_that_goes_wake_the_owner() {
    let (a, b) = (marked(object("a", 1)), marked(object("b", 2)));
    let world = World::new(&[&a, &b]);
    assert_eq!(world.role(&a), OWNER);
    let (a, b) = (deleted(a), deleted(b));
    world.update(&a);
    world.make(&a, Move::Offer);
    assert_eq!(world.woken(), ["b"]);
    world.update(&b);
    assert_eq!(world.woken(), ["a", "b"]);
    assert_eq!(world.role(&a), ALONE);
}

fn state(now: Instant) -> ObjectState {
    let fingerprint = Fingerprint::of(&Object::of(&object("a", 1)), &Place::ALONE);
    ObjectState::new(fingerprint, History::default(), now)
}

/// A registry with one object, whose pass runs.
struct One {
    registry: Registry,
    work: Work,
}

impl One {
    fn new() -> Self {
        let registry = Registry::new(Some("eu".into()));
        registry.update(&object("a", 1), Urgency::News);
        registry.listed(None);
        registry.complete();
        let work = registry.next(Instant::now(), &Open).unwrap();
        Self { registry, work }
    }

    fn ended(&self, left: Left) {
        self.registry.ended(&self.work.key, &self.work.flow, left, Instant::now());
    }

    fn keep(&self, state: &ObjectState) {
        self.ended(left(Keep::State(Box::new(state.clone()))));
    }

    /// Its next pass begins.
    fn next(&self) -> Option<Work> {
        self.registry.next(Instant::now(), &Open)
    }

    /// Somebody changes the spec, and its next pass begins.
    fn change(&self, version: i64) -> Work {
        let mut changed = object("a", 1);
        changed.metadata.resource_version = Some(version.to_string());
        changed.metadata.generation = Some(version);
        self.registry.update(&changed, Urgency::News);
        self.next().unwrap()
    }

    fn state(&self) -> Option<ObjectState> {
        self.registry.state(&self.work.key)
    }
}

#[test]
fn nobody_has_a_pass_before_all_objects_are_known() {
    let registry = Registry::new(None);
    registry.update(&object("a", 1), Urgency::News);
    assert!(registry.next(Instant::now(), &Open).is_none());
    registry.listed(None);
    registry.complete();
    assert!(registry.next(Instant::now(), &Open).is_some());
}

#[test]
fn an_object_has_one_pass_at_a_time_and_news_of_it_wait_for_its_end() {
    let one = One::new();
    let mut changed = next_version(object("a", 1));
    changed.metadata.generation = Some(2);
    one.registry.update(&changed, Urgency::News);
    assert!(one.next().is_none());
    one.keep(&state(Instant::now()));
    let again = {
        let work = one.next().unwrap();
        work.object.unwrap().unpack(&work.key).unwrap()
    };
    assert_eq!(again.metadata.generation, Some(2));
}

#[test]
fn our_own_writes_that_come_back_are_no_news() {
    let one = One::new();
    let written = next_version(marked(object("a", 1)));
    // The watch may be before the answer, or after it.
    one.registry.update(&written, Urgency::News);
    let fingerprint = Fingerprint::of(&Object::of(&written), &Place::ALONE);
    let state = ObjectState::new(fingerprint, History::default(), Instant::now());
    let keep = Keep::State(Box::new(state));
    one.ended(Left { object: Some(written.clone()), ..left(keep) });
    assert!(one.next().is_none());
    one.registry.update(&written, Urgency::News);
    assert!(one.next().is_none());
}

#[test]
fn an_older_version_than_the_known_one_is_no_news() {
    let one = One::new();
    let mut newer = next_version(next_version(object("a", 1)));
    newer.spec.description = "newer".into();
    let fingerprint = Fingerprint::of(&Object::of(&newer), &Place::ALONE);
    let state = ObjectState::new(fingerprint, History::default(), Instant::now());
    one.ended(Left { object: Some(newer), ..left(Keep::State(Box::new(state))) });
    let mut older = next_version(marked(object("a", 1)));
    older.metadata.generation = Some(7);
    one.registry.update(&older, Urgency::News);
    assert!(one.next().is_none());
}

#[test]
fn an_object_comes_back_when_it_is_due() {
    let (one, now) = (One::new(), Instant::now());
    let come_back = Some(Duration::from_mins(1));
    let keep = Keep::State(Box::new(state(now)));
    one.registry.ended(&one.work.key, &one.work.flow, Left { come_back, ..left(keep) }, now);
    let (early, due) = (now + Duration::from_secs(59), now + Duration::from_mins(1));
    assert_eq!(one.registry.next_moment(), Some(due));
    assert!(one.registry.next(early, &Open).is_none());
    assert!(one.registry.next(due, &Open).is_some());
    assert_eq!(one.registry.next_moment(), None);
}

#[test]
fn what_a_pass_says_is_kept_until_the_next_or_until_the_object_is_gone() {
    let (one, now) = (One::new(), Instant::now());
    assert_eq!(one.state(), None);
    let first = state(now);
    one.keep(&first);
    assert_eq!(one.state(), Some(first.clone()));
    assert_eq!(one.change(2).state, Some(first.clone()));
    one.ended(left(Keep::AsItWas));
    assert_eq!(one.state(), Some(first));
    one.change(3);
    one.ended(left(Keep::Nothing));
    assert_eq!(one.state(), None);
}

#[test]
fn an_object_that_a_write_may_have_changed_is_read_live_at_its_next_pass() {
    let one = One::new();
    assert!(!one.work.is_outdated);
    one.ended(Left { is_unsure: true, ..left(Keep::AsItWas) });
    assert!(one.change(2).is_outdated);
    one.ended(left(Keep::AsItWas));
    assert!(!one.change(3).is_outdated);
}

#[test]
fn an_object_that_goes_while_its_pass_runs_is_forgotten_with_it() {
    let one = One::new();
    one.registry.gone(&object("a", 1).metadata);
    one.registry.update(&next_version(object("a", 1)), Urgency::News);
    assert!(one.next().is_none(), "a late event begins no second pass beside the first");
    one.registry.gone(&object("a", 1).metadata);
    one.keep(&state(Instant::now()));
    assert_eq!(one.state(), None);
    assert!(one.registry.lock().entries.is_empty() && one.registry.lock().flows.is_empty());
}

#[test]
fn an_object_that_goes_while_it_is_due_has_no_pass() {
    let registry = Registry::new(Some("eu".into()));
    registry.update(&object("a", 1), Urgency::News);
    registry.listed(None);
    registry.complete();
    registry.gone(&object("a", 1).metadata);
    assert!(registry.next(Instant::now(), &Open).is_none());
}

#[test]
fn a_create_that_was_sent_is_known_also_when_its_pass_is_dropped() {
    let (one, now) = (One::new(), Instant::now());
    let until = Some(now + Duration::from_mins(1));
    one.registry.note_write(&one.work.key, state(now), until);
    let noted = one.state().unwrap();
    let history = History { create_may_land_until: until, ..History::default() };
    assert_eq!(noted, state(now).with_history(history));
    one.ended(left(Keep::AsItWas));
    assert_eq!(one.state(), Some(noted));
}

#[test]
fn a_write_is_noted_in_what_is_remembered_already() {
    let (one, now) = (One::new(), Instant::now());
    let history = History {
        conflict_count: 2,
        unreported_drift: vec![Change::of_existence()],
        nothing_sent: true,
        ..History::default()
    };
    let before = ObjectState { failures: 3, ..state(now) }.with_history(history.clone());
    one.keep(&before);
    let note = |until| one.registry.note_write(&one.work.key, state(now), until);
    note(None);
    let sent = History { nothing_sent: false, ..history };
    assert_eq!(one.state(), Some(before.clone().with_history(sent.clone())));
    let until = Some(now + Duration::from_mins(2));
    note(until);
    let landing = History { create_may_land_until: until, ..sent };
    assert_eq!(one.state(), Some(before.with_history(landing.clone())));
    note(None);
    let kept = one.state().unwrap().history();
    assert_eq!(kept, landing, "an update does not take back what is known of a create");
}

#[test]
fn who_failed_in_an_outage_is_due_when_it_is_over() {
    let (one, now) = (One::new(), Instant::now());
    let not_before = Some(now + Duration::from_mins(9));
    let failed = ObjectState { failures: 9, not_before, ..state(now) };
    one.keep(&failed);
    one.registry.wake_region("another", now);
    assert!(one.next().is_none());
    one.registry.wake_region("eu", now);
    let state = one.next().unwrap().state;
    assert_eq!(state, Some(ObjectState { failures: 0, not_before: None, ..failed.clone() }));
    // This pass had begun in the outage too.
    one.ended(Left { back_at: Some(now), ..left(Keep::State(Box::new(failed))) });
    assert!(one.next().is_some());
}

#[test]
fn who_waits_for_a_secret_that_changes_is_due_also_if_a_pass_over_it_runs() {
    let (one, now) = (One::new(), Instant::now());
    let not_before = Some(now + Duration::from_secs(18));
    let stalled = ObjectState { is_refused: true, not_before, ..state(now) };
    one.keep(&stalled);
    one.registry.wake_users_of("ns", "another");
    one.registry.wake_users_of("another", "swr");
    assert!(one.next().is_none(), "it waits for another Secret");
    one.registry.wake_users_of("ns", "swr");
    assert!(one.next().is_some());
    // What this pass has read may be older than the change.
    one.registry.wake_users_of("ns", "swr");
    assert!(one.next().is_none(), "it has one pass at a time");
    one.keep(&stalled);
    assert!(one.next().is_some());
    one.keep(&stalled);
    assert!(one.next().is_none(), "once for each change");
    // Who is well looks at its Secret with its next pass.
    let well = ObjectState { is_refused: false, ..stalled };
    one.registry.wake_users_of("ns", "swr");
    one.next().unwrap();
    one.keep(&well);
    one.registry.wake_users_of("ns", "swr");
    assert!(one.next().is_none());
}

fn unreadable(generation: i64, version: &str) -> ObjectMeta {
    ObjectMeta {
        generation: Some(generation),
        resource_version: Some(version.into()),
        ..object("a", 1).metadata
    }
}

#[test]
fn an_object_that_cannot_be_read_any_more_keeps_its_claim_and_is_said_to_be_so_once() {
    let (a, b) = (object("a", 1), object("b", 2));
    let world = World::new(&[&a, &b]);
    world.registry.update_unreadable(&unreadable(2, "5"), Urgency::News);
    let work = world.next().unwrap();
    assert_eq!(work.unreadable.unwrap().generation, Some(2));
    world.registry.ended(&work.key, &work.flow, left(Keep::AsItWas), Instant::now());
    assert_eq!((world.role(&a), world.role(&b)), (OWNER, DUPLICATE));
    world.registry.update_unreadable(&unreadable(2, "6"), Urgency::News);
    assert!(world.next().is_none(), "its status was written, that is all");
    let mut readable = a.clone();
    readable.metadata.resource_version = Some("7".into());
    world.registry.update(&readable, Urgency::News);
    let work = world.next();
    assert!(work.is_none(), "it is again as its last pass left it");
    readable.metadata = unreadable(3, "8");
    world.registry.update(&readable, Urgency::News);
    assert!(world.next().unwrap().unreadable.is_none());
}

#[test]
fn an_object_that_could_never_be_read_claims_nothing_and_is_known() {
    let b = object("b", 2);
    let world = World::new(&[&b]);
    world.registry.update_unreadable(&unreadable(1, "1"), Urgency::Routine);
    let work = world.next().unwrap();
    assert!(work.object.is_none() && work.unreadable.is_some());
    assert_eq!(world.role(&b), ALONE);
    world.registry.gone(&unreadable(1, "2"));
    world.registry.ended(&work.key, &work.flow, left(Keep::AsItWas), Instant::now());
    assert_eq!(world.names(), ["b"]);
}

#[test]
fn the_deletion_of_an_object_that_cannot_be_read_is_known() {
    let (a, b) = (marked(object("a", 1)), object("b", 2));
    let world = World::new(&[&a, &b]);
    let deleted = deleted(a.clone());
    let metadata = ObjectMeta { resource_version: Some("5".into()), ..deleted.metadata };
    world.registry.update_unreadable(&metadata, Urgency::News);
    assert_eq!(world.make(&a, Move::Offer), Role::Offering { is_taken: false });
}

#[test]
fn a_panic_under_the_lock_leaves_the_registry_usable() {
    let one = Arc::new(One::new());
    one.keep(&state(Instant::now()));
    let poisoner = one.clone();
    let panicked = std::thread::spawn(move || {
        let _guard = poisoner.registry.lock();
        panic!("while it is locked");
    });
    assert!(panicked.join().is_err());
    assert!(one.state().is_some());
}

/// An object whose share SWR has confirmed.
fn confirmed(name: &str) -> ImageShare {
    let record = Record::confirmed(&World::share(&object(name, 0)), &fixtures::terms("forever"));
    let mut status = fixtures::status(&Outcome::advised(Reason::Shared), record);
    status.object_uid = Some(format!("uid-{name}"));
    ImageShare { status: Some(status), ..marked(object(name, 0)) }
}

fn without_finalizer(mut object: ImageShare) -> ImageShare {
    object.metadata.finalizers = None;
    object
}

fn vanished(world: &World) -> Vec<String> {
    world.registry.vanished().into_iter().map(|(object, _)| object.name_any()).collect()
}

#[test]
fn an_object_with_a_share_that_vanishes_without_us_is_named_once() {
    let share = confirmed("a");
    // The watch brings the end of it, or a list does not bring it any more.
    let world = World::new(&[&share]);
    world.registry.gone(&share.metadata);
    assert_eq!((vanished(&world), vanished(&world)), (vec!["a".to_owned()], vec![]));
    let world = World::new(&[&share]);
    world.update(&without_finalizer(share.clone()));
    world.registry.relist(None);
    world.registry.listed(None);
    assert_eq!(vanished(&world), ["a"]);

    // It had nothing; it is another's by now; we had never seen the finalizer on it.
    let world = World::new(&[&object("a", 0)]);
    world.registry.gone(&share.metadata);
    assert_eq!(vanished(&world), Vec::<String>::new());
    let world = World::new(&[&share, &object("b", 1)]);
    world.registry.gone(&share.metadata);
    assert_eq!(vanished(&world), Vec::<String>::new());
    let world = World::new(&[&without_finalizer(deleted(share.clone()))]);
    world.registry.gone(&share.metadata);
    assert_eq!(vanished(&world), Vec::<String>::new());
}

#[test]
fn an_object_that_we_let_go_may_vanish_during_its_pass_and_after_it() {
    for (has_let_go, expected) in [(true, vec![]), (false, vec!["a".to_owned()])] {
        for is_early in [true, false] {
            let object = confirmed("a");
            let world = World::new(&[&object]);
            let mut leaving = deleted(object.clone());
            leaving.metadata.generation = Some(2);
            world.update(&leaving);
            let Work { key, flow, .. } = world.next().unwrap();
            if is_early {
                world.registry.gone(&object.metadata);
            }
            let left = Left { has_let_go, ..left(Keep::Nothing) };
            world.registry.ended(&key, &flow, left, Instant::now());
            world.registry.gone(&object.metadata);
            assert_eq!(vanished(&world), expected, "{is_early}");
        }
    }
}
