//! What a list of a repository is good for, and what it is not: it may be old, and it may end early.

use std::time::Duration;

use imageshare_simulator::{Clock, Terms};
use serde_json::json;

use crate::support::{Trial, is_look, until};

/// Changes that make a pass look at the list and at nothing else.
async fn list_anew(trial: &Trial, name: &str, interval: &str) {
    let calls = trial.calls().len();
    trial.change(name, json!({"interval": interval})).await;
    trial.until_reason(name, "Shared").await;
    assert_eq!(trial.calls()[calls..], ["GET 200 group/app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_showed_before_an_object_was_in_trouble_is_no_news_afterwards() {
    let trial = Trial::new("oldlist").await;
    let _operator = trial.operator();
    trial.simulator.add_account("other").unwrap();
    for account in ["demo", "other"] {
        trial.create(account, json!({"account": account, "interval": "1h"})).await;
        trial.until_reason(account, "Shared").await;
    }
    // This list shows both shares, and is good for an hour.
    list_anew(&trial, "other", "2h").await;
    trial.change("demo", json!({"credentialsRef": {"name": "missing"}})).await;
    trial.until_reason("demo", "SecretNotFound").await;
    trial.simulator.remove_share("group/app", "demo").unwrap();
    // This pass fails as well, and is the last word on the request.
    let annotation = "imageshare.dev/reconcile-requested-at=now";
    trial.kubectl(&["annotate", "ims", "demo", annotation]);
    let shares = trial.shares();
    until("the pass to be told", async || {
        shares.get("demo").await.ok()?.status?.last_handled_reconcile_at.map(|_| ())
    })
    .await;
    trial.change("demo", json!({"credentialsRef": {"name": "swr"}})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_shares().len(), 2, "Ready is True because of an older list");
}

/// The calls of a kind, by the beginning of their line.
fn count(trial: &Trial, kind: &str) -> usize {
    trial.calls().iter().filter(|call| call.starts_with(kind)).count()
}

async fn until_lists(trial: &Trial, more: usize) {
    let lists = || trial.calls().iter().filter(|call| *call == "GET 200 group/app").count();
    let before = lists();
    until("more lists", async || (lists() >= before + more).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_half_a_minute_late_make_nobody_write() {
    // The cloud's clock stands: what is made now is not in a list until the clock is moved.
    let now = "2026-12-01T12:00:00Z".parse().unwrap();
    let trial = Trial::with("latelists", |options| {
        options.clock = Clock::StandingAt(now);
        options.open = true;
    })
    .await;
    let late = json!({"match": {"key": "group/app"}, "do": {"stale": {"by": "30s"}}});
    trial.simulator.plant_faults(late).unwrap();
    let operator = trial.operator();
    for index in 0..10 {
        let spec = json!({"account": format!("a{index}"), "interval": "1s"});
        trial.create(&format!("a{index}"), spec).await;
    }
    for index in 0..10 {
        trial.until_reason(&format!("a{index}"), "Shared").await;
    }
    let writes = trial.writes().len();
    until_lists(&trial, 3).await;
    assert_eq!(count(&trial, "POST"), 10);
    trial.change("a0", json!({"description": "changed"})).await;
    trial.until_reason("a0", "Shared").await;
    until_lists(&trial, 3).await;
    trial.simulator.advance_clock(Duration::from_secs(31)).unwrap();
    until_lists(&trial, 3).await;
    assert_eq!((count(&trial, "POST"), count(&trial, "PATCH")), (10, 1));
    assert_eq!(trial.writes().len(), writes + 1, "one for the change");
    assert!(!operator.log().contains("another hand"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_behind_the_hundredth_of_a_repository_are_never_taken_for_missing() {
    let trial = Trial::new("hundred").await;
    for index in 0..100 {
        let account = format!("a{index:02}");
        trial.simulator.put_share("group/app", &account, Terms::default()).unwrap();
    }
    let operator = trial.operator();
    for account in ["z1", "z2", "z3"] {
        trial.simulator.add_account(account).unwrap();
        trial.create(account, json!({"account": account, "interval": "1s"})).await;
        trial.until_reason(account, "Shared").await;
    }
    let (calls, writes) = (trial.calls().len(), trial.writes().len());
    until_lists(&trial, 4).await;
    let seen = trial.calls().split_off(calls);
    assert!(seen.iter().all(|call| is_look(call)), "{seen:?}");
    assert!(seen.iter().any(|call| call == "GET 200 group/app/z3"), "looked at alone: {seen:?}");
    assert_eq!(trial.writes().len(), writes);
    assert!(!operator.log().contains("another hand"));
}

/// A look that is late as well says that a share is missing which was made a moment ago. To make it
/// again is refused by the cloud, which knows better, and nothing is forgotten over it.
#[tokio::test(flavor = "multi_thread")]
async fn reads_that_are_half_a_minute_late_end_as_one_share_of_our_own() {
    let now = "2026-12-01T12:00:00Z".parse().unwrap();
    let clock = Clock::StandingAt(now);
    let trial = Trial::with("latereads", |options| options.clock = clock).await;
    trial.simulator.plant_faults(json!({"do": {"stale": {"by": "30s"}}})).unwrap();
    let operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "NotApplied").await;
    trial.simulator.advance_clock(Duration::from_secs(31)).unwrap();
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.unwrap().adopted, Some(false));
    assert_eq!((count(&trial, "POST 201"), count(&trial, "PATCH")), (1, 0));
    assert_eq!(trial.cloud_shares().len(), 1);
    assert!(!operator.log().contains("another hand"));
}
