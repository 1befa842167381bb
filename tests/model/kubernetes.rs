//! What the API server makes of a pass's effects: each write is guarded by the object's version, and
//! each request may fail, before or after its effect.

use imageshare::api::DeletionPolicy;
use imageshare::core::effect::Refusal;

use crate::changes::Change;
use crate::passing::{Passing, Steps};
use crate::small::Came;
use crate::world::{Ahead, Running, World};

impl<const N: usize> Passing<'_, N> {
    /// Something is read from the API server, which may fail.
    pub fn ask_api(
        &self,
        world: &World<N>,
        (came, fails): (Came, Came),
        whim: bool,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) {
        if world.left.api > 0 {
            let mut next = world.clone();
            next.left.api -= 1;
            self.go_on(&next, fails, true, "it cannot be read", steps);
        }
        self.go_on(world, came, whim, name, steps);
    }

    pub fn read_object(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let slot = &world.slots[self.i];
        let Some(running) = slot.pass else { return };
        let mut next = world.clone();
        let came = match slot.object.filter(|_| slot.life == running.life) {
            None => Came::Refused(Refusal::Gone),
            Some(object) => {
                let is_unchanged = !running.stale || !self.setting.habits.verifies;
                Came::Read { object, is_unchanged }
            }
        };
        if let (Some(running), Came::Read { .. }) = (&mut next.slots[self.i].pass, came) {
            (running.stale, running.ahead) = (false, slot.lead());
        }
        let came = match came {
            // Late news of a gone object are acted on: a habit worth trying.
            Came::Refused(Refusal::Gone) if !self.setting.habits.verifies => {
                self.last_known(running)
            }
            came => came,
        };
        if world.left.api > 0 {
            let mut next = world.clone();
            next.left.api -= 1;
            self.go_on(&next, Came::Refused(Refusal::Failed), true, "it cannot be read", steps);
        }
        self.go_on(&next, came, false, "the object is read live", steps);
    }

    pub fn last_known(&self, running: Running) -> Came {
        let object = self.automaton.borrow_mut().object_of(running.pass);
        Came::Read { object, is_unchanged: true }
    }

    /// One write to the object, guarded by its version.
    pub fn write(
        &self,
        world: &World<N>,
        name: &'static str,
        steps: &mut Steps<'_, N>,
        change: Change,
    ) {
        let mut done = world.clone();
        let slot = &mut done.slots[self.i];
        let Some(running) = slot.pass else { return };
        let came = match slot.object.filter(|_| slot.life == running.life) {
            None => Came::Refused(Refusal::Gone),
            Some(_) if running.stale => Came::Refused(Refusal::Conflict),
            Some(object) => {
                let mut automaton = self.automaton.borrow_mut();
                let number = automaton.changed(object, change);
                let digest = automaton.digest(number);
                slot.object = (!digest.is_deleting || digest.has_finalizer).then_some(number);
                slot.changed();
                if let Some(running) = &mut slot.pass {
                    (running.stale, running.ahead) = (false, Ahead::Beyond);
                }
                Came::Written(number)
            }
        };
        if world.left.api > 0 {
            for (next, name) in [(world, "the API server fails before"), (&done, "and fails after")]
            {
                let mut next = next.clone();
                next.left.api -= 1;
                if let Some(running) = &mut next.slots[self.i].pass {
                    running.stale = true;
                }
                self.go_on(&next, Came::Refused(Refusal::Failed), true, name, steps);
            }
        }
        self.go_on(&done, came, false, name, steps);
    }

    pub fn remove_finalizer(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let mut world = world.clone();
        let slot = &mut world.slots[self.i];
        let mut automaton = self.automaton.borrow_mut();
        let is_leaving = slot.object.is_some_and(|object| automaton.digest(object).is_deleting);
        drop(automaton);
        // With Retain the owner wants the share to stay.
        slot.excused |= is_leaving && self.setting.deletion == DeletionPolicy::Retain;
        self.write(&world, "finalizer off", steps, Change::RemoveFinalizer);
    }

    pub fn write_status(
        &self,
        world: &World<N>,
        (status, is_shared): (u32, bool),
        steps: &mut Steps<'_, N>,
    ) {
        let before = steps.0.len();
        self.write(world, "status", steps, Change::Status(status));
        for step in &mut steps.0[before..] {
            let is_written = step.to.slots[self.i].object != world.slots[self.i].object;
            if is_shared && is_written {
                self.confirm(&mut step.to);
            }
        }
    }
}
