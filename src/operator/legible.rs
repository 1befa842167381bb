//! An object of the API server, and what is left of one that does not fit the schema while it is being
//! deleted: as much as can be read. A deletion needs metadata, record and policy, and must end. Pure.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::ImageShare;

/// Names no Secret: none can be called so. Without any, the namespace's own would be used.
const NO_SECRET: &str = "-";

/// An object, as far as it can be read.
#[derive(Debug)]
pub struct Legible(pub ImageShare);

impl<'de> Deserialize<'de> for Legible {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let object = serde_json::from_str(raw.get()).or_else(|error| {
            let whole: Value = serde_json::from_str(raw.get())?;
            left_of(&whole).ok_or(error)
        });
        object.map(Self).map_err(D::Error::custom)
    }
}

/// What is left of an object that is being deleted, field by field; of any other nothing is guessed.
fn left_of(whole: &Value) -> Option<ImageShare> {
    whole.pointer("/metadata/deletionTimestamp")?;
    let nothing = json!({
        "organization": "", "repository": "", "account": "", "credentialsRef": {"name": NO_SECRET},
    });
    let mut left = json!({
        "apiVersion": whole["apiVersion"], "kind": whole["kind"], "metadata": whole["metadata"],
        "spec": nothing,
    });
    for part in ["spec", "status"] {
        for (field, value) in whole[part].as_object().into_iter().flatten() {
            let mut with = left.clone();
            with[part][field] = value.clone();
            if ImageShare::deserialize(&with).is_ok() {
                left = with;
            } else if field == "adopted" {
                // A share was the object's own: rather look for it than leave it.
                left[part][field] = false.into();
            }
        }
    }
    serde_json::from_value(left).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DeletionPolicy, ManagementPolicy};
    use crate::core::object::Object;
    use crate::core::record::Recorded;

    fn object(deleted: bool, spec: Value, status: Value) -> Result<Legible, serde_json::Error> {
        let mut object = json!({
            "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
            "metadata": {"name": "demo", "uid": "u", "finalizers": ["imageshare.dev/share"]},
            "spec": {
                "region": "r", "organization": "group", "repository": "app", "account": "demo",
                "credentialsRef": {"name": "swr"}, "deletionPolicy": "Retain",
            },
            "status": {
                "observedGeneration": 1, "objectUID": "u", "conditions": [], "adopted": true,
                "share": {
                    "region": "r", "organization": "group", "repository": "app", "account": "demo",
                    "permission": "read", "deadline": "forever", "valid": true,
                },
            },
        });
        if deleted {
            object["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z".into();
        }
        for (part, fields) in [("spec", spec), ("status", status)] {
            for (field, value) in fields.as_object().unwrap() {
                object[part][field] = value.clone();
            }
        }
        // As the client reads it.
        serde_json::from_str(&object.to_string())
    }

    #[test]
    fn an_object_that_fits_is_read_as_it_is_and_one_that_does_not_only_while_it_is_deleted() {
        let unknown = || json!({"permission": "write"});
        assert!(object(false, json!({}), json!({})).is_ok());
        assert!(object(false, unknown(), json!({})).is_err());
        let left = object(true, unknown(), json!({})).unwrap().0;
        let fitting = object(true, json!({}), json!({})).unwrap().0;
        assert_eq!((left.spec, left.status), (fitting.spec, fitting.status));
    }

    #[test]
    fn what_can_be_read_of_the_record_and_of_the_policies_counts() {
        for (spec, status, is_recorded, deletion) in [
            (json!({"deletionPolicy": "Archive"}), json!({}), true, DeletionPolicy::Delete),
            (json!({"credentialsRef": 7}), json!({}), true, DeletionPolicy::Retain),
            (json!({"interval": ["x"]}), json!({"share": 7}), true, DeletionPolicy::Retain),
            (json!({}), json!({"adopted": "maybe"}), true, DeletionPolicy::Retain),
            (json!({}), json!({"adopted": null, "share": {"x": 1}}), false, DeletionPolicy::Retain),
            (json!({}), json!({"conditions": 7}), true, DeletionPolicy::Retain),
        ] {
            let left = object(true, spec.clone(), status.clone()).unwrap().0;
            assert_eq!(left.spec.deletion_policy, deletion, "{spec}");
            let recorded = Object::of(&left).recorded();
            assert_eq!(recorded != Recorded::Nothing, is_recorded, "{spec} {status}");
        }
        let observes = json!({"managementPolicy": "Observe", "suspend": "sometimes"});
        let left = object(true, observes, json!({})).unwrap().0;
        assert_eq!(left.spec.management_policy, ManagementPolicy::Observe);
    }
}
