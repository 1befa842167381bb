use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::api::{CREATE_INTENT, FINALIZER, ImageShareSpec, ManagementPolicy};
use crate::cloud::Change;
use crate::core::object::Fingerprint;
use crate::core::ownership::Role;
use crate::core::schedule::History;

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

/// A registry, and who was woken.
struct World {
    registry: Registry,
    woken: UnboundedReceiver<Key>,
}

impl World {
    fn new(objects: &[&ImageShare]) -> Self {
        let (registry, woken) = Registry::new(Some("eu".into()));
        let mut world = Self { registry, woken };
        for object in objects {
            world.registry.update(object);
        }
        assert_eq!(world.woken(), [""; 0], "nobody waited for anything");
        world
    }

    fn share(object: &ImageShare) -> ShareId {
        Object::of(object).share_id(Some("eu")).unwrap()
    }

    fn place(&self, object: &ImageShare) -> Place {
        self.registry.place(&Key::of(object), &Self::share(object))
    }

    fn role(&self, object: &ImageShare) -> Role {
        self.place(object).role
    }

    fn make(&self, object: &ImageShare, made: Move) -> Role {
        self.registry.transfer(&Key::of(object), &Self::share(object), made).role
    }

    /// The names of those that were woken since the last time.
    fn woken(&mut self) -> Vec<String> {
        let mut names = vec![];
        while let Some(key) = self.woken.next().now_or_never().flatten() {
            names.push(key.name);
        }
        names
    }
}

#[test]
fn an_object_is_known_by_namespace_name_and_uid() {
    let key = Key::of(&object("a", 1));
    let expected = Key { namespace: "ns".into(), name: "a".into(), uid: "uid-a".into() };
    assert_eq!(key, expected);
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
    offered.registry.update(&a);
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
    let mut world = World::new(&[&a, &b]);
    assert_eq!(world.role(&b), DUPLICATE);
    world.registry.gone(&a);
    assert_eq!(world.woken(), ["b"]);
    assert_eq!(world.place(&b), Place::ALONE);
    world.registry.gone(&a);
    assert_eq!(world.woken(), [""; 0], "it is gone already");
    world.registry.gone(&b);
    assert!(
        world.registry.lock().contests.is_empty()
            && world.registry.lock().objects.values().all(Option::is_none)
    );
}

#[test]
fn an_object_that_comes_to_declare_another_share_leaves_the_first() {
    let (a, b) = (object("a", 1), object("b", 2));
    let mut world = World::new(&[&a, &b]);
    assert_eq!(world.role(&b), DUPLICATE);
    world.registry.update(&a);
    assert_eq!(world.woken(), [""; 0], "the same again is no news");
    let moved = with_account("other", a.clone());
    world.registry.update(&moved);
    assert_eq!(world.woken(), ["b"]);
    assert_eq!((world.role(&moved), world.role(&b)), (ALONE, ALONE));
    let mut observing = b.clone();
    observing.spec.management_policy = ManagementPolicy::Observe;
    world.registry.update(&observing);
    assert!(world.registry.lock().objects.get(&Key::of(&b)).is_none_or(Option::is_none));
    assert_eq!(world.registry.lock().contests.len(), 1);
}

#[test]
fn a_new_list_drops_what_it_does_not_bring() {
    let (a, b, c) = (object("a", 1), object("b", 2), object("c", 3));
    let mut world = World::new(&[&a, &b, &c]);
    assert_eq!(world.role(&a), OWNER);
    world.registry.relist();
    world.registry.update(&b);
    assert_eq!(world.role(&a), OWNER, "the list is not complete yet");
    world.registry.update(&c);
    world.registry.listed();
    assert_eq!(world.woken(), ["b", "c"]);
    assert_eq!((world.role(&b), world.role(&c)), (OWNER, DUPLICATE));
    assert!(world.registry.lock().objects.get(&Key::of(&a)).is_none_or(Option::is_none));
    world.registry.listed();
    assert_eq!(world.woken(), [""; 0], "a list that did not begin drops nothing");
    assert_eq!(world.role(&c), DUPLICATE);
}

#[test]
fn what_a_new_list_does_not_bring_is_forgotten() {
    let (a, mut b) = (object("a", 1), object("b", 2));
    b.spec.management_policy = ManagementPolicy::Observe;
    let world = World::new(&[&a, &b]);
    for uid in ["uid-a", "uid-b"] {
        let kept = Keep::State(Box::new(state(Instant::now())));
        world.registry.keep(uid, kept, Some(1));
    }
    world.registry.relist();
    world.registry.listed();
    assert!(world.registry.lock().entries.is_empty());
}

#[test]
fn an_object_that_was_made_anew_under_its_name_is_another() {
    let a = object("a", 1);
    let mut world = World::new(&[&a]);
    assert_eq!(world.role(&a), ALONE);
    world.registry.relist();
    let mut anew = object("a", 2);
    anew.metadata.uid = Some("anew".into());
    world.registry.update(&anew);
    assert_eq!(world.role(&anew), DUPLICATE);
    world.registry.listed();
    assert_eq!(world.woken(), ["a"]);
    assert_eq!(world.role(&anew), ALONE);
}

#[test]
fn a_move_wakes_whom_it_concerns_and_gives_the_place_after_it() {
    let (a, b, c) = (marked(object("a", 1)), object("b", 2), object("c", 3));
    let mut world = World::new(&[&a, &b, &c]);
    assert_eq!(world.role(&a), OWNER);
    let a = deleted(a);
    world.registry.update(&a);
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
    let mut world = World::new(&[&a, &b]);
    assert_eq!(world.role(&a), OWNER);
    let (a, b) = (deleted(a), deleted(b));
    world.registry.update(&a);
    world.make(&a, Move::Offer);
    assert_eq!(world.woken(), ["b"]);
    world.registry.update(&b);
    assert_eq!(world.woken(), ["a"]);
    assert_eq!(world.role(&a), ALONE);
}

