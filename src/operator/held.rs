//! What becomes of objects while no pass may begin, since the served CRD lacks fields that we report in.
//! Decides nothing about shares.

use std::time::Duration;

use jiff::Timestamp;

use super::driver::{Shared, nothing_to_keep};
use super::registry::Left;
use crate::api::{ConditionType, ImageShare};
use crate::core::status::Outcome;
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
/// writing to all at once would help nobody.
pub(super) async fn hold(object: &ImageShare, missing: &[String], shared: &Shared) -> Left {
    let outcome = Outcome::failed(Reason::CrdOutdated, &missing.join(", "));
    let status = object.status.as_ref();
    let ready = status.and_then(|status| {
        status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
    });
    let is_said = ready.is_some_and(|ready| ready.message == outcome.message);
    let is_shared = ready.is_some_and(|ready| ready.status == "True");
    if !is_said && !is_shared {
        let written = shared.api_server.report(&object.metadata, &outcome, Timestamp::now()).await;
        match written {
            Ok(()) => tracing::warn!(reason = outcome.reason.as_str(), "{}", outcome.message),
            Err(error) => tracing::warn!("the status of an object that waits for the CRD: {error}"),
        }
    }
    Left { come_back: Some(CRD_RETRY), ..nothing_to_keep(None) }
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
}
