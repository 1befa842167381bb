//! An operator written with kube-rs as its documentation shows it: `Controller::new`, the
//! `finalizer` helper, `error_policy`.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use imageshare::api::{FINALIZER, ImageShare};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::watcher;

use super::cloud::Cloud;
use super::{CONCURRENCY, Place, shared};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("finalizer: {0}")]
    Finalizer(#[source] Box<finalizer::Error<Error>>),
    #[error("API server: {0}")]
    Kube(#[from] kube::Error),
    #[error("cloud: {0}")]
    Cloud(#[from] reqwest::Error),
    #[error("the Secret has no token")]
    NoToken,
}

/// Runs until the process ends.
pub async fn run(place: Place) {
    Controller::new(place.objects.clone(), watcher::Config::default())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .run(reconcile, error_policy, Arc::new(place))
        .for_each(|_| ready(()))
        .await;
}

async fn reconcile(object: Arc<ImageShare>, place: Arc<Place>) -> Result<Action, Error> {
    let objects = place.objects.clone();
    finalizer(&objects, FINALIZER, object, async |event| match event {
        Event::Apply(object) => apply(&object, &place).await,
        Event::Cleanup(object) => cleanup(&object, &place).await,
    })
    .await
    .map_err(|error| Error::Finalizer(Box::new(error)))
}

fn error_policy(_: Arc<ImageShare>, _: &Error, _: Arc<Place>) -> Action {
    Action::requeue(Duration::from_secs(5))
}

async fn apply(object: &ImageShare, place: &Place) -> Result<Action, Error> {
    session(object, place).await?.create(object).await?;
    let patch = Patch::Merge(shared(object));
    place.objects.patch_status(&object.name_any(), &PatchParams::default(), &patch).await?;
    Ok(Action::requeue(Duration::from_mins(10)))
}

async fn cleanup(object: &ImageShare, place: &Place) -> Result<Action, Error> {
    session(object, place).await?.delete(object).await?;
    Ok(Action::await_change())
}

/// The cloud with the token that the object's Secret holds now.
async fn session(object: &ImageShare, place: &Place) -> Result<Cloud, Error> {
    let (namespace, from) = (
        object.namespace().unwrap_or_default(),
        object.spec.credentials_ref.clone().unwrap_or_default(),
    );
    let secrets: Api<Secret> = Api::namespaced(place.client.clone(), &namespace);
    let secret = secrets.get(from.name.as_deref().unwrap_or_default()).await?;
    let token =
        secret.data.and_then(|mut data| data.remove(from.key.as_deref().unwrap_or("token")));
    let token = token.and_then(|bytes| String::from_utf8(bytes.0).ok()).ok_or(Error::NoToken)?;
    Ok(place.cloud.with_token(token))
}
