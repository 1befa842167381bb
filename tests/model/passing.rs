//! What happens to the effects that a shipped pass names, and what is answered: the API server and
//! the cloud, with all that may go wrong between them and the operator. What the driver does around a
//! pass stands here as well: [`Passing::begin`], [`Passing::end`].

use imageshare::api::AdoptionPolicy;
use imageshare::core::effect::Refusal;
use imageshare::core::object_state::{History, ObjectState};
use imageshare::core::ownership::Move;

use crate::automaton::{Deal, Shared, now};
use crate::changes::{Change, What};
use crate::search::Step;
use crate::settings::{Setting, WINDOW};
use crate::small::{Came, Verb, Wanted, Which};
use crate::world::{Ahead, Maker, Running, World, key};

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
    pub automaton: &'a Shared,
    pub i: usize,
}

impl<const N: usize> Passing<'_, N> {
    /// What a pass can do next.
    pub fn steps(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let slot = &world.slots[self.i];
        let Some(running) = slot.pass else {
            if slot.woken && slot.cached.is_some() {
                self.begin(world, steps);
            }
            return;
        };
        if world.left.drops > 0 {
            steps.add(true, "a pass is dropped", self.dropped(world));
        }
        let wanted = self.automaton.borrow().wanted(running.pass);
        match wanted {
            Wanted::ReadObject => self.read_object(world, steps),
            Wanted::ReadCredentials(which) => {
                let came = self.credentials(world.trusted, which);
                let name = "credentials are read";
                self.ask_api(world, (came, Came::Unread), false, name, steps);
            }
            // Done at once.
            Wanted::Done(_) | Wanted::ReadCrd | Wanted::Emit { .. } => {
                self.advance(world.clone(), false, "it goes on", steps);
            }
            Wanted::AddFinalizer => {
                self.write(world, "finalizer on", steps, Change::AddFinalizer);
            }
            Wanted::RemoveFinalizer => self.remove_finalizer(world, steps),
            Wanted::WriteStatus(status, is_shared) => {
                self.write_status(world, (status, is_shared), steps);
            }
            Wanted::Transfer(made) => self.transfer(world, made, steps),
            Wanted::List => self.list(world, steps),
            Wanted::Look => {
                let came = Came::Looked(world.share.map(|share| share.terms));
                if self.answers(world, Verb::Look, steps) {
                    self.go_on(world, came, false, "looked", steps);
                }
            }
            Wanted::Create(terms) => self.guarded(world, steps, |steps| {
                self.create(world, terms, steps);
            }),
            Wanted::Update(terms) => self.guarded(world, steps, |steps| {
                self.update(world, terms, steps);
            }),
            Wanted::Delete => self.guarded(world, steps, |steps| self.delete(world, steps)),
        }
    }

    pub fn number(&self) -> u8 {
        u8::try_from(self.i).unwrap_or_default()
    }

    fn begin(&self, world: &World<N>, steps: &mut Steps<'_, N>) {
        let mut next = world.clone();
        let slot = &mut next.slots[self.i];
        let Some((cached, life)) = slot.cached else { return };
        slot.woken = false;
        let (ahead, state, object) = (slot.ahead, slot.state, slot.object);
        let is_now = object == Some(cached) && slot.life == life && slot.lead() == Ahead::No;
        let mut automaton = self.automaton.borrow_mut();
        let (owners, _, place) = automaton.deal(next.owners, Deal::Ask(key(self.i, life)));
        let place = self.setting.habits.place(place);
        next.owners = owners;
        // The time that went by since the deletion is anything.
        let may_be_long_ago = self.setting.orphans && automaton.digest(cached).is_deleting;
        for is_long_ago in [false, true].into_iter().filter(|long| !long || may_be_long_ago) {
            let is_young = world.young && self.setting.habits.waits_after_start;
            let is_outdated = ahead != Ahead::No;
            let times = [is_young, is_long_ago];
            let pass = automaton.begin(self.setting, (cached, is_outdated), place, state, times);
            let mut next = next.clone();
            next.slots[self.i].pass = Some(Running { pass, life, stale: !is_now, ahead });
            drop(automaton);
            self.advance(next, false, "a pass begins", steps);
            automaton = self.automaton.borrow_mut();
        }
    }

    /// What the driver keeps of a pass.
    fn end(&self, world: &World<N>, end: u32) -> World<N> {
        let mut next = world.clone();
        let mut automaton = self.automaton.borrow_mut();
        let kept = automaton.kept(end, self.setting.habits.keeps_window);
        let slot = &mut next.slots[self.i];
        let Some(running) = slot.pass.take() else { return next };
        slot.woken = true;
        match kept.what {
            What::State(state) => {
                slot.state = Some(state);
                slot.ahead = if kept.is_unsure { Ahead::Unsure } else { running.ahead };
            }
            What::AsItWas => {}
            What::Nothing => (slot.state, slot.ahead) = (None, Ahead::No),
        }
        // The watch may have brought another object of the name meanwhile.
        if slot.cached.is_none_or(|(_, life)| life != running.life) {
            (slot.state, slot.ahead) = (None, Ahead::No);
        }
        next
    }

    /// The driver keeps what it had noted before each write.
    fn dropped(&self, world: &World<N>) -> World<N> {
        let mut next = world.clone();
        next.left.drops -= 1;
        let slot = &mut next.slots[self.i];
        if let Some(running) = slot.pass.take()
            && slot.cached.is_some_and(|(_, life)| life == running.life)
        {
            let mut automaton = self.automaton.borrow_mut();
            let state = slot.state.unwrap_or_else(|| {
                let mut history = History::default();
                history.note_create(now().monotonic + WINDOW);
                let fingerprint = automaton.fingerprint(running.pass);
                let state = ObjectState::new(fingerprint, history, now().monotonic);
                automaton.rested(&state, self.setting.habits.keeps_window)
            });
            (slot.state, slot.ahead, slot.woken) = (Some(state), Ahead::Unsure, true);
        }
        next
    }

    /// The pass goes on with an answer.
    pub fn go_on(
        &self,
        world: &World<N>,
        came: Came,
        whim: bool,
        name: &'static str,
        steps: &mut Steps<'_, N>,
    ) {
        let mut next = world.clone();
        if let Some(running) = &mut next.slots[self.i].pass {
            running.pass = self.automaton.borrow_mut().on(running.pass, came);
        }
        self.advance(next, whim, name, steps);
    }

    /// What a pass does next that nobody else can tell the moment of is done at once: it commutes with
    /// all that others do.
    fn advance(&self, world: World<N>, whim: bool, name: &'static str, steps: &mut Steps<'_, N>) {
        let wanted = world.slots[self.i].pass.map(|running| running.pass);
        let wanted = wanted.map(|pass| self.automaton.borrow().wanted(pass));
        match wanted {
            Some(Wanted::Done(end)) => {
                let world = self.end(&world, end);
                steps.add(whim, name, world);
            }
            Some(Wanted::ReadCrd) => {
                let fails = Came::Refused(Refusal::Failed);
                self.ask_api(&world, (Came::Crd, fails), whim, name, steps);
            }
            Some(Wanted::ReadCredentials(which)) if world.left.locks == 0 => {
                let came = self.credentials(world.trusted, which);
                self.ask_api(&world, (came, Came::Unread), whim, name, steps);
            }
            Some(Wanted::Emit { is_orphan }) => {
                let mut next = world;
                next.slots[self.i].excused |= is_orphan;
                self.go_on(&next, Came::Emitted, whim, name, steps);
            }
            _ => steps.add(whim, name, world),
        }
    }

    /// A share that the operator says it shares is the operator's.
    pub fn confirm(&self, next: &mut World<N>) {
        let maker = self.ours();
        if let Some(share) = &mut next.share {
            if share.maker == Maker::First && self.refuses_foreign() {
                next.wrong = Some("a foreign share was taken for ours");
            }
            share.maker = maker;
        }
    }

    fn transfer(&self, world: &World<N>, made: Move, steps: &mut Steps<'_, N>) {
        let Some(running) = world.slots[self.i].pass else { return };
        let who = key(self.i, running.life);
        let mut next = world.clone();
        let mut deals = vec![Deal::Make(who, made)];
        if made == Move::Take && !self.setting.habits.accepts_before_release {
            deals.push(Deal::Make(who, Move::Complete));
        }
        let mut place = None;
        for deal in deals {
            let (owners, woken, placed) = self.automaton.borrow_mut().deal(next.owners, deal);
            next.owners = owners;
            wake(&mut next, woken);
            place = Some(placed);
        }
        let Some(place) = place.map(|place| self.setting.habits.place(place)) else { return };
        self.go_on(&next, Came::Place(place), false, "the share is passed on", steps);
    }

    pub fn ours(&self) -> Maker {
        Maker::Ours(self.number())
    }

    /// What comes of asking for credentials.
    fn credentials(&self, trusted: bool, which: Which) -> Came {
        match which {
            _ if trusted => Came::Credentials,
            Which::Current | Which::LastTry if self.setting.terminates => Came::Terminating,
            Which::ToKeep | Which::LastTry => Came::Credentials,
            Which::LastKnown => Came::NothingKnown,
            Which::Current => Came::Rejected,
        }
    }

    pub fn refuses_foreign(&self) -> bool {
        self.setting.adoption == AdoptionPolicy::Create
    }
}

/// A pass is due over the objects in these slots.
pub fn wake<const N: usize>(next: &mut World<N>, woken: u8) {
    for (i, slot) in next.slots.iter_mut().enumerate() {
        slot.woken |= woken & (1 << i) != 0 && slot.cached.is_some();
    }
}
