//! The one exit of a pass: from what it found to the status, and whether that is worth a write.
//! Pure: the time comes in as a parameter.

mod refused;

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
use refused::is_stalled;
pub use refused::{refused_since, until_stalled};

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
    let ready = find(status?, ConditionType::Ready)?;
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
    /// Since when this generation of the object is refused.
    pub refused_since: Option<Timestamp>,
    /// How long a refusal may stand that something outside of the object can heal.
    pub stalled_after: Duration,
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
    let told = Told {
        reason: outcome.reason,
        is_near: is_near(report.record.share.as_ref(), effective_until, report.soon, report.time),
        is_stalled: is_stalled(outcome.reason, &report, now),
    };
    let condition = |kind: ConditionType, status: &str| {
        let earlier = before.and_then(|before| find(before, kind));
        let earlier = earlier.filter(|condition| condition.status == status);
        let last_transition_time = earlier.map_or_else(
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
    };
    // Of a suspended object nothing new is known: what was said of it stays, each condition with the
    // generation that it speaks of.
    let is_suspended = outcome.reason == Reason::Suspended;
    let kept = before.filter(|_| is_suspended).into_iter().flat_map(said);
    let new = ConditionType::ALL.iter().filter_map(|kind| {
        let status = told.holds(*kind)?;
        Some(condition(*kind, status))
    });
    ImageShareStatus {
        observed_generation: generation,
        conditions: kept.chain(new).collect(),
        share: report.record.share,
        adopted: report.record.adopted,
        object_uid: report.object_uid,
        effective_until: effective_until.map(|until| until.to_string()),
        credentials_expire_at: report.credentials_expire_at,
        refused_since: report.refused_since.map(|since| to_the_second(since).to_string()),
        pending_action: report.pending,
        last_handled_reconcile_at: report.handled,
    }
}

/// What was said of an object that is suspended now. That nobody has looked at it yet is no word of ours, that
/// it could not be read or reported is over, and an older operator said of it only that it is suspended.
fn said(before: &ImageShareStatus) -> impl Iterator<Item = Condition> {
    let kinds = ConditionType::ALL.iter().filter(|kind| **kind != ConditionType::Suspended);
    let conditions = kinds.filter_map(|kind| find(before, *kind));
    let over =
        [Reason::NotReconciled, Reason::ObjectUnreadable, Reason::CrdOutdated, Reason::Suspended];
    let is_over =
        move |condition: &&Condition| over.iter().any(|reason| condition.reason == reason.as_str());
    conditions.filter(move |condition| !is_over(condition)).cloned()
}

fn find(status: &ImageShareStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
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

/// What the conditions go by.
struct Told {
    reason: Reason,
    /// Whether the share ends soon.
    is_near: bool,
    /// Whether it is refused, and a person must see to it.
    is_stalled: bool,
}

impl Told {
    /// Which conditions there are: `None` leaves one out, as kstatus has it for the conditions that are
    /// only there while they are true.
    fn holds(&self, condition: ConditionType) -> Option<&'static str> {
        let Self { reason, is_near, is_stalled } = *self;
        let always = |holds: bool| Some(if holds { "True" } else { "False" });
        let while_true = |holds: bool| holds.then_some("True");
        let is_failed = reason.kind() != Kind::Steady;
        match condition {
            ConditionType::Suspended => while_true(reason == Reason::Suspended),
            // All else stays as it was.
            _ if reason == Reason::Suspended => None,
            ConditionType::Ready => always(reason == Reason::Shared),
            // An expired share is no failed attempt: the cloud answered as it should.
            ConditionType::Error => always(is_failed),
            ConditionType::Reconciling => while_true(is_failed && !is_stalled),
            ConditionType::Stalled => while_true(is_stalled || reason == Reason::Expired),
            ConditionType::Expired => while_true(reason == Reason::Expired),
            ConditionType::ExpiringSoon => while_true(is_near),
        }
    }
}

/// Kubernetes keeps times to the second.
fn to_the_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Whether a condition is there and True.
pub fn is_true(status: &ImageShareStatus, kind: ConditionType) -> bool {
    find(status, kind).is_some_and(|condition| condition.status == "True")
}

/// The reason that the status gives for this generation of the spec.
pub fn reason_of(status: Option<&ImageShareStatus>, generation: i64) -> Option<Reason> {
    let status = status.filter(|status| status.observed_generation == generation)?;
    let ready = find(status, ConditionType::Ready)?;
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == ready.reason)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
