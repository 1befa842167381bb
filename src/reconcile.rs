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
pub mod line;
pub mod plan;
pub mod status;

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{
    AdoptionPolicy, ConditionType, DeletionPolicy, FINALIZER, ImageShare, ImageShareStatus,
    ManagementPolicy, RECONCILE_REQUESTED_AT,
};
use crate::auth::Verdicts;
use crate::backoff::{self, End, Memory, Seen};
use crate::cluster::{Cluster, ClusterError, EventKind};
use crate::metrics::Metrics;
use crate::reason::{Kind, Reason};
use crate::redact::printable;
use crate::swr::endpoint::Endpoints;
use crate::swr::listing::Listings;
use crate::swr::{self, ShareId};
use act::{Acting, NOTE_MAX, Stop};
use desired::{Desired, Unusable};
use line::{Claim, Claimant, Line, Standing, Turn};
use plan::Wish;
use status::{Finding, Report};

/// How soon to come back while the watch has not brought all objects yet.
const UNSYNCED: Duration = Duration::from_millis(200);

/// The version of an object that is newer than any the cache may show: the object is read live.
const NEWER: u64 = u64::MAX;

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
    fn former_life_ends(&self) -> Option<Instant> {
        self.started.checked_add(self.request_window)
    }

    fn turn(&self, object: &ImageShare) -> Turn {
        match share_id(object, self.default_region.as_deref()) {
            Ok(id) => self.line.lock().turn(&object.uid().unwrap_or_default(), &id),
            Err(_) => Turn::First { next: None },
        }
    }
}

/// What an object claims: nothing if it writes nothing to the cloud, or cannot name its share.
pub fn claim(object: &ImageShare, default_region: Option<&str>) -> Option<Claim> {
    let (held, leaving) = (is_held(object), is_being_deleted(object));
    let only_looks = object.spec.management_policy == ManagementPolicy::Observe;
    if only_looks || (leaving && !held) {
        return None;
    }
    let claimant = Claimant {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    };
    Some(Claim {
        share: share_id(object, default_region).ok()?,
        claimant,
        standing: Standing::from(&status::recorded_of(object.status.as_ref(), held)),
        created: object.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        leaving,
    })
}

fn share_id(object: &ImageShare, default_region: Option<&str>) -> Result<ShareId, Unusable> {
    let recorded = object.status.as_ref().and_then(|status| status.share.as_ref());
    let recorded_region = recorded.map(|share| share.region.as_str());
    desired::share_id(&object.spec, recorded_region, default_region)
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
    adoption: AdoptionPolicy,
    deletion: DeletionPolicy,
}

impl Goal {
    fn of(object: &ImageShare, default_region: Option<&str>) -> Result<Self, Unusable> {
        let id = share_id(object, default_region)?;
        let desired =
            if is_being_deleted(object) { None } else { Some(desired::desired(&object.spec)?) };
        // Who only looks never revokes.
        let deletion = match object.spec.management_policy {
            ManagementPolicy::Full => object.spec.deletion_policy,
            ManagementPolicy::Observe => DeletionPolicy::Retain,
        };
        Ok(Self { id, desired, adoption: object.spec.adoption_policy, deletion })
    }

    /// The goal of the object that a share could be handed over to; `None` if it would not take it.
    fn of_heir(object: &ImageShare, heir: &Claimant, default_region: Option<&str>) -> Option<Self> {
        let spec = &object.spec;
        let goal = Self::of(object, default_region).ok()?;
        let lasts = goal.desired.as_ref().is_some_and(|desired| {
            let deadline = desired.terms.deadline;
            !deadline.has_passed(Timestamp::now())
        });
        let willing = object.uid().as_ref() == Some(&heir.uid)
            && lasts
            && !is_being_deleted(object)
            && !spec.suspend
            && spec.management_policy == ManagementPolicy::Full
            && spec.adoption_policy != AdoptionPolicy::Create;
        willing.then_some(goal)
    }

    fn wish(&self) -> Wish<'_> {
        match (&self.desired, self.deletion) {
            (Some(desired), _) => Wish::Share(&desired.terms, self.adoption),
            (None, DeletionPolicy::Delete) => Wish::Revoke,
            (None, DeletionPolicy::Retain) => Wish::LetGo,
        }
    }
}

