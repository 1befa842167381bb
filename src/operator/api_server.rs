//! What the operator asks of the API server beside its watch: one Secret, two finalizer patches,
//! one status. Every call is bounded in time. Decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::CustomResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, Resource, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{CREATE_INTENT, FIELD_MANAGER, FINALIZER, ImageShare, ImageShareStatus};

/// How long a call may take, with the client's own retries on 429, 503 and 504.
const CALL: Duration = Duration::from_secs(10);

/// The verbs that the operator uses in the namespaces it watches, by resource: `deploy/` must grant
/// these and no others. Beside them it gets its own CRD.
pub const PERMISSIONS: &[(&str, &str, &[&str])] = &[
    ("imageshare.dev", "imageshares", &["get", "list", "patch", "watch"]),
    ("imageshare.dev", "imageshares/status", &["patch"]),
    ("", "secrets", &["get"]),
    ("events.k8s.io", "events", &["create"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &[]),
];

/// A call to the API server that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The object has changed since it was read; a newer version is on its way.
    #[error("the object has changed meanwhile")]
    Conflict,
    /// There is such an object already.
    #[error("there is such an object already")]
    AlreadyExists,
    /// There is no such object.
    #[error("there is no such object")]
    NotFound,
    /// The service account may not do this.
    #[error("the operator's service account may not {0}")]
    Forbidden(&'static str),
    /// No answer in time.
    #[error("the API server did not answer within {} s", CALL.as_secs())]
    Timeout,
    /// Anything else. The API server's own words, or the transport's; never a body.
    #[error("{0}")]
    Other(String),
}

/// A Secret as far as it matters.
pub struct Secret {
    /// Its uid and resourceVersion.
    pub version: String,
    /// What stands under the key.
    pub value: Option<Vec<u8>>,
}

/// The API server.
#[derive(Clone)]
pub struct ApiServer {
    client: kube::Client,
}

impl ApiServer {
    /// Speaks through `client`.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// Reads one key of one Secret, live.
    pub async fn secret(&self, namespace: &str, name: &str, key: &str) -> Result<Secret, ApiError> {
        // As a dynamic object: one that cannot be decoded would end up in an error text.
        let kind = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &kind);
        let secret = bounded("get this Secret", api.get(name)).await?;
        let version = format!(
            "{}/{}",
            secret.uid().unwrap_or_default(),
            secret.resource_version().unwrap_or_default()
        );
        let data = secret.data.get("data").map(BTreeMap::<String, ByteString>::deserialize);
        let value = match data {
            Some(Ok(mut data)) => data.remove(key).map(|bytes| bytes.0),
            Some(Err(_)) | None => None,
        };
        Ok(Secret { version, value })
    }

    /// The object as it is now; another one of the same name is not it.
    pub async fn read(&self, object: &ImageShare) -> Result<ImageShare, ApiError> {
        let (api, name) = (self.api(object), object.name_any());
        let live = bounded("get imageshares", api.get(&name)).await?;
        if live.uid() == object.uid() { Ok(live) } else { Err(ApiError::NotFound) }
    }

    /// Puts the finalizer on, and the annotation that a create is about to be sent. Fails with
    /// [`ApiError::Conflict`] if the object has changed.
    pub async fn add_finalizer(&self, object: &ImageShare) -> Result<ImageShare, ApiError> {
        let others = object.finalizers().iter().filter(|name| *name != FINALIZER);
        let finalizers = others.cloned().chain([FINALIZER.to_owned()]).collect();
        self.set_finalizers(object, finalizers, object.uid()).await
    }

    /// Takes both off, likewise.
    pub async fn remove_finalizer(&self, object: &ImageShare) -> Result<ImageShare, ApiError> {
        let finalizers = object.finalizers().iter().filter(|name| *name != FINALIZER);
        self.set_finalizers(object, finalizers.cloned().collect(), None).await
    }

    async fn set_finalizers(
        &self,
        object: &ImageShare,
        finalizers: Vec<String>,
        intent: Option<String>,
    ) -> Result<ImageShare, ApiError> {
        // The version guards the list: a merge patch replaces it whole.
        let patch = Patch::Merge(json!({"metadata": {
            "resourceVersion": object.resource_version(),
            "finalizers": finalizers,
            "annotations": {CREATE_INTENT: intent},
        }}));
        let (api, name) = (self.api(object), object.name_any());
        bounded("patch imageshares", api.patch(&name, &PatchParams::default(), &patch)).await
    }

    /// Writes the whole status, as the one owner of its fields. Fails with [`ApiError::Conflict`]
    /// if the object has changed: a write that arrives late must not take back a later one.
    pub async fn write_status(
        &self,
        object: &ImageShare,
        status: &ImageShareStatus,
    ) -> Result<ImageShare, ApiError> {
        // Whole: what somebody else has written into it, or a backup has brought back, does not stay
        // beside it. The version guards it, and no other object has the same.
        let operations = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": object.resource_version()},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch = serde_json::from_value(operations)
            .map_err(|error| ApiError::Other(error.to_string()))?;
        let (api, name) = (self.api(object), object.name_any());
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch: Patch<()> = Patch::Json(patch);
        bounded("patch imageshares/status", api.patch_status(&name, &params, &patch)).await
    }

    /// Whether the CRD itself is being deleted: the product is uninstalled, and nobody asked for a
    /// share to be revoked. Without the right to know, it is not.
    pub async fn is_uninstalling(&self) -> Result<bool, ApiError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        match bounded("get its own CRD", api.get_metadata(ImageShare::crd_name())).await {
            Ok(crd) => Ok(crd.metadata.deletion_timestamp.is_some()),
            Err(ApiError::Forbidden(_)) => Ok(false),
            // Not the object's own end, which others would take it for.
            Err(ApiError::NotFound) => Ok(true),
            Err(error) => Err(error),
        }
    }

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
        match bounded("create events", api.create(&PostParams::default(), &event)).await {
            Ok(_) => Ok(true),
            Err(ApiError::AlreadyExists) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn api(&self, object: &ImageShare) -> Api<ImageShare> {
        Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default())
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

async fn bounded<T>(
    what: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(value)) => Ok(value),
        // By the reason, not by the code: a proxy's page about a 404 says nothing of the object.
        Ok(Err(kube::Error::Api(status))) => Err(match status.reason.as_str() {
            "Forbidden" => ApiError::Forbidden(what),
            "NotFound" => ApiError::NotFound,
            "Conflict" => ApiError::Conflict,
            "AlreadyExists" => ApiError::AlreadyExists,
            _ => ApiError::Other(format!("HTTP {} for {what}", status.code)),
        }),
        // The text of a decode error can quote the answer.
        Ok(Err(kube::Error::SerdeError(_))) => {
            Err(ApiError::Other("the answer cannot be decoded".into()))
        }
        Ok(Err(error)) => Err(ApiError::Other(error.to_string())),
        Err(_) => Err(ApiError::Timeout),
    }
}
