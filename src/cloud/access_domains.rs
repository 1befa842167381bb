//! The four verbs of the sharing API over HTTP. One call, one answer: no retries, no redirects, no
//! decisions. Every call is bounded in time and in bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode, Url};
use serde::Serialize;

use super::answers::{evidence, header, read, refused};
use super::clock::Clocks;
use super::error::Reply;
use super::evidence::Unshown;
use super::transport::{builder, transport_error};
use super::{RemoteShare, ShareId, SwrError, Terms, wire};
use crate::access::authorize::Authorize;
use crate::access::endpoint::is_loopback;
use crate::reason::Reason;

/// A clock that is further off may be why a signature was refused: the gateway allows 15 minutes ("API
/// Request Signing Guide").
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// No clock is taken for that wrong: signatures of another day are for nobody to collect.
const SKEW_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What a create or an update led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// SWR did it.
    Done,
    /// A create met a share that exists, or may exist: a look shows which.
    AlreadyExists,
    /// An update met no share.
    Absent,
}

/// The connections to SWR; cheap to clone, shared by all objects.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// For endpoints on this machine: a proxy from the environment would carry the token off it.
    loopback: reqwest::Client,
    call_timeout: Duration,
    clocks: Arc<Clocks>,
    /// What time it is for those who refuse a call: good enough to sign by, and for nothing else.
    gateways: Arc<Clocks>,
}

/// SWR in one region, with somebody's credentials.
pub struct Session {
    http: reqwest::Client,
    base: Url,
    authority: Arc<dyn Authorize>,
    call_timeout: Duration,
    clocks: Arc<Clocks>,
    gateways: Arc<Clocks>,
    /// Whether a refusal has shown that the time was wrong that a call was signed with.
    is_skewed: AtomicBool,
}

impl Client {
    /// Makes the client. `extra_roots` are trusted beside the system's; `call_timeout` is how long a
    /// whole call may take, from the connection to the last byte.
    ///
    /// Fails if the system has no usable certificates.
    pub fn new(
        extra_roots: &[reqwest::Certificate],
        call_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: builder(extra_roots, call_timeout).build()?,
            loopback: builder(extra_roots, call_timeout).no_proxy().build()?,
            call_timeout,
            clocks: Arc::default(),
            gateways: Arc::default(),
        })
    }

    /// Speaks to the SWR at `base`, with calls that `authority` lets pass.
    pub fn session(&self, base: Url, authority: Arc<dyn Authorize>) -> Session {
        Session {
            http: self.http_for(&base).clone(),
            base,
            authority,
            call_timeout: self.call_timeout,
            clocks: Arc::clone(&self.clocks),
            gateways: Arc::clone(&self.gateways),
            is_skewed: AtomicBool::new(false),
        }
    }

    /// The connections to a host.
    pub(super) fn http_for(&self, base: &Url) -> &reqwest::Client {
        if is_loopback(base) { &self.loopback } else { &self.http }
    }

    /// How long a whole call may take.
    pub(super) fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// What time it is for the SWR at `base`; `None` as long as it has not said.
    pub fn time_at(&self, base: &Url) -> Option<Timestamp> {
        self.clocks.there(base, Instant::now())
    }
}

impl Session {
    /// The host that is spoken to.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// Whether a call was refused that was signed with a wrong time, and another time is known now. Says so
    /// once.
    pub fn has_learnt_the_time(&self) -> bool {
        self.is_skewed.swap(false, Ordering::Relaxed)
    }

    /// From now on a call may take twice as long.
    pub fn be_patient(&mut self) {
        self.call_timeout *= 2;
    }

    /// Creates the share. Gives [`Answer::Done`] or [`Answer::AlreadyExists`].
    pub async fn create(&self, id: &ShareId, terms: &Terms) -> Result<Answer, SwrError> {
        let url = wire::shares_url(&self.base, id)?;
        match self.write(Method::POST, url, Some(&wire::CreateBody::new(id, terms))).await? {
            // What a create does not find can only be the repository.
            Reply::Absent(error) => Err(error),
            Reply::Nobodys(error) => Err(SwrError { reason: Reason::PathUnknown, ..error }),
            Reply::AlreadyExists(_) => Ok(Answer::AlreadyExists),
            Reply::Done => Ok(Answer::Done),
        }
    }

    /// Looks at the share; `None` if there is none.
    pub async fn show(&self, id: &ShareId) -> Result<Option<RemoteShare>, SwrError> {
        let request = self.request(Method::GET, wire::share_url(&self.base, id)?, None::<&()>)?;
        let response = self.send(request).await?;
        let unreadable = evidence(&response, Reason::AnswerUnreadable, &self.unshown());
        if !response.status().is_success() {
            return match refused(response, &self.unshown()).await? {
                Reply::Absent(_) => Ok(None),
                Reply::Nobodys(error) => Err(error),
                Reply::AlreadyExists(error) => {
                    Err(SwrError { reason: Reason::AnswerUnreadable, ..error })
                }
                Reply::Done => Err(unreadable),
            };
        }
        match read(response).await {
            Ok(body) => wire::read_share(id, &body)
                .map(|share| share.map(|share| self.unshown().share(share)))
                .map_err(|_| unreadable),
            Err(reason) => Err(SwrError { reason, ..unreadable }),
        }
    }

