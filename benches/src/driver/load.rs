//! Objects, made and cleared away by the administrator.

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{Request, ResourceExt};
use serde_json::{Value, json};

use imageshare::api::ImageShare;
use k8s_openapi::api::core::v1::Namespace;

use super::stage::REGION;
use crate::Outcome;

/// How many calls are under way at a time.
const PARALLEL: usize = 32;
/// How many accounts each repository is shared with: what one list of the cloud can show.
const ACCOUNTS: usize = 100;

/// Where the objects of a namespace are.
pub fn url(namespace: &str) -> String {
    format!("/apis/imageshare.dev/v1alpha1/namespaces/{namespace}/imageshares")
}

/// Makes so many objects, each for a share of its own.
pub async fn fill(client: &kube::Client, namespace: &str, count: usize) -> Outcome<()> {
    stream::iter(0..count)
        .map(|index| async move {
            let request = Request::new(url(namespace))
                .create(&PostParams::default(), object(index).to_string().into_bytes())?;
            client.request::<Value>(request).await?;
            Ok(())
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

fn object(index: usize) -> Value {
    json!({
        "apiVersion": "imageshare.dev/v1alpha1",
        "kind": "ImageShare",
        "metadata": {"name": format!("share-{index:06}")},
        "spec": {
            "region": REGION, "organization": "group",
            "repository": format!("app-{}", index / ACCOUNTS),
            "account": format!("account-{}", index % ACCOUNTS),
            "credentialsRef": {"name": "swr"},
        },
    })
}

/// Takes a namespace away with all that is in it, whatever holds its objects.
pub async fn clear(client: &kube::Client, namespace: &str) -> Outcome<()> {
    let objects: Api<ImageShare> = Api::namespaced(client.clone(), namespace);
    let held = objects.list_metadata(&ListParams::default()).await?.items;
    stream::iter(held)
        .map(|object| {
            let objects = objects.clone();
            async move {
                let (name, free) = (object.name_any(), json!({"metadata": {"finalizers": null}}));
                let patch = Patch::Merge(free);
                // An object that is marked for deletion goes with its finalizer.
                gone_is_well(
                    objects.patch_metadata(&name, &PatchParams::default(), &patch).await.map(drop),
                )?;
                gone_is_well(objects.delete(&name, &DeleteParams::default()).await.map(drop))
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    remove(client, namespace).await
}

/// Marks a namespace for deletion.
pub async fn remove(client: &kube::Client, namespace: &str) -> Outcome<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    gone_is_well(namespaces.delete(namespace, &DeleteParams::default()).await.map(drop))
}

fn gone_is_well(result: kube::Result<()>) -> Outcome<()> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => Ok(other?),
    }
}
