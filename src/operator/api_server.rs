//! What the operator asks of the API server beside its watch and its credentials: two finalizer patches,
//! one status. Every call is bounded in time. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::http;
use futures::FutureExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::api::{Api, DynamicObject, GetParams, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta, Request, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::Semaphore;

use super::api_clock::ApiClock;
use super::denial;
use super::legible::Legible;
use crate::api::{CREATE_INTENT, FIELD_MANAGER, FINALIZER, ImageShare, ImageShareStatus};

/// How long a call may take, with the client's own retries on 429, 503 and 504.
pub const CALL: Duration = Duration::from_secs(10);

/// How many calls are under way at a time.
const PLACES: usize = 16;

/// The verbs that the operator uses in the namespaces it watches, by resource: `deploy/` must grant
/// these and no others. Beside them it gets its own CRD, and what [`super::sources`] needs where the
/// administrator allows more.
pub const PERMISSIONS: &[(&str, &str, &[&str])] = &[
    ("imageshare.dev", "imageshares", &["get", "list", "patch", "watch"]),
    ("imageshare.dev", "imageshares/status", &["patch"]),
    ("", "secrets", &["get"]),
    ("", "namespaces", &["get"]),
    ("events.k8s.io", "events", &["create"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &[]),
];

/// A call to the API server that failed.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// The service account may not read this.
    #[error("the operator's service account may not {0}")]
    Forbidden(&'static str),
    /// A write that its rules do not allow: the service account's rights, a policy or a webhook. In their
    /// words.
    #[error("it refuses to {0}: {1}")]
    Denied(&'static str, String),
    /// Not sent: the operator stops.
    #[error("the operator stops")]
    Stopping,
    /// No answer in time.
    #[error("the API server did not answer within {} s", CALL.as_secs())]
    Timeout,
    /// Anything else. The API server's own words, or the transport's; never a body.
    #[error("{0}")]
    Other(String),
}

/// The API server.
#[derive(Clone)]
pub struct ApiServer {
    pub(super) client: kube::Client,
    /// What time it is there.
    pub clock: ApiClock,
    places: Arc<Semaphore>,
    /// How long the API server itself may take for a request.
    limit: Duration,
}

impl ApiServer {
    /// Speaks through `client`, whose answers set `clock`. The API server itself has `limit` for a request.
    pub fn new(client: kube::Client, clock: ApiClock, limit: Duration) -> Self {
        Self { client, clock, places: Arc::new(Semaphore::new(PLACES)), limit: limit.min(CALL) }
    }

    /// The operator stops: no call begins any more, or those that wait for a place would keep it up, one
    /// after the other, while the API server is silent.
    pub fn stop(&self) {
        self.places.close();
    }

    /// What it speaks through.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Whether there is such a namespace. Without the right to know, there is.
    pub async fn has_namespace(&self, name: &str) -> Result<bool, ApiError> {
        match self.namespace(name).await {
            Ok(_) | Err(ApiError::Forbidden(_)) => Ok(true),
            Err(ApiError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a namespace is being deleted, or gone. If that cannot be known, it is not.
    pub async fn is_terminating(&self, name: &str) -> bool {
        match self.namespace(name).await {
            Ok(namespace) => namespace.metadata.deletion_timestamp.is_some(),
            Err(error) => matches!(error, ApiError::NotFound),
        }
    }

    /// A namespace, without its content.
    pub(super) async fn namespace(
        &self,
        name: &str,
    ) -> Result<PartialObjectMeta<Namespace>, ApiError> {
        let api = Api::all(self.client.clone());
        self.bounded("get namespaces", api.get_metadata(name)).await
    }

    /// The object as it is now; another one of the same name is not it.
    pub async fn read(&self, object: &ObjectMeta) -> Result<ImageShare, ApiError> {
        let name = object.name.as_deref().unwrap_or_default();
        let request = requests(object).get(name, &GetParams::default());
        let live = self.bounded("get imageshares", self.ask(request)).await?;
        if live.metadata.uid == object.uid { Ok(live) } else { Err(ApiError::NotFound) }
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
        let requests = requests(&object.metadata);
        let request = requests.patch(&object.name_any(), &PatchParams::default(), &patch);
        self.written("patch imageshares", self.ask(request)).await
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
        let (requests, name) = (requests(&object.metadata), object.name_any());
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch: Patch<()> = Patch::Json(patch);
        let request = requests.patch_subresource("status", &name, &params, &patch);
        self.written("patch imageshares/status", self.ask(request)).await
    }

    /// Says in an object's status how it is, without a pass over it, and leaves the rest as it is: nobody
    /// has looked what else it records. Fails with [`ApiError::Conflict`] if the object has changed.
    pub async fn report(
        &self,
        metadata: &ObjectMeta,
        said: &ImageShareStatus,
    ) -> Result<(), ApiError> {
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": metadata.resource_version},
            "status": {
                "observedGeneration": said.observed_generation,
                "conditions": said.conditions,
                "refusedSince": said.refused_since,
            },
        }));
        let name = metadata.name.as_deref().unwrap_or_default();
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let request = requests(metadata).patch_subresource("status", name, &params, &patch);
        let ask = async { self.client.request::<DynamicObject>(self.limited(request)?).await };
        self.written("patch imageshares/status", ask).await?;
        Ok(())
    }

    /// Whether the CRD itself is being deleted: the product is uninstalled, and nobody asked for a
    /// share to be revoked. Without the right to know, it is not.
    pub async fn is_uninstalling(&self) -> Result<bool, ApiError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        match self.bounded("get its own CRD", api.get_metadata(ImageShare::crd_name())).await {
            Ok(crd) => Ok(crd.metadata.deletion_timestamp.is_some()),
            Err(ApiError::Forbidden(_)) => Ok(false),
            // Not the object's own end, which others would take it for.
            Err(ApiError::NotFound) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A write of ours: what forbids it is told in its own words. Of a read they are not repeated, since
    /// nobody knows what they quote.
    pub(super) async fn written<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiError> {
        let mut denial = None;
        let call = call.map(|answer| {
            if let Err(kube::Error::Api(status)) = &answer {
                denial = denial::words(status).map(|words| ApiError::Denied(what, words));
            }
            answer
        });
        let answer = self.bounded(what, call).await;
        answer.map_err(|error| denial.unwrap_or(error))
    }

    /// A call within its time, and one of a few at a time: an API server has others to serve.
    pub(super) async fn bounded<T>(
        &self,
        what: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiError> {
        let Ok(_place) = self.places.acquire().await else { return Err(ApiError::Stopping) };
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

    /// Sends a request that is answered by an object. One that is being deleted is read as far as it can
    /// be, or its deletion would never end.
    async fn ask(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> kube::Result<ImageShare> {
        let Legible(object) = self.client.request(self.limited(request)?).await?;
        Ok(object)
    }

    /// With a limit for the API server itself, which gives up at it (`timeout`, a parameter of each request
    /// that is not a watch): a write that was sent by a leader must have ended before another one leads.
    fn limited(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> kube::Result<http::Request<Vec<u8>>> {
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        let separator = if request.uri().query().is_some() { "&" } else { "?" };
        let limit = self.limit.as_millis();
        let uri = format!("{}{separator}timeout={limit}ms", request.uri());
        let uri = uri.parse().map_err(|error: http::uri::InvalidUri| {
            kube::Error::BuildRequest(kube::core::request::Error::BuildRequest(error.into()))
        })?;
        *request.uri_mut() = uri;
        Ok(request)
    }
}

fn requests(object: &ObjectMeta) -> Request {
    Request::new(ImageShare::url_path(&(), object.namespace.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_api_server_itself_has_a_limit_for_each_request() {
        let client =
            kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap()));
        let limit = Duration::from_secs(5);
        let api_server = ApiServer::new(client.unwrap(), ApiClock::default(), limit);
        for (uri, expected) in [
            ("/apis/g/v1/x/y", "/apis/g/v1/x/y?timeout=5000ms"),
            ("/apis/g/v1/x/y?fieldManager=m", "/apis/g/v1/x/y?fieldManager=m&timeout=5000ms"),
        ] {
            let request = http::Request::get(uri).body(vec![]).unwrap();
            assert_eq!(*api_server.limited(Ok(request)).unwrap().uri(), *expected);
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_for_a_place_ends_with_the_operator() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
        let client = kube::Client::try_from(kube::Config::new(url)).unwrap();
        let api_server = ApiServer::new(client, ApiClock::default(), CALL);
        let ask = || {
            let api_server = api_server.clone();
            tokio::spawn(async move { api_server.has_namespace("ns").await })
        };
        let under_way: Vec<_> = (0..PLACES).map(|_| ask()).collect();
        while api_server.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = ask();
        tokio::task::yield_now().await;
        api_server.stop();
        assert!(matches!(waiting.await.unwrap(), Err(ApiError::Stopping)));
        assert!(under_way.iter().all(|call| !call.is_finished()), "each has its own time");
    }
}
