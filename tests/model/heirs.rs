//! Two objects that declare the one share: whose turn it is, by the shipped line, and how a share is
//! handed over, one effect at a time: `Context::turn`, `hear`, and what `departure.rs` does for an heir.

use imageshare::api::AdoptionPolicy;
use imageshare::reason::Reason;
use imageshare::reconcile::line::{Claim, Claimant, Line, Standing, Turn};
use imageshare::reconcile::plan::{Heir, Place};
use jiff::Timestamp;

use crate::packed::share_id;
use crate::pass::{Passing, Steps};
use crate::rules::Rules;
use crate::world::{Handing, Maker, Object, Pass, Share, Slot, Stage, Status, World};

fn number(i: usize) -> u8 {
    u8::try_from(i).unwrap_or_default()
}

/// What the watch has told the line of an object.
fn claim(slot: &Slot, i: usize, rules: &Rules) -> Option<Claim> {
    let object = slot.cached.filter(|object| object.held || !object.deleted)?;
    let status = object.status.map(Status::open);
    let recorded = (rules.recorded_of)(status.as_ref(), object.held);
    let (uid, age) = (i.to_string(), i64::from(object.uid) * 10 + i64::from(number(i)));
    Some(Claim {
        share: share_id(),
        claimant: Claimant { namespace: String::new(), name: uid.clone(), uid },
        standing: Standing::from(&recorded),
        created: Timestamp::from_second(age).unwrap_or_default(),
        leaving: object.deleted || slot.leaves,
    })
}

/// Where the object in slot `i` stands. A seat that is free is taken first.
pub fn turn<const N: usize>(world: &mut World<N>, i: usize, rules: &Rules) -> Turn {
    let mut line = Line::default();
    let hear = |line: &mut Line, j: usize| {
        line.hear(&j.to_string(), claim(&world.slots[j], j, rules));
    };
    if let Some(owner) = world.owner.map(usize::from) {
        hear(&mut line, owner);
        line.turn(&owner.to_string(), &share_id());
    }
    (0..N).for_each(|j| hear(&mut line, j));
    let turn = line.turn(&i.to_string(), &share_id());
    world.owner = match &turn {
        Turn::Behind { owner, .. } => owner.uid.parse().ok(),
        Turn::First { .. } => claim(&world.slots[i], i, rules).map(|_| number(i)),
    };
    turn
}

/// News of an object: an owner that claims nothing any more frees its seat, and wakes the others.
pub fn heard<const N: usize>(next: &mut World<N>, i: usize, rules: &Rules) {
    if next.owner == Some(number(i)) && claim(&next.slots[i], i, rules).is_none() {
        next.owner = None;
        for slot in next.slots.iter_mut().filter(|slot| slot.cached.is_some()) {
            slot.woken = true;
        }
    }
}

