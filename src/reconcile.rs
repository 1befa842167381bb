//! One pass over one object, its stages in order:
//!
//! 1. is it time at all ([`crate::backoff`]),
//! 2. what is wanted ([`desired`]): pure,
//! 3. until nothing is left to do: decide ([`plan`]): pure, then [`act`]: the only stage that
//!    reaches the cloud, or writes the finalizer,
//! 4. say what is true ([`status`]): pure, then at most one write,
//! 5. when to come back ([`crate::backoff`]): pure.
//!
//! Nothing is kept between passes but when to come back: a crash at any point is healed by the next
//! pass, because a share's identity is known before the first call.

pub mod act;
pub mod desired;
pub mod plan;
pub mod status;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{DeletionPolicy, FINALIZER, ImageShare};
use crate::auth::Verdicts;
use crate::backoff::{self, End, Memory, Seen};
use crate::cluster::{Cluster, ClusterError};
use crate::metrics::Metrics;
use crate::reason::Kind;
use crate::swr::endpoint::Endpoints;
use crate::swr::{self, ShareId};
use act::{Acting, Stop};
use desired::{Desired, Unusable};
use plan::Wish;
use status::Finding;

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
    /// How long a deletion waits for credentials; `None` is for ever.
    pub orphan_after: Option<Duration>,
    /// What the operator counts.
    pub metrics: Metrics,
    /// What is remembered of each object, by its uid.
    pub memories: Memories,
}

/// What is remembered of each object between its passes, by its uid.
#[derive(Default)]
pub struct Memories(Mutex<HashMap<String, Memory>>);

impl Memories {
    fn get(&self, uid: &str) -> Option<Memory> {
        self.lock().get(uid).cloned()
    }

