//! One crash from its start state to the verdict, and all of them side by side.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::effect::{Effect, Occurrence};
use crate::gate::{self, Gate, Moment, World};
use crate::judge::{self, Fault};
use crate::points::{Point, Selection, Signal};
use crate::start::{Scene, Start};
use crate::support::{Operator, Trial, world};
use crate::takeover::taken_over;

/// How many scenes there are at a time: most of the time they wait.
const SIDE_BY_SIDE: usize = 6;
/// The slow ones wait for longer.
const SLOW_SIDE_BY_SIDE: usize = 8;
/// How long an effect may take to come. Some come when a Secret was looked for twice.
const REACH: Duration = Duration::from_mins(1);
/// How long Kubernetes gives a process to end.
const GRACE: Duration = Duration::from_secs(30);

/// What all scenes share.
pub struct Bench {
    cluster: kube::Client,
    http: reqwest::Client,
    scratch: PathBuf,
    scenes: AtomicU32,
    quick: Semaphore,
    slow: Semaphore,
}

/// What became of a point.
pub struct Outcome {
    /// The point; `None` where nothing crashed.
    pub point: Option<Point>,
    /// Whether the operator came there.
    pub reached: bool,
    /// What must not be.
    pub faults: Vec<Fault>,
    /// Writes that were sent again with the same content.
    pub repeated: usize,
    /// Whether a share was left behind, and named.
    pub named: bool,
    /// The end of the operators' log, or what went wrong with the test itself.
    pub log: String,
}

/// Everything about one start state.
pub struct Trials {
    /// The start state.
    pub start: Start,
    /// The effects that there are without a crash.
    pub effects: Vec<Occurrence>,
    /// What became of each.
    pub outcomes: Vec<Outcome>,
    /// How long all that took.
    pub took: Duration,
}

impl Bench {
    /// Starts the control plane.
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (kubeconfig, scratch) = tokio::task::spawn_blocking(|| {
            let kubeconfig = world().kubeconfig_of("imageshare-system", "imageshare-operator");
            grant_leases();
            (kubeconfig, world().scratch().to_owned())
        })
        .await
        .unwrap();
        Self {
            cluster: gate::cluster(&kubeconfig).await,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            scratch,
            scenes: AtomicU32::new(0),
            quick: Semaphore::new(SIDE_BY_SIDE),
            slow: Semaphore::new(SLOW_SIDE_BY_SIDE),
        }
    }

    /// What is behind a gate of this trial.
    pub fn world(&self, trial: &Trial) -> World {
        World {
            cluster: self.cluster.clone(),
            http: self.http.clone(),
            cloud: trial.simulator.url().to_owned(),
        }
    }

    /// A folder for files of this run.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    async fn scene(&self, start: Start, elects: bool) -> Scene {
        let number = self.scenes.fetch_add(1, Ordering::Relaxed);
        let trial = Trial::new(&format!("crash-{number}")).await;
        let gate = Gate::open(self.world(&trial), &self.scratch, &trial.namespace).await;
        Scene { trial, gate, start, elects, prepared_calls: 0 }
    }
}

/// Each scene has a Lease of its own, and the shipped right is to one.
fn grant_leases() {
    let operator = "imageshare-system:imageshare-operator";
    let account = format!("--serviceaccount={operator}");
    let role = ["role", "crash-leases", "--verb=create,get,update", "--resource=leases"];
    let binding = ["rolebinding", "crash-leases", "--role=crash-leases", &account];
    for what in [&role, &binding] {
        world().kubectl(&[&["create", "-n", "imageshare-system"], what.as_slice()].concat());
    }
}

/// Goes through a start state without a crash, then with each of the selected crashes.
pub async fn all_of(start: Start, bench: Arc<Bench>, selection: Arc<Selection>) -> Trials {
    let began = Instant::now();
    let mut outcomes = Vec::new();
    let effects = if let Some(effects) = selection.known_effects(start) {
        effects
    } else {
        let (effects, outcome) = rehearse(start, &bench).await;
        outcomes.push(outcome);
        effects
    };
    let points = selection.of(start, &effects);
    outcomes.extend(side_by_side(points, &bench).await);
    Trials { start, effects, outcomes, took: began.elapsed() }
}

async fn side_by_side(points: Vec<Point>, bench: &Arc<Bench>) -> Vec<Outcome> {
    let (mut running, mut names) = (JoinSet::new(), HashMap::new());
    for point in points {
        let bench = bench.clone();
        let scenes = Handle::current();
        // A thread of its own, for the calls of kubectl.
        let task = running.spawn_blocking(move || scenes.block_on(crash(point, &bench)));
        names.insert(task.id(), point);
    }
    let mut outcomes = Vec::new();
    while let Some(done) = running.join_next_with_id().await {
        outcomes.push(match done {
            Ok((_, outcome)) => outcome,
            Err(error) => stuck(names[&error.id()], &error.to_string()),
        });
    }
    outcomes
}

