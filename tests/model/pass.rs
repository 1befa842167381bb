//! A pass, one effect at a time: what `reconcile.rs` and `act.rs` do around the rules, as small as it
//! can be said. Compare it with them side by side; it must do no more and no less.
//!
//! Left out: lists that are shared, pauses (a pass may come at any time), observing, suspending,
//! uninstalling, events.

use std::time::Duration;

use imageshare::api::ConditionType;
use imageshare::reason::Reason;
use imageshare::reconcile::line::Turn;
use imageshare::reconcile::plan::{self, Action, Departure, Heir, Place, Rest};
use imageshare::reconcile::status::{self, Finding, Report};
use imageshare::swr::Change;
use jiff::Timestamp;

use crate::heirs::turn;
use crate::packed::{packed, recorded, share_id};
use crate::search::Step;
use crate::settings::Setting;
use crate::world::{
    Ahead, Cloud, Flying, Known, Maker, Memory, Object, Pass, Recorded, Share, Stage, Status, Wish,
    World, Write,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const GRACE: Duration = Duration::from_mins(10);

/// What came of a request to the API server.
enum Served {
    Done(Object),
    Gone,
    Conflict,
}

/// The steps that can follow, as they are found.
pub struct Steps<'a, const N: usize>(pub &'a mut Vec<Step<World<N>>>);

impl<const N: usize> Steps<'_, N> {
    pub fn add(&mut self, whim: bool, name: &'static str, to: World<N>) {
        self.0.push(Step { to, whim, name });
    }
}

/// A pass over the object in slot `i`.
pub struct Passing<'a, const N: usize> {
    pub setting: &'a Setting,
    pub i: usize,
}

