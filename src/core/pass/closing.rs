//! How a pass ends: the finalizer comes off where nothing needs it, events are left before the status
//! that they speak of, the status is written at most once, and a transfer is completed only after
//! that. An object that goes leaves by its last line: the finalizer.

use std::sync::Arc;
use std::time::Duration;

use super::{Pass, Stage};
use crate::api::ImageShareStatus;
use crate::core::drift::reported_after;
use crate::core::effect::{Answer, Effect, Event, Refusal};
use crate::core::facts::{Cloud, Goal, Now};
use crate::core::orphan;
use crate::core::ownership::{Move, Role};
use crate::core::schedule::Ended;
use crate::core::status::{self, Outcome};
use crate::core::step::{Keep, Summary};
use crate::reason::{Kind, Reason};

/// How often a status is tried anew because the object was changed at that moment.
const CONFLICTS_MAX: u8 = 5;

/// What is left to do at the end of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Closing {
    /// Take the finalizer off an object that stays.
    RemoveFinalizer(Outcome),
    /// Leave the events.
    Emit(Conclusion),
    /// Write the status, this often at most.
    Write(Conclusion, u8),
    /// See why the status was refused.
    Reread(Conclusion, u8),
    /// The API server's rules do not allow the status: say so in an event alone.
    Denied(Event),
    /// The share is the successor's own now.
    Complete(Conclusion),
    /// All is said.
    Settle(Conclusion),
    /// Name a share that is left behind: first, because after a crash behind the release nobody
    /// would know of it.
    Orphan(String),
    /// Take the finalizer off an object that goes; the share that is left behind, and whether the
    /// administrator did not know of it before.
    Release(Option<(String, Option<bool>)>),
}

/// What a pass has to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Conclusion {
    outcome: Outcome,
    /// The last one first.
    events: Vec<Event>,
    status: Arc<ImageShareStatus>,
    is_news: bool,
}

impl Closing {
    /// What to do next; `None`: this part is over.
    pub(super) fn effect(&self) -> Option<Effect> {
        match self {
            Self::RemoveFinalizer(_) | Self::Release(_) => Some(Effect::RemoveFinalizer),
            Self::Emit(conclusion) => conclusion.events.last().cloned().map(Effect::Emit),
            Self::Write(conclusion, _) => Some(Effect::WriteStatus(conclusion.status.clone())),
            Self::Reread(..) => Some(Effect::ReadObject),
            Self::Denied(event) => Some(Effect::Emit(event.clone())),
            Self::Complete(_) => Some(Effect::Transfer(Move::Complete)),
            Self::Settle(_) => None,
            Self::Orphan(note) => Some(Effect::Emit(Event::Orphaned(note.clone()))),
        }
    }
}

impl Pass {
    /// Ends the pass with an outcome.
    pub(super) fn close(&mut self, outcome: Outcome, now: &Now) {
        if self.start.object.has_finalizer && self.is_idle(outcome.reason) {
            self.stage = Stage::Closing(Closing::RemoveFinalizer(outcome));
        } else {
            self.conclude(outcome, now);
        }
    }

    /// Whether the object needs no finalizer.
    fn is_idle(&self, reason: Reason) -> bool {
        match &self.goal {
            Ok(Goal::Revoke | Goal::Retain) => false,
            _ if self.is_observing() && reason != Reason::DuplicateShare => self.facts.is_gone(),
            _ => (self.rules.0.is_finalizer_idle)(&self.facts, reason),
        }
    }

