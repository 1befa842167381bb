//! The watches: one brings every object, and each change of one, to the registry; one says whether the
//! product is being uninstalled. Knows nothing of passes.
//!
//! kube's watcher with two traps closed: an object that does not decode is known by its metadata
//! instead of stopping the watch, and `managedFields` go before anything is kept.

use std::future::ready;

use futures::{Stream, StreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::api::Api;
use kube::core::{DeserializeGuard, ObjectMeta, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};

use super::queue::Urgency;
use super::registry::Registry;
use super::scopes::{Scope, Scopes};
use crate::api::ImageShare;
use crate::metrics::Metrics;

/// How many objects a list brings at a time: small pages keep the memory's peak low.
const PAGE: u32 = 100;

/// What the watch brings.
pub type Item = watcher::Result<Event<DeserializeGuard<ImageShare>>>;

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
        let items = watcher(objects, watcher::Config::default().page_size(PAGE)).default_backoff();
        items.map(move |item| (scope.clone(), item)).boxed()
    });
    stream::select_all(watches.collect::<Vec<_>>()).fuse()
}

/// Whether the CRD is being deleted, as a watch on it says; `None` while the watch fails.
pub fn watch_crd(client: kube::Client) -> impl Stream<Item = Option<bool>> + Send {
    let config =
        watcher::Config::default().fields(&format!("metadata.name={}", ImageShare::crd_name()));
    let crds: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client);
    let said = watcher(crds, config).default_backoff().filter_map(|item| {
        ready(match item {
            Ok(Event::InitApply(crd) | Event::Apply(crd)) => {
                Some(Some(crd.metadata.deletion_timestamp.is_some()))
            }
            Ok(Event::Delete(_)) => Some(Some(true)),
            Ok(Event::Init | Event::InitDone) => None,
            Err(_) => Some(None),
        })
    });
    said.fuse()
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
