//! One pass over one object, its stages in order:
//!
//! 1. is it time at all ([`crate::backoff`]),
//! 2. what is wanted ([`goal`], [`desired`]): pure,
//! 3. until nothing is left to do: decide ([`plan`]): pure, then [`act`]: the only stage that
//!    reaches the cloud, or writes the finalizer,
//! 4. say what is true ([`status`]): pure, then `tell`: at most one write,
//! 5. when to come back ([`crate::backoff`]): pure.
//!
//! Nothing that a share depends on is kept between passes ([`context`]), only when to come back and what is to
//! be told: a crash at any point is healed by the next pass, because a share's identity is known before the first call.

pub mod act;
pub mod context;
pub mod desired;
pub mod goal;
pub mod line;
pub mod plan;
pub mod status;
mod tell;

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kube::ResourceExt;

use crate::api::{DeletionPolicy, ImageShare, ManagementPolicy, RECONCILE_REQUESTED_AT};
use crate::backoff::{self, Carried, End, Memory, Seen};
use crate::cluster::{Cluster, ClusterError};
use crate::reason::{Kind, Reason};
use crate::swr::ShareId;
use act::{Acting, Stop};
use context::Context;
use desired::Desired;
use goal::{Goal, is_being_deleted, is_held};
use line::Turn;
use plan::Wish;
use status::Finding;

/// How soon to come back while the watch has not brought all objects yet.
const UNSYNCED: Duration = Duration::from_millis(200);

/// The version of an object that is newer than any the cache may show: the object is read live.
const NEWER: u64 = u64::MAX;

/// Runs one pass. Gives the time until the next one, `None` if only a change calls for it.
pub async fn pass(object: Arc<ImageShare>, context: &Context) -> Option<Duration> {
    // As long as objects are missing, nobody's place in the line is certain.
    if !context.synced.load(Ordering::Relaxed) {
        return Some(UNSYNCED);
    }
    let uid = object.uid().unwrap_or_default();
    let began = Instant::now();
    if let Some(back_at) = context.outage_over_since(&object) {
        context.memories.wake(&uid, back_at);
    }
    let memory = context.memories.get(&uid);
    let seen = seen(&object, &context.turn(&object));
    if let Some(wait) = memory.as_ref().and_then(|memory| memory.wait(seen, began)) {
        return Some(wait);
    }
    let (object, version) = match up_to_date(&object, memory.as_ref(), &context.cluster).await {
        Ok(up_to_date) => up_to_date,
        Err(error) => {
            let carried = memory.map(|memory| memory.carried_into(seen)).unwrap_or_default();
            let end = cut_short(began, seen, &carried);
            return interrupted(&error, &object, end, context);
        }
    };
    // Before any look at an heir, and the turn only now: between two objects that are deleted at a
    // time, one sees the other leave.
    if is_being_deleted(&object) {
        context.line.lock().leaves(&uid);
    }
    let turn = context.turn(&object);

    let mut acting = Acting::new(object, turn, context, memory.as_ref());
    acting.version = version;
    let mut goal = Goal::of(&acting.object, context.default_region.as_deref());
    let wanted = goal.as_ref().ok().and_then(|goal| Some((&goal.id, goal.desired.as_ref()?)));
    acting.list_age =
        wanted.map(|(id, desired)| list_age(id, desired, context)).unwrap_or_default();
    if let Some((id, desired)) = wanted
        && memory.is_none()
    {
        let is_settled = acting.is_settled(id, desired);
        if (is_settled || acting.object.spec.suspend)
            && let Err(error) = acting.remember_token(id).await
        {
            tracing::warn!("the API server: {error}");
            return Some(backoff::RETRY_FIRST);
        }
        if is_settled {
            return take_up(&acting, id, desired, context);
        }
    }
    if let Ok(goal) = &mut goal
        && goal.wish() == Wish::Revoke
    {
        match context.cluster.is_uninstalling().await {
            Ok(true) => goal.deletion = DeletionPolicy::Retain,
            Ok(false) => {}
            // Better late than wrong: a share that was to stay cannot be brought back unnoticed.
            Err(error) => {
                let end = cut_short(acting.began, acting.seen, &acting.carried);
                return interrupted(&error, &acting.object, end, context);
            }
        }
    }
    let spec = &acting.object.spec;
    let observing = spec.management_policy == ManagementPolicy::Observe;
    let leaving = is_being_deleted(&acting.object);
    let stop = match &goal {
        _ if spec.suspend && !leaving => Stop::Found(Finding::told(Reason::Suspended)),
        Ok(goal) if observing && !leaving => acting.observe(&goal.id, goal.wish()).await,
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
            let end = cut_short(acting.began, acting.seen, &acting.carried);
            interrupted(&error, &acting.object, end, context)
        }
    }
}

