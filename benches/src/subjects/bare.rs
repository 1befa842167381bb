//! The bare loop: what any operator must call for an object, and nothing else. No watch, no queue,
//! no memory; what the others take beyond it is the price of being an operator.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use imageshare::api::ImageShare;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};

use super::{CONCURRENCY, Place, finalizers, shared};
use crate::Outcome;

/// For each object that waits: PATCH the finalizer, POST the share, PATCH the status.
pub async fn create(place: &Place) -> Outcome<()> {
    for_each(place, async |place, object| {
        let (name, params) = (object.name_any(), PatchParams::default());
        place.objects.patch_metadata(&name, &params, &Patch::Merge(finalizers(true))).await?;
        place.cloud.create(&object).await?;
        place.objects.patch_status(&name, &params, &Patch::Merge(shared(&object))).await?;
        Ok(())
    })
    .await
}

/// For each object, once it is marked for deletion: DELETE the share, GET it, PATCH the finalizer away.
pub async fn undo(place: &Place) -> Outcome<()> {
    // The namespace marks nothing for some seconds: only then it is worth asking for each.
    while !place.objects.list(&ListParams::default().limit(1)).await?.items.iter().any(is_marked) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for_each(place, async |place, object| {
        let name = object.name_any();
        while !is_marked(&place.objects.get(&name).await?) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        place.cloud.delete(&object).await?;
        place.cloud.get(&object).await?;
        let (params, patch) = (PatchParams::default(), Patch::Merge(finalizers(false)));
        place.objects.patch_metadata(&name, &params, &patch).await?;
        Ok(())
    })
    .await
}

fn is_marked(object: &ImageShare) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Each in a task of its own, so that every core can help; so many at a time as the operator.
async fn for_each<F>(place: &Place, serve: impl Fn(Arc<Place>, ImageShare) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let objects = place.objects.list(&ListParams::default()).await?.items;
    let place = Arc::new(place.clone());
    stream::iter(objects)
        .map(|object| tokio::spawn(serve(place.clone(), object)))
        .buffer_unordered(CONCURRENCY.into())
        .map(|joined| joined?)
        .try_collect()
        .await
}
