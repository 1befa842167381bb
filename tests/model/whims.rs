//! What happens around the operator: owners, another hand, time, the watch, crashes.

use imageshare::api::AdoptionPolicy;
use imageshare::reason::{Kind, Reason};

use crate::heirs::heard;
use crate::pass::{Passing, Steps};
use crate::rules::Rules;
use crate::search::{Model, Step};
use crate::settings::Setting;
use crate::world::{Ahead, Event, Maker, Object, Recorded, Share, Slot, Status, Terms, World};

/// Worlds with `N` objects.
pub struct Worlds<const N: usize>(pub Setting);

impl<const N: usize> Model for Worlds<N> {
    type State = World<N>;

    fn initial(&self) -> World<N> {
        // The second wants other terms: a hand-over has something to change.
        let terms = |i| if i == 0 { Terms::A } else { Terms::B };
        let slot = |i| {
            let object = Some(Object { terms: terms(i), ..Object::new(0) });
            Slot { object, cached: object, woken: true, ..Slot::default() }
        };
        World {
            slots: std::array::from_fn(slot),
            owner: None,
            share: self.0.foreign.then_some(Share { terms: Terms::B, maker: Maker::First }),
            flying: None,
            trusted: true,
            young: true,
            left: self.0.budget,
            wrong: None,
        }
    }

    fn steps(&self, world: &World<N>, steps: &mut Vec<Step<World<N>>>) {
        let steps = &mut Steps(steps);
        for i in 0..N {
            let passing = Passing { setting: &self.0, i };
            passing.steps(world, steps);
            watch(world, i, &self.0.rules, steps);
            owner(world, i, steps);
        }
        time(world, &self.0.rules, steps);
        cloud(world, steps);
        if world.left.crashes > 0 {
            steps.add(true, "the operator is killed and started again", crashed(world));
        }
    }

    fn wrong(&self, world: &World<N>) -> Option<&'static str> {
        let left = |slot: &Slot, i| {
            let ours = |share: Share| share.maker == maker(i);
            slot.object.is_none() && !slot.told && world.share.is_some_and(ours)
        };
        let leaked = world.slots.iter().enumerate().any(|(i, slot)| left(slot, i));
        world.wrong.or(leaked.then_some("a share of ours is left and nobody answers for it"))
    }

    fn is_good(&self, world: &World<N>) -> bool {
        // Of what is gone, nothing is left: that is in `wrong`.
        let objects = || (0..N).filter_map(|i| Some((i, world.slots[i].object?)));
        let (leaving, staying): (Vec<_>, Vec<_>) =
            objects().partition(|(_, object)| object.deleted);
        let waits = |object: &Object| stands(object, Reason::DuplicateShare);
        // It waits for credentials, or for who waits for them, and may do so for ever.
        let stuck = |object: &Object| stands(object, Reason::Unauthorized) || waits(object);
        let may_be_stuck = !world.trusted && !self.0.orphans;
        let (waiting, others): (Vec<_>, Vec<_>) =
            staying.iter().partition(|(_, object)| waits(object));
        leaving.iter().all(|(_, object)| may_be_stuck && stuck(object))
            && match others.as_slice() {
                [] => waiting.is_empty() || !leaving.is_empty(),
                [(i, object)] => self.is_honest(world, *i, object),
                _ => false,
            }
    }
}

impl<const N: usize> Worlds<N> {
    /// The cloud is as the spec wants it and the status says so, or it says why not.
    fn is_honest(&self, world: &World<N>, i: usize, object: &Object) -> bool {
        if !world.trusted {
            return stands(object, Reason::Unauthorized);
        }
        let recorded = object.status.map(Status::open);
        let recorded = (self.0.rules.recorded_of)(recorded.as_ref(), object.held);
        let shared = world.share.is_some_and(|share| {
            share.terms == object.terms
                // What another hand made meanwhile on the same terms is as good as ours.
                && (share.maker != Maker::First || self.0.adoption != AdoptionPolicy::Create)
                && object.held
                && stands(object, Reason::Shared)
                && Recorded::of(&recorded) == Recorded::Confirmed(object.terms)
        });
        let foreign = world.share.is_some_and(|share| share.maker != maker(i));
        shared
            || match self.0.adoption {
                AdoptionPolicy::CreateOrAdopt => false,
                AdoptionPolicy::Create => {
                    foreign && !object.held && stands(object, Reason::AlreadyExists)
                }
                AdoptionPolicy::Adopt => {
                    world.share.is_none() && !object.held && stands(object, Reason::NothingToAdopt)
                }
            }
    }
}

/// Whether the status says this of the object as it is now: that it is Ready only if shared is what
/// the shipped conditions make of it.
fn stands(object: &Object, reason: Reason) -> bool {
    let said = |status: Status| status.reason == reason && status.generation == object.generation;
    debug_assert_eq!(reason == Reason::Shared, reason.kind() == Kind::Settled);
    object.status.is_some_and(said)
}

fn maker(i: usize) -> Maker {
    Maker::Ours(u8::try_from(i).unwrap_or_default())
}