/// How old a list may be: an interval, but not from before the share may have ended.
fn list_age(id: &ShareId, desired: &Desired, context: &Context) -> Duration {
    let since_turn = desired.terms.deadline.since_last_turn(context.cloud_time(&id.region));
    let interval = desired.interval.unwrap_or_default();
    since_turn.map_or(interval, |since| interval.min(since))
}

/// A settled object that an earlier life of the operator has left is not looked at at once, with all
/// others, but within a fifth of its interval, together with those of its repository.
fn take_up(
    acting: &Acting<'_>,
    id: &ShareId,
    desired: &Desired,
    context: &Context,
) -> Option<Duration> {
    tracing::debug!("taken up as settled");
    let lot = unit(context.lots.hash_one((&id.organization, &id.repository)));
    let first = desired.interval.map(|interval| interval.mul_f64(0.2 * lot));
    let turn = [next_turn(acting, id, desired, Reason::Shared), first].into_iter().flatten().min();
    let end = End {
        kind: Kind::Settled,
        turn,
        version: None,
        ..cut_short(acting.began, acting.seen, &acting.carried)
    };
    come_back(&acting.object, end, context)
}

/// Says what the pass found, and decides when to come back.
async fn settle(
    mut acting: Acting<'_>,
    goal: Option<&Goal>,
    finding: &Finding,
) -> Option<Duration> {
    let context = acting.context;
    context.metrics.pass(finding.reason);
    tell::of_repair(&mut acting, finding.reason).await;
    acting.carried.undone = plan::undone_after(&acting.known, &acting.drift, finding.reason);
    let written = tell::status(&mut acting, goal, finding).await;
    let wanted = goal.and_then(|goal| Some((&goal.id, goal.desired.as_ref()?)));
    // Nobody comes back to an object at rest before it changes.
    let wanted = wanted.filter(|_| finding.reason != Reason::Suspended);
    let end = End {
        began: acting.began,
        seen: acting.seen,
        // A status that could not be written is tried again like any other call.
        kind: if written.is_ok() { finding.reason.kind() } else { Kind::Retry },
        pause: acting.pause,
        interval: wanted.and_then(|(_, desired)| desired.interval),
        turn: wanted.and_then(|(id, desired)| next_turn(&acting, id, desired, finding.reason)),
        secret: acting.secret.as_ref().filter(|_| !may_be_late(&acting.known)),
        version: acting.version,
        carried: &acting.carried,
        looked: acting.looked,
    };
    if let Err(error) = written {
        return interrupted(&error, &acting.object, end, context);
    }
    come_back(&acting.object, end, context)
}

/// Whether what was read may be late: it is looked into again with the next poll of the Secret.
fn may_be_late(known: &plan::Known) -> bool {
    known.is_fresh && known.cloud == plan::Cloud::Absent
}

