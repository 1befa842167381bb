//! The one exit of a pass: from what it found to the status, and whether that is worth a write.
//! Pure: the time comes in as a parameter.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::drift::missing;
use super::facts::Cloud;
use super::plan::Action;
use super::record::Record;
use crate::api::{ConditionType, ImageShareStatus, PendingAction, PendingChange, ShareStatus};
use crate::cloud::{Change, Deadline, ShareId, Terms};
use crate::reason::{Kind, Reason};
use crate::redact::{MESSAGE_MAX, fair_length, printable};

/// How a pass ended, in the words of the conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The reason for the conditions.
    pub reason: Reason,
    /// At most 256 printable characters. The same situation gives the same words each time, or the
    /// status would be written anew with each attempt.
    pub message: String,
}

impl Outcome {
    /// SWR holds the share on `terms`: in the spec's words, since the cloud's own may vary.
    pub fn shared(id: &ShareId, terms: &Terms) -> Self {
        let ShareId { region: _, organization, repository, account } = id;
        let deadline = terms.deadline;
        let say = |[organization, repository, account]: [&str; 3]| {
            format!("{organization}/{repository} is shared with {account}, {deadline}")
        };
        let names = [organization, repository, account].map(String::as_str);
        let around = say([""; 3]).chars().count();
        let length = fair_length(names, MESSAGE_MAX.saturating_sub(around));
        let cut = names.map(|name| printable(name, length));
        Self::new(Reason::Shared, &say(cut.each_ref().map(String::as_str)))
    }

    /// SWR lists the share, but it is over.
    pub fn expired(terms: &Terms) -> Self {
        Self::failed(Reason::Expired, &terms.deadline.to_string())
    }

    /// The pass failed; `evidence` names the field, the Secret or the answer.
    pub fn failed(reason: Reason, evidence: &str) -> Self {
        let evidence = printable(evidence, Self::room(reason));
        Self::new(reason, &format!("{} ({evidence}): {}", reason.meaning(), reason.advice()))
    }

    /// How many characters of evidence a message with this reason has room for, beside its advice.
    pub fn room(reason: Reason) -> usize {
        let around = reason.meaning().len() + " (): ".len() + reason.advice().len();
        MESSAGE_MAX.saturating_sub(around)
    }

    /// The pass ended well, but there is more to say than that.
    pub fn advised(reason: Reason) -> Self {
        Self::new(reason, &format!("{}: {}", reason.meaning(), reason.advice()))
    }

    fn new(reason: Reason, message: &str) -> Self {
        Self { reason, message: printable(message, MESSAGE_MAX) }
    }
}

/// What the last pass said, to be said again: a refusal that still stands.
pub fn repeated(status: Option<&ImageShareStatus>) -> Option<Outcome> {
    let ready = status?.conditions.iter().find(|c| c.type_ == ConditionType::Ready.as_str())?;
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == ready.reason)?;
    (reason.kind() == Kind::Terminal).then(|| Outcome::new(*reason, &ready.message))
}

/// What a status says beside its conditions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The uid of the object that the status speaks of.
    pub object_uid: Option<String>,
    /// The share, and whether it was there before.
    pub record: Record,
    /// What would be done.
    pub pending: Option<PendingAction>,
    /// The last handled value of the annotation that asks for a pass.
    pub handled: Option<String>,
    /// When the credentials end, if that is known.
    pub credentials_expire_at: Option<String>,
    /// How long before the end of a share its end counts as near; `None` is never.
    pub soon: Option<Duration>,
    /// What time it is for the cloud, by whose clock a share ends.
    pub time: Timestamp,
}

/// The status after a pass over `generation` that ended with `outcome`; `now` is our own time, by
/// which conditions change.
pub fn project(
    before: Option<&ImageShareStatus>,
    generation: i64,
    outcome: &Outcome,
    report: Report,
    now: Timestamp,
) -> ImageShareStatus {
    let effective_until = effective_until(before, report.record.share.as_ref(), report.time);
    let near = is_near(report.record.share.as_ref(), effective_until, report.soon, report.time);
    let earlier = |kind: ConditionType| {
        before?.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    };
    let conditions = ConditionType::ALL
        .iter()
        .filter_map(|kind| Some((*kind, holds(*kind, outcome.reason, near)?)))
        .map(|(kind, status)| {
            let last_transition_time =
                earlier(kind).filter(|condition| condition.status == status).map_or_else(
                    || Time(to_the_second(now)),
                    |condition| condition.last_transition_time.clone(),
                );
            Condition {
                type_: kind.as_str().to_owned(),
                status: status.to_owned(),
                reason: outcome.reason.as_str().to_owned(),
                message: outcome.message.clone(),
                last_transition_time,
                observed_generation: Some(generation),
            }
        })
        .collect();
    ImageShareStatus {
        observed_generation: generation,
        conditions,
        share: report.record.share,
        adopted: report.record.adopted,
        object_uid: report.object_uid,
        effective_until: effective_until.map(|until| until.to_string()),
        credentials_expire_at: report.credentials_expire_at,
        pending_action: report.pending,
        last_handled_reconcile_at: report.handled,
    }
}