    fn keep(&self, uid: String, memory: Memory) {
        self.lock().insert(uid, memory);
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a pass over one object sets out with.
struct Goal {
    id: ShareId,
    /// `None` while the object is being deleted.
    desired: Option<Desired>,
    deletion: DeletionPolicy,
}

impl Goal {
    fn of(object: &ImageShare, default_region: Option<&str>) -> Result<Self, Unusable> {
        let recorded = object.status.as_ref().and_then(|status| status.share.as_ref());
        let recorded_region = recorded.map(|share| share.region.as_str());
        let id = desired::share_id(&object.spec, recorded_region, default_region)?;
        let desired =
            if is_being_deleted(object) { None } else { Some(desired::desired(&object.spec)?) };
        Ok(Self { id, desired, deletion: object.spec.deletion_policy })
    }

    fn wish(&self) -> Wish<'_> {
        match (&self.desired, self.deletion) {
            (Some(desired), _) => Wish::Share(&desired.terms),
            (None, DeletionPolicy::Delete) => Wish::Revoke,
            (None, DeletionPolicy::Retain) => Wish::LetGo,
        }
    }
}

/// Runs one pass. Gives the time until the next one, `None` if only a change calls for it.
pub async fn pass(object: Arc<ImageShare>, context: &Context) -> Option<Duration> {
    let uid = object.uid().unwrap_or_default();
    let memory = context.memories.get(&uid);
    if let Some(wait) =
        memory.as_ref().and_then(|memory| memory.wait(seen(&object), Instant::now()))
    {
        return Some(wait);
    }
    let object = match up_to_date(&object, memory.as_ref(), &context.cluster).await {
        Ok(object) => object,
        Err(error) => return interrupted(&error, &object, cut_short(&object), context),
    };

    let mut acting = Acting::new(object, context, memory.as_ref());
    let mut goal = Goal::of(&acting.object, context.default_region.as_deref());
    if let Ok(goal) = &mut goal
        && goal.wish() == Wish::Revoke
    {
        match context.cluster.is_uninstalling().await {
            Ok(true) => goal.deletion = DeletionPolicy::Retain,
            Ok(false) => {}
            // Better late than wrong: a share that was to stay cannot be brought back unnoticed.
            Err(error) => {
                return interrupted(&error, &acting.object, cut_short(&acting.object), context);
            }
        }
    }
    let stop = match &goal {
        Ok(goal) => acting.until_rest(&goal.id, goal.wish()).await,
        Err(unusable) if is_being_deleted(&acting.object) => acting.release_unnamed(unusable).await,
        Err(unusable) => Stop::Found(Finding::failed(unusable.reason, &unusable.detail)),
    };
    match stop {
        Stop::Found(finding) => settle(acting, goal.ok().as_ref(), &finding).await,
        Stop::Gone => {
            context.memories.forget(&uid);
            None
        }
        Stop::Interrupted(error) => {
            let end = End { seen: acting.seen, ..cut_short(&acting.object) };
            interrupted(&error, &acting.object, end, context)
        }
    }
}

/// Says what the pass found, and decides when to come back.
async fn settle(
    mut acting: Acting<'_>,
    goal: Option<&Goal>,
    finding: &Finding,
) -> Option<Duration> {
    let context = acting.context;
    context.metrics.pass(finding.reason);
    let written = write_status(&mut acting, goal, finding).await;
    let desired = goal.and_then(|goal| goal.desired.as_ref());
    let end = End {
        seen: acting.seen,
        // A status that could not be written is tried again like any other call.
        kind: if written.is_ok() { finding.reason.kind() } else { Kind::Retry },
        pause: acting.pause,
        interval: desired.and_then(|desired| desired.interval),
        turn: desired.and_then(|desired| desired.terms.deadline.next_turn(Timestamp::now())),
        secret: acting.secret.as_ref(),
        version: version(&acting.object),
    };
    if let Err(error) = written {
        return interrupted(&error, &acting.object, end, context);
    }
    come_back(&acting.object, end, context)
}

/// Remembers how the pass ended, and when to come back.
fn come_back(object: &ImageShare, end: End<'_>, context: &Context) -> Option<Duration> {
    let uid = object.uid().unwrap_or_default();
    let before = context.memories.get(&uid);
    let (memory, delay) = backoff::after(before.as_ref(), end, Instant::now(), chance());
    context.memories.keep(uid, memory);
    delay
}

async fn write_status(
    acting: &mut Acting<'_>,
    goal: Option<&Goal>,
    finding: &Finding,
) -> Result<(), ClusterError> {
    let before = acting.object.status.as_ref();
    let share_before = before.and_then(|status| status.share.as_ref());
    let share = match goal {
        Some(goal) => {
            let wanted = goal.desired.as_ref().map(|desired| &desired.terms);
            status::share_after(&acting.known, &goal.id, wanted, share_before)
        }
        None => share_before.cloned(),
    };
    let generation = acting.seen.generation;
    let after = status::project(before, generation, finding, share, Timestamp::now());
    let changed = before != Some(&after);
    if changed {
        acting.object = acting.context.cluster.write_status(&acting.object, &after).await?;
    }
    let (reason, wrote) = (finding.reason.as_str(), acting.known.wrote.map(plan::Write::as_str));
    let request_id = acting.request_id.as_deref();
    if !changed && wrote.is_none() {
        tracing::debug!(reason, request_id, "nothing changed");
    } else if finding.reason.kind() == Kind::Settled {
        tracing::info!(reason, wrote, "{}", finding.message);
    } else {
        tracing::warn!(reason, wrote, request_id, "{}", finding.message);
    }
    Ok(())
}

/// A pass that the API server cut short says nothing and comes back soon.
fn interrupted(
    error: &ClusterError,
    object: &ImageShare,
    end: End<'_>,
    context: &Context,
) -> Option<Duration> {
    match error {
        ClusterError::NotFound => {
            context.memories.forget(&object.uid().unwrap_or_default());
            return None;
        }
        // A newer version of the object is on its way and will trigger a pass of its own.
        ClusterError::Conflict => tracing::debug!("{error}"),
        _ => tracing::warn!("the API server: {error}"),
    }
    come_back(object, end, context)
}

/// Notes that a pass over the object panicked, and when to come back.
pub fn panicked(object: &ImageShare, context: &Context) -> Option<Duration> {
    context.metrics.panic();
    come_back(object, cut_short(object), context)
}

/// The end of a pass that found out nothing.
fn cut_short(object: &ImageShare) -> End<'static> {
    let (seen, version) = (seen(object), version(object));
    End { seen, kind: Kind::Retry, pause: None, interval: None, turn: None, secret: None, version }
}

/// The cache may lag behind what we wrote ourselves; then the object is read live.
async fn up_to_date(
    cached: &ImageShare,
    memory: Option<&Memory>,
    cluster: &Cluster,
) -> Result<ImageShare, ClusterError> {
    match memory.and_then(|memory| memory.version) {
        Some(written) if version(cached) < Some(written) => cluster.read(cached).await,
        _ => Ok(cached.clone()),
    }
}

/// Resource versions of one object can be compared as numbers (Kubernetes API concepts, 1.35).
fn version(object: &ImageShare) -> Option<u64> {
    object.resource_version().and_then(|version| version.parse().ok())
}

fn seen(object: &ImageShare) -> Seen {
    let held = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    Seen { generation: object.metadata.generation.unwrap_or_default(), held }
}

fn is_being_deleted(object: &ImageShare) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// A number in `0.0..1.0`. Jitter needs no better source than the hasher's random keys.
fn chance() -> backoff::Chance {
    use std::hash::{BuildHasher, RandomState};
    let bits = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or_default();
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}
