//! One pass over one object, as a value: it is asked what to do next and given what came of it, and
//! does nothing itself. Its stages, in order:
//!
//! 1. opening: what the object says, read live where the cache may be behind,
//! 2. acting: decide ([`super::plan`]), name the effect, take in its answer, decide again,
//! 3. closing: the finalizer, the events, the status, the transfer, and when to come back.
//!
//! A pass that is dropped, or killed with the process, is healed by the next one: a share's identity
//! is known before the first call, and everything else is read again.

mod answers;
mod closing;
mod credentials;
mod opening;
mod report;
mod resting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desired::{Desired, Unusable};
use super::effect::{Credentials, CredentialsEnd, Effect};
use super::facts::{Facts, Goal, Jitter, Now};
use super::object::{Fingerprint, Object, Place};
use super::object_state::History;
use super::plan::{Action, Rest};
use super::record::Recorded;
use super::rules::{Rules, Table};
use super::status::{self, Outcome};
use super::step::{End, Start, Step};
use crate::access::credentials::SecretVersion;
use crate::api::PendingAction;
use crate::cloud::lists::Freshness;
use crate::cloud::{Change, ShareId};
use crate::reason::Reason;
use closing::Closing;
use credentials::Access;

/// No plan needs more: finalizer, intent, look, create, look, update, look; offer, take. More would
/// be a bug.
const ACTIONS_MAX: u8 = 12;

/// A pass in the middle of it.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pass {
    start: Start,
    rules: Table,
    began: Instant,
    /// The object as this pass set out with it: what came meanwhile is for the next pass.
    fingerprint: Fingerprint,
    share: Result<ShareId, Unusable>,
    goal: Result<Goal, Unusable>,
    facts: Facts,
    history: History,
    /// What another hand had changed when this pass set out.
    drift: Vec<Change>,
    credentials: Access,
    /// The Secret that was read, once one was.
    secret: Option<SecretVersion>,
    /// When the credentials end, if that is known.
    credentials_end: Option<CredentialsEnd>,
    /// Whether the object is known to be as the pass has it: by a live read, or by a write.
    is_verified: bool,
    /// Whether the CRD is known to be there.
    is_crd_checked: bool,
    /// Why a delete is in doubt.
    delete_failure: Option<Outcome>,
    /// The transfer that failed for good, to be given up.
    gives_up: bool,
    pending: Option<PendingAction>,
    pause: Option<Duration>,
    /// When the share was looked at last, and the jitter that says when to look again.
    looked: Option<(Instant, Jitter)>,
    request_id: Option<String>,
    actions: u8,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// The object is to be read live.
    Opening,
    /// A settled object of a former life, or a suspended one: its credentials are kept.
    Resuming,
    Acting,
    Closing(Closing),
    Done(Box<End>),
}

impl Pass {
    /// Begins a pass by the shipped rules.
    pub fn begin(start: Start, now: &Now) -> Self {
        Self::begin_by(&Rules::SHIPPED, start, now)
    }

    /// Begins a pass by these rules: for the model check.
    pub fn begin_by(rules: &'static Rules, start: Start, now: &Now) -> Self {
        let must_read = start.is_outdated || start.place.role.refusal().is_some();
        let mut pass = Self::set_out(Table(rules), start, now);
        pass.stage = match () {
            () if must_read => Stage::Opening,
            () if pass.is_to_resume(now) => Stage::Resuming,
            () => Stage::Acting,
        };
        pass
    }

    /// What to do next.
    pub fn next(&mut self, now: &Now) -> Step {
        loop {
            match &self.stage {
                Stage::Opening => return Step::Do(Effect::ReadObject),
                Stage::Resuming => return Step::Do(Effect::ReadCredentials(Credentials::ToKeep)),
                Stage::Acting => {
                    if let Some(effect) = self.act(now) {
                        return Step::Do(effect);
                    }
                }
                Stage::Closing(closing) => match closing.effect() {
                    Some(effect) => return Step::Do(effect),
                    None => self.close_on(now),
                },
                Stage::Done(end) => return Step::Done(end.clone()),
            }
        }
    }

    /// The share that the pass is about, if it can be named.
    pub fn share(&self) -> Option<&ShareId> {
        self.share.as_ref().ok()
    }

    /// The object as the pass has it.
    pub fn object(&self) -> &Object {
        &self.start.object
    }

    /// Where the object stands, as the pass has it.
    pub fn place(&self) -> &Place {
        &self.start.place
    }