/// Events are sent and come, some time; several changes may come as one.
fn watch<const N: usize>(world: &World<N>, i: usize, rules: &Rules, steps: &mut Steps<'_, N>) {
    let slot = &world.slots[i];
    if let Some(Event(object)) = slot.news {
        let mut next = world.clone();
        let slot = &mut next.slots[i];
        let woken = object.map(|object| object.looks()) != slot.cached.map(|cached| cached.looks());
        (slot.news, slot.cached) = (None, object);
        slot.each_lead(|ahead| if ahead == Ahead::News { Ahead::No } else { ahead });
        if object.is_some() {
            slot.woken |= woken;
        } else {
            (slot.woken, slot.memory) = (false, None);
            slot.quiet &= slot.pass.is_some();
        }
        let same =
            object.map(|object| object.uid) == world.slots[i].cached.map(|cached| cached.uid);
        slot.leaves &= same;
        heard(&mut next, i, rules);
        steps.add(false, "an event comes", next);
    } else if slot.unsent {
        let mut next = world.clone();
        let slot = &mut next.slots[i];
        (slot.news, slot.unsent) = (Some(Event(slot.object)), false);
        slot.each_lead(|ahead| if ahead == Ahead::Beyond { Ahead::News } else { ahead });
        steps.add(false, "an event is sent", next);
    }
}

/// What the owner of an object may want.
fn owner<const N: usize>(world: &World<N>, i: usize, steps: &mut Steps<'_, N>) {
    let left = world.left;
    let mut order = |name, object: Option<Object>, spend: fn(&mut World<N>)| {
        let mut next = world.clone();
        spend(&mut next);
        next.slots[i].object = object;
        next.slots[i].changed();
        steps.add(true, name, next);
    };
    match world.slots[i].object {
        Some(object) => {
            let generation = object.generation + 1;
            if left.edits > 0 {
                let terms = object.terms.other();
                let edited = Object { generation, terms, ..object };
                order("the owner changes the spec", Some(edited), |next| next.left.edits -= 1);
            }
            if left.deletes > 0 && !object.deleted {
                let deleted = Object { generation, deleted: true, ..object };
                let deleted = object.held.then_some(deleted);
                order("the owner deletes the object", deleted, |next| next.left.deletes -= 1);
            }
        }
        // What still flies belongs to the former object, which wanted it left behind.
        None if left.remakes > 0 && world.flying.is_none() => {
            let mut next = world.clone();
            next.left.remakes -= 1;
            if let Some(share) = next.share.as_mut().filter(|share| share.maker == maker(i)) {
                share.maker = Maker::First;
            }
            let uid = 2 - next.left.remakes.min(1);
            let slot = &mut next.slots[i];
            (slot.object, slot.told) = (Some(Object::new(uid)), false);
            slot.changed();
            steps.add(true, "the owner makes the object again", next);
        }
        None => {}
    }
}

/// Creates come to something or to nothing, and windows end once nothing can fly in them.
fn time<const N: usize>(world: &World<N>, rules: &Rules, steps: &mut Steps<'_, N>) {
    if let Some(flying) = world.flying {
        let mut next = world.clone();
        next.flying = None;
        steps.add(false, "a late create comes to nothing", next.clone());
        Passing::<N>::land(&mut next, flying);
        steps.add(false, "a late create takes effect", next);
    }
    for i in 0..N {
        let flies = world.flying.is_some_and(|flying| usize::from(flying.slot) == i);
        if world.slots[i].quiet && !flies {
            let mut next = world.clone();
            next.slots[i].quiet = false;
            if !rules.habits.has_its_own_window {
                next.slots.iter_mut().for_each(|slot| slot.quiet = false);
            }
            steps.add(false, "nothing can take effect late any more", next);
        }
    }
    if world.young && !world.flying.is_some_and(|flying| flying.former) {
        let mut next = world.clone();
        next.young = false;
        steps.add(false, "nothing of a former life can take effect any more", next);
    }
}

/// Another hand, and the credentials.
fn cloud<const N: usize>(world: &World<N>, steps: &mut Steps<'_, N>) {
    if world.left.locks > 0 {
        let mut next = world.clone();
        next.left.locks -= 1;
        next.trusted = !next.trusted;
        steps.add(true, "the credentials stop or start being accepted", next);
    }
    if world.left.drifts == 0 {
        return;
    }
    let mut drift = |name, share| {
        let mut next = world.clone();
        next.left.drifts -= 1;
        next.share = share;
        steps.add(true, name, next);
    };
    if let Some(share) = world.share {
        drift("another hand removes the share", None);
        let terms = share.terms.other();
        drift("another hand changes the share", Some(Share { terms, ..share }));
    } else {
        let claimed = |slot: &Slot| {
            let held = |object: Option<Object>| object.is_some_and(|object| object.held);
            held(slot.object) || held(slot.cached) || slot.pass.is_some()
        };
        let claimed = world.flying.is_some() || world.slots.iter().any(claimed);
        let maker = if claimed { Maker::Other } else { Maker::First };
        drift("another hand makes the share", Some(Share { terms: Terms::B, maker }));
    }
}

/// All that the operator had in memory is lost; a new life lists the objects.
fn crashed<const N: usize>(world: &World<N>) -> World<N> {
    let mut next = world.clone();
    next.left.crashes -= 1;
    (next.young, next.owner) = (true, None);
    for slot in &mut next.slots {
        slot.forget();
        slot.leaves = false;
        (slot.unsent, slot.news) = (false, None);
        (slot.cached, slot.woken) = (slot.object, slot.object.is_some());
    }
    if let Some(flying) = &mut next.flying {
        flying.former = true;
    }
    next
}
