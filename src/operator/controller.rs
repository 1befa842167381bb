//! The loop around everything: takes in what the watch brings, starts passes as the registry says,
//! and ends when it is asked to. Knows nothing of SWR and decides nothing about shares.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::{FutureExt, StreamExt};
use kube::api::Api;
use kube::core::DeserializeGuard;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::driver::{self, Shared};
use super::registry::Work;
use super::{vanished, watch};
use crate::api::ImageShare;

/// How many passes run at a time, over all regions: a bound on memory. What may run in one region is
/// much less.
const PASSES_MAX: usize = 256;

static PASSES: AtomicU64 = AtomicU64::new(1);

/// Serves `objects` until `stop` resolves. Then no pass begins, and those that run end after the
/// effect they are in.
pub async fn run(
    objects: Api<DeserializeGuard<ImageShare>>,
    shared: Arc<Shared>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut items = pin!(watch::watch(objects));
    let mut crd = pin!(watch::watch_crd(shared.api_server.client()));
    let mut passes = JoinSet::new();
    loop {
        while passes.len() < PASSES_MAX
            && let Some(work) = shared.registry.next(Instant::now(), &shared.lanes)
        {
            passes.spawn(guarded_pass(work, shared.clone()));
        }
        for (object, note) in shared.registry.vanished() {
            passes.spawn(vanished::report(object, note, shared.clone()));
        }
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = passes.join_next() => {}
            Some(item) = items.next() => {
                if watch::take_in(item, &shared.registry, &shared.metrics) {
                    shared.synced.store(true, Ordering::Relaxed);
                }
            }
            (region, back_at) = shared.outages.over() => {
                tracing::info!(region, "SWR is back from an outage: what failed is tried again at once");
                shared.registry.wake_region(&region, back_at);
            }
            Some(is_deleting) = crd.next() => shared.reads.note_crd(is_deleting),
            () = shared.registry.changed() => {}
            () = until(shared.registry.next_moment()) => {}
        }
    }
    shared.stopping.cancel();
    while passes.join_next().await.is_some() {}
}

/// Waits for a moment; without one, for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// A pass whose panic stays its own.
async fn guarded_pass(work: Work, shared: Arc<Shared>) {
    let (key, flow) = (work.key.clone(), work.flow.clone());
    let span = tracing::info_span!(
        "pass",
        namespace = &*key.namespace,
        // Not `name`: in a JSON line that is the span's own.
        object = &*key.name,
        id = PASSES.fetch_add(1, Ordering::Relaxed),
    );
    let pass = async {
        let object = work.object.clone();
        match caught(Box::pin(driver::work(work, &shared))).await {
            Some(left) => left,
            None => driver::panicked(&key, object.as_ref(), &shared),
        }
    };
    let left = pass.instrument(span).await;
    shared.registry.ended(&key, &flow, left, Instant::now());
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