/// When access ends: at the end of the deadline's day. A share that is over sooner was ended by a
/// cloud that keeps to the instant.
fn effective_until(
    before: Option<&ImageShareStatus>,
    share: Option<&ShareStatus>,
    now: Timestamp,
) -> Option<Timestamp> {
    let share = share?;
    let earlier = before.filter(|before| {
        let said = before.share.as_ref();
        said.is_some_and(|said| said.deadline == share.deadline && said.valid == Some(false))
    });
    if let (Some(false), Some(earlier)) = (share.valid, earlier) {
        return earlier.effective_until.as_ref()?.parse().ok();
    }
    let deadline: Deadline = share.deadline.parse().ok()?;
    let end = deadline.end_of_day()?;
    match (share.valid, deadline) {
        (Some(false), Deadline::Instant(instant)) if end > now && !deadline.is_a_whole_day() => {
            Some(instant.min(to_the_second(now)))
        }
        // Its day ended sooner than we thought: it is not known to the second when.
        (Some(false), _) if end > now => Some(to_the_second(now)),
        _ => Some(end),
    }
}

fn is_near(
    share: Option<&ShareStatus>,
    end: Option<Timestamp>,
    soon: Option<Duration>,
    now: Timestamp,
) -> bool {
    let (Some(end), Some(soon)) = (end, soon) else { return false };
    let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
    share.is_some_and(|share| share.valid != Some(false)) && left <= soon
}

/// What would be done, in the words of the status; `None` unless it is a write to the cloud.
pub fn pending(action: Action, terms: &Terms, cloud: &Cloud) -> Option<PendingAction> {
    let action = match action {
        Action::Create => "Create",
        Action::Update => "Update",
        _ => return None,
    };
    let changes = missing(terms, cloud);
    let changes = changes.into_iter().map(|Change { field, current, desired }| PendingChange {
        field: field.to_owned(),
        current,
        desired,
    });
    Some(PendingAction { action: action.to_owned(), changes: changes.collect() })
}

/// Which conditions a reason leads to: `None` leaves the condition out, as kstatus has it for the
/// conditions that are only there while they are true.
fn holds(condition: ConditionType, reason: Reason, near: bool) -> Option<&'static str> {
    let always = |holds: bool| Some(if holds { "True" } else { "False" });
    let while_true = |holds: bool| holds.then_some("True");
    let kind = reason.kind();
    match condition {
        // Nobody asks the cloud: what it said once may be true no longer.
        ConditionType::Ready if reason == Reason::Suspended => Some("Unknown"),
        ConditionType::Ready => always(reason == Reason::Shared),
        // An expired share is no failed attempt: the cloud answered as it should.
        ConditionType::Error => always(kind != Kind::Steady),
        ConditionType::Reconciling => while_true(matches!(kind, Kind::Waiting | Kind::Transient)),
        ConditionType::Stalled => while_true(kind == Kind::Terminal || reason == Reason::Expired),
        ConditionType::Expired => while_true(reason == Reason::Expired),
        ConditionType::ExpiringSoon => while_true(near),
    }
}

/// Kubernetes keeps times to the second.
fn to_the_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Whether a condition is there and True.
pub fn is_true(status: &ImageShareStatus, kind: ConditionType) -> bool {
    status.conditions.iter().any(|c| c.type_ == kind.as_str() && c.status == "True")
}

/// The reason that the status gives for this generation of the spec.
pub fn reason_of(status: Option<&ImageShareStatus>, generation: i64) -> Option<Reason> {
    let status = status.filter(|status| status.observed_generation == generation)?;
    let ready = status.conditions.iter().find(|c| c.type_ == ConditionType::Ready.as_str())?;
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == ready.reason)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
