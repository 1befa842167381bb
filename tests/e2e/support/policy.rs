//! An admission policy for the objects in a trial's namespace.

use serde_json::json;

use super::Trial;

/// Allows an operation on these resources only where an expression (CEL) holds; with what it says.
pub fn forbid(
    trial: &Trial,
    operation: &str,
    resources: &[&str],
    (expression, words): (&str, &str),
) {
    let name = trial.namespace.as_str();
    let (group, selector) = (
        "admissionregistration.k8s.io/v1",
        json!({"matchLabels": {"kubernetes.io/metadata.name": name}}),
    );
    trial.apply(&json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["imageshare.dev"], "apiVersions": ["*"], "operations": [operation],
                "resources": resources,
            }]},
            "validations": [{"expression": expression, "message": words}],
        },
    }));
    trial.apply(&json!({
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }));
}

/// Takes it away.
pub fn allow(trial: &Trial) {
    for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
        trial.kubectl(&["delete", kind, &trial.namespace]);
    }
}
