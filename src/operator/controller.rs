//! The loop around everything: takes in what the watch brings, starts passes as the registry says,
//! and ends when it is asked to. Knows nothing of SWR and decides nothing about shares.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::driver;
use super::registry::Work;
use super::scopes::{Scope, Scopes};
use super::shared::Shared;
use super::{vanished, watch};
use crate::health::Part;
use crate::reason::Reason;

/// How many passes run at a time, over all regions: a bound on memory. What may run in one region is
/// much less.
const PASSES_MAX: usize = 256;

static PASSES: AtomicU64 = AtomicU64::new(1);

/// How often the loop says that it goes on, when nothing happens.
const BEAT: Duration = Duration::from_secs(30);

/// How long what runs has to end by itself when the operator is asked to stop.
pub const DRAIN: Duration = Duration::from_secs(7);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to stop, and nothing is under way any more.
    Quiet,
    /// It was asked to stop, and something was cut off that may still take effect.
    CutOff,
    /// Another operator may lead by now.
    Lost,
}

/// Serves the objects of these namespaces, or without any name all, until `stop` resolves or the permit is
/// over. Then no pass begins. When it is asked to stop, those that run end after the effect they are in.
pub async fn run(
    namespaces: &[String],
    shared: Arc<Shared>,
    stop: impl Future<Output = ()>,
) -> Ended {
    let mut scopes = Scopes::of(namespaces);
    let (mut stop, mut lost) = (pin!(stop), pin!(shared.permit.over()));
    let client = shared.api_server.client();
    let mut items = pin!(watch::watch(&client, &scopes));
    let mut secrets = if shared.allowed.watch {
        watch::watch_secrets(&client, &scopes)
    } else {
        stream::pending().boxed()
    };
    let mut crd = pin!(watch::watch_crd(client));
    // Before the first word on the CRD nobody knows whether what is done can be reported.
    let mut is_crd_known = false;
    let observed = shared.clone();
    shared.metrics.observe(Some(Box::new(move || observed.observed())));
    let mut passes = JoinSet::new();
    let is_lost = loop {
        note_progress(passes.is_empty() && is_crd_known, &shared);
        while is_crd_known
            && passes.len() < PASSES_MAX
            && let Some(work) = shared.registry.next(Instant::now(), &*shared.lanes)
        {
            shared.metrics.waited(&work.flow.region, work.due_for);
            passes.spawn(guarded_pass(work, shared.clone()));
        }
        for (object, note) in shared.registry.vanished() {
            passes.spawn(vanished::report(object, note, shared.clone()));
        }
        tokio::select! {
            biased;
            () = &mut lost => break true,
            () = &mut stop => break false,
            Some(_) = passes.join_next() => shared.health.progressed(Part::Queue, Instant::now()),
            Some((scope, item)) = items.next() => {
                shared.health.progressed(Part::Watch, Instant::now());
                let Shared { registry, metrics, .. } = &*shared;
                if watch::take_in(&scope, item, &mut scopes, registry, metrics) {
                    note_listed(&scope, &scopes, &shared);
                }
            }
            (region, back_at) = shared.outages.over() => {
                tracing::info!(region, "SWR is back from an outage: what failed is tried again at once");
                shared.registry.wake_region(&region, back_at);
            }
            Some(said) = crd.next() => {
                is_crd_known = true;
                if shared.reads.note_crd(said) {
                    note_crd_changed(&scopes, &shared);
                }
            }
            Some((namespace, secret)) = secrets.next() => {
                shared.reads.forget(&namespace, &secret);
                shared.registry.wake_users_of(&namespace, &secret);
            }
            () = shared.registry.changed() => {}
            () = until(shared.registry.next_moment()) => {}
            () = tokio::time::sleep(BEAT) => {}
        }
    };
    end(passes, is_lost, &shared).await
}

/// Lets the passes that run end after the effect they are in, within their time; who has lost the Lease does
/// not wait for any.
async fn end(mut passes: JoinSet<()>, is_lost: bool, shared: &Shared) -> Ended {
    shared.metrics.observe(None);
    shared.stopping.cancel();
    shared.api_server.stop();
    for part in [Part::Queue, Part::Watch] {
        shared.health.rests(part);
    }
    if is_lost {
        passes.shutdown().await;
        return Ended::Lost;
    }
    let drained = async { while passes.join_next().await.is_some() {} };
    let is_quiet = tokio::time::timeout(DRAIN, drained).await.is_ok();
    passes.shutdown().await;
    // What a permit has cut off at its end may be under way as well.
    let is_quiet = is_quiet && shared.permit.is_valid(Instant::now());
    if is_quiet { Ended::Quiet } else { Ended::CutOff }
}

/// For `/livez`: the loop goes on, and the watch was answered.
fn note_progress(is_idle: bool, shared: &Shared) {
    if is_idle {
        shared.health.progressed(Part::Queue, Instant::now());
    }
    if let Some(heard) = shared.pulse.heard() {
        shared.health.progressed(Part::Watch, heard);
    }
}

/// What the served CRD lacks has changed.
fn note_crd_changed(scopes: &Scopes, shared: &Shared) {
    note_readiness(scopes, shared);
    let missing = shared.reads.crd_missing().join(", ");
    if missing.is_empty() {
        tracing::info!("the served CRD has all fields again: objects are served");
        shared.registry.wake_all();
    } else {
        let advice = Reason::CrdOutdated.advice();
        tracing::warn!("the served CRD lacks {missing}, and nothing new is shared: {advice}");
    }
}

fn note_readiness(scopes: &Scopes, shared: &Shared) {
    let missing = shared.reads.crd_missing().join(", ");
    let outdated = (!missing.is_empty()).then(|| format!("the served CRD lacks {missing}"));
    shared.health.set(outdated.or_else(|| scopes.unserved()));
}

/// A namespace was listed, or cannot be.
fn note_listed(scope: &Scope, scopes: &Scopes, shared: &Arc<Shared>) {
    note_readiness(scopes, shared);
    if scopes.are_known() {
        shared.registry.complete();
    }
    if let Some(namespace) = scope.clone() {
        let shared = shared.clone();
        tokio::spawn(async move { warn_if_absent(&namespace, &shared).await });
    }
}

/// A list of a namespace that does not exist is empty and no error: without a word a misspelled name
/// would look like one without objects.
async fn warn_if_absent(namespace: &str, shared: &Shared) {
    match shared.api_server.has_namespace(namespace).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            namespace,
            "there is no such namespace: create it, or correct --namespace; it is watched all the same"
        ),
        Err(error) => tracing::debug!(namespace, "whether it exists is not known: {error}"),
    }
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
        namespace = key.namespace(),
        // Not `name`: in a JSON line that is the span's own.
        object = key.name(),
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
