//! What calls have shown of each region and of each credential in it, and how many calls may go out
//! because of that. Time comes in as a parameter; decides nothing about shares.
//!
//! A *lane* is a credential at a region's endpoint. It goes by the credential's content, not by the
//! Secret that it was read from: a Secret that is touched, or copied into twenty namespaces, is one
//! credential, with one standing and one pace. A *reference* is the name of a Secret's key in a region,
//! and leads to a lane.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Request;

use super::SwrError;
use super::exchange::{Attempts, Exchange};
use super::pace::Pace;
use super::reachability::Sign;
use super::throttling::LimitBy;
use crate::access::authorize::{Authorize, Confidential};
use crate::access::credentials::Credential;
use crate::evicting::Evicting;
use crate::reason::Reason;

/// How many passes may run in a region at a time.
pub const PLACES_MAX: usize = 16;
/// In one that has not answered yet. Each answer adds one, and silence leaves one.
const PLACES_FIRST: usize = 4;
/// How often rejected credentials are tried again although nobody changed them. Five bad attempts can
/// lock an access key (API gateway, "Error Codes", `.0301`).
pub const PROBE: Duration = Duration::from_mins(15);
/// How long what was accepted is kept for a deletion: as long as a token lasts ("Obtaining a User Token",
/// Huawei Cloud IAM API reference).
const TOKEN_LIFE: Duration = Duration::from_hours(24);
/// What was not used for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// All regions, lanes and references.
#[derive(Default)]
pub struct Lanes {
    regions: Mutex<Evicting<String, Arc<Region>>>,
    by_credential: Mutex<Evicting<(String, Credential), Arc<Lane>>>,
    attempts: Mutex<Evicting<Credential, Arc<Attempts>>>,
    references: Mutex<Evicting<String, Reference>>,
}

/// A region's endpoint.
struct Region(Mutex<RegionState>);

struct RegionState {
    places: usize,
    /// When it has kept silent last.
    silent_at: Option<Instant>,
    /// The limits that count every caller, or this machine.
    pace: Pace,
    used: Instant,
}

/// A credential at a region's endpoint.
pub struct Lane {
    region: Arc<Region>,
    /// Whose calls these are.
    pub credential: Credential,
    /// What they go out with.
    pub exchange: Exchange,
    state: Mutex<LaneState>,
    /// Held by the one call that shows whether a credential is accepted.
    proving: tokio::sync::Mutex<()>,
}

struct LaneState {
    standing: Standing,
    /// The limits that count this user.
    pace: Pace,
    used: Instant,
}

/// What SWR thinks of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Untried,
    Accepted,
    Rejected { since: Instant },
}

/// The name of a Secret's key in a region.
struct Reference {
    lane: Option<Arc<Lane>>,
    /// The last credential that SWR accepted, and when; or one that was not used yet where there is none.
    known: Option<(Credential, Instant)>,
    used: Instant,
}

/// The right to send one call.
pub struct Permit<'a>(#[allow(dead_code, reason = "held")] Option<tokio::sync::MutexGuard<'a, ()>>);

/// Why a call is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBack {
    /// SWR has rejected the credential.
    Rejected,
    /// The region has not answered others meanwhile.
    Silent,
    /// SWR asks for a pause, of which so much is left.
    Paused(Duration),
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
            lanes.get_or_insert(key, make, |lane| is_in_use(lane, now)).clone()
        };
        lock(&lane.state).used = now;
        self.reference(reference, now, |reference| reference.lane = Some(lane.clone()));
        lane
    }

    fn new_lane(&self, region: &str, credential: &Credential, now: Instant) -> Lane {
        let exchange = credential.as_issued().map_or_else(
            || {
                let mut attempts = lock(&self.attempts);
                let in_use = |attempts: &Arc<Attempts>| Arc::strong_count(attempts) > 1;
                let of_it = attempts.get_or_insert(credential.clone(), Arc::default, in_use);
                Exchange::new(of_it.clone())
            },
            Exchange::of,
        );
        let state = LaneState { standing: Standing::Untried, pace: Pace::default(), used: now };
        Lane {
            region: self.region(region, now),
            credential: credential.clone(),
            exchange,
            state: Mutex::new(state),
            proving: tokio::sync::Mutex::default(),
        }
    }

    /// How many passes may run in a region.
    pub fn places(&self, region: &str) -> usize {
        lock(&self.regions).get(region).map_or(PLACES_FIRST, |region| lock(&region.0).places)
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
        lane.is_some_and(|lane| matches!(lock(&lane.state).standing, Standing::Rejected { .. }))
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
        let in_use = |region: &Arc<Region>| {
            let is_young = now.saturating_duration_since(lock(&region.0).used) < FORGOTTEN_AFTER;
            Arc::strong_count(region) > 1 || is_young
        };
        let new =
            RegionState { places: PLACES_FIRST, silent_at: None, pace: Pace::default(), used: now };
        let make = || Arc::new(Region(Mutex::new(new)));
        lock(&self.regions).get_or_insert(region.to_owned(), make, in_use).clone()
    }
}

