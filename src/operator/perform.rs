//! Performs one effect and says what came of it: one `match`, without a decision. The only place
//! from which a pass reaches the API server and the cloud.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use tracing::Instrument;

use super::api_server::ApiError;
use super::driver::{Driver, draw};
use super::events::EventKind;
use super::sign_in::Anew;
use crate::api::ImageShare;
use crate::cloud::access_domains::Session;
use crate::cloud::lane::{HeldBack, Lane};
use crate::cloud::lists::Freshness;
use crate::cloud::{Answer as CloudAnswer, ShareId, SwrError};
use crate::core::effect::{Answer, Created, Effect, Event, Failure, NOTE_MAX, Refusal, Updated};
use crate::core::facts::Jitter;
use crate::reason::Reason;
use crate::redact::printable;

/// How long what a pass made sure of before a call is taken for granted after it.
const STILL_SURE: Duration = Duration::from_secs(5);

/// How long a pass waits for SWR's pace with a call that is due. Longer pauses are said in the status.
const PATIENCE: Duration = Duration::from_secs(10);

impl Driver<'_> {
    /// Performs an effect.
    pub(super) async fn perform(&mut self, effect: &Effect) -> Answer {
        let api_server = &self.shared.api_server;
        // Asked under the lock that moves it: who has lost the right to write sends nothing.
        if effect.writes_to_the_cloud() && !self.place().role.may_write() {
            return Answer::NoWriteRight;
        }
        match effect {
            Effect::ReadObject => self.read_object().await,
            Effect::ReadCrd { live } => {
                let since = live.then(|| self.deleting_since.unwrap_or_else(Instant::now));
                match self.shared.reads.is_uninstalling(api_server, since).await {
                    Ok(is_deleting) => Answer::Crd { is_deleting },
                    Err(error) => refused(&error),
                }
            }
            Effect::ReadCredentials(which) => {
                Answer::Credentials(self.read_credentials(which).await)
            }
            Effect::AddFinalizer => self.wrote(api_server.add_finalizer(&self.object).await),
            Effect::RemoveFinalizer => {
                self.has_let_go = true;
                self.wrote(api_server.remove_finalizer(&self.object).await)
            }
            Effect::WriteStatus(status) => {
                self.wrote(api_server.write_status(&self.object, status).await)
            }
            Effect::Emit(event) => Answer::Emitted(self.emit(event).await),
            Effect::Transfer(made) => Answer::Place(match &self.share {
                Some(share) => self.shared.registry.transfer(&self.key, share, *made),
                None => self.place(),
            }),
            Effect::List(fresh) => self.list(*fresh).await,
            Effect::Look => {
                let at = Instant::now();
                let answer = self.call("look", async |session, id| session.show(id).await).await;
                Answer::Looked(self.understood("look", answer), at)
            }
            Effect::Create(terms) => {
                let create = async |session: &Session, id: &_| session.create(id, terms).await;
                let answer = self.call("create", create).await;
                Answer::Created(self.understood("create", answer).map(|answer| match answer {
                    CloudAnswer::Done => Created::Done,
                    CloudAnswer::AlreadyExists | CloudAnswer::Absent => Created::AlreadyExists,
                }))
            }
            Effect::Update(terms) => {
                let update = async |session: &Session, id: &_| session.update(id, terms).await;
                let answer = self.call("update", update).await;
                Answer::Updated(self.understood("update", answer).map(|answer| match answer {
                    CloudAnswer::Done | CloudAnswer::AlreadyExists => Updated::Done,
                    CloudAnswer::Absent => Updated::Absent,
                }))
            }
            Effect::Delete => self.delete().await,
        }
    }

    async fn delete(&mut self) -> Answer {
        let delete = async |session: &Session, id: &_| session.delete(id).await;
        let answer = self.call("delete", delete).await;
        // A cloud that is slow for a delete is slow for the look behind it, and only that can say that
        // the share is gone.
        if let (Err(error), Some((session, _))) = (&answer, &mut self.access)
            && error.reason == Reason::Timeout
        {
            session.be_patient();
        }
        Answer::Deleted(self.understood("delete", answer))
    }

    async fn read_object(&mut self) -> Answer {
        match self.shared.api_server.read(&self.object.metadata).await {
            Ok(live) => {
                let is_unchanged = live.resource_version() == self.object.resource_version();
                Answer::Read { object: self.took(live), is_unchanged }
            }
            Err(error) => refused(&error),
        }
    }

    fn wrote(&mut self, written: Result<ImageShare, ApiError>) -> Answer {
        match written {
            Ok(object) => Answer::Written(self.took(object)),
            Err(error) => {
                let answer = refused(&error);
                match error {
                    ApiError::Denied(_, words) => Answer::Denied(words),
                    _ => answer,
                }
            }
        }
    }

    async fn list(&self, fresh: Freshness) -> Answer {
        let (Some((_, lane)), Some(id)) = (&self.access, &self.share) else {
            let share = self.understood("list", Err(no_session()));
            return Answer::Listed { share, at: Instant::now(), jitter: draw() };
        };
        let ask = async || self.call("list", async |session, id| session.list(id).await).await;
        let list = self.shared.listings.get(&lane.credential, id, fresh, draw().0, ask).await;
        let share = self.understood("list", list.value.find(id));
        Answer::Listed { share, at: list.began, jitter: Jitter(list.value.jitter) }
    }

    /// Sends a call once it may go out; counts it, and notes what it shows of others' calls.
    async fn call<T>(
        &self,
        verb: &'static str,
        call: impl AsyncFnOnce(&Session, &ShareId) -> Result<T, SwrError> + Clone,
    ) -> Result<T, SwrError> {
        let Some(((session, lane), share)) = self.access.as_ref().zip(self.share.as_ref()) else {
            return Err(no_session());
        };
        let permit = tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => return Err(held_back(HeldBack::Silent)),
            permit = lane.enter(self.is_last_try, PATIENCE) => permit.map_err(held_back)?,
        };
        let number = lane.exchange.current().map(|(_, number)| number).unwrap_or_default();
        let mut answer = self.counted(verb, share, call.clone()(session, share)).await;
        if answer.as_ref().is_err_and(|error| error.reason == Reason::Unauthorized) {
            answer = match self.after_rejection(lane, share, number).await {
                Anew::Done => self.counted(verb, share, call(session, share)).await,
                Anew::NotExchanged => answer,
                // It says nothing of what SWR thinks of the credentials.
                Anew::Failed(error) => return Err(error),
            };
        }
        let now = Instant::now();
        lane.note(&answer, now);
        drop(permit);
        self.shared.outages.note(&share.region, &answer, now);
        answer
    }

    /// One call, counted and measured.
    pub(super) async fn counted<T>(
        &self,
        verb: &'static str,
        share: &ShareId,
        call: impl Future<Output = Result<T, SwrError>>,
    ) -> Result<T, SwrError> {
        let began = Instant::now();
        let span = tracing::debug_span!("call", operation = verb, region = share.region);
        let answer = call.instrument(span).await;
        let outcome = answer.as_ref().map(|_| ()).map_err(|error| error.reason);
        self.shared.metrics.request(verb, &share.region, outcome, began.elapsed());
        answer.inspect_err(|error| {
            tracing::debug!(verb, request_id = error.request_id, %error, "call failed");
        })
    }

    /// Whether a call that SWR rejected can be sent once more: our clock may have been wrong, and a token can end
    /// in the middle of its life, with any change of its user's rights.
    async fn after_rejection(&self, lane: &Lane, share: &ShareId, number: u64) -> Anew {
        let is_skewed =
            self.access.as_ref().is_some_and(|(session, _)| session.has_learnt_the_time());
        if is_skewed {
            return Anew::Done;
        }
        let began = Instant::now();
        match self.sign_in_anew(lane, share, number).await {
            // What was made sure of before the call may not hold any more: the next pass looks again.
            Anew::Done if began.elapsed() > STILL_SURE || !self.place().role.may_write() => {
                Anew::Failed(SwrError::without_answer(Reason::SignInFailed))
            }
            anew => anew,
        }
    }

    /// What an answer says of the credentials, and of the failure to the pass.
    fn understood<T>(&self, verb: &'static str, answer: Result<T, SwrError>) -> Result<T, Failure> {
        let credential = self.access.as_ref().map(|(_, lane)| &lane.credential);
        let error = match answer {
            Ok(answer) => {
                if let (Some(secret), Some(it)) = (&self.secret, credential) {
                    self.shared.lanes.accepted(&secret.reference, it, Instant::now());
                }
                return Ok(answer);
            }
            Err(error) => error,
        };
        if let (Reason::Unauthorized, Some(it), Some(share)) =
            (error.reason, credential, &self.share)
        {
            self.shared.lanes.forget(&self.reference(share), it);
        }
        let host = self.access.as_ref().map(|(session, _)| session.host()).unwrap_or_default();
        let evidence = error.evidence(host, verb);
        let SwrError { reason, pause, request_id, .. } = error;
        Err(Failure { reason, evidence, pause, request_id })
    }

    /// Leaves an event; that it cannot be left harms nobody. Gives whether there was none before.
    async fn emit(&self, event: &Event) -> Option<bool> {
        let (note, now) = (printable(&event.note(), NOTE_MAX), Timestamp::now());
        let (api_server, reason) = (&self.shared.api_server, event.reason());
        // The status that is about to be written makes another version.
        let version = self.object.resource_version().unwrap_or_default();
        let occasion = now.as_millisecond().to_string();
        let left = match event {
            Event::Orphaned(_) => {
                api_server.emit_to_administrator(&self.object, reason, &note, now).await
            }
            Event::Adopted(_) => {
                let what = (EventKind::Normal, reason, version.as_str());
                api_server.emit_about(&self.object, what, &note, now).await
            }
            Event::ExpiringSoon(_) | Event::WriteRefused(_) => {
                let what = (EventKind::Warning, reason, version.as_str());
                api_server.emit_about(&self.object, what, &note, now).await
            }
            Event::CredentialsExpiring(_, at) => {
                let occasion = at.as_second().to_string();
                let what = (EventKind::Warning, reason, occasion.as_str());
                api_server.emit_about(&self.object, what, &note, now).await
            }
            Event::DriftRepaired(changes) => {
                for change in changes {
                    self.shared.metrics.drift(change.field);
                }
                let what = (EventKind::Warning, reason, occasion.as_str());
                api_server.emit_about(&self.object, what, &note, now).await
            }
        };
        // The driver logs an orphan itself, once it knows whether it is news.
        if !matches!(event, Event::Orphaned(_)) {
            tracing::info!(event = reason, "{}", event.note());
        }
        let failed = |error: &ApiError| tracing::warn!(event = reason, "not left: {error}");
        left.inspect_err(failed).ok()
    }
}

/// A call that is not sent, in the words of one that nobody has got an answer to. It has changed nothing.
fn held_back(why: HeldBack) -> SwrError {
    let (reason, pause) = match why {
        HeldBack::Rejected => (Reason::Unauthorized, None),
        HeldBack::Silent => (Reason::EndpointUnreachable, None),
        HeldBack::Paused(left) => (Reason::Throttled, Some(left)),
    };
    SwrError { pause, ..SwrError::without_answer(reason) }
}

/// A pass asks for credentials before it makes a call.
fn no_session() -> SwrError {
    SwrError::without_answer(Reason::InternalError)
}

/// What the API server's refusal means for a pass; its words go to the log.
pub(super) fn refused(error: &ApiError) -> Answer {
    let refusal = match error {
        ApiError::NotFound => Refusal::Gone,
        ApiError::Conflict => Refusal::Conflict,
        ApiError::Stopping => Refusal::Failed,
        error => {
            tracing::warn!("the API server: {error}");
            Refusal::Failed
        }
    };
    Answer::Refused(refusal)
}