    /// Decides, and names the effect; `None`: the stage is over.
    fn act(&mut self, now: &Now) -> Option<Effect> {
        if self.goal == Ok(Goal::Revoke) && self.facts.has_finalizer && !self.is_crd_checked {
            return Some(Effect::ReadCrd { live: true });
        }
        let action = match self.decide(now) {
            Ok(Action::Rest(rest)) => {
                self.rest(rest, now);
                return None;
            }
            Ok(Action::RemoveFinalizer) => {
                self.release(None);
                return None;
            }
            Ok(action) => action,
            Err(outcome) if self.goal == Ok(Goal::Revoke) => {
                self.orphan(&outcome.message);
                return None;
            }
            Err(outcome) => {
                self.close(outcome, now);
                return None;
            }
        };
        if self.is_observing() && matches!(action, Action::Create | Action::Update) {
            let terms = self.goal.as_ref().ok().and_then(Goal::terms);
            self.pending =
                terms.and_then(|terms| status::pending(action, terms, &self.facts.cloud));
            self.close(Outcome::advised(Reason::ActionPending), now);
            return None;
        }
        if let Some(effect) = self.prerequisite(action, now) {
            return Some(effect);
        }
        self.actions += 1;
        let effect = self.effect(action, now).filter(|_| self.actions <= ACTIONS_MAX);
        if effect.is_none() {
            self.close(Outcome::failed(Reason::InternalError, "a pass that does not end"), now);
        }
        effect
    }

    /// What the rules say to do, or how the pass ends without them.
    fn decide(&self, now: &Now) -> Result<Action, Outcome> {
        let object = &self.start.object;
        let refusal = self.facts.role.refusal();
        let unusable = self.goal.as_ref().err().or(self.share.as_ref().err());
        let has_gone_bad = object.is_suspended() || unusable.is_some() || self.gives_up;
        match (&self.goal, unusable) {
            (Ok(Goal::Retain), _) => Ok(Action::RemoveFinalizer),
            // What cannot be used any more is not taken over.
            _ if has_gone_bad && let Some(refusal) = refusal => Ok(Action::Transfer(refusal)),
            _ if object.is_suspended() => Err(Outcome::advised(Reason::Suspended)),
            // A share that cannot be named any more: the rules have become tighter since, or the
            // operator's default region is gone.
            (Ok(Goal::Revoke), Some(_)) if !self.facts.has_finalizer => {
                Ok(Action::Rest(Rest::Gone))
            }
            (Ok(Goal::Revoke), Some(_)) if self.facts.recorded == Recorded::Nothing => {
                Ok(Action::RemoveFinalizer)
            }
            (_, Some(unusable)) | (Err(unusable), None) => {
                Err(Outcome::failed(unusable.reason, &unusable.detail))
            }
            (Ok(goal), None) => {
                let offer_is_over =
                    self.history.offer_until.is_none_or(|until| until <= now.monotonic);
                Ok((self.rules.0.plan)(goal, &self.facts, now.cloud(), offer_is_over))
            }
        }
    }

    /// What must be known before an action.
    fn prerequisite(&self, action: Action, now: &Now) -> Option<Effect> {
        let is_write = matches!(action, Action::Create | Action::Update | Action::Delete);
        let needs_credentials = match action {
            Action::Transfer(_) | Action::RemoveFinalizer | Action::Rest(_) => false,
            // Credentials first: an object without any needs no finalizer.
            _ => self.credentials != Access::Ready,
        };
        if needs_credentials {
            return Some(Effect::ReadCredentials(self.which_credentials(now)));
        }
        // A late event may bring back an object that is gone and forgotten, and nothing else would
        // guard the write.
        if is_write && !self.is_verified {
            return Some(Effect::ReadObject);
        }
        // While the CRD is being deleted the shares stay as they are.
        (is_write && !self.is_crd_checked).then_some(Effect::ReadCrd { live: false })
    }

    fn effect(&self, action: Action, now: &Now) -> Option<Effect> {
        let terms = || self.goal.as_ref().ok().and_then(Goal::terms).cloned().map(Arc::new);
        Some(match action {
            Action::AddFinalizer => Effect::AddFinalizer,
            Action::RecordIntent => self.record_intent()?,
            Action::List => Effect::List(self.freshness(now)),
            Action::Look => Effect::Look,
            Action::Create => Effect::Create(terms()?),
            Action::Update => Effect::Update(terms()?),
            Action::Delete => Effect::Delete,
            Action::Transfer(made) => Effect::Transfer(made),
            Action::RemoveFinalizer | Action::Rest(_) => return None,
        })
    }

    /// A list is no older than an interval, but not from before the share may have ended.
    fn freshness(&self, now: &Now) -> Freshness {
        let at_most = self.desired().map_or(Duration::ZERO, |desired| {
            let interval = desired.interval.unwrap_or_default();
            let since_turn = desired.terms.deadline.since_last_turn(now.cloud());
            since_turn.map_or(interval, |since| interval.min(since))
        });
        Freshness { after: self.start.state.as_ref().map(|state| state.looked_at), at_most }
    }

    fn desired(&self) -> Option<&Desired> {
        match &self.goal {
            Ok(Goal::Share(desired, _)) => Some(desired),
            _ => None,
        }
    }

    fn is_observing(&self) -> bool {
        self.start.object.is_observing() && !self.start.object.is_deleting
    }

    /// What the object says of its share, as it is now.
    fn recorded(&self) -> Recorded {
        (self.rules.0.recorded)(&self.start.object)
    }
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
