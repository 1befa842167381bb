//! Drives a pass: asks it what to do next, has it performed, and passes the answer on. Knows the
//! clock, chance and the clients, and decides nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::api_server::ApiServer;
use super::registry::{Key, Registry};
use crate::access::credentials::{CredentialHealth, SecretVersion};
use crate::access::endpoint::Endpoints;
use crate::api::ImageShare;
use crate::cloud;
use crate::cloud::ShareId;
use crate::cloud::access_domains::Session;
use crate::cloud::lists::Listings;
use crate::cloud::reachability::Outages;
use crate::core::effect::{Effect, Refusal};
use crate::core::facts::{Jitter, Now, Settings, Write};
use crate::core::object::{Fingerprint, Object, Place};
use crate::core::pass::Pass;
use crate::core::schedule::{self, Ended, History, ObjectState};
use crate::core::step::{End, Keep, Start, Step, Summary};
use crate::metrics::Metrics;
use crate::reason::Kind;

/// How soon to come back while the watch has not brought all objects yet.
const UNSYNCED: Duration = Duration::from_millis(200);
/// The version of an object that is newer than any the cache may show: the object is read live.
const NEWER: u64 = u64::MAX;

/// What all passes share.
pub struct Shared {
    /// The API server.
    pub api_server: ApiServer,
    /// The connections to SWR.
    pub cloud: cloud::Client,
    /// Where each region's SWR lives.
    pub endpoints: Endpoints,
    /// What SWR said of credentials.
    pub health: CredentialHealth,
    /// Which region has been out of order, and is back.
    pub outages: Outages,
    /// The lists of repositories that many objects share.
    pub listings: Listings,
    /// All objects.
    pub registry: Registry,
    /// What the administrator has set.
    pub settings: Arc<Settings>,
    /// What spreads the first looks of a life, another in each.
    pub jitter: RandomState,
    /// When this life of the operator began.
    pub began: Instant,
    /// What the operator counts.
    pub metrics: Metrics,
    /// Whether the watch has brought every object that exists.
    pub synced: Arc<AtomicBool>,
}

/// What one pass needs outside of itself.
pub(super) struct Driver<'a> {
    pub(super) shared: &'a Shared,
    pub(super) key: Key,
    /// The object, as the last answer of the API server had it.
    pub(super) object: ImageShare,
    /// Its newest resourceVersion that was read live or written; `None` if it is known from the
    /// cache alone.
    pub(super) version: Option<u64>,
    pub(super) share: Option<ShareId>,
    pub(super) session: Option<Session>,
    /// The Secret that the session's credentials come from.
    pub(super) secret: Option<SecretVersion>,
}

/// Runs one pass. Gives the time until the next one, `None` if only a change calls for it.
pub async fn pass(object: Arc<ImageShare>, shared: &Shared) -> Option<Duration> {
    // As long as objects are missing, nobody's place is certain.
    if !shared.synced.load(Ordering::Relaxed) {
        return Some(UNSYNCED);
    }
    let mut driver = Driver::new(&object, shared);
    if let Some(back_at) = driver.outage_over_since() {
        shared.registry.wake(&driver.key.uid, back_at);
    }
    let entry = shared.registry.entry(&driver.key.uid);
    let seen = Object::of(&object);
    let place = driver.place();
    let fingerprint = Fingerprint::of(&seen, &place);
    let wait = entry.state.as_ref().and_then(|state| state.wait(fingerprint, Instant::now()));
    if let Some(wait) = wait {
        return Some(wait);
    }
    driver.version = entry.version;
    let start = Start {
        object: seen,
        // The cache may lag behind what we wrote ourselves.
        is_outdated: entry.version.is_some_and(|known| version(&object) < Some(known)),
        place,
        state: entry.state,
        settings: shared.settings.clone(),
        operator_began: shared.began,
        jitter: draw(),
        repository_jitter: driver.repository_jitter(),
    };
    let mut pass = Pass::begin(start, &driver.now());
    loop {
        match pass.next(&driver.now()) {
            Step::Do(effect) => {
                driver.note(&effect, &pass);
                let answer = driver.perform(&effect).await;
                pass.on(answer, &driver.now());
            }
            Step::Done(end) => return driver.end(*end),
        }
    }
}

/// Notes that a pass over the object panicked, and when to come back.
pub fn panicked(object: &ImageShare, shared: &Shared) -> Option<Duration> {
    shared.metrics.panic();
    let driver = Driver::new(object, shared);
    let before = shared.registry.entry(&driver.key.uid).state;
    let fingerprint = Fingerprint::of(&Object::of(object), &driver.place());
    // What it had sent is noted; what it had found out is not known.
    let unknown = || History { create_may_land_until: driver.create_until(), ..History::default() };
    let history = before.as_ref().map(|state| state.history_for(fingerprint));
    let history = history.unwrap_or_else(unknown);
    let ended = Ended::cut_short(Instant::now(), fingerprint, history);
    let (state, delay) = schedule::after(before.as_ref(), ended, Instant::now(), draw());
    shared.registry.keep(&driver.key.uid, Keep::State(Box::new(state)), Some(NEWER));
    delay
}

