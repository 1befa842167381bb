//! What became of a scene, told by the API server and the cloud: the operator is not asked.

use std::time::Duration;

use imageshare::api::{FINALIZER, ImageShare};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::effect::Effect;
use crate::start::{Goal, OBJECT, Scene};
use crate::support::condition;

/// How long an object may take to its end. A Secret is looked for every 20 s, some twice.
const BOUND: Duration = Duration::from_mins(1);

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A share that its object declares is not there.
    Lost,
    /// A write more than was needed.
    Duplicate,
    /// A share without an object, of which nobody was told.
    Leaked,
    /// An object that does not come to its end by itself.
    NeedsHuman,
    /// A write of a former leader.
    LateEffect,
    /// An operator that does not end in time when it is asked to, or not well.
    BadEnd,
}

/// Waits until the scene is where it must come to. False: it does not get there.
pub async fn settles(scene: &Scene) -> bool {
    let settled = async {
        while !is_settled(scene).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(BOUND, settled).await.is_ok()
}

/// Whether it is there and stays there: what the operator does afterwards counts as well.
async fn is_settled(scene: &Scene) -> bool {
    if !is_at_goal(scene).await {
        return false;
    }
    scene.gate.quiet().await;
    is_at_goal(scene).await
}

/// Whether the scene is where it must come to.
pub async fn is_at_goal(scene: &Scene) -> bool {
    match scene.start.goal() {
        // The cloud is asked as well: the status may be from before.
        Goal::Shared(description) => is_ready(scene).await && is_held(scene, description),
        Goal::Gone => !exists(scene).await && scene.trial.cloud_shares().is_empty(),
        Goal::GoneOrNamed => {
            !exists(scene).await && (scene.trial.cloud_shares().is_empty() || is_named(scene).await)
        }
    }
}

/// What is wrong with a scene that has settled, or never will.
pub async fn faults(scene: &Scene, settled: bool, log: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !settled {
        faults.push(failure(scene).await);
    }
    // The log is that of all operators of the scene. An event cannot come twice, a line can.
    if does_too_much(scene) || log.matches("ShareOrphaned").count() > 1 {
        faults.push(Fault::Duplicate);
    }
    faults
}

async fn failure(scene: &Scene) -> Fault {
    match scene.start.goal() {
        Goal::Shared(_) if is_ready(scene).await => Fault::Lost,
        Goal::Gone | Goal::GoneOrNamed if !exists(scene).await => Fault::Leaked,
        _ => Fault::NeedsHuman,
    }
}

fn does_too_much(scene: &Scene) -> bool {
    let start = scene.start;
    let deletions = usize::from(!matches!(start.goal(), Goal::Shared(_)));
    // A crash between a PATCH and the status has it sent again, with the same content.
    let updates = 2 * start.unequal();
    applied(scene, Effect::Create) > start.missing()
        || applied(scene, Effect::Update) > updates
        || applied(scene, Effect::Delete) > deletions
}

/// How many writes of this kind changed something in the cloud, since the scene's own preparation.
pub fn applied(scene: &Scene, write: Effect) -> usize {
    let ledger = scene.trial.ledger();
    let method = write.to_string();
    let since_then = ledger.iter().skip(scene.prepared_calls);
    since_then.filter(|entry| entry.method == method && entry.applied).count()
}

/// Whether the administrator was told of the scene's share.
pub async fn is_named(scene: &Scene) -> bool {
    let api: Api<Event> = Api::namespaced(scene.trial.client.clone(), "imageshare-system");
    let events = api.list(&ListParams::default()).await.unwrap();
    let of_this_scene = |event: &&Event| {
        let related = event.related.as_ref();
        let namespace = related.and_then(|related| related.namespace.as_ref());
        event.reason.as_deref() == Some("ShareOrphaned")
            && namespace == Some(&scene.trial.namespace)
    };
    events.items.iter().any(|event| of_this_scene(&event))
}

async fn objects(scene: &Scene) -> Vec<ImageShare> {
    scene.trial.shares().list(&ListParams::default()).await.unwrap().items
}

/// Whether there is an object left.
async fn exists(scene: &Scene) -> bool {
    !objects(scene).await.is_empty()
}

/// Whether the object is the only one and says that all is well.
pub async fn is_ready(scene: &Scene) -> bool {
    let objects = objects(scene).await;
    let [object] = objects.as_slice() else { return false };
    if object.name_any() != OBJECT {
        return false;
    }
    let observed = object.status.as_ref().map(|status| status.observed_generation);
    let held = object.finalizers().iter().filter(|name| *name == FINALIZER).count() == 1;
    let is_true = |kind| condition(object, kind).is_some_and(|found| found.status == "True");
    observed == object.metadata.generation
        && held
        && is_true("Ready")
        && !["Error", "Reconciling", "Stalled"].into_iter().any(is_true)
}

fn is_held(scene: &Scene, description: &str) -> bool {
    let held = scene.trial.cloud_shares();
    let [share] = held.as_slice() else { return false };
    share.namespace == "group"
        && share.repository == "app"
        && share.access_domain == "demo"
        && share.permit == "read"
        && share.deadline == "forever"
        && share.description == description
}