/// A scene in which something did not come that the test itself waits for.
fn stuck(point: Point, why: &str) -> Outcome {
    let faults = vec![Fault::NeedsHuman];
    let log = why.to_owned();
    Outcome { point: Some(point), reached: true, faults, repeated: 0, named: false, log }
}

/// Finds out which effects there are.
async fn rehearse(start: Start, bench: &Bench) -> (Vec<Occurrence>, Outcome) {
    let _place = bench.quick.acquire().await.unwrap();
    let mut scene = bench.scene(start, false).await;
    let operator = scene.prepare().await;
    scene.prepared_calls = scene.trial.calls().len();
    scene.gate.forget();
    let operator = scene.go(operator).await;
    let done = tokio::time::timeout(REACH, until_done(&scene)).await.is_ok();
    let effects = Occurrence::number(&scene.gate.seen());
    scene.meanwhile().await;
    let settled = done && judge::settles(&scene).await;
    let mut outcome = outcome(None, true, &scene, settled, &operator).await;
    // An operator that lives on and knows a token leaves nothing behind.
    if start == Start::SecretGone && outcome.named {
        outcome.faults.push(Fault::Leaked);
    }
    (effects, outcome)
}

async fn crash(point: Point, bench: &Bench) -> Outcome {
    let places = if point.start.is_slow() { &bench.slow } else { &bench.quick };
    let _place = places.acquire().await.unwrap();
    let mut scene = bench.scene(point.start, point.signal == Signal::Stop).await;
    let operator = scene.prepare().await;
    scene.prepared_calls = scene.trial.calls().len();
    scene.gate.stop_at(point.at, point.moment);
    let operator = scene.go(operator).await;
    if !comes_there(&scene).await {
        scene.gate.go_on();
        scene.meanwhile().await;
        scene.afterwards().await;
        let settled = judge::settles(&scene).await;
        return outcome(Some(point), false, &scene, settled, &operator).await;
    }
    if point.moment == Moment::After {
        scene.gate.read().await;
    }
    if point.signal == Signal::Stop {
        return taken_over(point, scene, operator, bench).await;
    }
    let ended_well = end(operator, point.signal, &scene).await;
    scene.meanwhile().await;
    let operator = scene.operator();
    if point.moment == Moment::Late {
        deliver_late(&scene).await;
    }
    scene.afterwards().await;
    let settled = judge::settles(&scene).await;
    let mut outcome = outcome(Some(point), true, &scene, settled, &operator).await;
    outcome.faults.extend((!ended_well).then_some(Fault::BadEnd));
    outcome
}

/// Waits until the operator is at the point. False: all is done without it.
async fn comes_there(scene: &Scene) -> bool {
    tokio::select! {
        biased;
        () = scene.gate.reached() => true,
        () = until_done(scene) => false,
        () = tokio::time::sleep(REACH) => false,
    }
}

/// Waits until everything has been done that there is to do without a crash.
async fn until_done(scene: &Scene) {
    while !scene.is_done().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.gate.quiet().await;
}

/// Ends the operator. Gives whether it ended as it should.
async fn end(operator: Operator, signal: Signal, scene: &Scene) -> bool {
    let ended_well = match signal {
        Signal::Kill | Signal::Stop => {
            operator.kill().await;
            true
        }
        Signal::Term => {
            // The signal first: `terminate` has sent it when it begins to wait.
            let ending = async { tokio::join!(operator.terminate(), async { scene.gate.go_on() }) };
            let ended = tokio::time::timeout(GRACE, ending).await;
            ended.is_ok_and(|(code, ())| code == Some(0))
        }
    };
    scene.gate.bury();
    ended_well
}

/// The worst time for a late request: when the next operator has done all that it has to do.
async fn deliver_late(scene: &Scene) {
    // At the goal, or before it and waiting: for the Secret, or for just this request.
    let _ = tokio::time::timeout(REACH, scene.gate.quiet()).await;
    assert!(scene.gate.deliver().await, "there is a late request");
}

/// What became of a scene.
pub async fn outcome(
    point: Option<Point>,
    reached: bool,
    scene: &Scene,
    settled: bool,
    operator: &Operator,
) -> Outcome {
    let log = operator.log();
    let faults = judge::faults(scene, settled, &log).await;
    let updates = judge::applied(scene, Effect::Update);
    let mut tail: Vec<_> = log.lines().rev().take(30).collect();
    tail.reverse();
    Outcome {
        point,
        reached,
        faults,
        repeated: updates.saturating_sub(scene.start.unequal()),
        named: judge::is_named(scene).await,
        log: tail.join("\n"),
    }
}
