//! Performs one effect and says what came of it: one `match`, without a decision. The only place
//! from which a pass reaches the API server and the cloud.

use std::time::Instant;

use jiff::Timestamp;
use kube::ResourceExt;

use super::api_server::{ApiError, EventKind};
use super::driver::{Driver, draw};
use crate::access::credentials::{SecretVersion, Token};
use crate::api::ImageShare;
use crate::cloud::access_domains::Session;
use crate::cloud::lists::Freshness;
use crate::cloud::{Answer as CloudAnswer, ShareId, SwrError};
use crate::core::effect::{
    Answer, Created, Credentials, Effect, Event, Failure, NoCredentials, Refusal, Updated,
};
use crate::core::facts::Jitter;
use crate::reason::Reason;
use crate::redact::printable;

/// The longest note of an event, in characters of up to four bytes: Kubernetes takes 1 KiB.
const NOTE_MAX: usize = 250;

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
            Effect::ReadCrd => match api_server.is_uninstalling().await {
                Ok(is_deleting) => Answer::Crd { is_deleting },
                Err(error) => refused(&error),
            },
            Effect::ReadCredentials(which) => {
                Answer::Credentials(self.read_credentials(which).await)
            }
            Effect::AddFinalizer => self.wrote(api_server.add_finalizer(&self.object).await),
            Effect::RemoveFinalizer => self.wrote(api_server.remove_finalizer(&self.object).await),
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
                let (session, share) = match self.session() {
                    Ok(ready) => ready,
                    Err(failure) => return Answer::Looked(Err(failure), at),
                };
                let answer = session.show(share).await;
                Answer::Looked(self.answered("look", answer), at)
            }
            Effect::Create(terms) => Answer::Created(match self.session() {
                Ok((session, share)) => {
                    let answer = session.create(share, terms).await;
                    self.answered("create", answer).map(|answer| match answer {
                        CloudAnswer::Done => Created::Done,
                        CloudAnswer::AlreadyExists | CloudAnswer::Absent => Created::AlreadyExists,
                    })
                }
                Err(failure) => Err(failure),
            }),
            Effect::Update(terms) => Answer::Updated(match self.session() {
                Ok((session, share)) => {
                    let answer = session.update(share, terms).await;
                    self.answered("update", answer).map(|answer| match answer {
                        CloudAnswer::Done | CloudAnswer::AlreadyExists => Updated::Done,
                        CloudAnswer::Absent => Updated::Absent,
                    })
                }
                Err(failure) => Err(failure),
            }),
            Effect::Delete => Answer::Deleted(match self.session() {
                Ok((session, share)) => {
                    let answer = session.delete(share).await;
                    self.answered("delete", answer)
                }
                Err(failure) => Err(failure),
            }),
        }
    }

    async fn read_object(&mut self) -> Answer {
        match self.shared.api_server.read(&self.object).await {
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
            Err(error) => refused(&error),
        }
    }

    /// Makes the session of this pass.
    async fn read_credentials(
        &mut self,
        which: &Credentials,
    ) -> Result<Option<SecretVersion>, NoCredentials> {
        let unusable = |reason| NoCredentials::Unusable(reason, None);
        let share = self.share.clone().ok_or(unusable(Reason::RegionUnknown))?;
        let (token, secret) = match which {
            Credentials::Current { refused, is_last_try } => {
                let (token, secret) = self.read_secret(&share).await?;
                if !is_last_try && refused.as_ref() == Some(&secret) {
                    return Err(NoCredentials::Refused(secret));
                }
                if !is_last_try && self.shared.health.must_wait(&secret, Instant::now()) {
                    return Err(NoCredentials::Rejected(secret));
                }
                (token, Some(secret))
            }
            Credentials::LastKnown => {
                let name = self.secret_name(&share);
                let known = self.shared.health.last_known(&name, Instant::now());
                (known.ok_or(unusable(Reason::SecretNotFound))?, None)
            }
            Credentials::ToKeep => {
                let name = self.secret_name(&share);
                if self.shared.health.last_known(&name, Instant::now()).is_none() {
                    let (token, secret) = self.read_secret(&share).await?;
                    self.shared.health.keep(&secret, &token, Instant::now());
                }
                return Ok(None);
            }
        };
        let base = self.shared.endpoints.of(&share.region);
        let base = base.ok_or(unusable(Reason::EndpointInvalid))?;
        self.session = Some(self.shared.cloud.session(base, token));
        self.secret.clone_from(&secret);
        Ok(secret)
    }

    async fn read_secret(&self, share: &ShareId) -> Result<(Token, SecretVersion), NoCredentials> {
        let reference = &self.object.spec.credentials_ref;
        let api_server = &self.shared.api_server;
        let read = api_server.secret(&self.key.namespace, &reference.name, &reference.key).await;
        let secret = read.map_err(|error| match error {
            ApiError::NotFound => NoCredentials::Unusable(Reason::SecretNotFound, None),
            ApiError::Forbidden(_) => NoCredentials::Unusable(Reason::SecretForbidden, None),
            error => {
                let _ = refused(&error);
                NoCredentials::Unread
            }
        })?;
        let version = SecretVersion { name: self.secret_name(share), version: secret.version };
        let unusable = |reason| NoCredentials::Unusable(reason, Some(version.clone()));
        let value = secret.value.ok_or_else(|| unusable(Reason::SecretKeyNotFound))?;
        let token = Token::read(&value).map_err(unusable)?;
        Ok((token, version))
    }

    fn secret_name(&self, share: &ShareId) -> String {
        let reference = &self.object.spec.credentials_ref;
        let namespace = &self.key.namespace;
        SecretVersion::name_of(namespace, &reference.name, &reference.key, &share.region)
    }

    fn session(&self) -> Result<(&Session, &ShareId), Failure> {
        let missing = || Failure {
            reason: Reason::InternalError,
            evidence: "no session".to_owned(),
            pause: None,
            request_id: None,
        };
        self.session.as_ref().zip(self.share.as_ref()).ok_or_else(missing)
    }

    async fn list(&self, fresh: Freshness) -> Answer {
        let now = Instant::now();
        let (session, id) = match self.session() {
            Ok(ready) => ready,
            Err(failure) => {
                return Answer::Listed { share: Err(failure), at: now, jitter: draw() };
            }
        };
        let (list, is_new) = self.shared.listings.get(session, id, fresh, draw().0).await;
        if is_new {
            self.count("list", &list.shares);
        }
        let share = self.understood("list", list.find(id));
        Answer::Listed { share, at: list.asked, jitter: Jitter(list.jitter) }
    }

    /// Counts an answer, and says what it means for the credentials and for the region.
    fn answered<T>(&self, verb: &'static str, answer: Result<T, SwrError>) -> Result<T, Failure> {
        self.count(verb, &answer);
        self.understood(verb, answer)
    }

    fn count<T>(&self, verb: &'static str, answer: &Result<T, SwrError>) {
        let result = answer.as_ref().map_or_else(|error| error.reason.as_str(), |_| "Ok");
        self.shared.metrics.call(verb, result);
        if let Some(share) = &self.share {
            self.shared.outages.note(&share.region, answer, Instant::now());
        }
    }

    fn understood<T>(&self, verb: &'static str, answer: Result<T, SwrError>) -> Result<T, Failure> {
        let health = &self.shared.health;
        let error = match answer {
            Ok(answer) => {
                if let (Some(secret), Some(session)) = (&self.secret, &self.session) {
                    health.accept(secret, session.token(), Instant::now());
                }
                return Ok(answer);
            }
            Err(error) => error,
        };
        tracing::debug!(verb, request_id = error.request_id, %error, "call failed");
        if error.reason == Reason::Unauthorized {
            if let Some(secret) = &self.secret {
                health.reject(secret, Instant::now());
            }
            if let Some((session, share)) = self.session.as_ref().zip(self.share.as_ref()) {
                health.forget(&self.secret_name(share), session.token());
            }
        }
        let host = self.session.as_ref().map(Session::host).unwrap_or_default();
        let evidence = match error.status {
            Some(_) => format!("{error}, on {verb}"),
            None => format!("{host}, on {verb}"),
        };
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
            Event::ExpiringSoon(_) => {
                let what = (EventKind::Warning, reason, version.as_str());
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

/// What the API server's refusal means for a pass; its words go to the log.
fn refused(error: &ApiError) -> Answer {
    let refusal = match error {
        ApiError::NotFound => Refusal::Gone,
        ApiError::Conflict => Refusal::Conflict,
        error => {
            tracing::warn!("the API server: {error}");
            Refusal::Failed
        }
    };
    Answer::Refused(refusal)
}
