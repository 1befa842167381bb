//! One list for many objects: a repository's shares are listed once, and every object of it that is
//! due reads the same answer. Single flight: who comes while a list is under way waits for it.
//!
//! Decides nothing about shares. A list is kept by the credential that it was asked with: nobody sees
//! what its own would not show.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{RemoteShare, ShareId, SwrError};
use crate::access::credentials::Credential;
use crate::evicting::Evicting;
use crate::lock::lock;
use crate::shared_read::{Dated, SharedRead};

/// A list that nobody has asked for within this time is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// A repository's shares at one moment; what happened after it was asked for may be missing.
#[derive(Clone)]
pub struct Listing {
    /// A random number, the same for all who read this list, so that they stay together.
    pub jitter: u32,
    /// The shares by their accounts, in lower case; or why there is no list.
    pub shares: Result<Arc<HashMap<String, RemoteShare>>, SwrError>,
}

impl Listing {
    /// The share with this account, if the list has it.
    pub fn find(&self, id: &ShareId) -> Result<Option<RemoteShare>, SwrError> {
        let shares = self.shares.as_ref().map_err(Clone::clone)?;
        Ok(shares.get(&id.account.to_lowercase()).cloned())
    }
}

/// Which list is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Freshness {
    /// It was asked for after this moment: what was known then is no news.
    pub after: Option<Instant>,
    /// It is no older than this.
    pub at_most: Duration,
}

type Slot = Arc<SharedRead<Listing>>;
/// Whose list it is: the region, the organization, the repository, and the credential it was asked with.
type Key = (String, String, String, Credential);

/// The last list of each repository.
#[derive(Default)]
pub struct Listings(Mutex<Evicting<Key, Slot>>);

impl Listings {
    /// The list of the repository: the last one if it is fresh enough, else a new one.
    pub async fn get(
        &self,
        credential: &Credential,
        id: &ShareId,
        fresh: Freshness,
        jitter: u32,
        ask: impl AsyncFnOnce() -> Result<HashMap<String, RemoteShare>, SwrError>,
    ) -> Dated<Listing> {
        // Who waited for a list shares it, and its failure; who comes later tries a failed one again.
        let is_good = |last: &Dated<Listing>| {
            let is_news = fresh.after.is_none_or(|after| last.began > after);
            last.value.shares.is_ok() && is_news && last.began.elapsed() <= fresh.at_most
        };
        let read = async || Listing { jitter, shares: ask().await.map(Arc::new) };
        self.slot(credential, id).get(is_good, read).await.0
    }

    fn slot(&self, credential: &Credential, id: &ShareId) -> Slot {
        let mut slots = lock(&self.0);
        let ShareId { region, organization, repository, .. } = id.clone();
        let key = (region, organization, repository, credential.clone());
        slots.get_or_insert(key, Slot::default, is_in_use).clone()
    }
}

/// Whether somebody is at it, or was not long ago.
fn is_in_use(slot: &Slot) -> bool {
    Arc::strong_count(slot) > 1 || slot.is_in_use(|last| last.began.elapsed() < FORGOTTEN_AFTER)
}
