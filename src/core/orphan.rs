//! Shares that are left behind in the cloud: in words, and when an object that vanished has left one. Pure.

use super::facts::Goal;
use super::object::Object;
use super::record::{self, Recorded};
use crate::cloud::ShareId;

/// What the administrator is told of a share that is left behind; `share` if it can be named.
pub fn note(object: &Object, share: Option<&ShareId>, why: &str) -> String {
    let recorded = object.own_status().and_then(|status| status.share.as_ref());
    let id = share.cloned().or_else(|| recorded.map(record::share_id));
    let id = id.unwrap_or_else(|| named_by_the_spec(object));
    let region = &id.region;
    format!("the share of {id} in {region} is left behind, revoke it in the SWR console: {why}")
}

/// What to tell of an object that had our finalizer and vanished without us; `None` if it has left
/// nothing in the cloud that its deletion would have revoked.
pub fn of_vanished(object: &Object, default_region: Option<&str>) -> Option<String> {
    let held = Object { has_finalizer: true, is_deleting: true, ..object.clone() };
    let would_revoke = held.goal() == Ok(Goal::Revoke) && held.recorded() != Recorded::Nothing;
    let share = held.share_id(default_region).ok();
    let why = "its object is gone, somebody else has taken the finalizer off";
    would_revoke.then(|| note(object, share.as_ref(), why))
}

/// The share as far as the spec goes.
fn named_by_the_spec(object: &Object) -> ShareId {
    let spec = &object.spec;
    ShareId {
        region: "an unknown region".into(),
        organization: spec.organization.clone(),
        repository: spec.repository.clone(),
        account: spec.account.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DeletionPolicy, ManagementPolicy};
    use crate::core::fixtures::{fresh, shared, with_spec};

    #[test]
    fn an_object_that_vanished_leaves_what_its_deletion_would_have_revoked() {
        let object = || Object { has_finalizer: false, ..shared("forever") };
        let intent = Object { has_intent: true, ..fresh() };
        for (case, object, leaves) in [
            ("shared", object(), true),
            ("about to create", intent, true),
            ("nothing made", fresh(), false),
            (
                "to be retained",
                with_spec(object(), |spec| spec.deletion_policy = DeletionPolicy::Retain),
                false,
            ),
            (
                "only observed",
                with_spec(object(), |spec| spec.management_policy = ManagementPolicy::Observe),
                false,
            ),
        ] {
            assert_eq!(of_vanished(&object, None).is_some(), leaves, "{case}");
        }
        let note = of_vanished(&object(), None).unwrap();
        assert!(note.contains("group/tools/busybox with demo in eu-west-101"), "{note}");
    }
}
