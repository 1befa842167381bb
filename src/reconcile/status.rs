//! The one exit of a pass: from what it found to the status, and whether that is worth a write.
//! Pure: the time comes in as a parameter.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::plan::{Cloud, Known, Recorded, Write};
use crate::api::{ConditionType, ImageShareStatus, ShareStatus};
use crate::reason::{Kind, Reason};
use crate::redact::{MESSAGE_MAX, printable};
use crate::swr::{Deadline, RemoteShare, ShareId, Terms};

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

/// The status after a pass over `generation` that ended with `finding`.
pub fn project(
    before: Option<&ImageShareStatus>,
    generation: i64,
    finding: &Finding,
    share: Option<ShareStatus>,
    now: Timestamp,
) -> ImageShareStatus {
    let earlier = |kind: ConditionType| {
        before?.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    };
    let conditions = ConditionType::ALL
        .iter()
        .filter_map(|kind| Some((*kind, holds(*kind, finding.reason)?)))
        .map(|(kind, holds)| {
            let status = if holds { "True" } else { "False" };
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
        share,
        adopted: None,
        effective_until: None,
        pending_action: None,
        last_handled_reconcile_at: None,
    }
}

/// Which conditions a reason leads to: `None` leaves the condition out, as kstatus has it for the
/// conditions that are only there while they are true.
fn holds(condition: ConditionType, reason: Reason) -> Option<bool> {
    let while_true = |holds: bool| holds.then_some(true);
    let kind = reason.kind();
    match condition {
        ConditionType::Ready => Some(kind == Kind::Settled && reason != Reason::Expired),
        // An expired share is no failed attempt: the cloud answered as it should.
        ConditionType::Error => Some(kind != Kind::Settled),
        ConditionType::Reconciling => while_true(matches!(kind, Kind::Wait | Kind::Retry)),
        ConditionType::Stalled => while_true(kind == Kind::Refuse || reason == Reason::Expired),
        ConditionType::Expired => while_true(reason == Reason::Expired),
    }
}

/// Kubernetes keeps times to the second.
fn to_the_second(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// What to record of the share after a pass: what the cloud said, else a write in doubt, else what
/// was recorded before.
pub fn share_after(
    known: &Known,
    id: &ShareId,
    wanted: Option<&Terms>,
    before: Option<&ShareStatus>,
) -> Option<ShareStatus> {
    match (&known.cloud, known.wrote, wanted) {
        (_, Some(Write::CreateInDoubt), Some(terms)) => Some(ShareStatus {
            valid: None,
            ..share_status(id, &RemoteShare::as_written(terms.clone()))
        }),
        (Cloud::Present(share), _, _) => {
            let share = share_status(id, share);
            match before {
                // Nothing of weight has changed: what is not worth a write is not touched either.
                Some(before) if known.wrote.is_none() && means_the_same(before, &share) => {
                    Some(before.clone())
                }
                _ => Some(share),
            }
        }
        (Cloud::Absent, _, _) => None,
        (Cloud::Unseen, _, _) => before.cloned(),
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

/// What the status says of a share, as the plan takes it. An object that carries our finalizer but
/// has no status of ours was left in the middle of its first pass: a create may have been sent.
pub fn recorded_of(status: Option<&ImageShareStatus>, held: bool) -> Option<Recorded> {
    let share = status.and_then(|status| status.share.as_ref());
    let never_reported = status.is_none_or(|status| status.observed_generation < 0);
    match share {
        Some(share) => Some(recorded(share)),
        None if held && never_reported => Some(recorded(&ShareStatus::default())),
        None => None,
    }
}

/// What an earlier pass recorded. A record that cannot be read is as good as
/// one in doubt: a look will tell.
fn recorded(share: &ShareStatus) -> Recorded {
    match terms_of(share) {
        Some(terms) => Recorded { terms, confirmed: share.valid.is_some() },
        None => Recorded {
            terms: Terms {
                permission: share.permission.clone(),
                deadline: Deadline::Forever,
                description: share.description.clone(),
            },
            confirmed: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        Known { held: true, recorded: None, cloud, wrote }
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
            let status = project(None, 1, &Finding::failed(reason, "x"), None, at(0));
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
        assert!(!recorded(&share).confirmed);
        assert_eq!(share_after(&known(Cloud::Absent, None), &id(), None, Some(&share)), None);
        assert_eq!(
            share_after(&known(Cloud::Unseen, None), &id(), None, Some(&share)),
            Some(share)
        );
    }

    #[test]
    fn an_object_left_in_the_middle_of_its_first_pass_may_have_a_share() {
        let reported = project(None, 1, &Finding::failed(Reason::Forbidden, "x"), None, at(0));
        assert_eq!(recorded_of(Some(&reported), true), None);
        assert_eq!(recorded_of(None, false), None);
        assert!(recorded_of(None, true).is_some_and(|share| !share.confirmed));
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

    proptest! {
        /// Ready is never True beside Reconciling, Stalled, Error or Expired; Reconciling
        /// and Stalled never meet; transition times move only when a status flips; projecting the
        /// same finding again changes nothing.
        #[test]
        fn the_conditions_keep_their_promises_over_any_history(
            history in proptest::collection::vec((0..Reason::ALL.len(), 0i64..3), 1..20)
        ) {
            let mut before: Option<ImageShareStatus> = None;
            let mut generation = 1;
            for (step, (reason, edits)) in history.into_iter().enumerate() {
                generation += edits;
                let finding = Finding::failed(Reason::ALL[reason], "x");
                let now = at(i64::try_from(step).unwrap() * 60);
                let after = project(before.as_ref(), generation, &finding, None, now);

                let is_true = |kind| status_of(&after, kind) == Some("True");
                let troubles = [ConditionType::Reconciling, ConditionType::Stalled, ConditionType::Error, ConditionType::Expired];
                prop_assert!(!(is_true(ConditionType::Ready) && troubles.iter().any(|kind| is_true(*kind))));
                prop_assert!(!(is_true(ConditionType::Reconciling) && is_true(ConditionType::Stalled)));
                prop_assert!(status_of(&after, ConditionType::Ready).is_some());
                prop_assert_eq!(after.observed_generation, generation);
                for condition in &after.conditions {
                    let earlier = before.as_ref().and_then(|before| before.conditions.iter().find(|c| c.type_ == condition.type_));
                    let flipped = earlier.is_none_or(|earlier| earlier.status != condition.status);
                    let expected = if flipped { now } else { earlier.unwrap().last_transition_time.0 };
                    prop_assert_eq!(condition.last_transition_time.0, expected);
                }
                let again = project(Some(&after), generation, &finding, None, at(1_000_000));
                prop_assert_eq!(&again, &after);
                before = Some(after);
            }
        }
    }
}
