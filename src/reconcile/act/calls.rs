//! The calls to SWR that a pass makes, with the credentials that they need, and what their answers
//! mean for it. Nothing else reaches the cloud; nothing here says when to.

use std::time::Instant;

use super::{Acting, Stop};
use crate::auth::{SecretVersion, Token};
use crate::cluster::ClusterError;
use crate::reason::Reason;
use crate::reconcile::chance;
use crate::reconcile::plan::{Cloud, Departure, Recorded, Wish, Write, drift};
use crate::reconcile::status::{self, Finding};
use crate::swr::client::Session;
use crate::swr::listing::Freshness;
use crate::swr::{Answer, ShareId, SwrError, Terms};

impl Acting<'_> {
    pub(super) async fn list(&mut self, id: &ShareId) -> Result<(), Stop> {
        let after = self.memory.map(|memory| memory.looked);
        let fresh = Freshness { after, at_most: self.list_age };
        let session = self.session()?;
        let (list, is_new) = self.context.listings.get(session, id, fresh, chance()).await;
        if is_new {
            self.count(id, "list", &list.shares);
        }
        self.known.cloud = Cloud::Listed(self.understood(id, "list", list.find(id))?);
        self.looked = Some((list.asked, list.lot));
        Ok(())
    }

    pub(super) async fn look(&mut self, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        let asked = Instant::now();
        let answer = self.session()?.show(id).await;
        // Who followed a list stays with those who did the same.
        let lot = self.looked.map_or_else(chance, |(_, lot)| lot);
        self.looked = Some((asked, lot));
        let cloud = match self.heard(id, "look", answer)? {
            Some(share) => Cloud::Present(share),
            None => Cloud::Absent,
        };
        self.known.saw(cloud);
        if let Wish::Share(terms, _) = wish
            && self.drift.is_empty()
        {
            self.drift = drift(terms, &self.known);
        }
        Ok(())
    }

    pub(super) async fn create(&mut self, id: &ShareId, terms: &Terms) -> Result<(), Stop> {
        let answer = self.session()?.create(id, terms).await;
        if answer.as_ref().is_err_and(|error| !error.reason.is_certain_refusal()) {
            self.known.wrote = Some(Write::CreateInDoubt);
            self.carried.quiet_at = Instant::now().checked_add(self.context.request_window);
        }
        (self.known.wrote, self.known.cloud) = match self.heard(id, "create", answer)? {
            Answer::Done => {
                self.carried.wrote_at = Some(Instant::now());
                let now = self.context.cloud_time(&id.region);
                (Some(Write::Created), Cloud::created(terms, now))
            }
            Answer::AlreadyExists | Answer::Absent => {
                (Some(Write::CreateConflicted), Cloud::Unseen)
            }
        };
        Ok(())
    }

    pub(super) async fn update(&mut self, id: &ShareId, terms: &Terms) -> Result<(), Stop> {
        let answer = self.session()?.update(id, terms).await;
        if answer.is_err() {
            // What was seen before may not hold any more.
            self.known.cloud = Cloud::Unseen;
        }
        (self.known.wrote, self.known.cloud) = match self.heard(id, "update", answer)? {
            Answer::Done | Answer::AlreadyExists => {
                self.carried.wrote_at = Some(Instant::now());
                (Some(Write::Updated), Cloud::Unseen)
            }
            Answer::Absent => (None, Cloud::Absent),
        };
        Ok(())
    }

    pub(super) async fn delete(&mut self, id: &ShareId) -> Result<(), Stop> {
        let answer = self.session()?.delete(id).await;
        self.heard(id, "delete", answer)?;
        (self.known.wrote, self.known.cloud) = (Some(Write::Deleted), Cloud::Unseen);
        Ok(())
    }

    /// Reads the Secret and makes a session with it, once in a pass.
    pub(super) async fn connect(&mut self, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        if self.session.is_some() {
            return Ok(());
        }
        let read = self.token(id).await;
        // Before a share is left behind, it is tried once more whatever was said before.
        let last_try = self.departure(Reason::Unauthorized, wish) == Departure::Orphan;
        let usable = match read {
            Ok(token) if last_try => Ok(token),
            Ok(token) => self.check_refusals().map(|()| token),
            Err(stop) => Err(stop),
        };
        let token = match usable {
            // The Secret may go before its shares, with the namespace or the rights to read it, or go
            // bad: what worked still works, but only for shares that were made.
            Err(Stop::Found(finding))
                if wish == Wish::Revoke && self.known.recorded != Recorded::Nothing =>
            {
                let name = self.secret_name(id);
                let known = self.context.verdicts.last_known(&name, Instant::now());
                let known = known.ok_or(Stop::Found(finding))?;
                // What SWR says of it says nothing of what the Secret holds now.
                self.secret = None;
                known
            }
            usable => usable?,
        };
        let Some(base) = self.context.endpoints.of(&id.region) else {
            return Err(Stop::Found(Finding::failed(Reason::EndpointInvalid, &id.region)));
        };
        self.session = Some(self.context.swr.session(base, token));
        Ok(())
    }

    /// Keeps the token that the Secret holds now for a deletion that may find no Secret. One that
    /// cannot be used now will be told of when it is needed.
    ///
    /// # Errors
    ///
    /// The API server did not answer.
    pub async fn remember_token(&mut self, id: &ShareId) -> Result<(), ClusterError> {
        let name = self.secret_name(id);
        if self.context.verdicts.last_known(&name, Instant::now()).is_some() {
            return Ok(());
        }
        match (self.token(id).await, &self.secret) {
            (Ok(token), Some(secret)) => {
                self.context.verdicts.remember(secret, &token, Instant::now());
                Ok(())
            }
            (Err(Stop::Interrupted(error)), _) => Err(error),
            _ => Ok(()),
        }
    }

    /// Spares SWR a call whose answer is known: it refused this object, or these credentials.
    fn check_refusals(&self) -> Result<(), Stop> {
        let Some(secret) = &self.secret else { return Ok(()) };
        let now = Instant::now();
        if self.memory.is_some_and(|memory| memory.is_refused_with(self.seen, secret, now))
            && let Some(finding) = status::repeated(self.object.status.as_ref())
        {
            return Err(Stop::Found(finding));
        }
        if self.context.verdicts.holds_back(secret, now) {
            return Err(self.secret_trouble(Reason::Unauthorized));
        }
        Ok(())
    }

    fn secret_name(&self, id: &ShareId) -> String {
        let namespace = self.object.metadata.namespace.as_deref().unwrap_or_default();
        let reference = &self.object.spec.credentials_ref;
        SecretVersion::name_of(namespace, &reference.name, &reference.key, &id.region)
    }

    async fn token(&mut self, id: &ShareId) -> Result<Token, Stop> {
        let reference = &self.object.spec.credentials_ref;
        let namespace = self.object.metadata.namespace.as_deref().unwrap_or_default();
        let read = self.context.cluster.secret(namespace, &reference.name, &reference.key).await;
        let secret = match read {
            Ok(secret) => secret,
            Err(ClusterError::NotFound) => return Err(self.secret_trouble(Reason::SecretNotFound)),
            Err(ClusterError::Forbidden(_)) => {
                return Err(self.secret_trouble(Reason::SecretForbidden));
            }
            Err(error) => return Err(error.into()),
        };
        let name = self.secret_name(id);
        self.secret = Some(SecretVersion { name, version: secret.version });
        let value = secret.value.ok_or_else(|| self.secret_trouble(Reason::SecretKeyNotFound))?;
        Token::read(&value).map_err(|reason| self.secret_trouble(reason))
    }

    fn secret_trouble(&self, reason: Reason) -> Stop {
        let reference = &self.object.spec.credentials_ref;
        let evidence = format!("Secret {}, key {}", reference.name, reference.key);
        Stop::Found(Finding::failed(reason, &evidence))
    }

    fn session(&self) -> Result<&Session, Stop> {
        let missing = || Stop::Found(Finding::failed(Reason::InternalError, "no session"));
        self.session.as_ref().ok_or_else(missing)
    }

    /// Counts an answer, and turns a failed one into a finding.
    fn heard<T>(
        &mut self,
        id: &ShareId,
        verb: &'static str,
        answer: Result<T, SwrError>,
    ) -> Result<T, Stop> {
        self.count(id, verb, &answer);
        self.understood(id, verb, answer)
    }

    /// Tells of an answer, whatever it means for this pass.
    fn count<T>(&self, id: &ShareId, verb: &'static str, answer: &Result<T, SwrError>) {
        let result = answer.as_ref().map_or_else(|error| error.reason.as_str(), |_| "Ok");
        self.context.metrics.call(verb, result);
        self.context.outages.heard(&id.region, answer, Instant::now());
    }

    fn understood<T>(
        &mut self,
        id: &ShareId,
        verb: &'static str,
        answer: Result<T, SwrError>,
    ) -> Result<T, Stop> {
        let error = match answer {
            Ok(answer) => {
                if let (Some(secret), Some(session)) = (&self.secret, &self.session) {
                    self.context.verdicts.accept(secret, session.token(), Instant::now());
                }
                return Ok(answer);
            }
            Err(error) => error,
        };
        tracing::debug!(verb, request_id = error.request_id, %error, "call failed");
        if error.reason == Reason::Unauthorized {
            if let Some(secret) = &self.secret {
                self.context.verdicts.reject(secret, Instant::now());
            }
            if let Some(session) = &self.session {
                self.context.verdicts.withdraw(&self.secret_name(id), session.token());
            }
            // In the same words as a call that was spared because of it.
            self.request_id = error.request_id;
            return Err(self.secret_trouble(Reason::Unauthorized));
        }
        let host = self.session.as_ref().map(Session::host).unwrap_or_default();
        let evidence = match error.status {
            Some(_) => format!("{error}, on {verb}"),
            None => format!("{host}, on {verb}"),
        };
        (self.pause, self.request_id) = (error.pause, error.request_id);
        Err(Stop::Found(Finding::failed(error.reason, &evidence)))
    }
}
