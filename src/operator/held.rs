//! What becomes of objects while no pass may begin, since the served CRD lacks fields that we report in.
//! Decides nothing about shares.

use std::time::Duration;

use jiff::Timestamp;

use super::driver::nothing_to_keep;
use super::registry::Left;
use super::shared::Shared;
use crate::api::{ConditionType, ImageShare, ImageShareStatus};
use crate::core::schedule::TURN_MARGIN;
use crate::core::status::{self, Outcome, Report};
use crate::reason::Reason;

/// When an object is looked at again that waits for the CRD. A change of the CRD wakes all of them; this
/// is for one whose turn ends at that moment.
const CRD_RETRY: Duration = Duration::from_mins(1);

/// Whether an object waits because of what the CRD lacks. One that is being deleted does not: its share
/// is revoked, and nothing needs to be reported.
pub(super) fn waits_for_crd(object: &ImageShare, missing: &[String]) -> bool {
    !missing.is_empty() && object.metadata.deletion_timestamp.is_none()
}

/// Says in its status why an object gets no pass, unless its share is there already: that goes on, and
/// writing to all at once would help nobody. Of a suspended one nothing new is said.
pub(super) async fn hold(object: &ImageShare, missing: &[String], shared: &Shared) -> Left {
    let (outcome, now) =
        (Outcome::failed(Reason::CrdOutdated, &missing.join(", ")), Timestamp::now());
    let before = object.status.as_ref();
    let is_shared = before.is_some_and(|before| status::is_true(before, ConditionType::Ready));
    if is_shared || object.spec.suspend {
        return Left { come_back: Some(CRD_RETRY), ..nothing_to_keep(None) };
    }
    let stalled_after = shared.settings.stalled_after;
    let said =
        held(before, object.metadata.generation.unwrap_or_default(), &outcome, stalled_after, now);
    if before.is_none_or(|before| before.conditions != said.conditions) {
        match shared.api_server.report(&object.metadata, &said).await {
            Ok(()) => tracing::warn!(reason = outcome.reason.as_str(), "{}", outcome.message),
            Err(error) => tracing::warn!("the status of an object that waits for the CRD: {error}"),
        }
    }
    let stalls_in = status::until_stalled(&said, stalled_after, now).map(|left| left + TURN_MARGIN);
    let come_back = stalls_in.map_or(CRD_RETRY, |stalls_in| stalls_in.min(CRD_RETRY));
    Left { come_back: Some(come_back), ..nothing_to_keep(None) }
}

/// What the status of an object says that waits.
fn held(
    before: Option<&ImageShareStatus>,
    generation: i64,
    outcome: &Outcome,
    stalled_after: Duration,
    now: Timestamp,
) -> ImageShareStatus {
    let refused_since = status::refused_since(before, generation, outcome.reason, now);
    let report = Report { refused_since, stalled_after, ..Report::default() };
    status::project(before, generation, outcome, report, now)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn all_wait_for_the_crd_but_those_that_are_being_deleted() {
        let mut object = ImageShare::new("demo", crate::core::fixtures::spec());
        let missing = ["status.effectiveUntil".to_owned()];
        assert!(waits_for_crd(&object, &missing));
        assert!(!waits_for_crd(&object, &[]));
        object.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        assert!(!waits_for_crd(&object, &missing));
    }

    #[test]
    fn an_object_that_waits_for_the_crd_fails_only_later_whether_or_not_the_crd_holds_since_when() {
        let outcome = Outcome::failed(Reason::CrdOutdated, "status.refusedSince");
        let (two, minutes) =
            (Duration::from_mins(2), |m: i64| Timestamp::from_second(60 * m).unwrap());
        let hold =
            |before: Option<&ImageShareStatus>, at| held(before, 1, &outcome, two, minutes(at));
        let first = hold(None, 1);
        let dropped = ImageShareStatus { refused_since: None, ..first.clone() };
        for before in [first, dropped] {
            assert!(status::is_true(&before, ConditionType::Reconciling));
            let soon = hold(Some(&before), 2);
            assert_eq!(soon.conditions, before.conditions, "nothing new is written");
            assert!(status::is_true(&hold(Some(&before), 3), ConditionType::Stalled));
        }
    }
}
