//! What the API server's audit log says somebody asked for.

use serde_json::Value;

use super::world::{ControlPlane, OPERATOR_USER, world};

/// A write that the API server saw: `patch imageshares`, `patch imageshares/status`.
pub type Write = String;

/// A request that the API server saw.
#[derive(Debug, Clone)]
pub struct Request {
    /// `get`, `watch`, `patch`.
    pub verb: String,
    /// The API group; empty for the core's.
    pub group: String,
    /// `secrets`, `imageshares/status`; of what is no object, the path.
    pub resource: String,
    /// Empty across namespaces.
    pub namespace: String,
    /// Empty for a list.
    pub name: String,
    /// The status of the answer.
    pub code: u64,
    /// Whether that is all of it, and not the beginning of a watch.
    is_complete: bool,
}

impl Request {
    fn read(entry: &Value) -> Self {
        let object = &entry["objectRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let subresource = object["subresource"].as_str();
        let slash = subresource.map(|name| format!("/{name}")).unwrap_or_default();
        let resource = object["resource"].as_str().or_else(|| entry["requestURI"].as_str());
        Self {
            verb: text(&entry["verb"]),
            group: text(&object["apiGroup"]),
            resource: format!("{}{slash}", resource.unwrap_or_default()),
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
            is_complete: entry["stage"] == "ResponseComplete",
        }
    }
}

/// All requests of a user, in their order: a watch twice, when it begins and when it ends. The audit log
/// is the one witness: without it (a cluster of one's own) the test that asks cannot be run.
pub fn requests_of(control_plane: &ControlPlane, user: &str) -> Vec<Request> {
    let audit = control_plane
        .audit
        .as_ref()
        .expect("counting requests needs the API server's audit log: set AUDIT_LOG_UNDER_TEST");
    let log = std::fs::read_to_string(audit).unwrap();
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["user"]["username"] == user)
        .map(|entry| Request::read(&entry))
        .collect()
}

/// The operator's writes in a namespace, in their order, but for its Lease.
pub fn writes(namespace: &str) -> Vec<Write> {
    let is_write = |request: &String| {
        let is_read = ["get", "list", "watch"].iter().any(|verb| request.starts_with(verb));
        !is_read && !request.ends_with(" leases")
    };
    requests(namespace).into_iter().filter(is_write).collect()
}

/// All of its requests in a namespace, reads too: `get secrets`, `watch imageshares`.
pub fn requests(namespace: &str) -> Vec<String> {
    requests_of(world(), OPERATOR_USER)
        .into_iter()
        .filter(|request| request.is_complete && request.namespace == namespace)
        .map(|request| format!("{} {}", request.verb, request.resource))
        .collect()
}