    /// Lists the shares of the repository by their accounts, in lower case: at most as many as SWR
    /// gives at once, which is 100.
    pub async fn list(&self, id: &ShareId) -> Result<HashMap<String, RemoteShare>, SwrError> {
        let request = self.request(Method::GET, wire::shares_url(&self.base, id)?, None::<&()>)?;
        let response = self.send(request).await?;
        let unreadable = evidence(&response, Reason::AnswerUnreadable, &self.unshown());
        if !response.status().is_success() {
            return match refused(response, &self.unshown()).await? {
                Reply::Absent(_) => Ok(HashMap::new()),
                Reply::Nobodys(error) => Err(error),
                Reply::AlreadyExists(_) | Reply::Done => Err(unreadable),
            };
        }
        match read(response).await {
            Ok(body) => {
                let (shares, unshown) = (wire::read_shares(&body), self.unshown());
                let shares = shares.map_err(|_| unreadable)?.into_iter();
                Ok(shares.map(|(account, share)| (account, unshown.share(share))).collect())
            }
            Err(reason) => Err(SwrError { reason, ..unreadable }),
        }
    }

    /// Changes the share to `terms`, all of them. Gives [`Answer::Done`] or [`Answer::Absent`].
    pub async fn update(&self, id: &ShareId, terms: &Terms) -> Result<Answer, SwrError> {
        let url = wire::share_url(&self.base, id)?;
        match self.write(Method::PATCH, url, Some(&wire::UpdateBody::new(terms))).await? {
            Reply::Absent(_) => Ok(Answer::Absent),
            // An update has nothing to collide with but another write.
            Reply::AlreadyExists(error) | Reply::Nobodys(error) => Err(error),
            Reply::Done => Ok(Answer::Done),
        }
    }

    /// Deletes the share. One that SWR says is not there is deleted; where the token sees no repository or
    /// no organization, it may be there all the same.
    pub async fn delete(&self, id: &ShareId) -> Result<(), SwrError> {
        let url = wire::share_url(&self.base, id)?;
        match self.write(Method::DELETE, url, None::<&()>).await? {
            Reply::Absent(_) | Reply::Done => Ok(()),
            Reply::AlreadyExists(error) | Reply::Nobodys(error) => Err(error),
        }
    }

    async fn write(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<Reply, SwrError> {
        let response = self.send(self.request(method, url, body)?).await?;
        // 201 on PATCH, 204 on DELETE: any 2xx is success, and no write's answer has a body.
        if response.status().is_success() {
            return Ok(Reply::Done);
        }
        refused(response, &self.unshown()).await
    }

    async fn send(&self, request: Request) -> Result<Response, SwrError> {
        let sent = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| transport_error(&error))?;
        let Some(date) = header(&response, &DATE) else { return Ok(response) };
        let (when, here) = ((sent, Instant::now()), Timestamp::now());
        // Anything else may come from a gateway or a proxy, with a clock of its own.
        if response.status().is_success() {
            self.clocks.note(&self.base, &date, when, here);
        } else if response.status() == StatusCode::UNAUTHORIZED
            && self.authority.goes_by_the_clock()
        {
            let before = self.time();
            self.gateways.note(&self.base, &date, when, here);
            let is_skewed = self.time().duration_since(before).abs() > SKEW;
            self.is_skewed.fetch_or(is_skewed, Ordering::Relaxed);
        }
        Ok(response)
    }

    /// What time it is there, as far as anybody has said who can be believed.
    fn time(&self) -> Timestamp {
        let (now, here) = (Instant::now(), Timestamp::now());
        let there = |clocks: &Clocks| clocks.there(&self.base, now);
        let there = there(&self.clocks).or_else(|| there(&self.gateways));
        there.filter(|there| there.duration_since(here).abs() < SKEW_MAX).unwrap_or(here)
    }

    fn request(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<Request, SwrError> {
        // The API page asks for the content type on every call, also without a body.
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let mut request =
            self.http.request(method, url).headers(headers).timeout(self.call_timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        let unsent = |_| SwrError::without_answer(Reason::InternalError);
        let mut request = request.build().map_err(unsent)?;
        self.authority.authorize(&mut request, self.time()).map_err(SwrError::without_answer)?;
        Ok(request)
    }

    /// What a server may have kept of the request, and nobody may be shown.
    fn unshown(&self) -> Unshown<'_> {
        Unshown::new(&*self.authority)
    }
}
