//! One credential at a region's endpoint: what calls have shown of both, and when the next may go out. Time
//! comes in as a parameter; decides nothing about shares.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Request;

use super::SwrError;
use super::exchange::Exchange;
use super::pace::Pace;
use super::reachability::Sign;
use super::throttling::LimitBy;
use crate::access::authorize::{Authorize, Confidential};
use crate::access::credentials::Credential;
use crate::lock::lock;
use crate::reason::Reason;

/// How many passes may run in a region at a time.
pub const PLACES_MAX: usize = 16;
/// In one that has not answered yet. Each answer adds one, and silence leaves one.
pub(super) const PLACES_FIRST: usize = 4;
/// How often rejected credentials are tried again although nobody changed them. Five bad attempts can
/// lock an access key (API gateway, "Error Codes", `.0301`).
pub const PROBE: Duration = Duration::from_mins(15);
/// What was not used for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// A region's endpoint.
pub struct Region(Mutex<RegionState>);

struct RegionState {
    places: usize,
    /// When it has kept silent last.
    silent_at: Option<Instant>,
    /// The limits that count every caller, or this machine.
    pace: Pace,
    used: Instant,
}

impl Region {
    /// One of which nothing is known.
    pub(super) fn new(now: Instant) -> Self {
        let (places, pace) = (PLACES_FIRST, Pace::default());
        Self(Mutex::new(RegionState { places, silent_at: None, pace, used: now }))
    }

    /// How many passes may run in it.
    pub(super) fn places(&self) -> usize {
        lock(&self.0).places
    }

    /// Whether it was used not long ago.
    pub(super) fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(lock(&self.0).used) < FORGOTTEN_AFTER
    }
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

impl Lane {
    /// One that nobody has used.
    pub(super) fn new(
        region: Arc<Region>,
        credential: Credential,
        exchange: Exchange,
        now: Instant,
    ) -> Self {
        let state = LaneState { standing: Standing::Untried, pace: Pace::default(), used: now };
        let (state, proving) = (Mutex::new(state), tokio::sync::Mutex::default());
        Self { region, credential, exchange, state, proving }
    }

    /// It is in use.
    pub(super) fn touch(&self, now: Instant) {
        lock(&self.state).used = now;
    }

    /// Whether it was rejected when it was used last.
    pub(super) fn was_rejected(&self) -> bool {
        matches!(lock(&self.state).standing, Standing::Rejected { .. })
    }

    /// Whether it must not be forgotten.
    pub(super) fn is_in_use(lane: &Arc<Self>, now: Instant) -> bool {
        let state = lock(&lane.state);
        let is_young = now.saturating_duration_since(state.used) < FORGOTTEN_AFTER;
        Arc::strong_count(lane) > 1 || is_young || !state.pace.is_idle(now)
    }

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

    /// How many passes may run with it; or the moment before which none begins.
    pub(super) fn room(&self, now: Instant) -> Result<usize, Instant> {
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
        let (issued, _) = self.exchange.current().ok_or(Reason::SignInFailed)?;
        issued.authority.authorize(request, now)
    }

    fn goes_by_the_clock(&self) -> bool {
        self.exchange.current().is_some_and(|(issued, _)| issued.authority.goes_by_the_clock())
    }
}

impl Confidential for Lane {
    fn is_shown_by(&self, text: &str) -> bool {
        self.exchange.is_shown_by(text)
    }
}
