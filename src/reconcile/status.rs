//! The one exit of a pass: from what it found to the status, and whether that is worth a write.
//! Pure: the time comes in as a parameter.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::plan::{Action, Cloud, Known, Recorded, Write, missing};
use crate::api::{
    AdoptionPolicy, ConditionType, ImageShareStatus, PendingAction, PendingChange, ShareStatus,
};
use crate::reason::{Kind, Reason};
use crate::redact::{MESSAGE_MAX, printable};
use crate::swr::{Change, Deadline, RemoteShare, ShareId, Terms};

/// How a pass ended, in the words of the conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The reason for the conditions.
    pub reason: Reason,
    /// At most 256 printable characters. The same situation gives the same words each time, or the
    /// status would be written anew with each attempt.
    pub message: String,
}

impl Finding {
    /// SWR holds the share on `terms`: in the spec's words, since the cloud's own may vary.
    pub fn shared(id: &ShareId, terms: &Terms) -> Self {
        let ShareId { region: _, organization, repository, account } = id;
        let deadline = terms.deadline;
        let message = format!("{organization}/{repository} is shared with {account}, {deadline}");
        Self::new(Reason::Shared, &message)
    }

    /// SWR lists the share, but it is over.
    pub fn expired(terms: &Terms) -> Self {
        Self::failed(Reason::Expired, &terms.deadline.to_string())
    }

    /// The pass failed; `evidence` names the field, the Secret or the answer.
    pub fn failed(reason: Reason, evidence: &str) -> Self {
        Self::new(reason, &format!("{} ({evidence}): {}", reason.meaning(), reason.advice()))
    }

    /// The pass ended well, but there is more to say than that.
    pub fn told(reason: Reason) -> Self {
        Self::new(reason, &format!("{}: {}", reason.meaning(), reason.advice()))
    }

    fn new(reason: Reason, message: &str) -> Self {
        Self { reason, message: printable(message, MESSAGE_MAX) }
    }
}

/// What the last pass said, to be said again: a refusal that still stands.
pub fn repeated(status: Option<&ImageShareStatus>) -> Option<Finding> {
    let ready = status?.conditions.iter().find(|c| c.type_ == ConditionType::Ready.as_str())?;
    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == ready.reason)?;
    (reason.kind() == Kind::Refuse).then(|| Finding::new(*reason, &ready.message))
}

/// What a status tells beside its conditions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The share as the cloud holds it.
    pub share: Option<ShareStatus>,
    /// Whether the share was there before the object took it over.
    pub adopted: Option<bool>,
    /// What would be done.
    pub pending: Option<PendingAction>,
    /// The last handled value of the annotation that asks for a pass.
    pub handled: Option<String>,
    /// How long before the end of a share its end counts as near; `None` is never.
    pub soon: Option<Duration>,
    /// What time it is for the cloud, by whose clock a share ends.
    pub time: Timestamp,
}

impl Report {
    /// What the status told before.
    pub fn of(before: Option<&ImageShareStatus>) -> Self {
        before.map_or_else(Self::default, |before| Self {
            share: before.share.clone(),
            adopted: before.adopted,
            pending: before.pending_action.clone(),
            handled: before.last_handled_reconcile_at.clone(),
            ..Self::default()
        })
    }
}

