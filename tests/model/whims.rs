//! What happens around the operator: owners, another hand, time, the watch, crashes.

use imageshare::core::object::Object;
use imageshare::core::record::Certainty;

use crate::automaton::{Automaton, Deal, nobody};
use crate::changes::{Aging, Change};
use crate::passing::{Steps, wake};
use crate::settings::Restored;
use crate::sharing::land;
use crate::world::{Ahead, Event, Maker, Share, Slot, Terms, World, key};
use crate::worlds::{Worlds, maker};

impl<const N: usize> Worlds<N> {
    /// Events are sent and come, some time; several changes may come as one.
    pub fn watch(&self, world: &World<N>, i: usize, steps: &mut Steps<'_, N>) {
        let slot = &world.slots[i];
        if let Some(Event(object, life)) = slot.news {
            let mut next = world.clone();
            let mut automaton = self.automaton.borrow_mut();
            let cached = object.map(|object| (object, life));
            let mut deals = vec![];
            let is_same = slot.cached.is_some_and(|(_, cached)| cached == life);
            if let Some((_, former)) = slot.cached
                && !(is_same && object.is_some())
            {
                deals.push(Deal::Leave(key(i, former)));
            }
            deals.extend(object.map(|object| Deal::Update(key(i, life), object)));
            let slot = &mut next.slots[i];
            (slot.news, slot.cached) = (None, cached);
            slot.each_lead(|ahead| if ahead == Ahead::News { Ahead::No } else { ahead });
            if !is_same {
                (slot.state, slot.ahead) = (None, Ahead::No);
            }
            match object {
                Some(object) => {
                    let former = world.slots[i].cached.filter(|_| is_same);
                    slot.woken |= former.is_none_or(|(former, _)| {
                        looks(&mut automaton, former) != looks(&mut automaton, object)
                    });
                }
                None => {
                    (slot.state, slot.ahead, slot.woken) = (None, Ahead::No, false);
                }
            }
            for deal in deals {
                let (owners, woken, _) = automaton.deal(next.owners, deal);
                next.owners = owners;
                wake(&mut next, woken);
            }
            steps.add(false, "an event comes", next);
        } else if slot.unsent {
            let mut next = world.clone();
            let slot = &mut next.slots[i];
            (slot.news, slot.unsent) = (Some(Event(slot.object, slot.life)), false);
            slot.each_lead(|ahead| if ahead == Ahead::Beyond { Ahead::News } else { ahead });
            steps.add(false, "an event is sent", next);
        }
    }

    /// What the owner of an object may want.
    pub fn owner(&self, world: &World<N>, i: usize, steps: &mut Steps<'_, N>) {
        let left = world.left;
        let mut order = |name, object: Option<u32>, spend: fn(&mut World<N>)| {
            let mut next = world.clone();
            spend(&mut next);
            next.slots[i].object = object;
            next.slots[i].changed();
            steps.add(true, name, next);
        };
        if let Some(object) = world.slots[i].object {
            if left.edits == 0 && left.deletes == 0 {
                return;
            }
            let change = |change| self.automaton.borrow_mut().changed(object, change);
            if left.edits > 0 {
                let edited = Some(change(Change::Edit));
                order("the owner changes the spec", edited, |next| next.left.edits -= 1);
            }
            let digest = self.automaton.borrow_mut().digest(object);
            if left.deletes > 0 && !digest.is_deleting {
                let deleted = digest.has_finalizer.then(|| change(Change::Delete));
                order("the owner deletes the object", deleted, |next| next.left.deletes -= 1);
            }
        } else if world.flying.is_none() {
            // What still flies belongs to the former object, which wanted it left behind.
            self.make_again(world, i, steps);
        }
    }

    fn make_again(&self, world: &World<N>, i: usize, steps: &mut Steps<'_, N>) {
        let left = world.left;
        let life = world.slots[i].life + 1;
        let mut add = |name, new: Object, spend: fn(&mut World<N>)| {
            let mut next = world.clone();
            spend(&mut next);
            if let Some(share) = next.share.as_mut().filter(|share| share.maker == maker(i)) {
                share.maker = Maker::First;
            }
            let slot = &mut next.slots[i];
            (slot.object, slot.life, slot.excused) = (Some(self.number(new)), life, false);
            slot.changed();
            steps.add(true, name, next);
        };
        if left.remakes > 0 {
            let new = self.new_object(i, life);
            add("the owner makes the object again", new, |next| next.left.remakes -= 1);
        }
        if left.restores > 0 {
            for from in [Restored::Finalizer, Restored::Status] {
                let new = self.restored(i, life, from);
                add("a backup brings the object back", new, |next| next.left.restores -= 1);
            }
        }
    }