/// When something is to be seen or said although nothing has changed: the share may be over, its
/// end comes near, or a create cannot take effect any more.
fn next_turn(
    acting: &Acting<'_>,
    id: &ShareId,
    desired: &Desired,
    reason: Reason,
) -> Option<Duration> {
    let now = acting.context.cloud_time(&id.region);
    let deadline = desired.terms.deadline;
    let near = deadline.end_of_day().zip(acting.context.expiring_soon).and_then(|(end, soon)| {
        let left = Duration::try_from(end.duration_since(now)).ok()?;
        left.checked_sub(soon).filter(|left| !left.is_zero())
    });
    let quiet = acting.carried.quiet_at.filter(|_| acting.known.in_flight);
    let quiet = quiet.map(|at| at.saturating_duration_since(Instant::now()));
    // What the cloud calls over stays over.
    let end = deadline.next_turn(now).filter(|_| reason != Reason::Expired);
    [end, near, quiet].into_iter().flatten().min()
}

/// Remembers how the pass ended, and when to come back.
fn come_back(object: &ImageShare, end: End<'_>, context: &Context) -> Option<Duration> {
    let uid = object.uid().unwrap_or_default();
    let before = context.memories.get(&uid);
    let (memory, delay) = backoff::after(before.as_ref(), end, Instant::now(), chance());
    context.memories.keep(uid, memory);
    delay
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
        ClusterError::Conflict | ClusterError::Uninstalling => tracing::debug!("{error}"),
        _ => tracing::warn!("the API server: {error}"),
    }
    // Whether a write took effect is not known either.
    come_back(object, End { version: Some(NEWER), ..end }, context)
}

/// Notes that a pass over the object panicked, and when to come back.
pub fn panicked(object: &ImageShare, context: &Context) -> Option<Duration> {
    context.metrics.panic();
    let seen = seen(object, &context.turn(object));
    let memory = context.memories.get(&object.uid().unwrap_or_default());
    let carried = memory.map(|memory| memory.carried_into(seen));
    let unknown = || Carried { quiet_at: context.former_life_ends(), ..Carried::default() };
    come_back(object, cut_short(Instant::now(), seen, &carried.unwrap_or_else(unknown)), context)
}

/// The end of a pass that found out nothing.
fn cut_short(began: Instant, seen: Seen, carried: &Carried) -> End<'_> {
    End {
        began,
        seen,
        kind: Kind::Retry,
        pause: None,
        interval: None,
        turn: None,
        secret: None,
        version: Some(NEWER),
        carried,
        looked: None,
    }
}

/// The cache may lag behind what we wrote ourselves; then the object is read live. Gives also the
/// newest version that is known not from the cache.
async fn up_to_date(
    cached: &ImageShare,
    memory: Option<&Memory>,
    cluster: &Cluster,
) -> Result<(ImageShare, Option<u64>), ClusterError> {
    match memory.and_then(|memory| memory.version) {
        Some(written) if version(cached) < Some(written) => {
            let live = cluster.read(cached).await?;
            let version = version(&live);
            Ok((live, version))
        }
        known => Ok((cached.clone(), known)),
    }
}

/// Resource versions of one object can be compared as numbers (Kubernetes API concepts, 1.35).
fn version(object: &ImageShare) -> Option<u64> {
    object.resource_version().and_then(|version| version.parse().ok())
}

fn seen(object: &ImageShare, turn: &Turn) -> Seen {
    let mut asked = DefaultHasher::new();
    object.annotations().get(RECONCILE_REQUESTED_AT).hash(&mut asked);
    let generation = object.metadata.generation.unwrap_or_default();
    let owner = match turn {
        Turn::First { .. } => 0,
        Turn::Behind { owner, .. } => {
            let mut hasher = DefaultHasher::new();
            owner.uid.hash(&mut hasher);
            hasher.finish()
        }
    };
    Seen { generation, held: is_held(object), asked: asked.finish(), owner }
}

/// A number in `0.0..1.0`. Jitter needs no better source than the hasher's random keys.
fn chance() -> backoff::Chance {
    unit(RandomState::new().hash_one(0_u8))
}

/// A hash as a number in `0.0..1.0`.
fn unit(hash: u64) -> backoff::Chance {
    let bits = u32::try_from(hash >> 32).unwrap_or_default();
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}
