//! What the answers to a pass's effects mean for it while it acts.

use std::time::{Duration, Instant};

use super::{Access, Pass, Stage};
use crate::cloud::RemoteShare;
use crate::core::drift::drift;
use crate::core::effect::{Answer, Created, Failure, NoCredentials, Refusal, Updated};
use crate::core::facts::{Cloud, Goal, Jitter, Now, Write};
use crate::core::object::{Fingerprint, Object, Place, identity};
use crate::core::ownership::Role;
use crate::core::plan::Departure;
use crate::core::record::Recorded;
use crate::core::schedule::RETRY_FIRST;
use crate::core::status::Outcome;
use crate::core::step::{Keep, Start, Summary};
use crate::reason::{Kind, Reason};

/// How long a successor has to take what it was offered.
const OFFER: Duration = Duration::from_mins(1);

impl Pass {
    /// Takes in what came of the effect that was named last.
    pub fn on(&mut self, answer: Answer, now: &Now) {
        match self.stage {
            Stage::Closing(_) => self.on_closing(answer, now),
            Stage::Opening => match answer {
                Answer::Read { object, .. } => self.set_out_anew(object, now),
                answer => self.on_acting(answer, now),
            },
            Stage::Resuming => match answer {
                Answer::Credentials(Err(NoCredentials::Unread)) => {
                    self.end(Keep::AsItWas, Some(RETRY_FIRST), self.summary());
                }
                _ => self.resume(now),
            },
            Stage::Acting | Stage::Done(_) => self.on_acting(answer, now),
        }
    }

    fn set_out_anew(&mut self, object: Object, now: &Now) {
        let start = Start { object, is_outdated: false, ..self.start.clone() };
        *self =
            Self { began: self.began, is_verified: true, ..Self::set_out(self.rules, start, now) };
    }

    fn on_acting(&mut self, answer: Answer, now: &Now) {
        match answer {
            Answer::Read { is_unchanged: true, .. } => self.is_verified = true,
            // It will be known at the next pass what the object says, and who may write.
            Answer::Read { .. } => self.interrupt(Refusal::Conflict, now),
            Answer::NoWriteRight => {
                let summary = Summary { has_lost_write_right: true, ..self.summary() };
                self.cut_short(summary, now);
            }
            Answer::Written(object) => self.on_written(object),
            Answer::Refused(refusal) => self.interrupt(refusal, now),
            Answer::Denied(words) => {
                self.fail(Outcome::failed(Reason::WriteRefused, &words), now);
            }
            Answer::Crd { is_deleting } => self.on_crd(is_deleting, now),
            Answer::Credentials(Ok(ready)) => {
                let (version, shown_with) = (ready.secret, self.history.shown_with);
                self.facts.has_shown_the_share =
                    shown_with.is_some() && version.as_ref().and_then(identity) == shown_with;
                (self.secret, self.credentials) = (version, Access::Ready);
                self.credentials_end = ready.end;
            }
            Answer::Credentials(Err(why)) => self.on_no_credentials(why, now),
            Answer::Place(place) => self.move_to(place, now),
            Answer::Listed { share, at, jitter } => match share {
                Ok(share) => {
                    self.note_shown(share.is_some());
                    self.facts.cloud = Cloud::Listed(share);
                    self.looked = Some((at, jitter));
                }
                Err(failure) => self.on_failure(failure, now),
            },
            Answer::Looked(answer, at) => self.on_look(answer, at, now),
            Answer::Created(answer) => self.on_create(answer, now),
            Answer::Updated(answer) => self.on_update(answer, now),
            Answer::Deleted(answer) => self.on_delete(answer, now),
            Answer::Emitted(_) => {}
        }
    }

    /// Notes what the API server made of the object.
    fn on_written(&mut self, object: Object) {
        self.start.object = object;
        self.is_verified = true;
        self.facts.says = (&self.recorded()).into();
        self.facts.has_finalizer = self.start.object.has_finalizer;
        self.fingerprint.has_finalizer = self.facts.has_finalizer;
    }

    fn on_crd(&mut self, is_deleting: bool, now: &Now) {
        self.is_crd_checked = true;
        if !is_deleting {
            return;
        }
        // The shares stay as they are, and the objects go.
        if self.goal == Ok(Goal::Revoke) {
            self.goal = Ok(Goal::Retain);
        } else {
            self.cut_short(Summary { is_uninstalling: true, ..self.summary() }, now);
        }
    }

    pub(super) fn move_to(&mut self, place: Place, now: &Now) {
        let is_news = self.facts.role != place.role;
        if is_news && place.role == (Role::Offering { is_taken: false }) {
            self.history.offer_until = now.monotonic.checked_add(OFFER);
        }
        self.gives_up = false;
        self.facts.role = place.role;
        self.start.place = place;
        let fingerprint = Fingerprint::of(&self.start.object, &self.start.place);
        self.fingerprint.place = fingerprint.place;
    }