    /// Creates come to something or to nothing, and windows end once nothing can fly in them; the time in
    /// which a refusal may heal ends between two passes.
    pub fn time(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        for (i, slot) in world.slots.iter().enumerate() {
            let at_rest = slot.pass.is_none() && slot.news.is_none() && !slot.unsent;
            let Some((object, life)) = slot.cached.filter(|_| at_rest) else { continue };
            let mut automaton = self.automaton.borrow_mut();
            if slot.object == Some(object) && automaton.digest(object).may_heal {
                let mut next = world.clone();
                let old = automaton.changed(object, Change::GrowsOld);
                let slot = &mut next.slots[i];
                (slot.object, slot.cached, slot.woken) = (Some(old), Some((old, life)), true);
                steps.add(false, "a refusal grows old", next);
            }
        }
        if let Some(flying) = world.flying {
            let mut next = world.clone();
            next.flying = None;
            steps.add(false, "a late create comes to nothing", next.clone());
            land(&mut next, flying);
            steps.add(false, "a late create takes effect", next);
        }
        for i in 0..N {
            let flies = world.flying.is_some_and(|flying| usize::from(flying.slot) == i);
            if let Some(after) = self.aged(world, i, Aging::WindowEnds).filter(|_| !flies) {
                let mut next = world.clone();
                next.slots[i].state = Some(after);
                if !self.setting.habits.has_its_own_window {
                    for j in 0..N {
                        let over = self.aged(world, j, Aging::WindowEnds);
                        next.slots[j].state = over.or(next.slots[j].state);
                    }
                }
                steps.add(false, "nothing can take effect late any more", next);
            }
            if let Some(after) = self.aged(world, i, Aging::OfferEnds) {
                let mut next = world.clone();
                next.slots[i].state = Some(after);
                steps.add(false, "the time of an offer is over", next);
            }
        }
        if world.young && !world.flying.is_some_and(|flying| flying.former) {
            let mut next = world.clone();
            next.young = false;
            steps.add(false, "nothing of a former life can take effect any more", next);
        }
    }

    /// The state of the object in a slot after that.
    fn aged(&self, world: &World<N>, i: usize, aging: Aging) -> Option<u32> {
        self.automaton.borrow_mut().aged(world.slots[i].state?, aging)
    }

    /// Another hand, and the credentials.
    pub fn cloud(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
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
            let claims = |object: Option<u32>| {
                let digest = object.map(|object| self.automaton.borrow_mut().digest(object));
                digest.is_some_and(|digest| digest.record != Certainty::Nothing)
            };
            let claimed = |slot: &Slot| {
                let cached = slot.cached.map(|(object, _)| object);
                let is_meant = slot.pass.is_some() || slot.former.is_some();
                claims(slot.object) || claims(cached) || is_meant
            };
            let claimed = world.flying.is_some() || world.slots.iter().any(claimed);
            let maker = if claimed { Maker::Other } else { Maker::First };
            drift("another hand makes the share", Some(Share { terms: Terms::B, maker }));
        }
    }

    /// The operator is killed, and starts again.
    pub fn crashed(&self, world: &World<N>) -> World<N> {
        let mut next = self.started_anew(world);
        next.left.crashes -= 1;
        next
    }

    /// All that the operator had in memory is lost; a new life lists the objects.
    pub fn started_anew(&self, world: &World<N>) -> World<N> {
        let mut next = world.clone();
        let mut automaton = self.automaton.borrow_mut();
        (next.young, next.owners) = (true, nobody(&mut automaton));
        for (i, slot) in next.slots.iter_mut().enumerate() {
            slot.forget();
            (slot.unsent, slot.news) = (false, None);
            slot.cached = slot.object.map(|object| (object, slot.life));
            slot.woken = slot.object.is_some();
            if let Some(object) = slot.object {
                next.owners =
                    automaton.deal(next.owners, Deal::Update(key(i, slot.life), object)).0;
            }
        }
        if let Some(flying) = &mut next.flying {
            flying.former = true;
        }
        next
    }
}

/// What the queue looks at to see whether an event is worth a pass.
fn looks(automaton: &mut Automaton, object: u32) -> (i64, bool) {
    let digest = automaton.digest(object);
    (digest.generation, digest.has_finalizer)
}