    fn conclude(&mut self, outcome: Outcome, now: &Now) {
        let unreported = std::mem::take(&mut self.history.unreported_drift);
        let (repaired, later) =
            reported_after(unreported, &self.facts, &self.drift, outcome.reason);
        self.history.unreported_drift = later;
        self.history.conflict_count =
            (self.rules.0.conflict_count_after)(&self.facts, &self.drift, outcome.reason);
        let before = self.start.object.own_status();
        let generation = self.fingerprint.generation;
        let status =
            status::project(before, generation, &outcome, self.report(&outcome, now), now.wall);
        let is_news = self.start.object.status.as_deref() != Some(&status);
        let mut events = self.events_of_change(&status).filter(|_| is_news).unwrap_or_default();
        let refused = Some(Reason::WriteRefused);
        if refused == Some(outcome.reason) && status::reason_of(before, generation) != refused {
            events.push(Event::WriteRefused(outcome.message.clone()));
        }
        if !repaired.is_empty() {
            events.push(Event::DriftRepaired(repaired));
        }
        events.extend(self.warning_of_the_end(now));
        let status = Arc::new(status);
        let conclusion = Conclusion { outcome, events, status, is_news };
        self.stage = Stage::Closing(Closing::Emit(conclusion));
    }

    /// Lets the object go.
    pub(super) fn release(&mut self, orphan: Option<(String, Option<bool>)>) {
        if self.start.object.has_finalizer {
            self.stage = Stage::Closing(Closing::Release(orphan));
        } else {
            self.end(Keep::Nothing, None, self.summary());
        }
    }

    /// Lets the object go and its share stay.
    pub(super) fn orphan(&mut self, why: &str) {
        let note = orphan::note(&self.start.object, self.share(), why);
        self.stage = Stage::Closing(Closing::Orphan(note));
    }

    /// Goes on to the next part of the end.
    pub(super) fn close_on(&mut self, now: &Now) {
        let Stage::Closing(closing) = std::mem::replace(&mut self.stage, Stage::Acting) else {
            return;
        };
        match closing {
            Closing::Emit(conclusion) if conclusion.is_news => {
                self.stage = Stage::Closing(Closing::Write(conclusion, CONFLICTS_MAX));
            }
            Closing::Emit(conclusion) => self.complete(conclusion),
            Closing::Settle(conclusion) => self.settle(conclusion, now),
            closing => self.stage = Stage::Closing(closing),
        }
    }

    /// The owner before goes only when the status of this one says that it has taken the share.
    fn complete(&mut self, conclusion: Conclusion) {
        let has_taken = self.facts.role == Role::Taking
            && matches!(conclusion.outcome.reason, Reason::Shared | Reason::Expired);
        let next = if has_taken { Closing::Complete } else { Closing::Settle };
        self.stage = Stage::Closing(next(conclusion));
    }

    /// Takes in what came of the last part.
    pub(super) fn on_closing(&mut self, answer: Answer, now: &Now) {
        let Stage::Closing(closing) = std::mem::replace(&mut self.stage, Stage::Acting) else {
            return;
        };
        match (closing, answer) {
            (Closing::RemoveFinalizer(outcome), Answer::Written(object)) => {
                self.start.object = object;
                self.fingerprint.has_finalizer = false;
                self.conclude(outcome, now);
            }
            // The object keeps a finalizer that it does not need, and what there is to say is said.
            (Closing::RemoveFinalizer(outcome), Answer::Denied(_)) => self.conclude(outcome, now),
            (Closing::Write(..), Answer::Denied(words)) => {
                let outcome = Outcome::failed(Reason::WriteRefused, &words);
                self.stage = Stage::Closing(Closing::Denied(Event::WriteRefused(outcome.message)));
            }
            (Closing::Denied(_), _) => self.interrupt(Refusal::Failed, now),
            (Closing::Emit(mut conclusion), _) => {
                conclusion.events.pop();
                self.stage = Stage::Closing(Closing::Emit(conclusion));
            }
            (Closing::Write(conclusion, _), Answer::Written(object)) => {
                self.start.object = object;
                self.complete(conclusion);
            }
            (Closing::Write(conclusion, left), Answer::Refused(Refusal::Conflict)) if left > 1 => {
                self.stage = Stage::Closing(Closing::Reread(conclusion, left - 1));
            }
            // People may change the rest of the object meanwhile, as often as they like; but what
            // somebody else has said of the share is not overwritten.
            (Closing::Reread(conclusion, left), Answer::Read { object, .. })
                if object.status == self.start.object.status =>
            {
                self.start.object = object;
                self.stage = Stage::Closing(Closing::Write(conclusion, left));
            }
            (Closing::Complete(conclusion), Answer::Place(place)) => {
                self.move_to(place, now);
                self.stage = Stage::Closing(Closing::Settle(conclusion));
            }
            (Closing::Orphan(note), Answer::Emitted(is_news)) => {
                self.release(Some((note, is_news)));
            }
            (Closing::Release(None), Answer::Denied(words)) => {
                self.note_revoked();
                self.conclude(Outcome::failed(Reason::WriteRefused, &words), now);
            }
            (Closing::Release(orphan), answer) => self.on_release(orphan, &answer, now),
            (_, Answer::Refused(refusal)) => self.interrupt(refusal, now),
            _ => self.interrupt(Refusal::Conflict, now),
        }
    }