    fn on_look(&mut self, answer: Result<Option<RemoteShare>, Failure>, at: Instant, now: &Now) {
        // Who followed a list stays with those who did the same.
        let jitter = self.looked.map_or(self.start.jitter, |(_, jitter): (_, Jitter)| jitter);
        self.looked = Some((at, jitter));
        let share = match answer {
            Ok(share) => share,
            Err(failure) => return self.on_failure(failure, now),
        };
        self.note_shown(share.is_some());
        (self.rules.0.saw)(&mut self.facts, share.map_or(Cloud::Absent, Cloud::Present));
        if let Ok(Goal::Share(desired, _)) = &self.goal
            && self.drift.is_empty()
        {
            self.drift = drift(&desired.terms, &self.facts);
        }
    }

    fn on_create(&mut self, answer: Result<Created, Failure>, now: &Now) {
        // Each write has a look at the CRD of its own.
        self.is_crd_checked = false;
        match answer {
            Ok(Created::Done) => {
                let terms = self.goal.as_ref().ok().and_then(Goal::terms);
                let cloud = terms.map(|terms| Cloud::created(terms, now.cloud()));
                self.facts.cloud = cloud.unwrap_or(Cloud::Unseen);
                self.note_write(Write::Created, now);
            }
            Ok(Created::AlreadyExists) => {
                self.facts.wrote = Some(Write::CreateConflicted);
                self.facts.cloud = Cloud::Unseen;
            }
            Err(failure) => {
                // Where not even the repository is seen, nothing that was said of the share before holds.
                if !failure.reason.rules_out_a_share(false)
                    && failure.reason.rules_out_a_share(true)
                {
                    self.facts.cloud = Cloud::Unseen;
                }
                if !failure.reason.is_certain_refusal() {
                    self.facts.may_have_written = true;
                    self.facts.wrote = Some(Write::CreateInDoubt);
                    let window = self.start.settings.request_window;
                    self.history.note_create(now.monotonic + window);
                }
                self.on_failure(failure, now);
            }
        }
    }

    fn on_update(&mut self, answer: Result<Updated, Failure>, now: &Now) {
        self.is_crd_checked = false;
        // What was seen before may not be so any more.
        self.facts.cloud = Cloud::Unseen;
        match answer {
            Ok(Updated::Done) => self.note_write(Write::Updated, now),
            Ok(Updated::Absent) => {
                (self.facts.wrote, self.facts.cloud) = (None, Cloud::Absent);
            }
            Err(failure) => {
                self.facts.may_have_written |= !failure.reason.is_certain_refusal();
                self.on_failure(failure, now);
            }
        }
    }

    fn on_delete(&mut self, answer: Result<(), Failure>, now: &Now) {
        self.facts.cloud = Cloud::Unseen;
        match answer {
            Ok(()) => self.facts.wrote = Some(Write::Deleted),
            // It may have taken effect all the same: the look behind it says.
            Err(failure) if !failure.reason.is_certain_refusal() => {
                self.facts.wrote = Some(Write::DeleteInDoubt);
                self.delete_failure = Some(self.noted(failure));
            }
            Err(failure) => self.on_failure(failure, now),
        }
    }

    /// These credentials see the share: what they do not find any more is gone.
    fn note_shown(&mut self, is_there: bool) {
        if let Some(secret) = self.secret.as_ref().filter(|_| is_there) {
            self.history.shown_with = identity(secret);
            self.facts.has_shown_the_share = true;
        }
    }

    fn note_write(&mut self, write: Write, now: &Now) {
        self.note_shown(true);
        (self.facts.wrote, self.facts.may_have_written) = (Some(write), true);
        self.history.wrote_at = Some(now.monotonic);
    }

    pub(super) fn on_failure(&mut self, failure: Failure, now: &Now) {
        let outcome = self.noted(failure);
        self.fail(outcome, now);
    }

    fn noted(&mut self, failure: Failure) -> Outcome {
        (self.pause, self.request_id) = (failure.pause, failure.request_id);
        match failure.reason {
            Reason::Unauthorized => self.rejected(),
            reason => Outcome::failed(reason, &failure.evidence),
        }
    }

    /// The pass cannot go on.
    pub(super) fn fail(&mut self, outcome: Outcome, now: &Now) {
        let is_terminal = outcome.reason.kind() == Kind::Terminal;
        if is_terminal && self.facts.role.refusal().is_some() {
            self.gives_up = true;
            return;
        }
        match self.departure(outcome.reason, now) {
            Departure::Stay => self.close(outcome, now),
            Departure::Go => self.release(None),
            Departure::Orphan => self.orphan(&outcome.message),
        }
    }

    /// The API server did not do what the pass needs.
    pub(super) fn interrupt(&mut self, refusal: Refusal, now: &Now) {
        let summary = Summary { refusal: Some(refusal), ..self.summary() };
        match refusal {
            Refusal::Gone => self.end(Keep::Nothing, None, summary),
            Refusal::Conflict | Refusal::Failed => self.cut_short(summary, now),
        }
    }

    /// Whether nothing of ours can be in the cloud, by what this life of the operator has sent.
    pub(super) fn has_sent_nothing(&self) -> bool {
        self.facts.recorded == Recorded::Nothing && !self.facts.may_have_written
    }

    /// Whether the record says that a write may be under way, and in truth none was sent.
    pub(super) fn is_intent_alone(&self) -> bool {
        self.has_sent_nothing() && self.recorded() == Recorded::InDoubt
    }
}
