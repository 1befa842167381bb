//! What a pass has to say beside the conditions: the record, and the events of a changed status.

use std::sync::Arc;

use super::{Access, Pass};
use crate::api::{AdoptionPolicy, ConditionType, ImageShareStatus};
use crate::cloud::ShareId;
use crate::core::effect::{Effect, Event};
use crate::core::facts::{Cloud, Goal, Now};
use crate::core::forecast;
use crate::core::record::{Certainty, Record};
use crate::core::status::{self, Outcome, Report};
use crate::reason::{Kind, Reason};

impl Pass {
    /// The status that says that a write may be under way: all that changes is the record.
    pub(super) fn record_intent(&self) -> Option<Effect> {
        let object = &self.start.object;
        // Where no status is its own, the annotation says it, which comes with the finalizer.
        let Some(mut status) = object.own_status().cloned() else {
            return Some(Effect::AddFinalizer);
        };
        let record = Record::of_intent(&self.facts, status.adopted, self.share()?, &object.spec);
        (status.share, status.adopted) = (record.share, record.adopted);
        status.object_uid = Some(object.uid.clone());
        Some(Effect::WriteStatus(Arc::new(status)))
    }

    /// What the status says beside its conditions.
    pub(super) fn report(&self, outcome: &Outcome, now: &Now) -> Report {
        let object = &self.start.object;
        let before = object.own_status();
        let handled = before.and_then(|before| before.last_handled_reconcile_at.clone());
        let generation = self.fingerprint.generation;
        let refused_since =
            (self.rules.0.refused_since)(before, generation, outcome.reason, now.wall);
        let report = Report {
            object_uid: Some(object.uid.clone()),
            record: Record::of(before),
            pending: before.and_then(|before| before.pending_action.clone()),
            handled,
            credentials_expire_at: self.credentials_expire_at(now),
            refused_since,
            stalled_after: self.start.settings.stalled_after,
            soon: self.start.settings.expiring_soon,
            time: now.cloud(),
        };
        // Nobody looked, so nothing is known that was not known before.
        if outcome.reason == Reason::Suspended {
            return Report { record: self.record_so_far(report.record), ..report };
        }
        let handled = object.requested().cloned().or(report.handled);
        match self.share() {
            Some(id) => {
                let record = self.record(id, outcome.reason, report.record);
                Report { handled, record, pending: self.pending.clone(), ..report }
            }
            None => Report { handled, ..report },
        }
    }

    /// The record of an object that no pass goes on with: what so far only the annotation says, the status
    /// says from now on.
    fn record_so_far(&self, before: Record) -> Record {
        let is_intent_alone = self.facts.says == Certainty::InDoubt && before.adopted.is_none();
        match self.share().filter(|_| is_intent_alone && !self.is_observing()) {
            Some(id) => Record::of_intent(&self.facts, None, id, &self.start.object.spec),
            None => before,
        }
    }

    /// When the credentials end, as the status says it.
    fn credentials_expire_at(&self, now: &Now) -> Option<String> {
        let before = self.start.object.own_status();
        let before = before.and_then(|before| before.credentials_expire_at.as_deref());
        match self.credentials {
            Access::Ready => forecast::shown(before, self.credentials_end, now.cloud()),
            Access::Unread | Access::Troubled(_) => before.map(str::to_owned),
        }
    }

    /// The event that the credentials end soon, once.
    pub(super) fn warning_of_the_end(&mut self, now: &Now) -> Option<Event> {
        let warned_of = self.history.warned_of;
        let end = forecast::to_warn_of(self.credentials_end, warned_of, now.cloud())?;
        let words = self.secret.as_ref()?.words.clone();
        self.history.warned_of = Some(end);
        Some(Event::CredentialsExpiring(words, end))
    }

    /// What to record of the share.
    fn record(&self, id: &ShareId, reason: Reason, before: Record) -> Record {
        let facts = &self.facts;
        if reason == Reason::DuplicateShare {
            // The owner says what there is of the share, once it can.
            let is_kept = !self.is_observing() && !(self.rules.0.is_finalizer_idle)(facts, reason);
            return if is_kept { before } else { Record::default() };
        }
        let intent = || Record::of_intent(facts, before.adopted, id, &self.start.object.spec);
        // What so far only the annotation says, the status says from now on.
        let has_intent = facts.says == Certainty::InDoubt;
        let is_unsent = has_intent && self.has_sent_nothing() && facts.cloud == Cloud::Unseen;
        let before = match before.adopted {
            _ if is_unsent && !self.is_tried_again(reason) => Record::default(),
            None if has_intent && !self.is_observing() => intent(),
            _ => before,
        };
        let terms = self.goal.as_ref().ok().and_then(Goal::terms);
        let share = (self.rules.0.share_after)(facts, id, terms, before.share.as_ref());
        if self.is_observing() {
            let adopted = before.adopted.filter(|_| share.is_some());
            return Record { share, adopted };
        }
        let adoption = self.start.object.spec.adoption_policy;
        // What another hand made, and we could not make ours, is only seen.
        let is_ours = !facts.is_foreign
            || facts.may_have_written
            || matches!(reason, Reason::Shared | Reason::Expired);
        let adopted = (self.rules.0.adopted_after)(facts, adoption, before.adopted);
        Record { share, adopted: adopted.filter(|_| is_ours) }
    }

    /// Whether a write that was recorded and not sent is tried again by itself: its record stays, or
    /// each attempt would cost two writes more. Not where a foreign share is refused.
    fn is_tried_again(&self, reason: Reason) -> bool {
        let adoption = self.start.object.spec.adoption_policy;
        matches!(reason.kind(), Kind::Waiting | Kind::Transient)
            && adoption != AdoptionPolicy::Create
    }

    /// The events that go with a changed status, the last one first.
    pub(super) fn events_of_change(&self, after: &ImageShareStatus) -> Option<Vec<Event>> {
        let (id, before) = (self.share()?, self.start.object.own_status());
        let mut events = Vec::new();
        let near = ConditionType::ExpiringSoon;
        let was_near = before.is_some_and(|before| status::is_true(before, near));
        if status::is_true(after, near) && !was_near {
            let until = after.effective_until.as_deref().unwrap_or_default();
            events.push(Event::ExpiringSoon(format!("the share of {id} ends at {until}")));
        }
        // Not before SWR has confirmed it.
        let is_adopted = |status: &ImageShareStatus| {
            let share = status.share.as_ref();
            status.adopted == Some(true) && share.is_some_and(|share| share.valid.is_some())
        };
        if is_adopted(after) && !before.is_some_and(is_adopted) {
            let note = format!("took over the share of {id}, which existed already");
            events.push(Event::Adopted(note));
        }
        Some(events)
    }
}
