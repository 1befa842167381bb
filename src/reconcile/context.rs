//! What all passes share, and what is remembered between them. Decides nothing.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use super::goal::share_id;
use super::line::{Line, Turn};
use crate::api::ImageShare;
use crate::auth::Verdicts;
use crate::backoff::Memory;
use crate::cluster::Cluster;
use crate::metrics::Metrics;
use crate::swr;
use crate::swr::endpoint::Endpoints;
use crate::swr::listing::Listings;
use crate::swr::outage::Outages;

/// What all passes share.
pub struct Context {
    /// The API server.
    pub cluster: Cluster,
    /// The connections to SWR.
    pub swr: swr::Client,
    /// Where each region's SWR lives.
    pub endpoints: Endpoints,
    /// The region of objects that name none.
    pub default_region: Option<String>,
    /// What SWR said of credentials.
    pub verdicts: Verdicts,
    /// Which region has been out of order, and is back.
    pub outages: Outages,
    /// How long a deletion waits for credentials; `None` is for ever.
    pub orphan_after: Option<Duration>,
    /// How long a create that got no answer may still take effect.
    pub request_window: Duration,
    /// How long before the end of a share its end counts as near; `None` is never.
    pub expiring_soon: Option<Duration>,
    /// What spreads the first looks of a life, another in each.
    pub lots: RandomState,
    /// When this life of the operator began.
    pub started: Instant,
    /// What the operator counts.
    pub metrics: Metrics,
    /// The lists of repositories that many objects share.
    pub listings: Listings,
    /// What is remembered of each object, by its uid.
    pub memories: Memories,
    /// Who owns the shares that several objects declare.
    pub line: Seats,
    /// Whether the watch has brought every object that exists.
    pub synced: Arc<AtomicBool>,
}

/// Who owns the shares that several objects declare, as the watch tells it.
#[derive(Default)]
pub struct Seats(Mutex<Line>);

impl Seats {
    /// The line itself.
    pub fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// Until when a create of a former life of the operator may still take effect.
    pub fn former_life_ends(&self) -> Option<Instant> {
        self.started.checked_add(self.request_window)
    }

    /// When the last outage was over of the region that an object's share lives in.
    pub fn outage_over_since(&self, object: &ImageShare) -> Option<Instant> {
        let id = share_id(object, self.default_region.as_deref()).ok()?;
        self.outages.over_since(&id.region)
    }

    /// What time it is for the SWR of a region.
    pub fn cloud_time(&self, region: &str) -> Timestamp {
        let there = self.endpoints.of(region).and_then(|base| self.swr.time_at(&base));
        there.unwrap_or_else(Timestamp::now)
    }

    /// Whether the SWR of a region has told what time it is.
    pub fn knows_time_of(&self, region: &str) -> bool {
        self.endpoints.of(region).is_some_and(|base| self.swr.time_at(&base).is_some())
    }

    /// Where an object stands in the line for its share.
    pub fn turn(&self, object: &ImageShare) -> Turn {
        match share_id(object, self.default_region.as_deref()) {
            Ok(id) => self.line.lock().turn(&object.uid().unwrap_or_default(), &id),
            Err(_) => Turn::First { next: Vec::new() },
        }
    }
}

/// What is remembered of each object between its passes, by its uid.
#[derive(Default)]
pub struct Memories(Mutex<HashMap<String, Memory>>);

impl Memories {
    /// What is remembered of one.
    pub fn get(&self, uid: &str) -> Option<Memory> {
        self.lock().get(uid).cloned()
    }

    /// Remembers it.
    pub fn keep(&self, uid: String, memory: Memory) {
        self.lock().insert(uid, memory);
    }

    /// Wakes it, if it failed in an outage that ended at `back_at`.
    pub fn wake(&self, uid: &str, back_at: Instant) {
        if let Some(memory) = self.lock().get_mut(uid) {
            memory.wake(back_at);
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
