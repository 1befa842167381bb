//! The worlds that are explored: how they begin, what can happen next, and what must hold whatever
//! happens: [`Model::wrong`] and [`Model::is_good`].

use std::sync::Arc;

use imageshare::api::{AdoptionPolicy, ImageShareStatus};
use imageshare::core::object::Object;
use imageshare::core::record::{Certainty, Record};
use imageshare::core::status::{self, Outcome, Report};
use imageshare::reason::Reason;
use jiff::Timestamp;

use crate::automaton::{Deal, Shared, nobody};
use crate::changes::Digest;
use crate::packed::Packed;
use crate::passing::{Passing, Steps};
use crate::search::{Model, Step};
use crate::settings::{FormerLife, Restored, Setting};
use crate::world::{Flying, Maker, Share, Slot, Terms, World, key, object};

/// Worlds with `N` objects.
pub struct Worlds<const N: usize> {
    pub setting: Setting,
    pub automaton: Shared,
}

impl<const N: usize> Worlds<N> {
    pub fn new(setting: Setting) -> Self {
        Self { setting, automaton: Shared::default() }
    }

    pub fn new_object(&self, i: usize, life: u8) -> Object {
        // The second wants other terms: a transfer has something to change.
        let terms = if i == 0 { Terms::A } else { Terms::B };
        object(i, life, terms, self.setting.adoption, self.setting.deletion)
    }

    /// An object from a backup: with the marks of a former life, which are not its own.
    pub fn restored(&self, i: usize, life: u8, from: Restored) -> Object {
        let new = self.new_object(i, life);
        let status = match from {
            Restored::Finalizer => None,
            Restored::Status => Some(Arc::new(former_status(&new))),
        };
        Object { has_finalizer: true, status, ..new }
    }

    /// The object with which a slot begins.
    fn first_object(&self, i: usize) -> Object {
        let new = match self.setting.restored {
            Some(from) if i == 0 => self.restored(i, 0, from),
            _ => self.new_object(i, 0),
        };
        match self.setting.former_life {
            None => new,
            Some(FormerLife::InDoubt) => Object { has_finalizer: true, has_intent: true, ..new },
            Some(FormerLife::Settled) if i == 0 => {
                let status = Some(Arc::new(shared_status(&new)));
                Object { has_finalizer: true, has_intent: true, status, ..new }
            }
            Some(FormerLife::Settled) => {
                Object { status: Some(Arc::new(duplicate_status(&new))), ..new }
            }
        }
    }

    pub fn number(&self, object: Object) -> u32 {
        self.automaton.borrow_mut().objects.number(object)
    }
}

impl<const N: usize> Model for Worlds<N> {
    type State = World<N>;
    type Packed = Packed<N>;

    fn pack(state: &World<N>) -> Packed<N> {
        state.pack()
    }

    fn unpack(packed: &Packed<N>) -> World<N> {
        World::unpack(packed)
    }

    fn initial(&self) -> World<N> {
        let mut owners = nobody(&mut self.automaton.borrow_mut());
        let slots = std::array::from_fn(|i| {
            let number = self.number(self.first_object(i));
            let update = Deal::Update(key(i, 0), number);
            owners = self.automaton.borrow_mut().deal(owners, update).0;
            Slot { object: Some(number), cached: Some((number, 0)), woken: true, ..Slot::default() }
        });
        let former_life = self.setting.former_life;
        World {
            slots,
            owners,
            share: match former_life {
                Some(FormerLife::Settled) => Some(Share { terms: Terms::A, maker: maker(0) }),
                _ if self.setting.foreign => Some(Share { terms: Terms::B, maker: Maker::First }),
                _ => None,
            },
            flying: (former_life == Some(FormerLife::InDoubt)).then_some(Flying {
                slot: 0,
                terms: Terms::A,
                former: true,
            }),
            trusted: true,
            young: true,
            left: self.setting.budget,
            wrong: None,
        }
    }

    fn steps(&self, world: &World<N>, steps: &mut Vec<Step<World<N>>>) {
        let steps = &mut Steps(steps);
        for i in 0..N {
            let passing = Passing { setting: &self.setting, automaton: &self.automaton, i };
            passing.steps(world, steps);
            passing.former(world, steps);
            self.watch(world, i, steps);
            self.owner(world, i, steps);
        }
        self.time(world, steps);
        self.cloud(world, steps);
        if world.left.crashes > 0 {
            steps.add(true, "the operator is killed and started again", self.crashed(world));
        }
        if world.left.takeovers > 0 {
            steps.add(true, "another operator leads", self.taken_over(world));
        }
    }

