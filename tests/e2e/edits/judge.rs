//! Whether a status tells the truth: compared with the spec that it speaks of and with what the
//! cloud holds at that moment. Written from the documentation, without the operator's own decisions.

use std::time::Duration;

use imageshare::api::{AdoptionPolicy, FINALIZER, ImageShare, ImageShareSpec, ManagementPolicy};
use imageshare::reason::{Kind, Reason};
use imageshare_simulator::ShareView;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use kube::ResourceExt;

use crate::support::{condition, said};

/// The Secrets of the test, and what is wrong with each of their keys. `other` has several.
pub fn credentials_trouble(spec: &ImageShareSpec) -> Option<Reason> {
    let Some(reference) = spec.credentials_ref.clone() else {
        return Some(Reason::CredentialsMissing);
    };
    if reference.service_account_name.is_some() {
        return Some(Reason::ServiceAccountsOff);
    }
    match (reference.name.as_deref()?, reference.key.as_deref().unwrap_or("token")) {
        ("swr", "token") | ("other", "good") => None,
        ("other", "token") => Some(Reason::Unauthorized),
        ("other", "empty") => Some(Reason::TokenEmpty),
        ("other", "broken") => Some(Reason::TokenMalformed),
        ("swr" | "other", _) => Some(Reason::SecretKeyNotFound),
        _ => Some(Reason::SecretNotFound),
    }
}

/// The reason that a status gives.
pub fn reason(object: &ImageShare) -> Result<Reason, String> {
    let ready = said(object).ok_or("no condition Ready")?;
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == ready.reason);
    reason.copied().ok_or_else(|| format!("{} is no reason", ready.reason))
}

/// What is wrong with a status, if anything. `held` is the share as the cloud has it.
pub fn judge(object: &ImageShare, held: Option<&ShareView>) -> Result<Reason, String> {
    let reason = reason(object)?;
    let claims = [conditions(object, reason), record(object, reason, held), pending(object, held)];
    claims.into_iter().collect::<Result<(), _>>()?;
    ends(object)?;
    finalizer(object, reason)?;
    let owned = object.status.as_ref().is_some_and(|status| status.adopted.is_some());
    // Of a share of somebody else's, which nobody looked for, it says nothing.
    let told = if reason == Reason::DeadlinePassed && !owned { None } else { held };
    if holds(&object.spec, reason, told) {
        Ok(reason)
    } else {
        let why = condition(object, "Ready").map(|ready| ready.message.as_str());
        Err(format!("{} is not true: {}", reason.as_str(), why.unwrap_or_default()))
    }
}

/// Whether what the reason says is so.
fn holds(spec: &ImageShareSpec, reason: Reason, held: Option<&ShareView>) -> bool {
    let equal = held.is_some_and(|share| is_as_declared(spec, share));
    let valid = held.is_some_and(|share| share.status);
    let observing = spec.management_policy == ManagementPolicy::Observe;
    if spec.suspend || reason == Reason::Suspended {
        return spec.suspend && reason == Reason::Suspended;
    }
    match reason {
        // Nobody can know without credentials.
        Reason::Shared => equal && valid && credentials_trouble(spec).is_none(),
        Reason::Expired => equal && !valid && credentials_trouble(spec).is_none(),
        Reason::ActionPending => observing && !equal && credentials_trouble(spec).is_none(),
        Reason::DeadlinePassed => has_passed(&spec.deadline) && held.is_none(),
        Reason::AlreadyExists => spec.adoption_policy == AdoptionPolicy::Create && held.is_some(),
        Reason::NothingToAdopt => spec.adoption_policy == AdoptionPolicy::Adopt && held.is_none(),
        reason => Some(reason) == credentials_trouble(spec),
    }
}

/// Permission, deadline and description, but for white space at its ends; not whether it still holds.
fn is_as_declared(spec: &ImageShareSpec, share: &ShareView) -> bool {
    share.permit == "read"
        && share.description.trim() == spec.description.trim()
        && is_same_deadline(&spec.deadline, &share.deadline)
}

fn is_same_deadline(declared: &str, held: &str) -> bool {
    if declared == "forever" || held == "forever" {
        return declared == held;
    }
    let Ok(held) = held.parse::<Timestamp>() else { return false };
    match day(declared) {
        Some(day) => held.to_zoned(TimeZone::UTC).date() == day,
        None => instant(declared).is_some_and(|declared| declared.as_second() == held.as_second()),
    }
}

fn day(deadline: &str) -> Option<Date> {
    (deadline.len() == 10).then(|| deadline.parse().ok())?
}

fn instant(deadline: &str) -> Option<Timestamp> {
    deadline.parse().ok()
}

/// Whether a deadline has passed; a day passes at its end.
pub fn has_passed(deadline: &str) -> bool {
    let end = match day(deadline) {
        Some(day) => day
            .checked_add(1.day())
            .ok()
            .and_then(|next| next.to_zoned(TimeZone::UTC).ok())
            .map(|next| next.timestamp()),
        None => instant(deadline),
    };
    end.is_some_and(|end| end <= Timestamp::now())
}

