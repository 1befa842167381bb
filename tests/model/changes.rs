//! What becomes of objects and of what is remembered of them, asked once for each: the shipped values
//! are rich, and a world meets the same few again and again.

use std::sync::Arc;

use imageshare::api::ConditionType;
use imageshare::core::object::Object;
use imageshare::core::object_state::{History, ObjectState};
use imageshare::core::record::{Certainty, Recorded};
use imageshare::core::status;
use imageshare::core::step::Keep;
use imageshare::reason::Reason;

use crate::automaton::{Automaton, now};
use crate::settings::{GRACE, WINDOW};
use crate::world::{Terms, terms_of};

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    AddFinalizer,
    RemoveFinalizer,
    Status(u32),
    Edit,
    Delete,
    /// The time is over in which a refusal may heal.
    GrowsOld,
}

/// What happens to the state of an object by time, or before a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aging {
    /// A create cannot take effect any more.
    WindowEnds,
    /// The successor had its time.
    OfferEnds,
    /// A create is about to be sent.
    CreateIsSent,
}

/// What the worlds are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    pub generation: i64,
    pub has_finalizer: bool,
    pub is_deleting: bool,
    pub terms: Terms,
    pub record: Certainty,
    /// On which terms, where that is confirmed.
    pub confirmed: Option<Terms>,
    /// What the status says of the object as it is now, once that is the last word: that it is Ready only if
    /// shared, and in the end Stalled if refused, is what the shipped conditions make of it.
    pub says: Option<Reason>,
    /// Whether it is refused, and that may still heal for some time.
    pub may_heal: bool,
}

/// What the driver keeps of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub what: What,
    pub is_unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    State(u32),
    AsItWas,
    Nothing,
}

impl Automaton {
    /// What the worlds are judged by, of an object.
    pub fn digest(&mut self, object: u32) -> Digest {
        if let Some(known) = self.digests.get(&object) {
            return *known;
        }
        let digest = digest(&self.objects.get(object));
        self.digests.insert(object, digest);
        digest
    }

    /// The object after a change.
    pub fn changed(&mut self, object: u32, change: Change) -> u32 {
        if let Some(known) = self.changes.get(&(object, change)) {
            return *known;
        }
        let object_before = (*self.objects.get(object)).clone();
        let generation = object_before.generation + 1;
        let after = match change {
            Change::AddFinalizer => {
                Object { has_finalizer: true, has_intent: true, ..object_before }
            }
            Change::RemoveFinalizer => {
                Object { has_finalizer: false, has_intent: false, ..object_before }
            }
            Change::Status(status) => {
                let status = Some(Arc::new((*self.statuses.get(status)).clone()));
                Object { status, ..object_before }
            }
            Change::Edit => {
                let mut spec = (*object_before.spec).clone();
                spec.description = terms_of(&object_before).other().open().description;
                Object { generation, spec: Arc::new(spec), ..object_before }
            }
            Change::Delete => Object { generation, is_deleting: true, ..object_before },
            Change::GrowsOld => {
                let mut status = object_before.status.as_deref().cloned();
                if let Some(status) = &mut status {
                    let since = now().wall - GRACE;
                    status.refused_since = Some(since.to_string());
                }
                Object { status: status.map(Arc::new), ..object_before }
            }
        };
        let number = self.objects.number(after);
        self.changes.insert((object, change), number);
        number
    }

    /// The state after that; `None` if it changes nothing.
    pub fn aged(&mut self, state: u32, aging: Aging) -> Option<u32> {
        if let Some(known) = self.agings.get(&(state, aging)) {
            return *known;
        }
        let aged = (*self.states.get(state)).clone();
        let mut history = aged.history();
        let changes = match aging {
            Aging::WindowEnds => history.create_may_land_until.take().is_some(),
            Aging::OfferEnds => history.offer_until.take().is_some(),
            Aging::CreateIsSent => {
                history.note_create(now().monotonic + WINDOW);
                true
            }
        };
        let aged = aged.with_history(history);
        let result = changes.then(|| self.states.number(aged));
        self.agings.insert((state, aging), result);
        result
    }

    /// What the driver keeps of a pass that ended like this.
    pub fn kept(&mut self, end: u32, keeps_window: bool) -> Kept {
        if let Some(known) = self.kept.get(&end) {
            return *known;
        }
        let ended = self.ends.get(end);
        let what = match &ended.keep {
            Keep::State(state) => What::State(self.rested(state, keeps_window)),
            Keep::AsItWas => What::AsItWas,
            Keep::Nothing => What::Nothing,
        };
        let kept = Kept { what, is_unsure: ended.is_unsure };
        self.kept.insert(end, kept);
        kept
    }

    /// A state, with all that only says how much time went by taken out of it.
    pub fn rested(&mut self, state: &ObjectState, keeps_window: bool) -> u32 {
        let state = state.clone();
        let mut history = History {
            wrote_at: None,
            shown_with: None,
            unreported_drift: vec![],
            ..state.history()
        };
        history.conflict_count = history.conflict_count.min(9);
        history.create_may_land_until = history.create_may_land_until.filter(|_| keeps_window);
        let then = now().monotonic;
        let state = ObjectState {
            began: then,
            not_before: None,
            looked_at: then,
            failures: 0,
            refused: None,
            ..state
        };
        self.states.number(state.with_history(history))
    }
}

fn digest(object: &Object) -> Digest {
    let recorded = object.recorded();
    let said = status::reason_of(object.own_status(), object.generation);
    let is_ready =
        object.own_status().is_some_and(|status| status::is_true(status, ConditionType::Ready));
    let left = object.own_status().and_then(|status| {
        let is_of_now = status.observed_generation == object.generation;
        status::until_stalled(status, GRACE, now().wall).filter(|_| is_of_now)
    });
    Digest {
        generation: object.generation,
        has_finalizer: object.has_finalizer,
        is_deleting: object.is_deleting,
        terms: terms_of(object),
        record: (&recorded).into(),
        confirmed: match &recorded {
            Recorded::Confirmed(terms) => Some(Terms::of(terms)),
            _ => None,
        },
        says: said.filter(|reason| is_ready == (*reason == Reason::Shared) && left.is_none()),
        may_heal: left.is_some_and(|left| !left.is_zero()),
    }
}
