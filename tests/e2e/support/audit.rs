//! What the API server's audit log says the operator asked for.

use serde_json::Value;

use super::world::{OPERATOR_USER, world};

/// A write that the API server saw: `patch imageshares`, `patch imageshares/status`.
pub type Write = String;

/// The operator's writes in a namespace, in their order. The audit log is the one witness: without
/// it (a cluster of one's own) the test that asks cannot be run.
pub fn writes(namespace: &str) -> Vec<Write> {
    let is_write =
        |request: &String| !["get", "list", "watch"].iter().any(|verb| request.starts_with(verb));
    requests(namespace).into_iter().filter(is_write).collect()
}

/// All of its requests in a namespace, reads too: `get secrets`, `watch imageshares`.
pub fn requests(namespace: &str) -> Vec<String> {
    let audit = world()
        .audit
        .as_ref()
        .expect("counting requests needs the API server's audit log: set AUDIT_LOG_UNDER_TEST");
    let log = std::fs::read_to_string(audit).unwrap();
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["user"]["username"] == OPERATOR_USER)
        .filter(|entry| entry["stage"] == "ResponseComplete")
        .filter(|entry| entry["objectRef"]["namespace"] == namespace)
        .map(|entry| {
            let text = |field: &str| entry["objectRef"][field].as_str().unwrap_or_default();
            let subresource = Some(text("subresource")).filter(|name| !name.is_empty());
            let slash = subresource.map(|name| format!("/{name}")).unwrap_or_default();
            format!("{} {}{slash}", entry["verb"].as_str().unwrap_or_default(), text("resource"))
        })
        .collect()
}