/// Runs one pass. Gives the time until the next one, `None` if only a change calls for it.
pub async fn pass(object: Arc<ImageShare>, context: &Context) -> Option<Duration> {
    // As long as objects are missing, nobody's place in the line is certain.
    if !context.synced.load(Ordering::Relaxed) {
        return Some(UNSYNCED);
    }
    let uid = object.uid().unwrap_or_default();
    let memory = context.memories.get(&uid);
    let seen = seen(&object, &context.turn(&object));
    if let Some(wait) = memory.as_ref().and_then(|memory| memory.wait(seen, Instant::now())) {
        return Some(wait);
    }
    let (object, version) = match up_to_date(&object, memory.as_ref(), &context.cluster).await {
        Ok(up_to_date) => up_to_date,
        Err(error) => {
            let end = cut_short(seen, memory.and_then(|memory| memory.quiet_at));
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
    let desired = goal.as_ref().ok().and_then(|goal| goal.desired.as_ref());
    acting.patience = desired.and_then(|desired| desired.interval).unwrap_or_default();
    if let Some(desired) = desired
        && memory.is_none()
        && acting.is_settled(desired)
    {
        return take_up(&acting, desired, context);
    }
    if let Ok(goal) = &mut goal
        && goal.wish() == Wish::Revoke
    {
        match context.cluster.is_uninstalling().await {
            Ok(true) => goal.deletion = DeletionPolicy::Retain,
            Ok(false) => {}
            // Better late than wrong: a share that was to stay cannot be brought back unnoticed.
            Err(error) => {
                let end = cut_short(acting.seen, acting.quiet_at);
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
            let end = cut_short(acting.seen, acting.quiet_at);
            interrupted(&error, &acting.object, end, context)
        }
    }
}

/// A settled object that an earlier life of the operator has left is not looked at at once, with all
/// others, but within a fifth of its interval, together with those of its repository.
fn take_up(acting: &Acting<'_>, desired: &Desired, context: &Context) -> Option<Duration> {
    let spec = &acting.object.spec;
    let lot = unit(context.lots.hash_one((&spec.organization, &spec.repository)));
    let first = desired.interval.map(|interval| interval.mul_f64(0.2 * lot));
    let turn = [next_turn(acting, desired), first].into_iter().flatten().min();
    let end =
        End { kind: Kind::Settled, turn, version: None, ..cut_short(acting.seen, acting.quiet_at) };
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
    if finding.reason == Reason::Shared {
        tell_of_repair(&acting).await;
    }
    let written = write_status(&mut acting, goal, finding).await;
    let desired = goal.and_then(|goal| goal.desired.as_ref());
    let resting = finding.reason == Reason::Suspended;
    let end = End {
        seen: acting.seen,
        // A status that could not be written is tried again like any other call.
        kind: if written.is_ok() { finding.reason.kind() } else { Kind::Retry },
        pause: acting.pause,
        interval: desired.filter(|_| !resting).and_then(|desired| desired.interval),
        turn: desired.filter(|_| !resting).and_then(|desired| next_turn(&acting, desired)),
        secret: acting.secret.as_ref(),
        version: acting.version,
        undone: undone_after(&acting, finding.reason),
        quiet_at: acting.quiet_at,
        looked: acting.looked,
    };
    if let Err(error) = written {
        return interrupted(&error, &acting.object, end, context);
    }
    come_back(&acting.object, end, context)
}

/// When something is to be seen or said although nothing has changed: the share may be over, its
/// end comes near, or a create cannot take effect any more.
fn next_turn(acting: &Acting<'_>, desired: &Desired) -> Option<Duration> {
    let now = Timestamp::now();
    let deadline = desired.terms.deadline;
    let near = deadline.end_of_day().zip(acting.context.expiring_soon).and_then(|(end, soon)| {
        let left = Duration::try_from(end.duration_since(now)).ok()?;
        left.checked_sub(soon).filter(|left| !left.is_zero())
    });
    let quiet = acting.quiet_at.filter(|_| acting.known.in_flight);
    let quiet = quiet.map(|at| at.saturating_duration_since(Instant::now()));
    [deadline.next_turn(now), near, quiet].into_iter().flatten().min()
}

/// How often in a row another hand has now undone what we wrote. What SWR did not let us repair
/// was not undone.
fn undone_after(acting: &Acting<'_>, reason: Reason) -> u32 {
    let looked = acting.known.cloud != plan::Cloud::Unseen;
    match reason {
        _ if !acting.drift.is_empty() && acting.known.wrote.is_some() => {
            acting.known.undone.saturating_add(1)
        }
        Reason::Shared | Reason::Expired if looked => 0,
        _ => acting.known.undone,
    }
}

/// Counts what another hand had changed and this pass has put right, and leaves an event about it.
async fn tell_of_repair(acting: &Acting<'_>) {
    if acting.drift.is_empty() || acting.known.wrote.is_none() {
        return;
    }
    for change in &acting.drift {
        acting.context.metrics.drift(change.field);
    }
    let changes: Vec<_> = acting.drift.iter().map(ToString::to_string).collect();
    let note = format!("put right what another hand had changed: {}", changes.join("; "));
    let occasion = Timestamp::now().as_millisecond().to_string();
    tell(acting, (EventKind::Warning, "DriftRepaired", &occasion), &note).await;
}

/// Leaves an event about the object; that it cannot be left harms nobody.
async fn tell(acting: &Acting<'_>, what: (EventKind, &'static str, &str), note: &str) {
    tracing::info!(event = what.1, "{note}");
    let note = printable(note, NOTE_MAX);
    let cluster = &acting.context.cluster;
    let told = cluster.tell_owner(&acting.object, what, &note, Timestamp::now()).await;
    if let Err(error) = told {
        tracing::warn!("no event could be left about it: {error}");
    }
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
    let before = acting.object.status.clone();
    let report = report(acting, goal, finding.reason);
    let generation = acting.seen.generation;
    let after = status::project(before.as_ref(), generation, finding, report, Timestamp::now());
    let changed = before.as_ref() != Some(&after);
    if changed {
        tell_of_change(acting, goal, before.as_ref(), &after).await;
        acting.wrote(acting.context.cluster.write_status(&acting.object, &after).await?);
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

/// What the status tells beside its conditions.
fn report(acting: &mut Acting<'_>, goal: Option<&Goal>, reason: Reason) -> Report {
    let before = acting.object.status.as_ref();
    let mut report = Report::of(before, acting.context.expiring_soon);
    // Nobody looked, so nothing is known that was not known before.
    if reason == Reason::Suspended {
        return report;
    }
    let Some(goal) = goal else { return report };
    report.handled = requested(&acting.object).or(report.handled);
    report.pending = acting.pending.take();
    // The owner says what there is of the share.
    if reason == Reason::DuplicateShare {
        return Report { share: None, adopted: None, ..report };
    }
    let wanted = goal.desired.as_ref().map(|desired| &desired.terms);
    report.share = status::share_after(&acting.known, &goal.id, wanted, report.share.as_ref());
    report.adopted = match acting.object.spec.management_policy {
        ManagementPolicy::Full => {
            status::adopted_after(&acting.known, goal.adoption, report.adopted)
        }
        ManagementPolicy::Observe => report.adopted.filter(|_| report.share.is_some()),
    };
    report
}

/// Leaves the events that go with a changed status: before it is written, so that none is lost.
async fn tell_of_change(
    acting: &Acting<'_>,
    goal: Option<&Goal>,
    before: Option<&ImageShareStatus>,
    after: &ImageShareStatus,
) {
    let Some(goal) = goal else { return };
    let id = &goal.id;
    // The status that is about to be written makes another version.
    let version = acting.object.resource_version().unwrap_or_default();
    if after.adopted == Some(true) && before.and_then(|before| before.adopted) != Some(true) {
        let note = format!("took over the share of {id}, which existed already");
        tell(acting, (EventKind::Normal, "Adopted", &version), &note).await;
    }
    let near = ConditionType::ExpiringSoon;
    if status::is_true(after, near) && !before.is_some_and(|before| status::is_true(before, near)) {
        let until = after.effective_until.as_deref().unwrap_or_default();
        let note = format!("the share of {id} ends at {until}");
        tell(acting, (EventKind::Warning, near.as_str(), &version), &note).await;
    }
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
    // Whether a write took effect is not known either.
    come_back(object, End { version: Some(NEWER), ..end }, context)
}

/// Notes that a pass over the object panicked, and when to come back.
pub fn panicked(object: &ImageShare, context: &Context) -> Option<Duration> {
    context.metrics.panic();
    let seen = seen(object, &context.turn(object));
    let memory = context.memories.get(&object.uid().unwrap_or_default());
    let quiet_at = memory.map_or(context.former_life_ends(), |memory| memory.quiet_at);
    come_back(object, cut_short(seen, quiet_at), context)
}

/// The end of a pass that found out nothing. A create that may still take effect may do so after
/// such a pass as well.
fn cut_short(seen: Seen, quiet_at: Option<Instant>) -> End<'static> {
    End {
        seen,
        kind: Kind::Retry,
        pause: None,
        interval: None,
        turn: None,
        secret: None,
        version: Some(NEWER),
        undone: 0,
        quiet_at,
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

fn is_held(object: &ImageShare) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// The pass that somebody asked for and that was not made yet: the annotation's value.
fn requested(object: &ImageShare) -> Option<String> {
    let value = object.annotations().get(RECONCILE_REQUESTED_AT)?;
    let handled = object.status.as_ref()?.last_handled_reconcile_at.as_ref();
    (!value.is_empty() && handled != Some(value)).then(|| value.clone())
}

fn is_being_deleted(object: &ImageShare) -> bool {
    object.metadata.deletion_timestamp.is_some()
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