impl<const N: usize> Passing<'_, N> {
    /// What a pass can do next.
    pub fn steps(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let slot = &world.slots[self.i];
        let Some(pass) = slot.pass else {
            if let Some(cached) = slot.cached.filter(|_| slot.woken) {
                self.begin(world, cached, steps);
            }
            return;
        };
        match pass.step {
            Stage::Turn => self.take_turn(world, pass, steps),
            Stage::Plan => self.until_rest(world, pass, steps),
            Stage::Handing(handing) => self.hand_over(world, pass, handing, steps),
            Stage::Stopped(reason) => self.stopped(world, pass, reason, steps),
            Stage::Unhold(_) | Stage::Release { .. } => self.release(world, pass, steps),
            Stage::Say(reason) => self.settle(world, pass, reason, steps),
        }
    }

    /// `pass`, `up_to_date`, `take_up` and `Acting::new`
    fn begin(&self, world: &World<N>, cached: Object, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        next.slots[self.i].woken = false;
        let memory = next.slots[self.i].memory.filter(|memory| memory.uid == cached.uid);
        let undone_of = |copy: &Object| {
            memory.filter(|memory| memory.generation == copy.generation).map_or(0, |m| m.undone)
        };
        let version = memory.and_then(|memory| memory.ahead);
        let owns =
            N == 1 || matches!(turn(&mut next, self.i, &self.setting.rules), Turn::First { .. });
        if memory.is_none() && self.is_settled(&cached) && owns {
            self.interrupted(&mut next, cached, None, 0);
            if let Some(memory) = &mut next.slots[self.i].memory {
                memory.ahead = self.cache_version(None);
            }
            return steps.add(false, "a settled object is taken up", next);
        }
        let (mut copy, mut ahead) = (cached, self.cache_version(version));
        if version.is_some_and(|version| version != Ahead::No) {
            if world.left.api > 0 {
                let mut failed = next.clone();
                failed.left.api -= 1;
                self.interrupted(
                    &mut failed,
                    cached,
                    self.cache_version(version),
                    undone_of(&cached),
                );
                steps.add(true, "a pass begins: the live read fails", failed);
            }
            let slot = &mut next.slots[self.i];
            let Some(object) = slot.object else {
                slot.forget();
                return steps.add(false, "a pass begins: the object is gone", next);
            };
            (copy, ahead) = (object, Some(slot.lead()));
        }
        let slot = &mut next.slots[self.i];
        let recorded = self.recorded_of(&copy);
        if memory.is_none() {
            let habits = &self.setting.rules.habits;
            slot.quiet = recorded == Recorded::InDoubt && world.young && habits.waits_after_start;
        }
        let known = Known {
            held: copy.held,
            place: Place::Owner(Heir::Nobody),
            recorded,
            in_flight: recorded == Recorded::InDoubt && slot.quiet,
            undone: undone_of(&copy),
            cloud: Cloud::Unseen,
            found: false,
            wrote: None,
        };
        slot.pass = Some(Pass {
            copy,
            stale: slot.object != Some(copy) || slot.lead() != ahead.unwrap_or(Ahead::No),
            seen: copy.generation,
            wish: self.wish(&copy),
            known,
            heir: None,
            drift: false,
            connected: false,
            ahead,
            step: if N == 1 { Stage::Plan } else { Stage::Turn },
        });
        steps.add(false, "a pass begins", next);
    }

    /// Which version a pass counts as known that begins with the cached object.
    fn cache_version(&self, version: Option<Ahead>) -> Option<Ahead> {
        if self.setting.rules.habits.verifies { version } else { Some(Ahead::No) }
    }

    /// `Acting::is_settled`
    fn is_settled(&self, copy: &Object) -> bool {
        let said = copy.status.filter(|status| status.generation == copy.generation);
        copy.held
            && !copy.deleted
            && self.recorded_of(copy) == Recorded::Confirmed(copy.terms)
            && said.is_some_and(|status| status.reason == Reason::Shared)
    }

    fn recorded_of(&self, copy: &Object) -> Recorded {
        let status = copy.status.map(Status::open);
        Recorded::of(&(self.setting.rules.recorded_of)(status.as_ref(), copy.held))
    }

    fn wish(&self, copy: &Object) -> Wish {
        use imageshare::api::DeletionPolicy::{Delete, Retain};
        match (copy.deleted, self.setting.deletion) {
            (false, _) => Wish::Share(copy.terms),
            (true, Delete) => Wish::Revoke,
            (true, Retain) => Wish::LetGo,
        }
    }

    /// `until_rest` and `connect`
    fn until_rest(&self, world: &World<N>, mut pass: Pass, steps: &mut Steps<'_, N>) {
        let known = pass.known.open();
        let plan = self.setting.rules.plan;
        let action = pass.wish.open(self.setting.adoption, |wish| plan(wish, &known, NOW));
        let step = match action {
            Action::Rest(Rest::Gone) => return self.gone(world, steps),
            Action::Rest(Rest::Shared) => Stage::Stopped(Reason::Shared),
            Action::Rest(Rest::Expired) => Stage::Stopped(Reason::Expired),
            Action::Rest(Rest::Failed(reason)) => Stage::Stopped(reason),
            Action::Release => Stage::Release { orphan: false },
            Action::AskHeir => return self.ask_heir(world, pass, steps),
            _ if !pass.connected && !world.trusted => Stage::Stopped(Reason::Unauthorized),
            action => {
                pass.connected = true;
                return self.act(world, pass, action, steps);
            }
        };
        self.go_on(world, Pass { step, ..pass }, false, "it rests", steps);
    }

    /// `stopped`
    fn stopped(&self, world: &World<N>, pass: Pass, reason: Reason, steps: &mut Steps<'_, N>) {
        let known = pass.known.open();
        let rules = &self.setting.rules;
        let mut go = |step| self.go_on(world, Pass { step, ..pass }, false, "it stops", steps);
        match pass.wish {
            Wish::Share(_) if (rules.holds_nothing)(&known, reason) => go(Stage::Unhold(reason)),
            Wish::Revoke => {
                // The time that went by is anything; it counts from the first attempt on.
                let known_for_long = world.slots[self.i].memory.is_some() && self.setting.orphans;
                let grace = self.setting.orphans.then_some(GRACE);
                for waited in [Some(Duration::ZERO), known_for_long.then_some(GRACE)] {
                    let Some(waited) = waited else { continue };
                    go(match (rules.departure)(&known, reason, waited, grace) {
                        Departure::Stay => Stage::Say(reason),
                        Departure::Go => Stage::Release { orphan: false },
                        Departure::Orphan => Stage::Release { orphan: true },
                    });
                }
            }
            _ => go(Stage::Say(reason)),
        }
    }

    /// `act`
    fn act(&self, world: &World<N>, pass: Pass, action: Action, steps: &mut Steps<'_, N>) {
        if matches!(action, Action::Create | Action::Update | Action::Delete)
            && pass.ahead.is_none()
        {
            return self.verify(world, pass, steps);
        }
        match (action, pass.wish) {
            (Action::Hold, _) => self.hold(world, pass, steps),
            (Action::Announce, Wish::Share(terms)) => self.announce(world, pass, terms, steps),
            (Action::List, _) => self.list(world, pass, steps),
            (Action::Look, _) => self.look(world, pass, steps),
            (Action::Create, Wish::Share(terms)) => self.create(world, pass, terms, steps),
            (Action::Update, Wish::Share(terms)) => self.update(world, pass, terms, steps),
            (Action::Delete, _) => self.delete(world, pass, steps),
            _ => {
                let mut next = world.clone();
                next.wrong = Some("an action out of place");
                steps.add(false, "an action out of place", next);
            }
        }
    }

    /// Makes sure that the pass does not go by an object that is gone or has changed.
    fn verify(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        let slot = &mut next.slots[self.i];
        let ahead = Some(slot.lead());
        match slot.object {
            None => slot.forget(),
            Some(_) if pass.stale => {
                self.interrupted(&mut next, pass.copy, ahead, pass.known.undone);
            }
            Some(_) => slot.pass = Some(Pass { ahead, ..pass }),
        }
        steps.add(false, "the object is read live", next);
        if world.left.api > 0 {
            let mut next = world.clone();
            next.left.api -= 1;
            self.cut_short(&mut next, pass);
            steps.add(true, "the object cannot be read live", next);
        }
    }

    fn hold(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        let held = |object: Object| Some(Object { held: true, ..object });
        self.api(world, pass, true, held, "finalizer on", steps, |next, copy, ahead| {
            let known = Known { held: true, ..pass.known };
            next.slots[self.i].pass = Some(Pass { copy, ahead, known, stale: false, ..pass });
        });
    }

    fn announce(
        &self,
        world: &World<N>,
        mut pass: Pass,
        terms: crate::world::Terms,
        steps: &mut Steps<'_, N>,
    ) {
        pass.known.recorded = Recorded::InDoubt;
        let Some(before) = pass.copy.status else {
            return self.go_on(world, pass, false, "nothing to announce in", steps);
        };
        let after = status::announced(&before.open(), &share_id(), &terms.open());
        let after =
            Status { adopted: after.adopted, share: after.share.as_ref().map(packed), ..before };
        let said = |object: Object| Some(Object { status: Some(after), ..object });
        self.api(world, pass, false, said, "announced", steps, |next, copy, ahead| {
            next.slots[self.i].pass = Some(Pass { copy, ahead, stale: false, ..pass });
        });
    }

    /// `list`; a list may end early
    fn list(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        let listed = |terms| {
            let known = Known { cloud: Cloud::Listed(terms), ..pass.known };
            Pass { known, ..pass }
        };
        let early = |next: &mut World<N>| {
            next.slots[self.i].pass = Some(listed(None));
        };
        if world.trusted && world.share.is_some() && world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            early(&mut next);
            steps.add(true, "listed: it ends early", next);
        }
        if self.answers(world, pass, "listed", steps) {
            let terms = world.share.map(|share| share.terms);
            self.go_on(world, listed(terms), false, "listed", steps);
        }
    }

    fn look(&self, world: &World<N>, mut pass: Pass, steps: &mut Steps<'_, N>) {
        if !self.answers(world, pass, "looked", steps) {
            return;
        }
        let cloud = world.share.map_or(Cloud::Absent, |share| Cloud::Present(share.terms));
        let mut known = pass.known.open();
        (self.setting.rules.saw)(&mut known, cloud.open());
        (pass.known.cloud, pass.known.found) = (cloud, known.found);
        if let Wish::Share(terms) = pass.wish {
            pass.drift |= !plan::drift(&terms.open(), &known).is_empty();
        }
        self.go_on(world, pass, false, "looked", steps);
    }

    fn create(
        &self,
        world: &World<N>,
        mut pass: Pass,
        terms: crate::world::Terms,
        steps: &mut Steps<'_, N>,
    ) {
        let flying =
            Flying { slot: u8::try_from(self.i).unwrap_or_default(), terms, former: false };
        let doubt = Known { wrote: Some(Write::CreateInDoubt), ..pass.known };
        let doubt = Pass { known: doubt, step: Stage::Stopped(Reason::Timeout), ..pass };
        if world.trusted && world.left.lost > 0 {
            for (name, effect) in [("create: lost before", false), ("create: answer lost", true)] {
                let mut next = world.clone();
                next.left.lost -= 1;
                if effect {
                    Self::land(&mut next, flying);
                }
                self.guard(&mut next);
                next.slots[self.i].quiet = true;
                self.go_on(&next, doubt, true, name, steps);
            }
        }
        if world.trusted && world.left.late > 0 && world.flying.is_none() {
            let mut next = world.clone();
            next.left.late -= 1;
            next.flying = Some(flying);
            self.guard(&mut next);
            next.slots[self.i].quiet = true;
            self.go_on(&next, doubt, true, "create: no answer yet", steps);
        }
        if !self.admits(world, pass, "create", steps) {
            return;
        }
        let mut next = world.clone();
        (pass.known.wrote, pass.known.cloud) = if world.share.is_some() {
            (Some(Write::CreateConflicted), Cloud::Unseen)
        } else {
            Self::land(&mut next, flying);
            (Some(Write::Created), Cloud::Present(terms))
        };
        self.guard(&mut next);
        self.go_on(&next, pass, false, "created", steps);
    }

    fn update(
        &self,
        world: &World<N>,
        mut pass: Pass,
        terms: crate::world::Terms,
        steps: &mut Steps<'_, N>,
    ) {
        pass.known.cloud = Cloud::Unseen;
        let mut done = world.clone();
        self.must_be_ours(&mut done);
        if let Some(share) = &mut done.share {
            if share.maker == Maker::First && self.refuses_foreign() {
                done.wrong = Some("a foreign share was changed");
            }
            *share = Share { terms, maker: self.ours() };
            self.guard(&mut done);
        }
        if world.trusted && world.left.lost > 0 {
            let mut lost = done.clone();
            lost.left.lost -= 1;
            let pass = Pass { step: Stage::Stopped(Reason::Timeout), ..pass };
            self.go_on(&lost, pass, true, "update: answer lost", steps);
        }
        if !self.answers(world, pass, "update", steps) {
            return;
        }
        (pass.known.wrote, pass.known.cloud) = match done.share {
            Some(_) => (Some(Write::Updated), Cloud::Unseen),
            None => (None, Cloud::Absent),
        };
        self.go_on(&done, pass, false, "updated", steps);
    }

    fn delete(&self, world: &World<N>, mut pass: Pass, steps: &mut Steps<'_, N>) {
        let mut done = world.clone();
        if done.share.is_some_and(|share| share.maker == Maker::First) && self.refuses_foreign() {
            done.wrong = Some("a foreign share was deleted");
        }
        self.must_be_ours(&mut done);
        done.share = None;
        if world.trusted && world.left.lost > 0 {
            let mut lost = done.clone();
            lost.left.lost -= 1;
            let pass = Pass { step: Stage::Stopped(Reason::Timeout), ..pass };
            self.go_on(&lost, pass, true, "delete: answer lost", steps);
        }
        if self.answers(world, pass, "delete", steps) {
            (pass.known.wrote, pass.known.cloud) = (Some(Write::Deleted), Cloud::Unseen);
            self.go_on(&done, pass, false, "deleted", steps);
        }
    }

    /// `release`: with a finding to say if the object is to stay
    fn release(&self, world: &World<N>, pass: Pass, steps: &mut Steps<'_, N>) {
        let leaves = matches!(pass.step, Stage::Release { .. });
        if leaves && !pass.known.held {
            return self.gone(world, steps);
        }
        let mut world = world.clone();
        world.slots[self.i].told |=
            pass.wish == Wish::LetGo || pass.step == Stage::Release { orphan: true };
        let free = |object: Object| (!object.deleted).then_some(Object { held: false, ..object });
        self.api(&world, pass, true, free, "finalizer off", steps, |next, copy, ahead| {
            let slot = &mut next.slots[self.i];
            match pass.step {
                Stage::Unhold(reason) => {
                    let known = Known { held: false, ..pass.known };
                    let step = Stage::Say(reason);
                    slot.pass = Some(Pass { copy, ahead, known, stale: false, step, ..pass });
                }
                _ => slot.forget(),
            }
        });
    }

    /// `settle`, `report` and `write_status`
    fn settle(&self, world: &World<N>, pass: Pass, reason: Reason, steps: &mut Steps<'_, N>) {
        let known = pass.known.open();
        let rules = &self.setting.rules;
        let before = pass.copy.status;
        let wanted = match pass.wish {
            Wish::Share(terms) => Some(terms.open()),
            Wish::Revoke | Wish::LetGo => None,
        };
        let share = before.and_then(|before| before.share).map(recorded);
        let share = (rules.share_after)(&known, &share_id(), wanted.as_ref(), share.as_ref());
        let adopted = before.and_then(|before| before.adopted);
        let adopted = (rules.adopted_after)(&known, self.setting.adoption, adopted);
        let report = Report { share, adopted, ..Report::default() };
        // As `tell` has it: who is behind says nothing of the share.
        let report = if reason == Reason::DuplicateShare { Report::default() } else { report };
        let Some(after) = self.projected(before, pass.seen, reason, report) else {
            let mut next = world.clone();
            next.wrong = Some("a status that does not say what it should");
            return steps.add(false, "status", next);
        };
        let undone = self.undone_after(&pass, reason);
        let rest = |next: &mut World<N>, copy: Object, ahead| {
            let memory = Memory { uid: copy.uid, generation: pass.seen, ahead, undone };
            let slot = &mut next.slots[self.i];
            (slot.pass, slot.memory, slot.woken) = (None, Some(memory), true);
        };
        if before == Some(after) {
            let mut next = world.clone();
            rest(&mut next, pass.copy, pass.ahead);
            return steps.add(false, "nothing to say", next);
        }
        let said = |object: Object| Some(Object { status: Some(after), ..object });
        self.api(world, pass, false, said, "status", steps, |next, copy, ahead| {
            if reason == Reason::Shared {
                self.confirm(next);
            }
            rest(next, copy, ahead);
        });
        // The window outlives a status that could not be written, unlike in other interruptions.
    }

    /// The status by `project`; nothing if its conditions say anything but the reason, as
    /// everything else here takes them.
    fn projected(
        &self,
        before: Option<Status>,
        generation: u8,
        reason: Reason,
        report: Report,
    ) -> Option<Status> {
        let finding = Finding { reason, message: String::new() };
        let before = before.map(Status::open);
        let generation_now = i64::from(generation);
        let project = self.setting.rules.project;
        let after = project(before.as_ref(), generation_now, &finding, report, NOW);
        let is = |kind| status::is_true(&after, kind);
        let in_trouble = [ConditionType::Error, ConditionType::Reconciling, ConditionType::Stalled];
        let says_so = status::reason_of(Some(&after), generation_now) == Some(reason)
            && is(ConditionType::Ready) == (reason == Reason::Shared)
            && in_trouble.into_iter().any(is) != (reason == Reason::Shared);
        let share = after.share.as_ref().map(packed);
        says_so.then_some(Status { generation, reason, adopted: after.adopted, share })
    }

    /// While another object that is to stay has made the share, this one does not write to it.
    fn must_be_ours(&self, next: &mut World<N>) {
        let Some(Share { maker: Maker::Ours(other), .. }) = next.share else { return };
        let stays = next.slots[usize::from(other)].object.is_some_and(|object| !object.deleted);
        if stays && usize::from(other) != self.i {
            next.wrong = Some("two objects write to one share");
        }
    }

    /// A share that the operator says it holds is the operator's.
    fn confirm(&self, next: &mut World<N>) {
        if let Some(share) = &mut next.share {
            if share.maker == Maker::First && self.refuses_foreign() {
                next.wrong = Some("a foreign share was taken for ours");
            }
            share.maker = self.ours();
        }
    }

    fn undone_after(&self, pass: &Pass, reason: Reason) -> u8 {
        let drift = pass.drift.then(Change::of_existence);
        let undone =
            (self.setting.rules.undone_after)(&pass.known.open(), drift.as_slice(), reason);
        u8::try_from(undone).unwrap_or(u8::MAX).min(9)
    }

    /// One request to the API server: `change` gives the object as it will be, `None` if it goes.
    #[allow(clippy::too_many_arguments, reason = "what, how, and what then")]
    fn api(
        &self,
        world: &World<N>,
        pass: Pass,
        guarded: bool,
        change: impl Fn(Object) -> Option<Object>,
        name: &'static str,
        steps: &mut Steps<'_, N>,
        then: impl Fn(&mut World<N>, Object, Option<Ahead>),
    ) {
        let mut done = world.clone();
        let slot = &mut done.slots[self.i];
        let served = match slot.object {
            None => Served::Gone,
            // A status is applied by uid, without a version.
            Some(object) if object.uid != pass.copy.uid || (guarded && pass.stale) => {
                Served::Conflict
            }
            Some(object) => {
                slot.object = change(object);
                slot.changed();
                Served::Done(slot.object.unwrap_or(object))
            }
        };
        if world.left.api > 0 {
            let fails = [(world, "the API server fails before"), (&done, "and fails after")];
            for (next, name) in fails {
                let mut next = next.clone();
                next.left.api -= 1;
                self.cut_short(&mut next, pass);
                steps.add(true, name, next);
            }
        }
        match served {
            Served::Done(copy) => then(&mut done, copy, Some(Ahead::Beyond)),
            Served::Gone => done.slots[self.i].forget(),
            Served::Conflict => self.cut_short(&mut done, pass),
        }
        steps.add(false, name, done);
    }

    /// A pass that the API server ended in its middle.
    pub fn cut_short(&self, next: &mut World<N>, pass: Pass) {
        let (said, undone) = match pass.step {
            Stage::Say(reason) => (true, self.undone_after(&pass, reason)),
            _ => (false, pass.known.undone),
        };
        let quiet = next.slots[self.i].quiet;
        self.interrupted(next, pass.copy, pass.ahead, undone);
        if said {
            next.slots[self.i].quiet = quiet;
        }
    }

    /// `interrupted`, `cut_short` and `come_back`
    fn interrupted(&self, next: &mut World<N>, copy: Object, ahead: Option<Ahead>, undone: u8) {
        let slot = &mut next.slots[self.i];
        let habits = &self.setting.rules.habits;
        let ahead = if habits.reads_again { Some(Ahead::Unsure) } else { ahead };
        let memory = Memory { uid: copy.uid, generation: copy.generation, ahead, undone };
        slot.quiet &= habits.keeps_window;
        (slot.pass, slot.memory, slot.woken) = (None, Some(memory), true);
    }

    fn gone(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        next.slots[self.i].forget();
        steps.add(false, "nothing is left to do", next);
    }

    /// Whether the cloud answers; adds what happens if it does not, or not with what was asked.
    fn answers(
        &self,
        world: &World<N>,
        pass: Pass,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) -> bool {
        if world.trusted && world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            let pass = Pass { step: Stage::Stopped(Reason::Timeout), ..pass };
            self.go_on(&next, pass, true, "a request is lost", steps);
        }
        self.admits(world, pass, name, steps)
    }

    /// Whether the cloud lets a request in; adds what happens if not.
    fn admits(
        &self,
        world: &World<N>,
        pass: Pass,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) -> bool {
        let refused = |reason| Pass { step: Stage::Stopped(reason), ..pass };
        if !world.trusted {
            self.go_on(world, refused(Reason::Unauthorized), false, name, steps);
        } else if world.left.lost > 0 {
            let mut next = world.clone();
            next.left.lost -= 1;
            self.go_on(&next, refused(Reason::Throttled), true, "throttled", steps);
        }
        world.trusted
    }

    /// A create takes effect.
    pub fn land(next: &mut World<N>, flying: Flying) {
        let maker = Maker::Ours(flying.slot);
        next.share = next.share.or(Some(Share { terms: flying.terms, maker }));
    }

    /// No write to the cloud without the finalizer.
    fn guard(&self, next: &mut World<N>) {
        if !next.slots[self.i].object.is_some_and(|object| object.held) {
            next.wrong = Some("a write to the cloud without the finalizer");
        }
    }

    fn ours(&self) -> Maker {
        Maker::Ours(u8::try_from(self.i).unwrap_or_default())
    }

    fn refuses_foreign(&self) -> bool {
        self.setting.adoption == imageshare::api::AdoptionPolicy::Create
    }

    pub fn go_on(
        &self,
        world: &World<N>,
        pass: Pass,
        whim: bool,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) {
        let mut next = world.clone();
        next.slots[self.i].pass = Some(pass);
        steps.add(whim, name, next);
    }
}