/// Every condition is there, or not, as its reason has it; and all carry the same one.
fn conditions(object: &ImageShare, reason: Reason) -> Result<(), String> {
    let kind = reason.kind();
    let only_while = |so: bool| so.then_some("True");
    // What else a suspended object says was said before it was suspended, and judged then.
    if reason == Reason::Suspended {
        return Ok(());
    }
    let ready = if reason == Reason::Shared { "True" } else { "False" };
    let error = if kind == Kind::Steady { "False" } else { "True" };
    let stalled = only_while(kind == Kind::Terminal || reason == Reason::Expired);
    let reconciling = only_while(matches!(kind, Kind::Waiting | Kind::Transient));
    for (name, expected) in [
        ("Ready", Some(ready)),
        ("Error", Some(error)),
        ("Stalled", stalled),
        ("Reconciling", reconciling),
        ("Expired", only_while(reason == Reason::Expired)),
    ] {
        let found = condition(object, name).map(|condition| condition.status.as_str());
        if found != expected {
            return Err(format!("{name} is {found:?} with {}", reason.as_str()));
        }
    }
    let status = object.status.as_ref().ok_or("no status")?;
    let same = |told: &str| told == reason.as_str();
    if !status.conditions.iter().all(|condition| same(&condition.reason)) {
        return Err(format!("conditions of several reasons: {:?}", status.conditions));
    }
    Ok(())
}

/// What the status records of the share is what the cloud holds, whenever somebody looked.
fn record(object: &ImageShare, reason: Reason, held: Option<&ShareView>) -> Result<(), String> {
    let status = object.status.as_ref().ok_or("no status")?;
    let (Reason::Shared | Reason::Expired, Some(held)) = (reason, held) else { return Ok(()) };
    let recorded = status.share.as_ref().ok_or("no share in the status")?;
    let equal = recorded.description.trim() == held.description.trim()
        && recorded.permission == held.permit
        && recorded.valid == Some(held.status)
        && (is_same_deadline(&recorded.deadline, &held.deadline)
            || recorded.deadline == held.deadline);
    if equal { Ok(()) } else { Err(format!("the record {recorded:?} is not {held:?}")) }
}

/// What is pending is what sets the cloud apart from the spec.
fn pending(object: &ImageShare, held: Option<&ShareView>) -> Result<(), String> {
    let Some(pending) = object.status.as_ref().and_then(|status| status.pending_action.as_ref())
    else {
        return Ok(());
    };
    // Nobody looks at a suspended object: what was pending stays said.
    if object.spec.suspend {
        return Ok(());
    }
    let spec = &object.spec;
    let expected = held.map_or("Create", |_| "Update");
    let fields: Vec<&str> = pending.changes.iter().map(|change| change.field.as_str()).collect();
    let differing: Vec<&str> = match held {
        None => vec!["share"],
        Some(share) => [
            ("permission", share.permit == "read"),
            ("deadline", is_same_deadline(&spec.deadline, &share.deadline)),
            ("description", share.description.trim() == spec.description.trim()),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect(),
    };
    if pending.action == expected && fields == differing {
        Ok(())
    } else {
        Err(format!("{pending:?} is pending, and {differing:?} differ"))
    }
}

/// `ExpiringSoon` and `effectiveUntil` go with the share that the status records.
fn ends(object: &ImageShare) -> Result<(), String> {
    let status = object.status.as_ref().ok_or("no status")?;
    let end = status.effective_until.as_deref().map(|end| end.parse::<Timestamp>().unwrap());
    let endless = status.share.as_ref().is_none_or(|share| share.deadline == "forever");
    if endless && end.is_some() {
        return Err(format!("a share without end ends at {end:?}"));
    }
    let valid = status.share.as_ref().is_some_and(|share| share.valid != Some(false));
    let near = end.is_some_and(|end| {
        valid
            && end.duration_since(Timestamp::now()) <= Duration::from_hours(72).try_into().unwrap()
    });
    if near == condition(object, "ExpiringSoon").is_some() {
        Ok(())
    } else {
        Err(format!("ends at {end:?}, and ExpiringSoon is {}", !near))
    }
}

/// An object has the finalizer, and a share of its own, exactly while such a share may exist. While
/// it only observes, what there was before stays.
fn finalizer(object: &ImageShare, reason: Reason) -> Result<(), String> {
    let expected = match reason {
        _ if object.spec.management_policy == ManagementPolicy::Observe => return Ok(()),
        Reason::Shared | Reason::Expired => true,
        Reason::AlreadyExists | Reason::NothingToAdopt | Reason::DeadlinePassed => false,
        _ => return Ok(()),
    };
    let is_held = object.finalizers().iter().any(|name| name == FINALIZER);
    let adopted = object.status.as_ref().and_then(|status| status.adopted);
    // What was written a moment ago may not be read yet: then neither goes at once.
    let may_be_late = reason != Reason::AlreadyExists && !expected;
    let is_together = adopted.is_some() == is_held;
    if is_together && (is_held == expected || may_be_late) {
        Ok(())
    } else {
        let reason = reason.as_str();
        Err(format!("{reason}, and the finalizer is on: {is_held}, adopted: {adopted:?}"))
    }
}