impl<'a> Driver<'a> {
    fn new(object: &ImageShare, shared: &'a Shared) -> Self {
        let region = shared.settings.default_region.as_deref();
        Self {
            key: Key::of(object),
            version: None,
            share: Object::of(object).share_id(region).ok(),
            object: object.clone(),
            session: None,
            secret: None,
            shared,
        }
    }

    /// The time, by three clocks.
    pub(super) fn now(&self) -> Now {
        let base = self.share.as_ref().and_then(|share| self.shared.endpoints.of(&share.region));
        Now {
            monotonic: Instant::now(),
            wall: Timestamp::now(),
            cloud: base.and_then(|base| self.shared.cloud.time_at(&base)),
        }
    }

    /// Where the object stands among those that declare its share.
    pub(super) fn place(&self) -> Place {
        let place = |share| self.shared.registry.place(&self.key, share);
        self.share.as_ref().map_or(Place::ALONE, place)
    }

    fn outage_over_since(&self) -> Option<Instant> {
        self.shared.outages.over_since(&self.share.as_ref()?.region)
    }

    fn repository_jitter(&self) -> Jitter {
        let repository = self.share.as_ref().map(|share| (&share.organization, &share.repository));
        jitter(self.shared.jitter.hash_one(repository))
    }

    /// Before a write to the cloud: what a pass that is dropped must not take with it.
    fn note(&self, effect: &Effect, pass: &Pass) {
        if effect.writes_to_the_cloud() {
            let fingerprint = Fingerprint::of(pass.object(), pass.place());
            let state = ObjectState::new(fingerprint, History::default(), Instant::now());
            let until = matches!(effect, Effect::Create(_)).then(|| self.create_until()).flatten();
            self.shared.registry.note_write(&self.key.uid, state, until);
        }
    }

    fn create_until(&self) -> Option<Instant> {
        Instant::now().checked_add(self.shared.settings.request_window)
    }

    /// Notes what the API server made of the object.
    pub(super) fn took(&mut self, object: ImageShare) -> Object {
        self.version = version(&object);
        self.object = object;
        Object::of(&self.object)
    }

    fn end(self, end: End) -> Option<Duration> {
        let End { keep, come_back, is_unsure, summary } = end;
        summarize(&summary, &self.shared.metrics);
        // Whether a write took effect is not known either.
        let version = if is_unsure { Some(NEWER) } else { self.version };
        self.shared.registry.keep(&self.key.uid, keep, version);
        come_back
    }
}

/// What a pass did, in the log and in the counters.
fn summarize(summary: &Summary, metrics: &Metrics) {
    let wrote = summary.wrote.map(Write::as_str);
    let request_id = summary.request_id.as_deref();
    if let Some(note) = &summary.orphan {
        metrics.orphaned_share();
        tracing::error!(reason = "ShareOrphaned", "{note}");
    }
    if summary.is_released {
        tracing::info!(wrote, "released");
    }
    if summary.is_resumed {
        tracing::debug!("resumed as settled");
    }
    if summary.is_uninstalling {
        tracing::debug!("the CRD is being deleted, and the shares stay as they are");
    } else if summary.refusal == Some(Refusal::Conflict) {
        tracing::debug!("the object has changed meanwhile");
    }
    let Some(outcome) = &summary.outcome else { return };
    metrics.pass(outcome.reason);
    let reason = outcome.reason.as_str();
    if !summary.is_news && wrote.is_none() {
        tracing::debug!(reason, request_id, "nothing changed");
    } else if outcome.reason.kind() == Kind::Steady {
        tracing::info!(reason, wrote, "{}", outcome.message);
    } else {
        tracing::warn!(reason, wrote, request_id, "{}", outcome.message);
    }
}

/// Resource versions of one object can be compared as numbers (Kubernetes API concepts, 1.35).
pub(super) fn version(object: &ImageShare) -> Option<u64> {
    object.resource_version().and_then(|version| version.parse().ok())
}

/// A random number. Jitter needs no better source than the hasher's random keys.
pub(super) fn draw() -> Jitter {
    jitter(RandomState::new().hash_one(0_u8))
}

fn jitter(hash: u64) -> Jitter {
    Jitter(u32::try_from(hash >> 32).unwrap_or_default())
}
