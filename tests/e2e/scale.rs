//! Many objects at once: one list answers for all of a repository, and a restart disturbs nobody.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use imageshare_simulator::Entry;
use serde_json::json;

use crate::support::{Trial, condition, until};

const REPOSITORIES: usize = 10;
const ACCOUNTS: usize = 100;
const OBJECTS: u64 = (REPOSITORIES * ACCOUNTS) as u64;

async fn until_all_are_shared(trial: &Trial) {
    // To list that many objects is work: not before it can help.
    until("all shares to be created", async || (trial.count("POST") >= OBJECTS).then_some(()))
        .await;
    let shares = trial.shares();
    until("all objects to be shared", async || {
        let list = shares.list(&kube::api::ListParams::default()).await.ok()?;
        let ready = list.items.iter().filter(|object| {
            condition(object, "Ready").is_some_and(|ready| ready.reason == "Shared")
        });
        (ready.count() == REPOSITORIES * ACCOUNTS).then_some(())
    })
    .await;
}

fn lists(calls: &[String]) -> usize {
    calls.iter().filter(|call| call.starts_with("GET 200 group/r") && !call.contains("/a")).count()
}

/// How many intervals may have begun since then: the shortest is a tenth shorter than the 20 s of this
/// test, and one may just be beginning.
fn intervals_since(start: Instant) -> u64 {
    start.elapsed().as_secs().div_ceil(18) + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn one_list_in_an_interval_answers_all_objects_of_a_repository_also_after_a_restart() {
    let trial = Trial::with("scale", |options| options.open = true).await;
    let operator = trial.operator();
    let create = |index: usize| {
        let (repository, account) = (index % REPOSITORIES, index / REPOSITORIES);
        let spec = json!({
            "repository": format!("r{repository}"), "account": format!("a{account}"),
            "interval": "20s",
        });
        let trial = &trial;
        async move { trial.create(&format!("o{index}"), spec).await }
    };
    let created = stream::iter(0..REPOSITORIES * ACCOUNTS).map(create).buffer_unordered(16);
    created.collect::<Vec<_>>().await;
    until_all_are_shared(&trial).await;
    assert_eq!(trial.count("POST"), OBJECTS);

    let (calls, writes, start) = (trial.calls().len(), trial.writes().len(), Instant::now());
    until("two lists of each repository", async || {
        (lists(&trial.calls()[calls..]) >= 2 * REPOSITORIES).then_some(())
    })
    .await;
    let intervals = intervals_since(start);
    let seen = trial.calls().split_off(calls);
    let lists_seen = lists(&seen);
    assert_eq!(lists_seen, seen.len(), "lists and nothing else: {seen:?}");
    assert!(lists_seen as u64 <= intervals * REPOSITORIES as u64, "{lists_seen} in {intervals}");
    assert_eq!(trial.writes().len(), writes);
    println!(
        "{OBJECTS} objects, {REPOSITORIES} repositories: {lists_seen} lists in {intervals} intervals, 0 looks"
    );

    operator.kill().await;
    let (calls, start) = (trial.calls().len(), Instant::now());
    let _operator = trial.operator();
    until("a list of each repository", async || {
        // Answered, all of them.
        let seen = trial.calls().split_off(calls);
        let is_complete = lists(&seen) == seen.len();
        let different = seen.into_iter().collect::<BTreeSet<_>>().len();
        (is_complete && different >= REPOSITORIES).then_some(())
    })
    .await;
    let intervals = intervals_since(start);
    let seen = trial.calls().split_off(calls);
    assert_eq!(lists(&seen), seen.len(), "lists and nothing else: {seen:?}");
    assert!(seen.len() as u64 <= intervals * REPOSITORIES as u64, "{seen:?} in {intervals}");
    assert_eq!(trial.count("POST"), OBJECTS);
    assert_eq!(trial.writes().len(), writes);
    let ledger = trial.ledger().split_off(calls);
    let start = |entry: &Entry| entry.started.parse::<jiff::Timestamp>().ok();
    let (first, last) = (ledger.first().and_then(start), ledger.last().and_then(start));
    let spread = last.unwrap().duration_since(first.unwrap());
    println!(
        "a restart over {OBJECTS} settled objects: 0 POST, 0 writes, {} lists in {intervals} intervals, spread over {spread:?}",
        seen.len()
    );
}

/// A hundred objects keep all places taken: a new one gets its turn all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_a_busy_operator_is_served_in_turn() {
    const BUSY: usize = 100;
    let trial = Trial::with("busy", |options| {
        options.open = true;
        options.latency = Duration::from_millis(500);
    })
    .await;
    let _operator = trial.operator();
    let create = |index: usize| {
        // A repository each: no list serves two.
        let spec = json!({"repository": format!("r{index}"), "interval": "1s"});
        let trial = &trial;
        async move { trial.create(&format!("o{index}"), spec).await }
    };
    let created = stream::iter(0..BUSY).map(create).buffer_unordered(16);
    created.collect::<Vec<_>>().await;
    for index in 0..BUSY {
        trial.until_reason(&format!("o{index}"), "Shared").await;
    }
    for index in 0..10 {
        trial.create(&format!("new{index}"), json!({"repository": format!("new{index}")})).await;
    }
    for index in 0..10 {
        trial.until_reason(&format!("new{index}"), "Shared").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_applied_after_a_restart_is_served_before_the_backlog_is_compared() {
    let trial = Trial::with("backlog", |options| options.open = true).await;
    let operator = trial.operator();
    let names: Vec<_> = (0..OBJECTS).map(|index| format!("o{index}")).collect();
    // Five in each repository: two hundred lists compare all of them.
    trial.create_many(&names, |index| json!({"repository": format!("r{}", index / 5)}));
    until_all_are_shared(&trial).await;
    operator.kill().await;

    let (calls, writes) = (trial.calls().len(), trial.writes().len());
    let _operator = trial.operator();
    trial.create("fresh", json!({"repository": "fresh"})).await;
    trial.until_reason("fresh", "Shared").await;
    let calls = trial.calls().split_off(calls);
    let before = calls.iter().position(|call| call.starts_with("POST")).unwrap();
    println!("{before} of 200 lists before the fresh object's create");
    assert!(before <= 200 / 10, "{before}");
    assert_eq!(calls.iter().filter(|call| call.starts_with("POST")).count(), 1);
    assert_eq!(trial.writes().len(), writes + 2, "of the fresh object alone");
}
