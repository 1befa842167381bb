//! The CRD that the API server serves, compared with our own: a field that it does not have is dropped
//! from every object without a word. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
    JSONSchemaPropsOrArray,
};

use super::crd;

/// What `served` lacks of our own: fields by their paths, such as `status.effectiveUntil`. A newer CRD
/// lacks nothing.
pub fn missing(served: &CustomResourceDefinition) -> Vec<String> {
    let ours = crd();
    ours.spec.versions.iter().flat_map(|version| missing_of_version(version, served)).collect()
}

fn missing_of_version(
    ours: &CustomResourceDefinitionVersion,
    served: &CustomResourceDefinition,
) -> Vec<String> {
    let same = |version: &&CustomResourceDefinitionVersion| version.name == ours.name;
    let Some(theirs) = served.spec.versions.iter().find(same).filter(|version| version.served)
    else {
        return vec![format!("version {}", ours.name)];
    };
    let mut missing = Vec::new();
    let has_status = theirs.subresources.as_ref().is_some_and(|sub| sub.status.is_some());
    if !has_status {
        missing.push("the subresource status".to_owned());
    }
    if let (Some(ours), Some(theirs)) = (schema(ours), schema(theirs)) {
        compare("", ours, theirs, &mut missing);
    }
    missing
}

fn schema(version: &CustomResourceDefinitionVersion) -> Option<&JSONSchemaProps> {
    version.schema.as_ref()?.open_api_v3_schema.as_ref()
}

fn compare(
    path: &str,
    ours: &JSONSchemaProps,
    theirs: &JSONSchemaProps,
    missing: &mut Vec<String>,
) {
    if theirs.x_kubernetes_preserve_unknown_fields == Some(true) {
        return;
    }
    for (name, field) in ours.properties.iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match theirs.properties.as_ref().and_then(|properties| properties.get(name)) {
            Some(theirs) => compare(&path, field, theirs, missing),
            None => missing.push(path),
        }
    }
    if let (Some(ours), Some(theirs)) = (item(ours), item(theirs)) {
        compare(path, ours, theirs, missing);
    }
}

fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties";

    /// Our own CRD after a change.
    fn changed(change: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
        let mut served = serde_json::to_value(crd()).unwrap();
        change(&mut served);
        serde_json::from_value(served).unwrap()
    }

    fn without(path: &str) -> CustomResourceDefinition {
        changed(|served| {
            let (parent, name) = path.rsplit_once('/').unwrap();
            let parent = served.pointer_mut(&format!("{SCHEMA}{parent}")).unwrap();
            parent.as_object_mut().unwrap().remove(name).unwrap();
        })
    }

    #[test]
    fn our_own_lacks_nothing_and_neither_does_a_newer_one() {
        assert_eq!(missing(&crd()), [""; 0]);
        let newer = changed(|served| {
            served.pointer_mut(SCHEMA).unwrap()["spec"]["properties"]["more"] =
                json!({"type": "string"});
        });
        assert_eq!(missing(&newer), [""; 0]);
    }

    #[test]
    fn each_field_that_an_older_one_lacks_is_named_by_its_path() {
        for (path, name) in [
            ("/status/properties/effectiveUntil", "status.effectiveUntil"),
            ("/status/properties/share/properties/valid", "status.share.valid"),
            ("/status/properties/conditions/items/properties/reason", "status.conditions.reason"),
            ("/spec/properties/deletionPolicy", "spec.deletionPolicy"),
            ("/spec/properties/credentialsRef/properties/key", "spec.credentialsRef.key"),
            ("/status", "status"),
        ] {
            assert_eq!(missing(&without(path)), [name]);
        }
    }

    #[test]
    fn a_version_that_is_not_served_and_a_status_without_its_subresource_are_named() {
        for (change, name) in [
            (json!({"name": "v1"}), "version v1alpha1"),
            (json!({"served": false}), "version v1alpha1"),
            (json!({"subresources": null}), "the subresource status"),
        ] {
            let served = changed(|served| {
                let version = served.pointer_mut("/spec/versions/0").unwrap();
                for (field, value) in change.as_object().unwrap() {
                    version[field] = value.clone();
                }
            });
            assert_eq!(missing(&served), [name]);
        }
    }
}
