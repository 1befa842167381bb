//! Drives a pass: asks it what to do next, has it performed, and passes the answer on. Knows the
//! clock, chance and the clients, and decides nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::entry::Key;
use super::held;
use super::packed::Packed;
use super::registry::{Left, Work};
use super::shared::Shared;
use super::summary;
use super::unreadable;
use crate::access::credentials::SecretVersion;
use crate::access::regions::Service;
use crate::api::ImageShare;
use crate::cloud::ShareId;
use crate::cloud::access_domains::Session;
use crate::cloud::lane::Lane;
use crate::core::effect::Effect;
use crate::core::facts::{Jitter, Now};
use crate::core::object::{Fingerprint, Object, Place};
use crate::core::object_state::{History, ObjectState};
use crate::core::pass::Pass;
use crate::core::schedule::{self, Ended};
use crate::core::step::{End, Keep, Start, Step, Summary};
use crate::reason::Reason;

/// What one pass needs outside of itself.
pub(super) struct Driver<'a> {
    pub(super) shared: &'a Shared,
    pub(super) key: Key,
    /// When the pass began.
    pub(super) began: Instant,
    /// The object, as the last answer of the API server had it.
    pub(super) object: ImageShare,
    pub(super) share: Option<ShareId>,
    /// With whose credentials calls are made, and what is known of them.
    pub(super) access: Option<(Session, Arc<Lane>)>,
    /// Since when the object is known to be marked for deletion.
    pub(super) deleting_since: Option<Instant>,
    /// Whether somebody has asked for this pass.
    pub(super) is_requested: bool,
    /// Whether a call goes out with credentials that SWR has rejected: there is no later one.
    pub(super) is_last_try: bool,
    /// Whether the finalizer was taken off, or may have been.
    pub(super) has_let_go: bool,
    /// What the credentials were read from.
    pub(super) secret: Option<SecretVersion>,
}

/// Does what an object's turn is for: a pass over it, or a word why there is none.
pub async fn work(work: Work, shared: &Shared) -> Left {
    if let Some(metadata) = work.unreadable.clone() {
        // Boxed: it is rare, and every pass would be as large.
        return Box::pin(unreadable::work(&metadata, work, shared)).await;
    }
    let missing = shared.reads.crd_missing();
    match work.object.as_ref().and_then(|packed| packed.unpack(&work.key)) {
        Some(object) if held::waits_for_crd(&object, &missing) => {
            held::hold(&object, &missing, shared).await
        }
        Some(object) => pass(object, work, shared).await,
        None => nothing_to_keep(None),
    }
}

/// Runs one pass.
pub(super) async fn pass(object: ImageShare, work: Work, shared: &Shared) -> Left {
    let mut driver = Driver::new(object, work.key, shared);
    let seen = Object::of(&driver.object);
    driver.is_requested = seen.requested().is_some();
    driver.deleting_since = work.deleting_since;
    let place = driver.place();
    let start = Start {
        object: seen,
        is_outdated: work.is_outdated,
        deleted_for: shared.api_server.clock.deleted_for(&driver.object.metadata),
        place,
        state: work.state,
        settings: shared.settings.clone(),
        leads_since: shared.leads_since,
        jitter: draw(),
        repository_jitter: driver.repository_jitter(),
    };
    let mut pass = Pass::begin(start, &driver.now());
    loop {
        match pass.next(&driver.now()) {
            Step::Do(_) if !shared.may_act() => return driver.cut_short(),
            Step::Do(effect) => {
                driver.follow(&pass);
                driver.note(&effect, &pass);
                let permit = &shared.permit;
                let Some(answer) = permit.within(Box::pin(driver.perform(&effect))).await else {
                    return driver.cut_short();
                };
                pass.on(answer, &driver.now());
            }
            Step::Done(end) => return driver.end(*end),
        }
    }
}

pub(super) fn nothing_to_keep(object: Option<ImageShare>) -> Left {
    Left {
        object,
        keep: Keep::AsItWas,
        come_back: None,
        is_unsure: false,
        has_let_go: false,
        back_at: None,
    }
}

