//! How a pass tells what it found: the status, at most one write, and the events and counters that
//! go with it. What there is to say [`super::status`] decides.

use jiff::Timestamp;
use kube::ResourceExt;

use super::act::{Acting, NOTE_MAX};
use super::goal::{Goal, requested};
use super::plan;
use super::status::{self, Finding, Report};
use crate::api::{ConditionType, ImageShareStatus, ManagementPolicy};
use crate::cluster::{ClusterError, EventKind};
use crate::reason::{Kind, Reason};
use crate::redact::printable;

/// How often a status is tried anew because the object was changed at that moment.
const MOST_CONFLICTS: usize = 5;

/// Writes the status, if the pass has changed it.
///
/// # Errors
///
/// The API server did not take it.
pub async fn status(
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
        of_change(acting, goal, before.as_ref(), &after).await;
        write(acting, &after).await?;
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

/// Writes the status. People may change the rest of the object meanwhile, as often as they like; but
/// what somebody else has said of the share is not overwritten.
async fn write(acting: &mut Acting<'_>, status: &ImageShareStatus) -> Result<(), ClusterError> {
    let cluster = &acting.context.cluster;
    for _ in 0..MOST_CONFLICTS {
        let before = &acting.object;
        match cluster.write_status(before, status).await {
            Ok(object) => {
                acting.wrote(object);
                return Ok(());
            }
            Err(ClusterError::Conflict) => {}
            Err(error) => return Err(error),
        }
        let live = cluster.read(before).await?;
        if live.uid() != before.uid() || live.status != before.status {
            break;
        }
        acting.wrote(live);
    }
    Err(ClusterError::Conflict)
}

/// What the status tells beside its conditions.
fn report(acting: &mut Acting<'_>, goal: Option<&Goal>, reason: Reason) -> Report {
    let before = acting.object.status.as_ref();
    let context = acting.context;
    let time = goal.map_or_else(Timestamp::now, |goal| context.cloud_time(&goal.id.region));
    let mut report = Report { soon: context.expiring_soon, time, ..Report::of(before) };
    // Nobody looked, so nothing is known that was not known before.
    if reason == Reason::Suspended {
        return report;
    }
    report.handled = requested(&acting.object).or(report.handled);
    let Some(goal) = goal else { return report };
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
async fn of_change(
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
        event(acting, (EventKind::Normal, "Adopted", &version), &note).await;
    }
    let near = ConditionType::ExpiringSoon;
    if status::is_true(after, near) && !before.is_some_and(|before| status::is_true(before, near)) {
        let until = after.effective_until.as_deref().unwrap_or_default();
        let note = format!("the share of {id} ends at {until}");
        event(acting, (EventKind::Warning, near.as_str(), &version), &note).await;
    }
}

/// Counts what another hand had changed and is put right now, and leaves an event about it. What a
/// pass could not bring to an end, a later one tells of.
pub async fn of_repair(acting: &mut Acting<'_>, reason: Reason) {
    let untold = std::mem::take(&mut acting.carried.untold);
    let (changes, later) = plan::told_after(untold, &acting.known, &acting.drift, reason);
    acting.carried.untold = later;
    if changes.is_empty() {
        return;
    }
    for change in &changes {
        acting.context.metrics.drift(change.field);
    }
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    let note = format!("put right what another hand had changed: {}", changes.join("; "));
    let occasion = Timestamp::now().as_millisecond().to_string();
    event(acting, (EventKind::Warning, "DriftRepaired", &occasion), &note).await;
}

/// Leaves an event about the object; that it cannot be left harms nobody.
async fn event(acting: &Acting<'_>, what: (EventKind, &'static str, &str), note: &str) {
    tracing::info!(event = what.1, "{note}");
    let note = printable(note, NOTE_MAX);
    let cluster = &acting.context.cluster;
    let told = cluster.tell_owner(&acting.object, what, &note, Timestamp::now()).await;
    if let Err(error) = told {
        tracing::warn!("no event could be left about it: {error}");
    }
}
