//! A change of leaders: the former one was cut off in the middle of its passes, and knows nothing of that.
//! What it has sent to the API server may arrive, as long as nobody else has written to the object; and without
//! a fence its next call to the cloud would.

use crate::changes::Change;
use crate::passing::{Passing, Steps};
use crate::sharing::land;
use crate::small::Wanted;
use crate::world::{Flying, Former, Share, World};
use crate::worlds::Worlds;

impl<const N: usize> Worlds<N> {
    /// Another operator leads.
    pub fn taken_over(&self, world: &World<N>) -> World<N> {
        let mut next = self.started_anew(world);
        next.left.takeovers -= 1;
        for (slot, before) in next.slots.iter_mut().zip(&world.slots) {
            let running = before.pass.filter(|running| running.life == before.life);
            slot.former = running.and_then(|running| {
                let wanted = self.automaton.borrow().wanted(running.pass);
                let on_the_way = match wanted {
                    Wanted::AddFinalizer => Former::AddFinalizer,
                    // The one that could do harm. It ends with the API server's own limit for it, before
                    // another operator leads.
                    Wanted::RemoveFinalizer => return None,
                    Wanted::WriteStatus(status, _) => Former::Status(status),
                    _ if self.setting.habits.fences => return None,
                    Wanted::Create(terms) => Former::Create(terms),
                    Wanted::Update(terms) => Former::Update(terms),
                    Wanted::Delete => Former::Delete,
                    _ => return None,
                };
                // The version that it goes by is not the object's any more.
                let is_in_vain = on_the_way.is_guarded() && running.stale;
                (!is_in_vain).then_some(on_the_way)
            });
        }
        next
    }
}

impl<const N: usize> Passing<'_, N> {
    /// What a former leader has sent comes to something or to nothing.
    pub fn former(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let Some(former) = world.slots[self.i].former else { return };
        let mut next = world.clone();
        next.slots[self.i].former = None;
        steps.add(false, "a former leader's write comes to nothing", next.clone());
        match former {
            Former::AddFinalizer => self.rewrite(&mut next, Change::AddFinalizer),
            // It makes no share the object's own: whoever wrote it did not know what came since.
            Former::Status(number) => self.rewrite(&mut next, Change::Status(number)),
            Former::Create(terms) => {
                self.check_finalizer(&mut next);
                land(&mut next, Flying { slot: self.number(), terms, former: true });
            }
            Former::Update(terms) => {
                self.must_be_ours(&mut next);
                let maker = self.ours();
                next.share = next.share.map(|_| Share { terms, maker });
            }
            Former::Delete => {
                self.must_be_ours(&mut next);
                next.share = None;
            }
        }
        steps.add(false, "a former leader's write arrives", next);
    }

    /// A write to the object, whose version is still the one that it goes by.
    fn rewrite(&self, next: &mut World<N>, change: Change) {
        let mut automaton = self.automaton.borrow_mut();
        let slot = &mut next.slots[self.i];
        let Some(object) = slot.object else { return };
        let number = automaton.changed(object, change);
        let digest = automaton.digest(number);
        slot.object = (!digest.is_deleting || digest.has_finalizer).then_some(number);
        slot.changed();
    }
}