impl Lane {
    /// Whether a pass with this credential must wait for another one. Lets one through per [`PROBE`].
    pub fn is_rejected(&self, now: Instant) -> bool {
        let mut state = lock(&self.state);
        match state.standing {
            Standing::Rejected { since } if now.saturating_duration_since(since) < PROBE => true,
            Standing::Rejected { .. } => {
                state.standing = Standing::Untried;
                false
            }
            Standing::Untried | Standing::Accepted => false,
        }
    }

    /// Waits until a call may be sent: until another one has shown that the credential is accepted,
    /// and until the pace allows it, but for that no longer than `patience`.
    ///
    /// Fails if the credential is rejected and this is not the `last_try`, if the region turns out to be
    /// silent meanwhile, or if the pause is too long.
    pub async fn enter(&self, last_try: bool, patience: Duration) -> Result<Permit<'_>, HeldBack> {
        let came = Instant::now();
        let is_accepted = || lock(&self.state).standing == Standing::Accepted;
        let proving = if is_accepted() { None } else { Some(self.proving.lock().await) };
        let proving = proving.filter(|_| !is_accepted());
        // Who waited for another's answer need not wait for the same silence again.
        if lock(&self.region.0).silent_at.is_some_and(|at| at > came) {
            return Err(HeldBack::Silent);
        }
        loop {
            let now = Instant::now();
            if !last_try && self.is_rejected(now) {
                return Err(HeldBack::Rejected);
            }
            let Some(ready_at) = self.send(now) else { return Ok(Permit(proving)) };
            if ready_at.saturating_duration_since(came) > patience {
                return Err(HeldBack::Paused(ready_at.saturating_duration_since(now)));
            }
            tokio::time::sleep_until(ready_at.into()).await;
        }
    }

    /// Notes a call that goes out now; or gives the moment before which none may.
    fn send(&self, now: Instant) -> Option<Instant> {
        let (mut region, mut state) = (lock(&self.region.0), lock(&self.state));
        let ready_at = region.pace.ready_at(now).max(state.pace.ready_at(now));
        if ready_at.is_none() {
            region.pace.sent(now);
            state.pace.sent(now);
            (region.used, state.used) = (now, now);
        }
        ready_at
    }

    /// What an answer to a call says of the region and of the credential.
    pub fn note<T>(&self, answer: &Result<T, SwrError>, now: Instant) {
        let (mut region, mut state) = (lock(&self.region.0), lock(&self.state));
        let asks_for_a_pause = answer.as_ref().err().is_some_and(SwrError::asks_for_a_pause);
        let sign = if asks_for_a_pause { Sign::Nothing } else { Sign::of_answer(answer) };
        match sign {
            Sign::Life => region.places = PLACES_MAX.min(region.places + 1),
            Sign::Silence => (region.places, region.silent_at) = (1, Some(now)),
            Sign::Nothing => {}
        }
        match answer.as_ref().err() {
            Some(error) if error.reason == Reason::Unauthorized => {
                state.standing = Standing::Rejected { since: now };
            }
            Some(error) if asks_for_a_pause => {
                let pace = match error.limit.map(|limit| limit.by) {
                    Some(LimitBy::Ip | LimitBy::Api) => &mut region.pace,
                    Some(LimitBy::User) | None => &mut state.pace,
                };
                pace.throttled(error.limit, error.pause_beside_limit(), now);
            }
            // Also a refusal, if it is not about who asks.
            _ if sign == Sign::Life => {
                state.standing = Standing::Accepted;
                region.pace.accepted(now);
                state.pace.accepted(now);
            }
            _ => {}
        }
    }

    fn room(&self, now: Instant) -> Result<usize, Instant> {
        let (mut region, mut state) = (lock(&self.region.0), lock(&self.state));
        if let Some(ready_at) = region.pace.ready_at(now).max(state.pace.ready_at(now)) {
            return Err(ready_at);
        }
        let free = region.pace.free(now).min(state.pace.free(now));
        Ok(PLACES_MAX.min(free))
    }
}

/// A lane's calls go out with what was issued last: who renews it does so for all.
impl Authorize for Lane {
    fn authorize(&self, request: &mut Request, now: Timestamp) -> Result<(), Reason> {
        let (issued, _) = self.exchange.current().ok_or(Reason::Unauthorized)?;
        issued.authority.authorize(request, now)
    }
}

impl Confidential for Lane {
    fn is_shown_by(&self, text: &str) -> bool {
        self.exchange.current().is_some_and(|(issued, _)| issued.authority.is_shown_by(text))
    }
}

fn is_in_use(lane: &Arc<Lane>, now: Instant) -> bool {
    let state = lock(&lane.state);
    let is_young = now.saturating_duration_since(state.used) < FORGOTTEN_AFTER;
    Arc::strong_count(lane) > 1 || is_young || !state.pace.is_idle(now)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
