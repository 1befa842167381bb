//! The leader is stopped at an effect, for longer than its Lease lasts; another operator leads and does all
//! that there is to do; then the former leader goes on, as if nothing had been. It must do nothing more.

use std::time::{Duration, Instant};

use crate::gate::Gate;
use crate::judge::{self, Fault};
use crate::points::Point;
use crate::run::{Bench, Outcome, outcome};
use crate::start::Scene;
use crate::support::{Operator, setting, until};

/// How long the leader stands still at least, if the variable `CRASH_PAUSE` says so, in seconds. Then the Lease
/// lasts as long as by default.
pub fn pause() -> Option<Duration> {
    setting("CRASH_PAUSE").map(Duration::from_secs)
}

/// Longer than `--request-window` is here.
const WINDOW: Duration = Duration::from_secs(4);

/// What happens once the leader is at the point.
pub async fn taken_over(
    point: Point,
    mut scene: Scene,
    former: Operator,
    bench: &Bench,
) -> Outcome {
    former.signal("STOP");
    let stopped = Instant::now();
    scene.meanwhile().await;
    // The former's requests stay where they are.
    let name = format!("{}-successor", scene.trial.namespace);
    let gate = Gate::open(bench.world(&scene.trial), bench.scratch(), &name).await;
    let former_gate = std::mem::replace(&mut scene.gate, gate);
    let successor = scene.operator();
    scene.afterwards().await;
    let mut settled = judge::settles(&scene).await;
    // The successor has something more to say once nothing of before can land any more.
    let settled_for = pause().map_or(WINDOW, |pause| pause.saturating_sub(stopped.elapsed()));
    tokio::time::sleep(settled_for.max(WINDOW)).await;
    scene.gate.quiet().await;
    let before = (scene.trial.cloud_writes().len(), scene.trial.writes().len());
    // The answer that it waits for, and its own clock, come at once.
    former_gate.go_on();
    former.signal("CONT");
    let stands_by = || former.log().matches("stands by").count() >= 2;
    until("the former leader to stand by", async || stands_by().then_some(())).await;
    // What it does after that, it does at once.
    tokio::time::sleep(Duration::from_millis(500)).await;
    settled &= judge::settles(&scene).await;
    let after = (scene.trial.cloud_writes().len(), scene.trial.writes().len());
    let mut outcome = outcome(Some(point), true, &scene, settled, &former).await;
    outcome.faults.extend((before != after).then_some(Fault::LateEffect));
    for operator in [former, successor] {
        let ended_well = operator.terminate().await == Some(0);
        outcome.faults.extend((!ended_well).then_some(Fault::BadEnd));
    }
    outcome
}