impl<const N: usize> Passing<'_, N> {
    /// The turn of a pass: seen when the object is known, and after its leaving is.
    pub fn take_turn(&self, world: &World<N>, mut pass: Pass, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        let slot = &mut next.slots[self.i];
        let known = slot.cached.is_some_and(|cached| cached.uid == pass.copy.uid);
        slot.leaves |= pass.copy.deleted && known && self.setting.rules.habits.says_it_leaves;
        let turn = turn(&mut next, self.i, &self.setting.rules);
        pass.known.place = (self.setting.rules.place)(&turn);
        if let Turn::First { next: heirs } = turn
            && let [heir] = heirs.as_slice()
        {
            let heir = heir.uid.parse().unwrap_or_default();
            pass.heir = next.slots[usize::from(heir)].cached.map(|cached| (heir, cached.uid));
        }
        next.slots[self.i].pass = Some(Pass { step: Stage::Plan, ..pass });
        steps.add(false, "its turn is seen", next);
    }

    /// `ask_heir`: the heir is read live.
    pub fn ask_heir(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        let Some((heir, uid)) = pass.heir else { return self.judged(world, pass, false, steps) };
        let slot = &world.slots[usize::from(heir)];
        let fit = slot.object.filter(|object| {
            let willing = self.setting.adoption != AdoptionPolicy::Create;
            object.uid == uid && !object.deleted && willing
        });
        self.may_fail(world, pass, steps);
        match fit {
            None => self.judged(world, pass, false, steps),
            Some(copy) => {
                let step = Stage::Handing(Handing::Look { copy });
                self.go_on(world, Pass { step, ..pass }, false, "the heir is read", steps);
            }
        }
    }

    /// `take_over`, with the heir's credentials: a look, the finalizer, an update.
    pub fn hand_over(
        &self,
        world: &World<N>,
        pass: Pass,
        handing: Handing,
        steps: &mut Steps<'_, N>,
    ) {
        match handing {
            Handing::Look { .. } | Handing::Update { .. } if !world.trusted => {
                self.judged(world, pass, false, steps);
            }
            Handing::Look { copy } => {
                self.may_get_lost(world, pass, steps);
                let Some(share) = world.share else {
                    return self.judged(world, pass, false, steps);
                };
                let met = share.terms == copy.terms;
                let step = match (copy.held, met) {
                    (false, _) => Stage::Handing(Handing::Hold { copy, met }),
                    (true, false) => Stage::Handing(Handing::Update { copy }),
                    (true, true) => return self.judged(world, pass, true, steps),
                };
                self.go_on(world, Pass { step, ..pass }, false, "the heir looks", steps);
            }
            Handing::Hold { copy, met } => self.hold_heir(world, pass, copy, met, steps),
            Handing::Update { copy } => self.update_for_heir(world, pass, copy, steps),
        }
    }

    fn hold_heir(
        &self,
        world: &World<N>,
        pass: Pass,
        copy: Object,
        met: bool,
        steps: &mut Steps<'_, N>,
    ) {
        let slot = usize::from(pass.heir.unwrap_or_default().0);
        let mut held = world.clone();
        match held.slots[slot].object {
            None => return self.judged(world, pass, false, steps),
            // Guarded by its version.
            Some(object) if object != copy => {
                return self.end_short(world.clone(), pass, false, "the heir has changed", steps);
            }
            Some(object) => held.slots[slot].object = Some(Object { held: true, ..object }),
        }
        held.slots[slot].changed();
        if world.left.api > 0 {
            let mut failed = held.clone();
            failed.left.api -= 1;
            self.end_short(failed, pass, true, "finalizer on the heir, and no answer", steps);
        }
        if met {
            self.judged(&held, pass, true, steps);
        } else {
            let step = Stage::Handing(Handing::Update { copy: Object { held: true, ..copy } });
            self.go_on(&held, Pass { step, ..pass }, false, "finalizer on the heir", steps);
        }
    }

    fn update_for_heir(
        &self,
        world: &World<N>,
        pass: Pass,
        copy: Object,
        steps: &mut Steps<'_, N>,
    ) {
        let slot = usize::from(pass.heir.unwrap_or_default().0);
        self.may_get_lost(world, pass, steps);
        let mut done = world.clone();
        let Some(share) = done.share else { return self.judged(world, pass, false, steps) };
        done.share = Some(Share { terms: copy.terms, ..share });
        if !world.slots[slot].object.is_some_and(|object| object.held) {
            done.wrong = Some("a write to the cloud for an heir without the finalizer");
        }
        if world.left.lost > 0 {
            let mut lost = done.clone();
            lost.left.lost -= 1;
            let pass = Pass { step: Stage::Stopped(Reason::Timeout), ..pass };
            self.go_on(&lost, pass, true, "update for the heir: answer lost", steps);
        }
        self.judged(&done, pass, true, steps);
    }

    /// From now on the heir answers for the share, or will not.
    fn judged(&self, world: &World<N>, mut pass: Pass, fit: bool, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        if let (true, Some((heir, _)), Some(share)) = (fit, pass.heir, &mut next.share) {
            share.maker = Maker::Ours(heir);
        }
        pass.known.place = Place::Owner(if fit { Heir::Fit } else { Heir::Unfit });
        pass.step = Stage::Plan;
        self.go_on(&next, pass, false, if fit { "handed over" } else { "no heir" }, steps);
    }

    fn end_short(
        &self,
        mut next: World<N>,
        pass: Pass,
        whim: bool,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) {
        self.cut_short(&mut next, pass);
        steps.add(whim, name, next);
    }

    fn may_fail(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        if world.left.api > 0 {
            let mut next = world.clone();
            next.left.api -= 1;
            self.end_short(next, pass, true, "the heir cannot be read", steps);
        }
    }

    fn may_get_lost(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        if world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            let pass = Pass { step: Stage::Stopped(Reason::Timeout), ..pass };
            self.go_on(&next, pass, true, "a request for the heir is lost", steps);
        }
    }
}
