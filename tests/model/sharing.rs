//! What the cloud makes of a pass's effects: requests get lost, before or after their effect, come late,
//! or are refused; and what must never be asked of it.

use imageshare::core::effect::{Created, Updated};
use imageshare::core::ownership::Role;
use imageshare::reason::Reason;

use crate::automaton::Deal;
use crate::changes::Aging;
use crate::passing::{Passing, Steps};
use crate::small::{Came, Verb};
use crate::world::{Flying, Maker, Share, Terms, World, key};

impl<const N: usize> Passing<'_, N> {
    /// Who has lost the right to write sends nothing.
    pub fn guarded(
        &self,
        world: &World<N>,
        steps: &mut Steps<'_, N>,
        write: impl Fn(&mut Steps<'_, N>),
    ) {
        if self.role(world).may_write() {
            write(steps);
        } else {
            self.go_on(world, Came::NoWriteRight, false, "no right to write", steps);
        }
    }

    fn role(&self, world: &World<N>) -> Role {
        let life = world.slots[self.i].pass.map(|running| running.life).unwrap_or_default();
        let ask = Deal::Ask(key(self.i, life));
        let (_, _, place) = self.automaton.borrow_mut().deal(world.owners, ask);
        self.setting.habits.place(place).role
    }

    /// A list may end early.
    pub fn list(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        if world.trusted && world.share.is_some() && world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            self.go_on(&next, Came::Listed(None), true, "listed: it ends early", steps);
        }
        if self.answers(world, Verb::List, steps) {
            let came = Came::Listed(world.share.map(|share| share.terms));
            self.go_on(world, came, false, "listed", steps);
        }
    }

    pub fn create(&self, world: &World<N>, terms: Terms, steps: &mut Steps<'_, N>) {
        let flying = Flying { slot: self.number(), terms, former: false };
        // Before it is sent, the driver notes that it may land.
        let mut sent = world.clone();
        self.note_create(&mut sent);
        self.check_finalizer(&mut sent);
        let world = &sent;
        let in_doubt = Came::Failed(Verb::Create, Reason::Timeout);
        if world.trusted && world.left.lost > 0 {
            for (name, has_effect) in
                [("create: lost before", false), ("create: answer lost", true)]
            {
                let mut next = world.clone();
                next.left.lost -= 1;
                if has_effect {
                    land(&mut next, flying);
                }
                self.go_on(&next, in_doubt, true, name, steps);
            }
        }
        if world.trusted && world.left.late > 0 && world.flying.is_none() {
            let mut next = world.clone();
            next.left.late -= 1;
            next.flying = Some(flying);
            self.go_on(&next, in_doubt, true, "create: no answer yet", steps);
        }
        if !self.admits(world, Verb::Create, steps) {
            return;
        }
        let mut next = world.clone();
        let created = if world.share.is_some() {
            Created::AlreadyExists
        } else {
            land(&mut next, flying);
            Created::Done
        };
        self.go_on(&next, Came::Created(created), false, "created", steps);
    }

    pub fn note_create(&self, next: &mut World<N>) {
        let Some(running) = next.slots[self.i].pass else { return };
        let mut automaton = self.automaton.borrow_mut();
        let slot = &mut next.slots[self.i];
        if slot.cached.is_some_and(|(_, life)| life == running.life)
            && let Some(state) = slot.state
        {
            slot.state = automaton.aged(state, Aging::CreateIsSent);
        }
    }

    pub fn update(&self, world: &World<N>, terms: Terms, steps: &mut Steps<'_, N>) {
        let mut done = world.clone();
        self.must_be_ours(&mut done);
        if let Some(share) = &mut done.share {
            if share.maker == Maker::First && self.refuses_foreign() {
                done.wrong = Some("a foreign share was changed");
            }
            // What a successor changes is the owner's until its status says that it has taken it.
            let maker = if self.role(world) == Role::Taking { share.maker } else { self.ours() };
            *share = Share { terms, maker };
            self.check_finalizer(&mut done);
        }
        if world.trusted && world.left.lost > 0 {
            let mut lost = done.clone();
            lost.left.lost -= 1;
            let came = Came::Failed(Verb::Update, Reason::Timeout);
            self.go_on(&lost, came, true, "update: answer lost", steps);
        }
        if self.answers(world, Verb::Update, steps) {
            let updated = if done.share.is_some() { Updated::Done } else { Updated::Absent };
            self.go_on(&done, Came::Updated(updated), false, "updated", steps);
        }
    }

    pub fn delete(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let mut done = world.clone();
        if done.share.is_some_and(|share| share.maker == Maker::First) && self.refuses_foreign() {
            done.wrong = Some("a foreign share was deleted");
        }
        self.must_be_ours(&mut done);
        done.share = None;
        if world.trusted && world.left.lost > 0 {
            let mut lost = done.clone();
            lost.left.lost -= 1;
            let came = Came::Failed(Verb::Delete, Reason::Timeout);
            self.go_on(&lost, came, true, "delete: answer lost", steps);
        }
        if self.answers(world, Verb::Delete, steps) {
            self.go_on(&done, Came::Deleted, false, "deleted", steps);
        }
    }

    /// An object that stays has a share that another one writes to.
    pub fn must_be_ours(&self, next: &mut World<N>) {
        let Some(Share { maker: Maker::Ours(other), .. }) = next.share else { return };
        let mut automaton = self.automaton.borrow_mut();
        let other = usize::from(other);
        let stays = next.slots[other].object.is_some_and(|object| {
            let object = automaton.digest(object);
            !object.is_deleting && object.has_finalizer
        });
        if stays && other != self.i {
            next.wrong = Some("two objects write to one share");
        }
    }

    /// No write to the cloud without the finalizer.
    pub fn check_finalizer(&self, next: &mut World<N>) {
        let mut automaton = self.automaton.borrow_mut();
        let object = next.slots[self.i].object.map(|object| automaton.digest(object));
        if !object.is_some_and(|object| object.has_finalizer) {
            next.wrong = Some("a write to the cloud without the finalizer");
        }
    }

    /// Whether the cloud answers; adds what happens if it does not, or not with what was asked.
    pub fn answers(&self, world: &World<N>, verb: Verb, steps: &mut Steps<'_, N>) -> bool {
        if world.trusted && world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            let came = Came::Failed(verb, Reason::Timeout);
            self.go_on(&next, came, true, "a request is lost", steps);
        }
        self.admits(world, verb, steps)
    }

    /// Whether the cloud lets a request in; adds what happens if not.
    pub fn admits(&self, world: &World<N>, verb: Verb, steps: &mut Steps<'_, N>) -> bool {
        let refused = |reason| Came::Failed(verb, reason);
        if !world.trusted {
            self.go_on(world, refused(Reason::Unauthorized), false, "rejected", steps);
        } else if world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            self.go_on(&next, refused(Reason::Throttled), true, "throttled", steps);
        }
        world.trusted
    }
}

/// A create takes effect.
pub fn land<const N: usize>(next: &mut World<N>, flying: Flying) {
    let maker = Maker::Ours(flying.slot);
    next.share = next.share.or(Some(Share { terms: flying.terms, maker }));
}
