//! What all passes share. Keeps, and does nothing with it.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::api_server::ApiServer;
use super::pulse::Pulse;
use super::queue::{Flow, Gate, Room};
use super::reads::Reads;
use super::registry::Registry;
use super::sources::Allowed;
use crate::access::endpoint::Endpoints;
use crate::cloud;
use crate::cloud::lane::PLACES_MAX;
use crate::cloud::lanes::Lanes;
use crate::cloud::lists::Listings;
use crate::cloud::reachability::Outages;
use crate::core::facts::Settings;
use crate::health::Health;
use crate::leader::permit::Permit;
use crate::metrics::{Metrics, Observed};

/// What all passes share.
pub struct Shared {
    /// The API server.
    pub api_server: ApiServer,
    /// What many passes read of it.
    pub reads: Reads,
    /// The connections to SWR.
    pub cloud: cloud::Client,
    /// Where each region's APIs live.
    pub endpoints: Endpoints,
    /// What may stand for credentials.
    pub allowed: Allowed,
    /// What calls have shown of regions and credentials.
    pub lanes: Arc<Lanes>,
    /// Which region has been out of order, and is back.
    pub outages: Arc<Outages>,
    /// The lists of repositories that many objects share.
    pub listings: Listings,
    /// All objects.
    pub registry: Registry,
    /// What the administrator has set.
    pub settings: Arc<Settings>,
    /// What spreads the first looks of a life, another in each.
    pub jitter: RandomState,
    /// Since when this operator leads. What was sent before that by another one may still take effect.
    pub leads_since: Instant,
    /// When a watch on objects was last answered.
    pub pulse: Pulse,
    /// Until when it may act.
    pub permit: Permit,
    /// What the operator counts.
    pub metrics: Metrics,
    /// Whether the operator can do its work.
    pub health: Health,
    /// Cancelled when the operator is asked to stop: no effect begins after that.
    pub stopping: CancellationToken,
}

impl Shared {
    /// What the metrics ask for.
    pub(super) fn observed(&self) -> Observed {
        let now = Instant::now();
        let (shares, waiting) = (self.registry.states(), self.registry.waiting());
        let told = self.lanes.told(self.registry.references(), now);
        let rejected = told.iter().filter(|(_, it)| it.is_rejected).map(|(name, _)| name.clone());
        let rejected = rejected.collect();
        let ends = told.into_iter().filter_map(|(name, it)| Some((name, it.ends_at?))).collect();
        let paused = self.lanes.paused(now);
        let watch_age = self.pulse.heard().map(|heard| now.saturating_duration_since(heard));
        Observed { shares, waiting, paused, rejected, ends, watch_age }
    }

    /// Whether an effect may begin.
    pub(super) fn may_act(&self) -> bool {
        !self.stopping.is_cancelled() && self.permit.is_valid(Instant::now())
    }
}

impl Gate for Lanes {
    fn places(&self, region: &str) -> usize {
        // An object that names no region makes no call.
        if region.is_empty() { PLACES_MAX } else { self.places(region) }
    }

    fn room(&self, flow: &Flow, now: Instant) -> Room {
        match self.room(&flow.lane(), now) {
            Ok(places) => Room::Places(places),
            Err(at) => Room::NotBefore(at),
        }
    }
}
