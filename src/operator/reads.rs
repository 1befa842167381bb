//! What many passes read of the API server, read once for all: Secrets, and whether the product is
//! being uninstalled. Decides nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::api_server::{ApiError, ApiServer, Secret};
use super::watch::Crd;
use crate::api::CredentialsRef;
use crate::evicting::Evicting;
use crate::shared_read::{Dated, SharedRead};

/// How old what a Secret held may be. In a burst of objects that use it, it is read once in this time.
pub const SECRET_AGE: Duration = Duration::from_secs(2);
/// The same of a Secret whose credentials are rejected, which all its objects look at again and again.
pub const REJECTED_AGE: Duration = Duration::from_secs(10);
/// What nobody has read for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

type Answer<T> = Result<T, ApiError>;

/// The shared reads.
#[derive(Default)]
pub struct Reads {
    /// By what tokens are told apart without being shown.
    hasher: RandomState,
    secrets: Mutex<Evicting<String, Arc<SharedRead<Answer<Secret>>>>>,
    crd: SharedRead<Answer<bool>>,
    watched: Mutex<Watched>,
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

impl Reads {
    /// What stands under a key of a Secret in a namespace, as of at most `age` ago.
    pub async fn secret(
        &self,
        api_server: &ApiServer,
        namespace: &str,
        reference: &CredentialsRef,
        age: Duration,
    ) -> Answer<Secret> {
        let (name, key) = (&reference.name, &reference.key);
        let read = {
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            let in_use = |read: &Arc<SharedRead<_>>| {
                Arc::strong_count(read) > 1
                    || read.is_in_use(|last| last.began.elapsed() < FORGOTTEN_AFTER)
            };
            let name = format!("{namespace}/{name}/{key}");
            secrets.get_or_insert(name, Arc::default, in_use).clone()
        };
        // That there is none is an answer too; that nobody answered is not.
        let is_answer = |value: &Answer<Secret>| {
            matches!(value, Ok(_) | Err(ApiError::NotFound | ApiError::Forbidden(_)))
        };
        let is_good = |last: &Dated<_>| is_answer(&last.value) && last.began.elapsed() < age;
        let ask = async || {
            let mut secret = api_server.secret(namespace, name, key).await?;
            if let Ok(token) = &secret.token {
                secret.version = format!("{:016x}", self.hasher.hash_one(token));
            }
            Ok(secret)
        };
        read.get(is_good, ask).await.0.value
    }

    /// Whether the CRD is being deleted: by a read that begins now if it must be `live`, else what the
    /// watch says, if it says something.
    pub async fn is_uninstalling(&self, api_server: &ApiServer, live: bool) -> Answer<bool> {
        let watched = self.watched().is_deleting;
        match watched.filter(|_| !live) {
            Some(is_deleting) => Ok(is_deleting),
            None => {
                self.crd.get(|_| false, async || api_server.is_uninstalling().await).await.0.value
            }
        }
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
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
