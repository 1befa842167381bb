//! The watches: one brings every object, and each change of one, to the registry; one says whether the
//! product is being uninstalled. Knows nothing of passes.
//!
//! kube's watcher with two traps closed: an object that does not decode is known by its metadata
//! instead of stopping the watch, and `managedFields` go before anything is kept.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::api::Api;
use kube::core::{DeserializeGuard, ObjectMeta, PartialObjectMeta, ResourceExt};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};

use super::queue::Urgency;
use super::registry::Registry;
use super::scopes::{Scope, Scopes};
use crate::api::{ImageShare, served};
use crate::metrics::Metrics;

/// How many objects a list brings at a time: small pages keep the memory's peak low.
const PAGE: u32 = 100;

/// How long a request to watch lasts, before it is made anew. One that has become silent, as behind a load
/// balancer that has forgotten it, is noticed 5 s after that (kube's watcher), and all of them are answered
/// that often.
pub const WATCH: Duration = Duration::from_mins(1);

/// How long a watch waits that was answered "not found": the API server is well, and only the CRD is
/// missing. Then its objects are served within a few seconds once it is there again.
const ABSENT: Duration = Duration::from_secs(1);

/// What a watch on the CRD says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crd {
    /// Whether it is being deleted, or gone.
    pub is_deleting: bool,
    /// What it lacks of our own.
    pub missing: Arc<[String]>,
}

/// What the watch brings.
pub type Item = watcher::Result<Event<DeserializeGuard<ImageShare>>>;

fn config() -> watcher::Config {
    let seconds = u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX);
    watcher::Config::default().page_size(PAGE).timeout(seconds)
}

/// The watches on the objects of these namespaces. None ends, and each comes back after a failure.
pub fn watch(
    client: &kube::Client,
    scopes: &Scopes,
) -> impl Stream<Item = (Scope, Item)> + Send + use<> {
    let watches = scopes.iter().cloned().map(|scope| {
        let objects: Api<DeserializeGuard<ImageShare>> = match &scope {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        let items = paced(watcher(objects, config()));
        items.map(move |item| (scope.clone(), item)).boxed()
    });
    stream::select_all(watches.collect::<Vec<_>>()).fuse()
}

/// A watch that pauses after a failure. kube's own backoff would not do: it starts over with each list
/// that begins, and while the CRD is away it grows to a minute.
fn paced<T: Send + 'static>(
    items: impl Stream<Item = watcher::Result<Event<T>>> + Send + 'static,
) -> impl Stream<Item = watcher::Result<Event<T>>> + Send {
    let start = (items.boxed(), DefaultBackoff::default(), None::<Duration>);
    stream::unfold(start, async |(mut items, mut backoff, pause)| {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        let item = items.next().await?;
        let pause = match &item {
            // Only the beginning of a list: the API server has not answered yet.
            Ok(Event::Init) => None,
            Ok(_) => {
                backoff.reset();
                None
            }
            Err(error) if code(error) == Some(404) => Some(ABSENT),
            Err(_) => backoff.next(),
        };
        Some((item, (items, backoff, pause)))
    })
}

/// What a watch on the CRD says; `None` while the watch fails.
pub fn watch_crd(client: kube::Client) -> impl Stream<Item = Option<Crd>> + Send {
    let config = config().fields(&format!("metadata.name={}", ImageShare::crd_name()));
    let crds: Api<CustomResourceDefinition> = Api::all(client);
    let said = paced(watcher(crds, config)).filter_map(|item| {
        ready(match item {
            Ok(Event::InitApply(crd) | Event::Apply(crd)) => Some(Some(Crd {
                is_deleting: crd.metadata.deletion_timestamp.is_some(),
                missing: served::missing(&crd).into(),
            })),
            Ok(Event::Delete(_)) => Some(Some(Crd { is_deleting: true, missing: [].into() })),
            Ok(Event::Init | Event::InitDone) => None,
            Err(_) => Some(None),
        })
    });
    said.fuse()
}

/// The Secrets of these namespaces that have changed, by namespace and name: of their content nothing is
/// read.
pub fn watch_secrets(
    client: &kube::Client,
    scopes: &Scopes,
) -> BoxStream<'static, (String, String)> {
    let watches = scopes.iter().map(|scope| {
        let secrets: Api<PartialObjectMeta<Secret>> = match scope {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        paced(watcher(secrets, config())).boxed()
    });
    let changed = stream::select_all(watches.collect::<Vec<_>>()).filter_map(|item| {
        ready(match item {
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
                Some((secret.namespace().unwrap_or_default(), secret.name_any()))
            }
            // One that is gone mends nothing.
            Ok(Event::Delete(_) | Event::Init | Event::InitDone) => None,
            Err(error) => {
                let advice =
                    "the service account may not watch Secrets: apply deploy/watch-secrets.yaml";
                let why = if is_refused(&error) { advice } else { brief(&error) };
                tracing::warn!("the watch on Secrets failed and is retried: {why}");
                None
            }
        })
    });
    changed.fuse().boxed()
}