    fn wrong(&self, world: &World<N>) -> Option<&'static str> {
        let answers = |slot: &Slot| {
            let object = slot.object.map(|object| self.automaton.borrow_mut().digest(object));
            object.is_some_and(|object| object.has_finalizer && object.record != Certainty::Nothing)
        };
        let is_left = match world.share.map(|share| share.maker) {
            Some(Maker::Ours(i)) => {
                let maker = &world.slots[usize::from(i)];
                maker.object.is_none() && !maker.excused && !world.slots.iter().any(answers)
            }
            _ => false,
        };
        world.wrong.or(is_left.then_some("a share of ours is left and nobody answers for it"))
    }

    fn is_good(&self, world: &World<N>) -> bool {
        // Of what is gone, nothing is left: that is in `wrong`.
        let digest = |object| self.automaton.borrow_mut().digest(object);
        let objects = world.slots.iter().enumerate();
        let objects = objects.filter_map(|(i, slot)| Some((i, digest(slot.object?))));
        let (leaving, staying): (Vec<_>, Vec<_>) =
            objects.partition(|(_, object)| object.is_deleting);
        let waits = |object: &Digest| says(object, Reason::DuplicateShare);
        let may_be_stuck = !world.trusted && !self.setting.orphans;
        // It waits for credentials, or for who waits for them, and may do so for ever.
        let is_stuck = |object: &Digest| {
            let is_missing = self.setting.terminates && says(object, Reason::SecretNotFound);
            is_missing || says(object, Reason::Unauthorized) || waits(object)
        };
        let (waiting, others): (Vec<_>, Vec<_>) =
            staying.iter().partition(|(_, object)| waits(object));
        // The finalizer is on an object exactly while a share of it may exist.
        let is_clean = |object: &Digest| !object.has_finalizer || !world.trusted;
        leaving.iter().all(|(_, object)| may_be_stuck && is_stuck(object))
            && waiting.iter().all(|(_, object)| is_clean(object))
            && match others.as_slice() {
                [] => waiting.is_empty() || !leaving.is_empty(),
                [(i, object)] => self.is_honest(world, *i, object),
                _ => false,
            }
    }
}

impl<const N: usize> Worlds<N> {
    /// The cloud is as the spec wants it and the status says so, or it says why not.
    fn is_honest(&self, world: &World<N>, i: usize, object: &Digest) -> bool {
        if !world.trusted {
            // Of a namespace that goes nothing is said until the object itself is to go.
            return self.setting.terminates || says(object, Reason::Unauthorized);
        }
        let terms = object.terms;
        let is_shared = world.share.is_some_and(|share| {
            share.terms == terms
                // What another hand made meanwhile on the same terms is as good as ours.
                && (share.maker != Maker::First
                    || self.setting.adoption != AdoptionPolicy::Create)
                && object.has_finalizer
                && says(object, Reason::Shared)
                && object.confirmed == Some(terms)
        });
        let foreign = world.share.is_some_and(|share| share.maker != maker(i));
        is_shared
            || match self.setting.adoption {
                AdoptionPolicy::CreateOrAdopt => false,
                AdoptionPolicy::Create => {
                    foreign && !object.has_finalizer && says(object, Reason::AlreadyExists)
                }
                AdoptionPolicy::Adopt => {
                    world.share.is_none()
                        && !object.has_finalizer
                        && says(object, Reason::NothingToAdopt)
                }
            }
    }
}

fn says(object: &Digest, reason: Reason) -> bool {
    object.says == Some(reason)
}

pub fn maker(i: usize) -> Maker {
    Maker::Ours(u8::try_from(i).unwrap_or_default())
}

/// A status that says that the share is there, of another object than this one.
fn former_status(object: &Object) -> ImageShareStatus {
    ImageShareStatus { object_uid: Some("another life".to_owned()), ..shared_status(object) }
}

/// A status that says that the share is there.
fn shared_status(object: &Object) -> ImageShareStatus {
    let id = object.share_id(None).unwrap();
    let terms = Terms::A.open();
    status_of(object, &Outcome::shared(&id, &terms), Record::confirmed(&id, &terms))
}

/// A status that says that the object in the first slot owns the share.
fn duplicate_status(object: &Object) -> ImageShareStatus {
    // Named as in `Placed::open`.
    status_of(object, &Outcome::failed(Reason::DuplicateShare, "ns/0"), Record::default())
}

fn status_of(object: &Object, outcome: &Outcome, record: Record) -> ImageShareStatus {
    let object_uid = Some(object.uid.clone());
    let report = Report { object_uid, record, ..Report::default() };
    status::project(None, object.generation, outcome, report, Timestamp::UNIX_EPOCH)
}
