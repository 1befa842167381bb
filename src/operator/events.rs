//! Events: what the operator says to people beside the status. Decides nothing.

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, PostParams};
use kube::core::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::api_server::{ApiError, ApiServer};
use crate::api::{FIELD_MANAGER, ImageShare};

impl ApiServer {
    /// Leaves an event in the operator's own namespace: the object's may be going. One for each object
    /// and reason, so that a pass that is made again after a crash leaves no second one.
    ///
    /// An event must speak of an object in its own namespace, so this one speaks of the operator's
    /// service account and names the object beside it. Gives whether there was no such event before.
    pub async fn emit_to_administrator(
        &self,
        object: &ImageShare,
        reason: &str,
        note: &str,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let namespace = self.client.default_namespace();
        let regarding = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "namespace": namespace, "name": FIELD_MANAGER,
        });
        let mut event = event(EventKind::Warning, reason, note, now);
        let uid = object.uid().unwrap_or_default();
        event["metadata"] = json!({"name": format!("{uid}.{}", reason.to_lowercase())});
        event["regarding"] = regarding;
        event["related"] = reference(object);
        self.leave(namespace, event).await
    }

    /// Leaves an event about the object, beside it: one for each reason and `occasion`, so that a pass
    /// that is made again after a crash leaves no second one.
    pub async fn emit_about(
        &self,
        object: &ImageShare,
        (kind, reason, occasion): (EventKind, &str, &str),
        note: &str,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let uid = object.uid().unwrap_or_default();
        let mut event = event(kind, reason, note, now);
        event["metadata"] = json!({"name": format!("{uid}.{}.{occasion}", reason.to_lowercase())});
        event["regarding"] = reference(object);
        self.leave(&object.namespace().unwrap_or_default(), event).await
    }

    async fn leave(&self, namespace: &str, event: Value) -> Result<bool, ApiError> {
        let event: Event =
            serde_json::from_value(event).map_err(|error| ApiError::Other(error.to_string()))?;
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        match self.written("create events", api.create(&PostParams::default(), &event)).await {
            Ok(_) => Ok(true),
            Err(ApiError::AlreadyExists) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How an event is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// For information.
    Normal,
    /// Somebody should look at it.
    Warning,
}

/// An event without its object.
fn event(kind: EventKind, reason: &str, note: &str, now: Timestamp) -> Value {
    let kind = match kind {
        EventKind::Normal => "Normal",
        EventKind::Warning => "Warning",
    };
    json!({
        "type": kind, "reason": reason, "note": note, "action": "Reconcile",
        "eventTime": MicroTime(now),
        "reportingController": FIELD_MANAGER, "reportingInstance": FIELD_MANAGER,
    })
}

fn reference(object: &ImageShare) -> Value {
    json!({
        "apiVersion": ImageShare::api_version(&()), "kind": ImageShare::kind(&()),
        "namespace": object.namespace(), "name": object.name_any(), "uid": object.uid(),
    })
}
