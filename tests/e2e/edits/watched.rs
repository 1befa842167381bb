//! The objects as they are now, from one watch: many are waited for at once, and asking for each of
//! them again and again would keep the API server from its work.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use imageshare::api::{ImageShare, RECONCILE_REQUESTED_AT};
use imageshare::reason::{Kind, Reason};
use kube::api::Api;
use kube::runtime::reflector::Store;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use tokio::sync::watch;

use super::judge;

/// How long an object may take to come to rest.
const BOUND: Duration = Duration::from_mins(1);

/// A watch on all objects of a namespace.
pub struct Watched {
    objects: Store<ImageShare>,
    namespace: String,
    changes: watch::Receiver<()>,
}

impl Watched {
    /// Starts it. It ends with the test's runtime.
    pub fn start(shares: Api<ImageShare>) -> Self {
        let namespace = shares.namespace().unwrap_or_default().to_owned();
        let (objects, writer) = reflector::store();
        let (bell, changes) = watch::channel(());
        let events = watcher(shares, watcher::Config::default()).default_backoff().reflect(writer);
        tokio::spawn(events.for_each(move |_| {
            bell.send_replace(());
            std::future::ready(())
        }));
        Self { objects, namespace, changes }
    }

    /// An object as it is now.
    pub fn now(&self, name: &str) -> Option<Arc<ImageShare>> {
        self.objects.get(&ObjectRef::new(name).within(&self.namespace))
    }

    /// Waits until the operator has said all that it has to say of an object as it was written.
    pub async fn at_rest(&self, written: &ImageShare) -> Result<Arc<ImageShare>, String> {
        let mut changes = self.changes.clone();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(object) = self.now(&written.name_any())
                    && is_at_rest(&object, written)
                {
                    return object;
                }
                changes.changed().await.unwrap();
            }
        };
        let rest = tokio::time::timeout(BOUND, waiting).await;
        rest.map_err(|_| format!("is not at rest after {} s", BOUND.as_secs()))
    }
}

fn is_at_rest(object: &ImageShare, written: &ImageShare) -> bool {
    let (Some(status), Ok(reason)) = (&object.status, judge::reason(object)) else { return false };
    let generation = object.metadata.generation;
    let asked = object.annotations().get(RECONCILE_REQUESTED_AT);
    // Nobody looks at a suspended object, whoever asks; it is looked at when it is taken up again.
    let handled = asked == status.last_handled_reconcile_at.as_ref() || reason == Reason::Suspended;
    generation == written.metadata.generation
        && asked == written.annotations().get(RECONCILE_REQUESTED_AT)
        && Some(status.observed_generation) == generation
        && handled
        && matches!(reason.kind(), Kind::Steady | Kind::Terminal)
}
