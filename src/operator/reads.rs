//! What many passes read of the API server, read once for all: credentials, and whether the product is
//! being uninstalled. Decides nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::api_server::{ApiError, ApiServer};
use super::sources::{self, Allowed, Found, Missing, Source};
use super::watch::Crd;
use crate::evicting::Evicting;
use crate::lock::lock;
use crate::shared_read::{Dated, SharedRead};

/// How old what a Secret held may be. In a burst of objects that use it, it is read once in this time.
const SECRET_AGE: Duration = Duration::from_secs(2);
/// The same of a Secret whose credentials are rejected, which all its objects look at again and again.
const REJECTED_AGE: Duration = Duration::from_secs(10);
/// What nobody has read for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);
/// How soon after a read of the CRD the next may begin: where many objects are deleted, several share it.
const CRD_PACE: Duration = Duration::from_millis(20);

type Answer<T> = Result<T, ApiError>;

type CredentialsRead = Arc<SharedRead<Result<Found, Missing>>>;

/// The shared reads.
pub struct Reads {
    /// By what credentials are told apart without being shown.
    hasher: RandomState,
    credentials: Mutex<Evicting<String, CredentialsRead>>,
    crd: SharedRead<Answer<bool>>,
    watched: Mutex<Watched>,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Somebody may have changed it just now.
    None,
    /// In a burst of objects it is read once.
    Short,
    /// It is rejected, and all of its objects look at it again and again.
    Long,
}

/// What a watch says of the CRD.
struct Watched {
    /// Whether it is being deleted, as long as the watch says so.
    is_deleting: Option<bool>,
    /// What it lacked of our own when the watch said so last.
    missing: Arc<[String]>,
}

impl Default for Watched {
    fn default() -> Self {
        Self { is_deleting: None, missing: [].into() }
    }
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            credentials: Mutex::default(),
            crd: SharedRead::paced(CRD_PACE),
            watched: Mutex::default(),
        }
    }
}

impl Reads {
    /// What stands behind a reference in a namespace, as of some seconds ago at most.
    pub async fn credentials(
        &self,
        api_server: &ApiServer,
        (namespace, source): (&str, &Source),
        allowed: &Allowed,
        patience: Patience,
    ) -> Result<Found, Missing> {
        let age = match patience {
            Patience::None => Duration::ZERO,
            Patience::Short => SECRET_AGE,
            Patience::Long => REJECTED_AGE,
        };
        let read = {
            let mut slots = lock(&self.credentials);
            let in_use = |read: &Arc<SharedRead<_>>| {
                Arc::strong_count(read) > 1
                    || read.is_in_use(|last| last.began.elapsed() < FORGOTTEN_AFTER)
            };
            slots.get_or_insert(source.reference(namespace), Arc::default, in_use).clone()
        };
        // That there is nothing is an answer too; that nobody answered is not.
        let is_good = |last: &Dated<_>| {
            !matches!(last.value, Err(Missing::Unread)) && last.began.elapsed() < age
        };
        let ask = async || {
            let mut found = api_server.find(namespace, source, allowed).await?;
            if let Ok(credential) = &found.credential {
                found.version = format!("{:016x}", self.hasher.hash_one(credential));
            }
            Ok(found)
        };
        read.get(is_good, ask).await.0.value
    }

    /// A Secret has changed: what was read of it is not read again.
    pub fn forget(&self, namespace: &str, secret: &str) {
        let mut slots = lock(&self.credentials);
        slots.retain(|reference, _| !sources::may_be(reference, namespace, secret));
    }

    /// Whether the CRD is being deleted. By a read that began after `since` if that is given: whoever
    /// deletes the CRD marks it before its objects, so a read that began after an object was seen to
    /// be marked shows why, for all that were seen before. Else what the watch says will do.
    pub async fn is_uninstalling(
        &self,
        api_server: &ApiServer,
        since: Option<Instant>,
    ) -> Answer<bool> {
        let watched = self.watched().is_deleting;
        if let Some(is_deleting) = watched.filter(|deleting| *deleting || since.is_none()) {
            return Ok(is_deleting);
        }
        let shows = |last: &Dated<Answer<bool>>| {
            last.value.is_ok() && since.is_some_and(|since| last.began >= since)
        };
        self.crd.get(shows, async || api_server.is_uninstalling().await).await.0.value
    }

    /// The watch says this of the CRD; or it has failed, and says nothing. Gives whether what the CRD
    /// lacks has changed by that.
    pub fn note_crd(&self, crd: Option<Crd>) -> bool {
        let mut watched = self.watched();
        watched.is_deleting = crd.as_ref().map(|crd| crd.is_deleting);
        let missing = crd.map_or_else(|| watched.missing.clone(), |crd| crd.missing);
        std::mem::replace(&mut watched.missing, missing.clone()) != missing
    }

    /// What the served CRD lacks of our own.
    pub fn crd_missing(&self) -> Arc<[String]> {
        self.watched().missing.clone()
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        lock(&self.watched)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Json;
    use futures::future::join_all;
    use kube::CustomResourceExt;
    use serde_json::json;

    use super::super::api_clock::ApiClock;
    use super::*;
    use crate::api::ImageShare;
    use crate::operator::api_server::CALL;

    /// An API server that knows the CRD alone, and counts how often it is read.
    async fn api_server() -> (ApiServer, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let crd = move || async move {
            counter.fetch_add(1, Ordering::SeqCst);
            Json(json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                        "metadata": {"name": ImageShare::crd_name()}}))
        };
        let routes = axum::Router::new().fallback(crd);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
        (ApiServer::new(client, ApiClock::default(), CALL), count)
    }

    #[tokio::test]
    async fn one_read_of_the_crd_shows_it_for_all_objects_that_were_seen_before() {
        let (api_server, count) = api_server().await;
        let reads = Reads::default();
        let ask = async |since| reads.is_uninstalling(&api_server, since).await.unwrap();
        let seen = Some(Instant::now());
        for _ in 0..3 {
            join_all((0..100).map(|_| ask(seen))).await;
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        // Who is seen later needs a later one, whatever the watch says.
        let crd = |is_deleting| Some(Crd { is_deleting, missing: Arc::default() });
        reads.note_crd(crd(false));
        assert!(!ask(Some(Instant::now())).await);
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(!ask(None).await, "before a write that is no delete, the watch will do");
        reads.note_crd(crd(true));
        assert!(ask(Some(Instant::now())).await, "the watch knows it first");
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}
