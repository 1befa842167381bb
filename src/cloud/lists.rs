//! One list for many objects: a repository's shares are listed once, and every object of it that is
//! due reads the same answer. Single flight: who comes while a list is under way waits for it.
//!
//! Decides nothing about shares. A list is kept by the token that it was asked with: nobody sees
//! what its own credentials would not show.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;

use super::access_domains::Session;
use super::{RemoteShare, ShareId, SwrError};
use crate::access::credentials::Token;

/// A list that nobody has asked for within this time is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// A repository's shares at one moment.
#[derive(Clone)]
pub struct Listing {
    /// When it was asked for: what happened later may be missing.
    pub asked: Instant,
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

type Slot = Arc<tokio::sync::Mutex<Option<Listing>>>;
type Key = (Url, String, String);

/// The last list of each repository.
#[derive(Default)]
pub struct Listings(Mutex<HashMap<Key, Vec<(Token, Slot)>>>);

impl Listings {
    /// The list of the repository: the last one if it is fresh enough, else a new one; and whether it
    /// is new.
    pub async fn get(
        &self,
        session: &Session,
        id: &ShareId,
        fresh: Freshness,
        jitter: u32,
    ) -> (Listing, bool) {
        let slot = self.slot(session, id);
        let came = Instant::now();
        let mut last = slot.lock().await;
        let usable = last.as_ref().filter(|list| {
            let is_fresh = fresh.after.is_none_or(|after| list.asked > after)
                && list.asked.elapsed() <= fresh.at_most;
            // Who waited for a list shares it, and its failure; who comes later tries a failed one again.
            list.asked >= came || (list.shares.is_ok() && is_fresh)
        });
        if let Some(list) = usable {
            return (list.clone(), false);
        }
        let asked = Instant::now();
        let shares = session.list(id).await.map(Arc::new);
        let listing = Listing { asked, jitter, shares };
        *last = Some(listing.clone());
        (listing, true)
    }

    fn slot(&self, session: &Session, id: &ShareId) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slots| {
            slots.retain(|(_, slot)| is_in_use(slot));
            !slots.is_empty()
        });
        let key = (session.base().clone(), id.organization.clone(), id.repository.clone());
        let slots = slots.entry(key).or_default();
        if let Some((_, slot)) = slots.iter().find(|(token, _)| token.is_same(session.token())) {
            return slot.clone();
        }
        let slot = Slot::default();
        slots.push((session.token().clone(), slot.clone()));
        slot
    }
}

/// Whether somebody is at it, or was not long ago.
fn is_in_use(slot: &Slot) -> bool {
    let Ok(last) = slot.try_lock() else { return true };
    Arc::strong_count(slot) > 1
        || last.as_ref().is_some_and(|list| list.asked.elapsed() < FORGOTTEN_AFTER)
}
