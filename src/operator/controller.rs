//! The watch and the queue: which object gets a pass, and when. Knows nothing of SWR and decides
//! nothing about shares.
//!
//! The stock controller of kube-rs, with four traps closed: an object that does not decode is
//! passed over instead of stopping the watch, a pass that panics is caught, `managedFields` is
//! dropped before the cache, and who waits for a pass gets it in turn.

use std::convert::Infallible;
use std::future::ready;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{FutureExt, Stream, StreamExt, stream};
use kube::ResourceExt;
use kube::api::Api;
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::driver::{self, Shared};
use super::registry::Key;
use crate::api::{ImageShare, RECONCILE_REQUESTED_AT};

/// How many passes run at a time. Not the controller's own limit: beyond that, it takes the waiting
/// ones in the order of a hash, and some never (`kube_runtime::scheduler`, 5.0).
const CONCURRENCY: usize = 16;
/// How many objects a list brings at a time: small pages keep the memory's peak low.
const PAGE: u32 = 100;

/// Serves `objects` until `stop` resolves, then lets running passes end.
pub async fn run(
    objects: Api<DeserializeGuard<ImageShare>>,
    shared: Arc<Shared>,
    woken: UnboundedReceiver<Key>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (reader, writer) = store();
    let objects = watch(objects, shared.clone())
        .reflect(writer)
        .applied_objects()
        // Without the finalizers an object whose finalizer is taken off by hand would wait for its
        // interval; a generation also moves when an object is marked for deletion.
        .predicate_filter(
            predicates::generation.combine(predicates::finalizers).combine(asked),
            PredicateConfig::default(),
        );
    let (places, cache) = (Arc::new(Semaphore::new(CONCURRENCY)), reader.clone());
    let closing = places.clone();
    let stop = async move {
        stop.await;
        closing.close();
    };
    let in_turn = move |object: Arc<ImageShare>, shared| {
        pass_in_turn(object, cache.clone(), places.clone(), shared)
    };
    let woken = woken.map(|key: Key| ObjectRef::new(&key.name).within(&key.namespace));
    Controller::for_stream(objects, reader)
        .reconcile_on(woken)
        // Whose retry is far away need not wait for it; for the others such a pass is none.
        .reconcile_all_on(outages_that_end(shared.clone()))
        .graceful_shutdown_on(stop)
        .run(in_turn, |_, _: &Infallible, _| Action::await_change(), shared)
        // Passes do not fail, and watch errors were logged where they came from.
        .for_each(|_| ready(()))
        .await;
}

/// An item whenever a region is back from an outage.
fn outages_that_end(shared: Arc<Shared>) -> impl Stream<Item = ()> + Send + 'static {
    stream::unfold(shared, async |shared| {
        shared.outages.over().await;
        tracing::info!("SWR is back from an outage: what failed is tried again at once");
        Some(((), shared))
    })
}

/// Changes with the annotation that asks for a pass.
fn asked(object: &ImageShare) -> Option<u64> {
    let value = object.annotations().get(RECONCILE_REQUESTED_AT)?;
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    Some(hasher.finish())
}

/// All events, without those of objects that do not decode. Keeps the registry in step with them.
fn watch(
    api: Api<DeserializeGuard<ImageShare>>,
    shared: Arc<Shared>,
) -> impl Stream<Item = watcher::Result<Event<ImageShare>>> + Send + 'static {
    let config = watcher::Config::default().page_size(PAGE);
    watcher(api, config).default_backoff().filter_map(move |event| {
        if let Err(error) = &event {
            shared.metrics.watch_error();
            tracing::warn!("the watch on ImageShares failed and is retried: {}", brief(error));
        }
        let event = event.map(|event| decoded(event, &shared)).transpose();
        if let Some(Ok(event)) = &event {
            update_registry(event, &shared);
        }
        ready(event)
    })
}

/// Keeps what is known beside the cache in step with it.
fn update_registry(event: &Event<ImageShare>, shared: &Shared) {
    match event {
        Event::Init => shared.registry.relist(),
        Event::InitApply(object) | Event::Apply(object) => shared.registry.update(object),
        Event::InitDone => {
            shared.registry.listed();
            shared.synced.store(true, Ordering::Relaxed);
        }
        Event::Delete(object) => shared.registry.gone(object),
    }
}

fn decoded(
    event: Event<DeserializeGuard<ImageShare>>,
    shared: &Shared,
) -> Option<Event<ImageShare>> {
    let unguard = |DeserializeGuard(object): DeserializeGuard<ImageShare>| match object {
        Ok(mut object) => {
            object.managed_fields_mut().clear();
            Some(object)
        }
        Err(invalid) => {
            shared.metrics.undecodable();
            let ObjectMeta { namespace, name, .. } = invalid.metadata;
            tracing::warn!(
                namespace,
                name,
                "passed over: the object does not fit the schema; apply it again"
            );
            None
        }
    };
    Some(match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(unguard(object)?),
        Event::Apply(object) => Event::Apply(unguard(object)?),
        Event::Delete(object) => Event::Delete(unguard(object)?),
    })
}

/// A watch error in a few words: its full text can quote what the API server sent.
fn brief(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            if status.code == 403 =>
        {
            "the service account may not list or watch imageshares"
        }
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            if status.code == 404 =>
        {
            "the CRD is not installed"
        }
        watcher::Error::InitialListFailed(_) => "no list",
        watcher::Error::WatchStartFailed(_) => "no watch",
        watcher::Error::WatchError(_) => "the API server ended it",
        watcher::Error::WatchFailed(_) => "the connection ended",
        watcher::Error::NoResourceVersion => "a list without a version",
    }
}

static PASSES: AtomicU64 = AtomicU64::new(1);

/// A pass once it is its turn, over the object as it is by then.
async fn pass_in_turn(
    object: Arc<ImageShare>,
    cache: Store<ImageShare>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
) -> Result<Action, Infallible> {
    // Closed when the operator stops: who has not begun does not begin.
    let Ok(_place) = places.acquire().await else { return Ok(Action::await_change()) };
    match cache.get(&ObjectRef::from_obj(&*object)) {
        Some(object) => guarded_pass(object, shared).await,
        None => Ok(Action::await_change()),
    }
}

/// A pass whose panic stays its own.
async fn guarded_pass(object: Arc<ImageShare>, shared: Arc<Shared>) -> Result<Action, Infallible> {
    let span = tracing::info_span!(
        "pass",
        namespace = object.namespace(),
        // Not `name`: in a JSON line that is the span's own.
        object = object.name_any(),
        generation = object.metadata.generation,
        id = PASSES.fetch_add(1, Ordering::Relaxed),
    );
    let delay = async {
        match caught(Box::pin(driver::pass(object.clone(), &shared))).await {
            Some(delay) => delay,
            None => driver::panicked(&object, &shared),
        }
    };
    let delay: Option<Duration> = delay.instrument(span).await;
    Ok(delay.map_or_else(Action::await_change, Action::requeue))
}

/// `None` if the future panicked.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let result = AssertUnwindSafe(future).catch_unwind().await;
    result.inspect_err(|_| tracing::error!("a pass panicked; the object is tried again later")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_pass_is_caught() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        assert_eq!(caught(async { [1][std::hint::black_box(1)] }).await, None);
    }
}