#[test]
fn nobody_listens_any_more_and_nothing_breaks() {
    let (a, b) = (object("a", 1), object("b", 2));
    let World { registry, woken } = World::new(&[&a, &b]);
    drop(woken);
    registry.place(&Key::of(&a), &World::share(&a));
    registry.gone(&a);
    assert_eq!(registry.place(&Key::of(&b), &World::share(&b)), Place::ALONE);
}

fn state(now: Instant) -> ObjectState {
    let fingerprint = Fingerprint::of(&Object::of(&object("a", 1)), &Place::ALONE);
    ObjectState::new(fingerprint, History::default(), now)
}

fn registry() -> Registry {
    let registry = Registry::new(None).0;
    registry.update(&object("a", 1));
    registry
}

fn keep(registry: &Registry, state: &ObjectState, version: Option<u64>) {
    registry.keep("uid-a", Keep::State(Box::new(state.clone())), version);
}

#[test]
fn what_a_pass_says_is_kept_until_the_next_or_until_the_object_is_gone() {
    let (registry, now) = (registry(), Instant::now());
    let kept = || {
        let Entry { state, version } = registry.entry("uid-a");
        (state, version)
    };
    assert_eq!(kept(), (None, None));
    let first = state(now);
    keep(&registry, &first, Some(7));
    assert_eq!(kept(), (Some(first.clone()), Some(7)));
    registry.keep("uid-a", Keep::AsItWas, Some(8));
    assert_eq!(kept(), (Some(first.clone()), Some(7)));
    let second = ObjectState { failures: 3, ..first };
    keep(&registry, &second, None);
    assert_eq!(kept(), (Some(second), None), "the cache may be trusted again");
    assert!(registry.entry("another").state.is_none());
    registry.keep("uid-a", Keep::Nothing, Some(9));
    assert_eq!(kept(), (None, None));
}

#[test]
fn an_object_that_is_gone_is_forgotten() {
    let registry = registry();
    let a = object("a", 1);
    let kept = Keep::State(Box::new(state(Instant::now())));
    registry.keep("uid-a", kept, Some(1));
    registry.gone(&a);
    let Entry { state, version } = registry.entry("uid-a");
    assert_eq!((state, version), (None, None));
    keep(&registry, &self::state(Instant::now()), Some(1));
    assert_eq!(registry.entry("uid-a").state, None, "a pass that outlives it keeps nothing");
}

#[test]
fn a_create_that_was_sent_is_known_also_when_its_pass_is_dropped() {
    let (registry, now) = (registry(), Instant::now());
    let until = Some(now + Duration::from_mins(1));
    registry.note_write("uid-a", state(now), until);
    let noted = registry.entry("uid-a").state.unwrap();
    let history = History { create_may_land_until: until, ..History::default() };
    assert_eq!(noted, ObjectState { history, ..state(now) });
    registry.keep("uid-a", Keep::AsItWas, None);
    assert_eq!(registry.entry("uid-a").state, Some(noted));
}

#[test]
fn a_write_is_noted_in_what_is_remembered_already() {
    let (registry, now) = (registry(), Instant::now());
    let history = History {
        conflict_count: 2,
        unreported_drift: vec![Change::of_existence()],
        nothing_sent: true,
        ..History::default()
    };
    let before = ObjectState { failures: 3, history: history.clone(), ..state(now) };
    keep(&registry, &before, Some(7));
    registry.note_write("uid-a", state(now + Duration::from_mins(1)), None);
    let Entry { state, version } = registry.entry("uid-a");
    let sent = History { nothing_sent: false, ..history };
    assert_eq!(state, Some(ObjectState { history: sent.clone(), ..before.clone() }));
    assert_eq!(version, Some(7));
    let until = Some(now + Duration::from_mins(2));
    registry.note_write("uid-a", before.clone(), until);
    let landing = History { create_may_land_until: until, ..sent };
    assert_eq!(
        registry.entry("uid-a").state,
        Some(ObjectState { history: landing.clone(), ..before.clone() })
    );
    registry.note_write(
        "uid-a",
        ObjectState::new(before.fingerprint, History::default(), now),
        None,
    );
    let kept = registry.entry("uid-a").state.unwrap().history;
    assert_eq!(kept, landing, "an update does not take back what is known of a create");
}

#[test]
fn who_failed_in_an_outage_is_due_when_it_is_over() {
    let (registry, now) = (registry(), Instant::now());
    let not_before = Some(now + Duration::from_mins(9));
    let failed = ObjectState { failures: 9, not_before, ..state(now) };
    keep(&registry, &failed, Some(7));
    registry.wake("another", now);
    assert_eq!(registry.entry("uid-a").state, Some(failed.clone()));
    registry.wake("uid-a", now);
    let Entry { state, version } = registry.entry("uid-a");
    assert_eq!(state, Some(ObjectState { failures: 0, not_before: None, ..failed }));
    assert_eq!(version, Some(7));
}

#[test]
fn a_panic_under_the_lock_leaves_the_registry_usable() {
    let registry = Arc::new(registry());
    keep(&registry, &state(Instant::now()), None);
    let poisoner = registry.clone();
    let panicked = std::thread::spawn(move || {
        let _guard = poisoner.lock();
        panic!("while it is locked");
    });
    assert!(panicked.join().is_err());
    assert!(registry.entry("uid-a").state.is_some());
}