/// Takes in what a watch brought. Gives whether that says how far its namespace is known.
pub fn take_in(
    scope: &Scope,
    item: Item,
    scopes: &mut Scopes,
    registry: &Registry,
    metrics: &Metrics,
) -> bool {
    let namespace = scope.as_deref();
    let event = match item {
        Ok(event) => event,
        Err(error) => {
            metrics.watch_error();
            let why = brief(&error);
            tracing::warn!(namespace, "the watch on ImageShares failed and is retried: {why}");
            if is_refused(&error) {
                scopes.refused(scope);
            }
            return is_refused(&error);
        }
    };
    match event {
        Event::Init => registry.relist(namespace),
        // All at once, and most of it is known to be as it should.
        Event::InitApply(object) => update(object, Urgency::Routine, registry, metrics),
        Event::Apply(object) => update(object, Urgency::News, registry, metrics),
        Event::Delete(DeserializeGuard(object)) => match object {
            Ok(object) => registry.gone(&object.metadata),
            Err(invalid) => registry.gone(&invalid.metadata),
        },
        Event::InitDone => {
            registry.listed(namespace);
            scopes.listed(scope);
            return true;
        }
    }
    false
}

fn update(
    DeserializeGuard(object): DeserializeGuard<ImageShare>,
    urgency: Urgency,
    registry: &Registry,
    metrics: &Metrics,
) {
    match object {
        Ok(object) => registry.update(&object, urgency),
        Err(invalid) => {
            metrics.undecodable();
            let ObjectMeta { namespace, name, .. } = &invalid.metadata;
            tracing::warn!(
                namespace,
                name,
                "passed over: the object does not fit the schema; apply it again"
            );
            registry.update_unreadable(&invalid.metadata, urgency);
        }
    }
}

/// The status with which the API server refused to begin a list or a watch.
fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

fn is_refused(error: &watcher::Error) -> bool {
    code(error) == Some(403)
}

/// A watch error in a few words: its full text can quote what the API server sent.
fn brief(error: &watcher::Error) -> &'static str {
    match error {
        error if is_refused(error) => {
            "the service account may not list or watch imageshares; check that the namespace exists \
             and that the role is bound in it"
        }
        error if code(error) == Some(404) => "the CRD is not installed",
        watcher::Error::InitialListFailed(_) => "no list",
        watcher::Error::WatchStartFailed(_) => "no watch",
        watcher::Error::WatchError(_) => "the API server ended it",
        watcher::Error::WatchFailed(_) => "the connection ended",
        watcher::Error::NoResourceVersion => "a list without a version",
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> watcher::Error {
        let status = Status::failure("", "").with_code(code).boxed();
        watcher::Error::InitialListFailed(kube::Error::Api(status))
    }

    /// How often a list is asked for in a minute that is always answered like this.
    async fn lists_in_a_minute(answer: impl Fn() -> watcher::Error + Send + 'static) -> usize {
        let items = stream::iter(0..).map(move |turn: u64| match turn % 2 {
            0 => Ok(Event::<()>::Init),
            _ => Err(answer()),
        });
        let mut items = std::pin::pin!(paced(items));
        let end = tokio::time::Instant::now() + Duration::from_mins(1);
        let mut count = 0;
        while let Ok(Some(item)) = tokio::time::timeout_at(end, items.next()).await {
            count += usize::from(item.is_err());
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_crd_is_asked_for_each_second_and_a_failing_api_server_ever_more_rarely() {
        let count = lists_in_a_minute(|| refused(404)).await;
        assert!((59..=61).contains(&count), "{count}");
        for failing in [403, 500] {
            let count = lists_in_a_minute(move || refused(failing)).await;
            assert!((4..=8).contains(&count), "{failing}: {count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_pauses_that_have_grown() {
        let items = stream::iter(0..).map(|turn: u64| match turn {
            10 => Ok(Event::<()>::InitDone),
            _ => Err(watcher::Error::NoResourceVersion),
        });
        let mut items = std::pin::pin!(paced(items).skip(11));
        assert!(items.next().await.unwrap().is_err());
        let since = tokio::time::Instant::now();
        items.next().await.unwrap().unwrap_err();
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    }
}