    /// Of the release nobody may ever know whether it took effect; of the event, at the next attempt.
    fn on_release(&mut self, orphan: Option<(String, Option<bool>)>, answer: &Answer, now: &Now) {
        let refusal = match answer {
            Answer::Written(_) | Answer::Refused(Refusal::Gone) => None,
            Answer::Refused(refusal) => Some(*refusal),
            _ => Some(Refusal::Failed),
        };
        let is_released = refusal.is_none();
        let orphan =
            orphan.filter(|(_, is_news)| is_news.unwrap_or(is_released)).map(|(note, _)| note);
        let summary = Summary { is_released, orphan, refusal, ..self.summary() };
        if is_released {
            self.end(Keep::Nothing, None, summary);
        } else {
            self.note_revoked();
            self.cut_short(summary, now);
        }
    }

    /// The finalizer stays for now: what is gone need not be revoked again with each attempt.
    fn note_revoked(&mut self) {
        if self.goal == Ok(Goal::Revoke) && self.facts.is_gone_for_good() {
            // The object would be gone by now: the status may say so, too.
            (self.history.is_revoked, self.facts.is_fresh) = (true, false);
        }
    }

    /// Decides when to come back.
    fn settle(&mut self, conclusion: Conclusion, now: &Now) {
        let reason = conclusion.outcome.reason;
        self.history.nothing_sent = self.is_intent_alone();
        // Nobody comes back to an object at rest before it changes.
        let is_awaited = reason != Reason::Suspended && self.share.is_ok();
        let desired = self.desired().filter(|_| is_awaited);
        // What was read may be late: it is looked into again with the next poll of the Secret.
        let may_be_late = self.facts.is_fresh
            && (self.facts.cloud == Cloud::Absent || reason == Reason::ExternalConflict);
        let turn: Option<Duration> = desired.and_then(|_| self.next_turn(reason, now));
        let ended = Ended {
            began: self.began,
            fingerprint: self.fingerprint,
            // No Secret to wait for: who mends the policy at once need not wait long.
            kind: if reason == Reason::WriteRefused { Kind::Transient } else { reason.kind() },
            pause: self.pause,
            interval: desired.and_then(|desired| desired.interval),
            turn,
            stalls_in: self.stalls_in(&conclusion, now),
            secret: self.secret.clone().filter(|_| !may_be_late),
            history: self.history.clone(),
            looked: self.looked,
        };
        let (state, come_back) = self.after(ended, now);
        let Conclusion { outcome, is_news, .. } = conclusion;
        let summary = Summary { outcome: Some(outcome), is_news, ..self.summary() };
        self.end(Keep::State(Box::new(state)), come_back, summary);
    }

    /// How long until the status of a refused object has to say that a person must see to it.
    fn stalls_in(&self, conclusion: &Conclusion, now: &Now) -> Option<Duration> {
        let Conclusion { outcome, status, .. } = conclusion;
        let stalled_after = self.start.settings.stalled_after;
        let left = status::until_stalled(status, stalled_after, now.wall);
        left.filter(|_| outcome.reason.kind() == Kind::Terminal)
    }
}