/// Notes that a pass over the object panicked, and when to come back.
pub fn panicked(key: &Key, object: Option<&Packed>, shared: &Shared) -> Left {
    shared.metrics.panic();
    let Some(object) = object.and_then(|packed| packed.unpack(key)) else {
        return nothing_to_keep(None);
    };
    let driver = Driver::new(object, key.clone(), shared);
    let before = shared.registry.state(key);
    let fingerprint = Fingerprint::of(&Object::of(&driver.object), &driver.place());
    // What it had sent is noted; what it had found out is not known.
    let unknown = || History { create_may_land_until: driver.create_until(), ..History::default() };
    let history = before.as_ref().map(|state| state.history_for(fingerprint));
    let history = history.unwrap_or_else(unknown);
    let ended = Ended::cut_short(Instant::now(), fingerprint, history);
    let (state, come_back) = schedule::after(before.as_ref(), ended, Instant::now(), draw());
    let keep = Keep::State(Box::new(state));
    let back_at = driver.outage_over_since();
    Left { keep, come_back, is_unsure: true, back_at, ..nothing_to_keep(None) }
}

impl<'a> Driver<'a> {
    fn new(object: ImageShare, key: Key, shared: &'a Shared) -> Self {
        let region = shared.settings.default_region.as_deref();
        let share = Object::of(&object).share_id(region).ok();
        Self {
            key,
            began: Instant::now(),
            share,
            object,
            deleting_since: None,
            is_requested: false,
            access: None,
            is_last_try: false,
            has_let_go: false,
            secret: None,
            shared,
        }
    }

    /// The time, by three clocks.
    pub(super) fn now(&self) -> Now {
        let endpoint = |share: &ShareId| self.shared.endpoints.of(Service::Swr, &share.region);
        let base = self.share.as_ref().and_then(endpoint);
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

    /// The pass may have read the object anew, and then it may speak of another share.
    fn follow(&mut self, pass: &Pass) {
        if self.share.as_ref() != pass.share() {
            self.share = pass.share().cloned();
        }
    }

    /// Before a write to the cloud: what a pass that is dropped must not take with it.
    fn note(&self, effect: &Effect, pass: &Pass) {
        if effect.writes_to_the_cloud() {
            let fingerprint = Fingerprint::of(pass.object(), pass.place());
            let state = ObjectState::new(fingerprint, History::default(), Instant::now());
            let until = matches!(effect, Effect::Create(_)).then(|| self.create_until()).flatten();
            self.shared.registry.note_write(&self.key, state, until);
        }
    }

    fn create_until(&self) -> Option<Instant> {
        Instant::now().checked_add(self.shared.settings.request_window)
    }

    /// Notes what the API server made of the object.
    pub(super) fn took(&mut self, object: ImageShare) -> Object {
        self.object = object;
        Object::of(&self.object)
    }

    fn end(self, end: End) -> Left {
        let End { keep, come_back, is_unsure, summary } = end;
        summary::note(&summary, self.began.elapsed(), &self.shared.metrics);
        self.note_ready(&summary);
        let back_at = self.outage_over_since();
        let has_let_go = self.has_let_go;
        Left { object: Some(self.object), keep, come_back, is_unsure, has_let_go, back_at }
    }

    /// How long it took from a change of the object to what it asks for.
    fn note_ready(&self, summary: &Summary) {
        let generation = self.object.metadata.generation.unwrap_or_default();
        let is_ready = summary.outcome.as_ref().is_some_and(|it| it.reason == Reason::Shared);
        if is_ready && let Some(since) = self.shared.registry.became_ready(&self.key, generation) {
            self.shared.metrics.ready(since.elapsed());
        }
    }

    /// The operator stops: nothing of this pass is needed any more.
    fn cut_short(self) -> Left {
        let has_let_go = self.has_let_go;
        Left { is_unsure: true, has_let_go, ..nothing_to_keep(Some(self.object)) }
    }
}

/// A random number. Jitter needs no better source than the hasher's random keys.
pub(super) fn draw() -> Jitter {
    jitter(RandomState::new().hash_one(0_u8))
}

fn jitter(hash: u64) -> Jitter {
    Jitter(u32::try_from(hash >> 32).unwrap_or_default())
}
