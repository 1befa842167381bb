//! The operator, as a process, is killed, asked to stop, or stopped while another one takes over, before, at and after each effect that it
//! has on the API server and on the cloud, from each state that a share can be in. A second
//! operator must bring every object to its right end: nothing lost, doubled or leaked, and no
//! person needed.
//!
//! Which effects there are is not written down here: each start state is gone through once without
//! a crash, and the gate between the operator and the world notes what passes.
//!
//! `CRASH_POINTS` says which points are tried: `all`, or those with this text in their names, such
//! as `deleting` or `absent, POST, at, SIGKILL`. Unset, it is a few from each state.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod effect;
mod figures;
mod gate;
mod judge;
mod points;
mod run;
mod start;
#[allow(dead_code, unused_imports, reason = "the other tests on a real API server need more of it")]
mod support;
mod takeover;

use std::sync::Arc;

use figures::Figures;
use points::Selection;
use run::Bench;
use start::Start;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_loses_doubles_and_leaks_nothing_and_needs_nobody() {
    let bench = Arc::new(Bench::new().await);
    let selection = Arc::new(Selection::from_environment());
    let mut starts = JoinSet::new();
    for start in Start::ALL {
        let (bench, selection, trials) = (bench.clone(), selection.clone(), Handle::current());
        starts.spawn_blocking(move || trials.block_on(run::all_of(start, bench, selection)));
    }
    let mut figures = Figures::new();
    while let Some(trials) = starts.join_next().await {
        figures.add(trials.unwrap());
    }
    figures.print();
    figures.must_be_clean(&selection);
}
