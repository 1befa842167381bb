//! What calls have shown of each region and of each credential in it, and how many calls may go out
//! because of that. Time comes in as a parameter; decides nothing about shares.
//!
//! A *lane* is a credential at a region's endpoint. It goes by the credential's content, not by the
//! Secret that it was read from: a Secret that is touched, or copied into twenty namespaces, is one
//! credential, with one standing and one pace. A *reference* is the name of a Secret's key in a region,
//! and leads to a lane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::attempts::Attempts;
use super::exchange::Exchange;
use super::lane::{Lane, PLACES_FIRST, PLACES_MAX, Region};
use crate::access::credentials::Credential;
use crate::access::password::Password;
use crate::evicting::Evicting;
use crate::lock::lock;

/// How long what was accepted is kept for a deletion: as long as a token lasts ("Obtaining a User Token",
/// Huawei Cloud IAM API reference).
const TOKEN_LIFE: Duration = Duration::from_hours(24);

/// All regions, lanes and references.
#[derive(Default)]
pub struct Lanes {
    regions: Mutex<Evicting<String, Arc<Region>>>,
    by_credential: Mutex<Evicting<(String, Credential), Arc<Lane>>>,
    attempts: Mutex<Evicting<Password, Arc<Attempts>>>,
    references: Mutex<Evicting<String, Reference>>,
}

/// What is known of credentials in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whether SWR, IAM or STS has rejected them.
    pub is_rejected: bool,
    /// When they end, if that is known and nobody renews them.
    pub ends_at: Option<Timestamp>,
}

/// The name of a Secret's key in a region.
struct Reference {
    lane: Option<Arc<Lane>>,
    /// The last credential that SWR accepted, and when; or one that was not used yet where there is none.
    known: Option<(Credential, Instant)>,
    used: Instant,
}

impl Lanes {
    /// The lane of a credential in a region, to which this reference leads from now on.
    pub fn lane(
        &self,
        reference: &str,
        region: &str,
        credential: &Credential,
        now: Instant,
    ) -> Arc<Lane> {
        let lane = {
            let key = (region.to_owned(), credential.clone());
            let make = || Arc::new(self.new_lane(region, credential, now));
            let mut lanes = lock(&self.by_credential);
            lanes.get_or_insert(key, make, |lane| Lane::is_in_use(lane, now)).clone()
        };
        lane.touch(now);
        self.reference(reference, now, |reference| reference.lane = Some(lane.clone()));
        lane
    }

    fn new_lane(&self, region: &str, credential: &Credential, now: Instant) -> Lane {
        let exchange = match credential {
            Credential::Password(password) => {
                let in_use = |attempts: &Arc<Attempts>| Arc::strong_count(attempts) > 1;
                let mut attempts = lock(&self.attempts);
                let of_it =
                    attempts.get_or_insert(password.without_project(), Arc::default, in_use);
                Exchange::of_password(of_it.clone())
            }
            other => other.as_issued().map_or_else(Exchange::default, Exchange::of),
        };
        Lane::new(self.region(region, now), credential.clone(), exchange, now)
    }

    /// How many passes may run in a region.
    pub fn places(&self, region: &str) -> usize {
        lock(&self.regions).get(region).map_or(PLACES_FIRST, |region| region.places())
    }

    /// How many passes may run with this reference; or the moment before which none begins.
    pub fn room(&self, reference: &str, now: Instant) -> Result<usize, Instant> {
        let lane = {
            let references = lock(&self.references);
            references.get(reference).and_then(|reference| reference.lane.clone())
        };
        lane.map_or(Ok(PLACES_MAX), |lane| lane.room(now))
    }

    /// Whether what this reference led to last was rejected.
    pub fn is_rejected(&self, reference: &str) -> bool {
        let references = lock(&self.references);
        let lane = references.get(reference).and_then(|reference| reference.lane.as_ref());
        lane.is_some_and(|lane| lane.was_rejected())
    }

    /// What is known of these references, where there is something to tell.
    pub fn told(&self, names: BTreeSet<String>, now: Instant) -> Vec<(String, Told)> {
        let lane = |name: &str| lock(&self.references).get(name)?.lane.clone();
        let told = |name: String| {
            let lane = lane(&name)?;
            let is_rejected = lane.was_rejected() || lane.exchange.is_refused(now);
            let issued = lane.exchange.current().filter(|_| !lane.credential.is_exchanged());
            let ends_at = issued.and_then(|(issued, _)| issued.expires_at);
            Some((name, Told { is_rejected, ends_at }))
        };
        names.into_iter().filter_map(told).collect()
    }

    /// How long nothing is sent to each region yet; the longest of its credentials.
    pub fn paused(&self, now: Instant) -> Vec<(String, Duration)> {
        let mut paused = BTreeMap::<String, Duration>::new();
        for ((region, _), lane) in lock(&self.by_credential).iter() {
            let left = lane.room(now).err().map(|at| at.saturating_duration_since(now));
            let longest = paused.entry(region.clone()).or_default();
            *longest = left.unwrap_or_default().max(*longest);
        }
        paused.into_iter().collect()
    }

    /// SWR has accepted a credential of this reference.
    pub fn accepted(&self, reference: &str, credential: &Credential, now: Instant) {
        let known = Some((credential.clone(), now));
        self.reference(reference, now, |reference| reference.known = known);
    }

    /// Keeps a credential of which nothing is known yet, where none is known that was accepted: after a
    /// start, the Secret may go before anybody has used it.
    pub fn keep(&self, reference: &str, credential: &Credential, now: Instant) {
        self.reference(reference, now, |reference| {
            reference.known.get_or_insert_with(|| (credential.clone(), now));
        });
    }

    /// Forgets this credential of this reference: SWR does not accept it any more. One before it may
    /// still do.
    pub fn forget(&self, reference: &str, credential: &Credential) {
        if let Some(reference) = lock(&self.references).get_mut(reference) {
            reference.known.take_if(|(known, _)| known == credential);
        }
    }

    /// The last credential of this reference that SWR accepted, or that was there before any was used.
    pub fn last_known(&self, reference: &str, now: Instant) -> Option<Credential> {
        let references = lock(&self.references);
        let (credential, since) = references.get(reference)?.known.as_ref()?;
        (now.saturating_duration_since(*since) < TOKEN_LIFE).then(|| credential.clone())
    }

    fn reference(&self, name: &str, now: Instant, change: impl FnOnce(&mut Reference)) {
        let is_young = |other: &Reference| now.saturating_duration_since(other.used) < TOKEN_LIFE;
        let make = || Reference { lane: None, known: None, used: now };
        let mut references = lock(&self.references);
        let reference = references.get_or_insert(name.to_owned(), make, is_young);
        reference.used = now;
        change(reference);
    }

    fn region(&self, region: &str, now: Instant) -> Arc<Region> {
        let in_use = |region: &Arc<Region>| Arc::strong_count(region) > 1 || region.is_young(now);
        let make = || Arc::new(Region::new(now));
        lock(&self.regions).get_or_insert(region.to_owned(), make, in_use).clone()
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