/// The status after a pass over `generation` that ended with `finding`; `now` is our own time, by
/// which conditions change.
pub fn project(
    before: Option<&ImageShareStatus>,
    generation: i64,
    finding: &Finding,
    report: Report,
    now: Timestamp,
) -> ImageShareStatus {
    let effective_until = effective_until(before, report.share.as_ref(), report.time);
    let near = is_near(report.share.as_ref(), effective_until, report.soon, report.time);
    let earlier = |kind: ConditionType| {
        before?.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    };
    let conditions = ConditionType::ALL
        .iter()
        .filter_map(|kind| Some((*kind, holds(*kind, finding.reason, near)?)))
        .map(|(kind, status)| {
            let last_transition_time =
                earlier(kind).filter(|condition| condition.status == status).map_or_else(
                    || Time(to_the_second(now)),
                    |condition| condition.last_transition_time.clone(),
                );
            Condition {
                type_: kind.as_str().to_owned(),
                status: status.to_owned(),
                reason: finding.reason.as_str().to_owned(),
                message: finding.message.clone(),
                last_transition_time,
                observed_generation: Some(generation),
            }
        })
        .collect();
    ImageShareStatus {
        observed_generation: generation,
        conditions,
        share: report.share,
        adopted: report.adopted,
        effective_until: effective_until.map(|until| until.to_string()),
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

/// Whether the share was there before the object took it over; `None` while it has none.
pub fn adopted_after(
    known: &Known,
    adoption: AdoptionPolicy,
    before: Option<bool>,
) -> Option<bool> {
    match (&known.cloud, known.wrote) {
        (_, Some(Write::Created | Write::CreateInDoubt)) => Some(false),
        (Cloud::Absent, _) => None,
        _ if known.found => (adoption != AdoptionPolicy::Create).then_some(true),
        (Cloud::Present(_), _) => before.or(Some(false)),
        (Cloud::Unseen | Cloud::Listed(_), _) => before,
    }
}

/// The status that says that a create may be under way: all that changes is the share.
pub fn announced(before: &ImageShareStatus, id: &ShareId, terms: &Terms) -> ImageShareStatus {
    ImageShareStatus {
        share: Some(in_doubt(id, terms)),
        adopted: Some(before.adopted.unwrap_or(false)),
        ..before.clone()
    }
}

fn in_doubt(id: &ShareId, terms: &Terms) -> ShareStatus {
    ShareStatus { valid: None, ..share_status(id, &RemoteShare::as_written(terms.clone())) }
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
        ConditionType::Error => always(kind != Kind::Settled),
        ConditionType::Reconciling => while_true(matches!(kind, Kind::Wait | Kind::Retry)),
        ConditionType::Stalled => while_true(kind == Kind::Refuse || reason == Reason::Expired),
        ConditionType::Expired => while_true(reason == Reason::Expired),
        ConditionType::ExpiringSoon => while_true(near),
    }
}

/// Kubernetes keeps times to the second.
fn to_the_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// What to record of the share after a pass: what the cloud said, else a write in doubt, else what
/// was recorded before. While a create may still take effect, nothing counts as confirmed.
pub fn share_after(
    known: &Known,
    id: &ShareId,
    wanted: Option<&Terms>,
    before: Option<&ShareStatus>,
) -> Option<ShareStatus> {
    match (&known.cloud, known.wrote, wanted) {
        (_, Some(Write::CreateInDoubt), Some(terms)) => Some(in_doubt(id, terms)),
        (Cloud::Present(share) | Cloud::Listed(Some(share)), _, _) => {
            let mut share = share_status(id, share);
            if known.in_flight {
                share.valid = None;
            }
            match before {
                // Nothing of weight has changed: what is not worth a write is not touched either.
                Some(before) if known.wrote.is_none() && means_the_same(before, &share) => {
                    Some(before.clone())
                }
                _ => Some(share),
            }
        }
        (Cloud::Absent, _, _) => None,
        (Cloud::Unseen | Cloud::Listed(None), _, _) => before.cloned(),
    }
}

/// Which share a record names.
pub fn share_id(share: &ShareStatus) -> ShareId {
    ShareId {
        region: share.region.clone(),
        organization: share.organization.clone(),
        repository: share.repository.clone(),
        account: share.account.clone(),
    }
}

fn share_status(id: &ShareId, share: &RemoteShare) -> ShareStatus {
    ShareStatus {
        region: id.region.clone(),
        organization: id.organization.clone(),
        repository: id.repository.clone(),
        account: id.account.clone(),
        permission: share.terms.permission.clone(),
        deadline: share.terms.deadline.on_the_wire(),
        description: share.terms.description.clone(),
        created_at: share.created.clone(),
        updated_at: share.updated.clone(),
        creator: share.creator.clone(),
        valid: Some(share.valid),
    }
}

/// Whether two records of a share differ at most in when and by whom it was made, or in how the
/// cloud spells its deadline.
fn means_the_same(before: &ShareStatus, after: &ShareStatus) -> bool {
    share_id(before) == share_id(after)
        && before.valid == after.valid
        && match (terms_of(before), terms_of(after)) {
            (Some(before), Some(after)) => before.are_met_by(&after),
            _ => false,
        }
}

fn terms_of(share: &ShareStatus) -> Option<Terms> {
    Some(Terms {
        permission: share.permission.clone(),
        deadline: share.deadline.parse().ok()?,
        description: share.description.clone(),
    })
}

/// What the object says of its share, as the plan takes it. An object that carries our finalizer
/// without a share in its status was left in the middle of a pass: a create may have been sent.
pub fn recorded_of(status: Option<&ImageShareStatus>, held: bool) -> Recorded {
    let adopted = status.and_then(|status| status.adopted);
    let share = status.and_then(|status| status.share.as_ref());
    match (adopted, share) {
        (None, _) if held => Recorded::InDoubt,
        // A share that was only looked at.
        (None, _) => Recorded::Nothing,
        (Some(_), Some(share)) if share.valid.is_some() => {
            // A record that cannot be read is as good as one in doubt: a look will tell.
            terms_of(share).map_or(Recorded::InDoubt, Recorded::Confirmed)
        }
        (Some(_), _) => Recorded::InDoubt,
    }
}

/// Whether the status tells of a share that is not the object's own: one that was only looked at.
pub fn is_only_seen(status: Option<&ImageShareStatus>) -> bool {
    status.is_some_and(|status| status.share.is_some() && status.adopted.is_none())
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reconcile::plan::{Heir, Place};

    fn id() -> ShareId {
        ShareId {
            region: "eu".into(),
            organization: "group".into(),
            repository: "tools/busybox".into(),
            account: "demo".into(),
        }
    }

    fn terms(deadline: &str) -> Terms {
        Terms {
            permission: "read".into(),
            deadline: deadline.parse().unwrap(),
            description: "d".into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn known(cloud: Cloud, wrote: Option<Write>) -> Known {
        Known {
            held: true,
            place: Place::Owner(Heir::Nobody),
            recorded: Recorded::Nothing,
            in_flight: false,
            is_fresh: false,
            look_first: false,
            undone: 0,
            cloud,
            found: false,
            wrote,
        }
    }

    fn status_of(status: &ImageShareStatus, kind: ConditionType) -> Option<&str> {
        status.conditions.iter().find(|c| c.type_ == kind.as_str()).map(|c| c.status.as_str())
    }

    #[test]
    fn the_conditions_of_each_kind_of_end() {
        use ConditionType::{Error, Expired, Ready, Reconciling, Stalled};
        for (reason, expected) in [
            (Reason::Shared, [Some("True"), Some("False"), None, None, None]),
            (Reason::Expired, [Some("False"), Some("False"), None, Some("True"), Some("True")]),
            (Reason::Timeout, [Some("False"), Some("True"), Some("True"), None, None]),
            (Reason::Throttled, [Some("False"), Some("True"), Some("True"), None, None]),
            (Reason::RepositoryNotFound, [Some("False"), Some("True"), None, Some("True"), None]),
        ] {
            let status = project(None, 1, &Finding::failed(reason, "x"), Report::default(), at(0));
            let found =
                [Ready, Error, Reconciling, Stalled, Expired].map(|kind| status_of(&status, kind));
            assert_eq!(found, expected, "{}", reason.as_str());
        }
    }

    #[test]
    fn when_and_by_whom_a_share_was_made_is_never_worth_a_write_of_its_own() {
        let written = RemoteShare::as_written(terms("2027-03-31"));
        let before = share_after(&known(Cloud::Present(written), None), &id(), None, None).unwrap();
        let looked = RemoteShare {
            terms: terms("2027-03-31T00:00:00Z"),
            valid: true,
            created: Some("2026-01-01T00:00:00Z".into()),
            updated: Some("2026-01-01T00:00:00Z".into()),
            creator: Some("admin".into()),
        };
        let after =
            share_after(&known(Cloud::Present(looked.clone()), None), &id(), None, Some(&before));
        assert_eq!(after.as_ref(), Some(&before));
        let over = RemoteShare { valid: false, ..looked };
        let after =
            share_after(&known(Cloud::Present(over), None), &id(), None, Some(&before)).unwrap();
        assert_eq!(
            after.creator.as_deref(),
            Some("admin"),
            "taken along when something of weight changes"
        );
    }

    #[test]
    fn a_create_in_doubt_is_recorded_as_such() {
        let doubt = known(Cloud::Unseen, Some(Write::CreateInDoubt));
        let share = share_after(&doubt, &id(), Some(&terms("forever")), None).unwrap();
        assert_eq!(share.valid, None);
        let status = with(Some(false), Some(share.clone()));
        assert_eq!(recorded_of(Some(&status), true), Recorded::InDoubt);
        assert_eq!(share_after(&known(Cloud::Absent, None), &id(), None, Some(&share)), None);
        assert_eq!(
            share_after(&known(Cloud::Unseen, None), &id(), None, Some(&share)),
            Some(share)
        );
    }

    fn with(adopted: Option<bool>, share: Option<ShareStatus>) -> ImageShareStatus {
        let report = Report { share, adopted, ..Report::default() };
        project(None, 1, &Finding::told(Reason::Shared), report, at(0))
    }

    #[test]
    fn an_object_that_is_held_without_a_share_in_its_status_may_have_one() {
        let looked_at = share_status(&id(), &RemoteShare::as_written(terms("forever")));
        for (adopted, share, held, expected) in [
            (None, None, false, Recorded::Nothing),
            (None, None, true, Recorded::InDoubt),
            (None, Some(looked_at.clone()), false, Recorded::Nothing),
            (Some(true), Some(looked_at), true, Recorded::Confirmed(terms("2027-03-31"))),
            (Some(true), None, true, Recorded::InDoubt),
        ] {
            let status = with(adopted, share);
            let recorded = recorded_of(Some(&status), held);
            let same = matches!(
                (&recorded, &expected),
                (Recorded::Nothing, Recorded::Nothing)
                    | (Recorded::InDoubt, Recorded::InDoubt)
                    | (Recorded::Confirmed(_), Recorded::Confirmed(_))
            );
            assert!(same, "{status:?}: {recorded:?}");
        }
        assert_eq!(recorded_of(None, true), Recorded::InDoubt);
    }

    #[test]
    fn a_share_counts_as_adopted_only_if_it_was_found_and_taken() {
        let mut found = known(Cloud::Unseen, Some(Write::CreateConflicted));
        found.saw(Cloud::Present(RemoteShare::as_written(terms("forever"))));
        let present = Cloud::Present(RemoteShare::as_written(terms("forever")));
        let both = AdoptionPolicy::CreateOrAdopt;
        for (known, policy, before, expected) in [
            (&found, both, None, Some(true)),
            (&found, AdoptionPolicy::Create, None, None),
            (&known(present.clone(), Some(Write::Created)), both, None, Some(false)),
            (&known(present.clone(), None), both, None, Some(false)),
            (&known(present, None), both, Some(true), Some(true)),
            (&known(Cloud::Unseen, Some(Write::CreateInDoubt)), both, None, Some(false)),
            (&known(Cloud::Absent, None), both, Some(true), None),
            (&known(Cloud::Unseen, None), both, Some(true), Some(true)),
        ] {
            assert_eq!(adopted_after(known, policy, before), expected, "{known:?} {before:?}");
        }
    }

    #[test]
    fn access_ends_with_the_day_of_the_deadline_and_its_end_is_told_in_time() {
        let until = |deadline: &str, valid: bool, now: &str| {
            let share = RemoteShare { valid, ..RemoteShare::as_written(terms(deadline)) };
            let report = Report {
                share: Some(share_status(&id(), &share)),
                soon: Some(Duration::from_hours(72)),
                time: now.parse().unwrap(),
                ..Report::default()
            };
            let status = project(None, 1, &Finding::told(Reason::Shared), report, at(0));
            let near = is_true(&status, ConditionType::ExpiringSoon);
            (status.effective_until.unwrap_or_default(), near)
        };
        let end = "2027-04-01T00:00:00Z".to_owned();
        let at_four = "2027-03-31T16:00:00Z";
        assert_eq!(until("2027-03-31", true, "2027-01-01T00:00:00Z"), (end.clone(), false));
        assert_eq!(until(at_four, true, "2027-03-28T23:59:59Z"), (end.clone(), false));
        assert_eq!(until(at_four, true, "2027-03-29T00:00:00Z"), (end.clone(), true));
        assert_eq!(until(at_four, false, "2027-04-02T00:00:00Z"), (end, false));
        assert_eq!(until(at_four, false, "2027-03-31T17:00:00Z"), (at_four.to_owned(), false));
        assert_eq!(until("forever", true, "2027-03-29T00:00:00Z"), (String::new(), false));
        // A cloud whose days end elsewhere: by its word it is over, and never in a time to come.
        let noon = "2027-03-31T12:00:00Z";
        for deadline in ["2027-03-31", "2027-03-31T00:00:00Z", "2027-03-31T23:59:59Z", at_four] {
            assert_eq!(until(deadline, false, noon), (noon.to_owned(), false), "{deadline}");
        }
    }

    #[test]
    fn after_an_update_the_record_is_what_the_cloud_said() {
        let before = share_after(
            &known(Cloud::Present(RemoteShare::as_written(terms("2030-03-31"))), None),
            &id(),
            None,
            None,
        );
        let cut = RemoteShare::as_written(terms("2030-03-31T00:00:00Z"));
        let updated = known(Cloud::Present(cut), Some(Write::Updated));
        let after = share_after(&updated, &id(), None, before.as_ref()).unwrap();
        assert_eq!(after.deadline, "2030-03-31T00:00:00Z", "or the next pass would update again");
    }

    #[test]
    fn messages_stay_short_printable_and_say_what_to_do() {
        for reason in Reason::ALL {
            let finding = Finding::failed(*reason, &"x\u{202e}\n".repeat(100));
            assert!(finding.message.chars().count() <= MESSAGE_MAX);
            assert!(finding.message.chars().all(|c| !c.is_control() && c != '\u{202e}'));
            let finding = Finding::failed(
                *reason,
                "HTTP 404, SVCSTG.SWR.4040010, while looking at the share",
            );
            assert!(finding.message.ends_with(reason.advice()), "{}", finding.message);
        }
    }

    /// A pass of a history: how it ended, what it saw of the share, and what came before it.
    #[derive(Debug, Clone)]
    struct Past {
        reason: usize,
        /// Whether it is valid is unknown while a write is in doubt.
        share: Option<Validity>,
        deadline: usize,
        soon: bool,
        edits: i64,
        /// Clocks also go backwards.
        seconds: i64,
        /// How long nothing happens afterwards.
        later: i64,
    }

    type Validity = Option<bool>;

    fn past() -> impl Strategy<Value = Past> {
        let share = proptest::option::of(proptest::option::of(any::<bool>()));
        let seconds = (-60..86_400i64, 1..86_400i64);
        let fields = (0..Reason::ALL.len(), share, 0..3usize, any::<bool>(), 0..3i64, seconds);
        fields.prop_map(|(reason, share, deadline, soon, edits, (seconds, later))| Past {
            reason,
            share,
            deadline,
            soon,
            edits,
            seconds,
            later,
        })
    }

    fn report_of(past: &Past, time: Timestamp) -> Report {
        let deadline = ["forever", "1970-01-02", "1970-01-05T06:00:00Z"][past.deadline];
        let share =
            past.share.map(|valid| ShareStatus { valid, ..in_doubt(&id(), &terms(deadline)) });
        let soon = past.soon.then_some(Duration::from_hours(72));
        let adopted = share.is_some().then_some(false);
        Report { share, adopted, soon, time, ..Report::default() }
    }

    /// What the kstatus conventions and the README promise of every status.
    fn keeps_its_promises(status: &ImageShareStatus, reason: Reason, generation: i64) {
        let is = |kind| is_true(status, kind);
        let troubles = [
            ConditionType::Reconciling,
            ConditionType::Stalled,
            ConditionType::Error,
            ConditionType::Expired,
        ];
        assert!(!(is(ConditionType::Ready) && troubles.into_iter().any(is)), "{status:?}");
        assert!(!(is(ConditionType::Reconciling) && is(ConditionType::Stalled)), "{status:?}");
        assert_eq!(is(ConditionType::Ready), reason == Reason::Shared);
        assert!(status_of(status, ConditionType::Ready).is_some());
        assert!(status_of(status, ConditionType::Error).is_some());
        assert_eq!(status.observed_generation, generation);
        let over = status.share.as_ref().is_none_or(|share| share.valid == Some(false));
        assert!(!(is(ConditionType::ExpiringSoon) && over), "{status:?}");
        let end = status.effective_until.as_ref();
        assert!(end.is_none_or(|end| end.parse::<Timestamp>().is_ok()), "{status:?}");
        assert!(end.is_none() || status.share.is_some(), "{status:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        /// Transition times move only when a status flips, and saying the same again changes nothing:
        /// so a settled object causes no write.
        #[test]
        fn the_conditions_keep_their_promises_over_any_history(
            history in proptest::collection::vec(past(), 1..6)
        ) {
            let (mut before, mut generation, mut second) = (None::<ImageShareStatus>, 1, 0);
            for past in history {
                generation += past.edits;
                second += past.seconds;
                let report = report_of(&past, at(second));
                let reason = Reason::ALL[past.reason];
                let finding = Finding::failed(reason, "x");
                let after = project(before.as_ref(), generation, &finding, report.clone(), at(second));
                keeps_its_promises(&after, reason, generation);
                for condition in &after.conditions {
                    let earlier = before.iter().flat_map(|before| &before.conditions);
                    let earlier = earlier.filter(|c| c.type_ == condition.type_).find(|c| c.status == condition.status);
                    let expected = earlier.map_or(at(second), |earlier| earlier.last_transition_time.0);
                    prop_assert_eq!(condition.last_transition_time.0, expected);
                }
                let again = project(Some(&after), generation, &finding, report.clone(), at(second));
                prop_assert_eq!(&again, &after);
                // As time goes by, nothing changes but that the end comes near.
                let time = at(second + past.later);
                let mut later =
                    project(Some(&after), generation, &finding, Report { time, ..report }, time);
                let near = |c: &Condition| c.type_ == ConditionType::ExpiringSoon.as_str();
                if !after.conditions.iter().any(near) {
                    later.conditions.retain(|condition| !near(condition));
                }
                prop_assert_eq!(&later, &after);
                before = Some(after);
            }
        }
    }
}
