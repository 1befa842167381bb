//! How a pass comes to rest: from what the plan says to an outcome, or to a wait without a word.

use std::time::Duration;

use super::{Pass, Stage};
use crate::cloud::{Change, ShareId, Terms};
use crate::core::drift::missing;
use crate::core::facts::{Cloud, Goal, Now, Write};
use crate::core::object_state::ObjectState;
use crate::core::plan::{Departure, Rest};
use crate::core::schedule::{self, Ended};
use crate::core::status::Outcome;
use crate::core::step::{End, Keep, Summary};
use crate::reason::{Kind, Reason};

impl Pass {
    pub(super) fn rest(&mut self, rest: Rest, now: &Now) {
        let outcome = match rest {
            Rest::Gone => return self.end(Keep::Nothing, None, self.summary()),
            Rest::Offering => return self.wait_for_successor(now),
            Rest::Shared => self.outcome_of(Outcome::shared),
            Rest::Expired => self.outcome_of(|_, terms| Outcome::expired(terms)),
            Rest::Failed(reason) => self.failure_of(reason, now),
        };
        self.fail(outcome, now);
    }

    fn outcome_of(&self, of: impl Fn(&ShareId, &Terms) -> Outcome) -> Outcome {
        match (self.share(), self.goal.as_ref().ok().and_then(Goal::terms)) {
            (Some(id), Some(terms)) => of(id, terms),
            _ => Outcome::failed(Reason::InternalError, "a share without terms"),
        }
    }

    fn failure_of(&mut self, reason: Reason, now: &Now) -> Outcome {
        // The look showed that it did not take effect.
        if reason == Reason::NotApplied
            && let Some(outcome) = self.delete_failure.take()
        {
            return outcome;
        }
        let differences = self.differences(reason);
        let evidence = match reason {
            Reason::DeadlinePassed => "spec.deadline".to_owned(),
            Reason::DuplicateShare => self.start.place.other.clone().unwrap_or_default(),
            Reason::ExternalConflict | Reason::NotApplied if !differences.is_empty() => differences,
            _ => {
                if reason == Reason::CreateInFlight {
                    let until = self.history.create_may_land_until;
                    self.pause = until.map(|at| at.saturating_duration_since(now.monotonic));
                }
                self.share().map(ToString::to_string).unwrap_or_default()
            }
        };
        Outcome::failed(reason, &evidence)
    }

    /// What sets the share apart from what was wanted: each field with both values, as much as fits
    /// beside the reason's advice.
    fn differences(&self, reason: Reason) -> String {
        let terms = self.goal.as_ref().ok().and_then(Goal::terms);
        let missing = terms.map(|terms| missing(terms, &self.facts.cloud)).unwrap_or_default();
        Change::all_within(&missing, Outcome::room(reason))
    }

    /// What becomes of an object that is being deleted, after a failure with this reason.
    pub(super) fn departure(&self, reason: Reason, now: &Now) -> Departure {
        if self.goal != Ok(Goal::Revoke) {
            return Departure::Stay;
        }
        let waited = self.start.deleted_for + now.monotonic.duration_since(self.began);
        (self.rules.0.departure)(&self.facts, reason, waited, self.start.settings.orphan_after)
    }

    /// What to remember of a pass that ended like this, and when to come back.
    pub(super) fn after(&self, ended: Ended, now: &Now) -> (ObjectState, Option<Duration>) {
        schedule::after(self.start.state.as_ref(), ended, now.monotonic, self.start.jitter)
    }

    /// The owner waits until its successor has answered, or has had its time; it says nothing.
    fn wait_for_successor(&mut self, now: &Now) {
        let until = self.history.offer_until.unwrap_or(now.monotonic);
        self.wait_in_silence(Some(until.saturating_duration_since(now.monotonic)), now);
    }

    fn wait_in_silence(&mut self, pause: Option<Duration>, now: &Now) {
        let ended = Ended::cut_short(self.began, self.fingerprint, self.history.clone());
        let ended = Ended { kind: Kind::Waiting, pause, ..ended };
        let (state, come_back) = self.after(ended, now);
        self.end(Keep::State(Box::new(state)), come_back, self.summary());
    }

    /// The namespace is being deleted, and what the object refers to has gone first. The object's own mark is
    /// on its way and brings the next pass: until then there is nothing to say.
    pub(super) fn wait_for_mark(&mut self, now: &Now) {
        self.history.nothing_sent = self.is_intent_alone();
        self.wait_in_silence(None, now);
    }

    /// A pass that was cut short says nothing and comes back soon; the object is read live then.
    pub(super) fn cut_short(&mut self, summary: Summary, now: &Now) {
        self.history.nothing_sent = self.is_intent_alone();
        let ended = Ended::cut_short(self.began, self.fingerprint, self.history.clone());
        let (state, come_back) = self.after(ended, now);
        let keep = Keep::State(Box::new(state));
        self.stage = Stage::Done(Box::new(End { keep, come_back, is_unsure: true, summary }));
    }

    /// The pass is over.
    pub(super) fn end(&mut self, keep: Keep, come_back: Option<Duration>, summary: Summary) {
        self.stage = Stage::Done(Box::new(End { keep, come_back, is_unsure: false, summary }));
    }

    /// What the pass did so far.
    pub(super) fn summary(&self) -> Summary {
        let request_id = self.request_id.clone();
        // What was tried in vain is no news.
        let wrote = self
            .facts
            .wrote
            .filter(|wrote| *wrote != Write::DeleteInDoubt || self.facts.cloud == Cloud::Absent);
        Summary { wrote, request_id, ..Summary::default() }
    }
}
