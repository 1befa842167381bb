//! The end of a share: noticed when it comes, by the cloud's own word, and not at the next interval.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::{Trial, condition, is_look};

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_share_is_told_when_it_comes_and_nobody_tries_to_bring_it_back() {
    let trial = Trial::new("end").await;
    let _operator = trial.operator();
    let deadline = Timestamp::now() + Duration::from_secs(10);
    // The next comparison is an hour away.
    let spec = json!({"interval": "1h", "deadline": deadline.to_string()});
    trial.create("demo", spec).await;
    trial.until_reason("demo", "Shared").await;
    // A cloud ends access at the end of the day: its clock is there already.
    trial.simulator.advance_clock(Duration::from_hours(48)).unwrap();
    assert_eq!(trial.calls(), ["POST 201 group/app/demo"], "the end has come too soon");

    let object = trial.until_reason("demo", "Expired").await;
    for (kind, status) in [("Ready", "False"), ("Expired", "True"), ("Stalled", "True")] {
        assert_eq!(condition(&object, kind).unwrap().status, status, "{kind}");
    }
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(false));
    // One list tells all objects of the repository.
    let calls = trial.calls();
    assert_eq!(calls[1..], ["GET 200 group/app"]);
    let writes = trial.writes();
    let told = writes.iter().filter(|write| *write == "patch imageshares/status").count();
    assert_eq!(told, 2, "shared, and over: {writes:?}");
    let asked: Timestamp = trial.ledger()[1].started.parse().unwrap();
    assert!(asked >= deadline);
    println!("asked {:?} after the deadline", asked.duration_since(deadline));
}

/// The cloud's clock is ten days ahead of ours, or behind it.
async fn ends_by_the_clouds_clock(namespace: &str, days: i64) {
    let trial = Trial::new(namespace).await;
    let day = Timestamp::now() + SignedDuration::from_hours(24 * days);
    let day = day.strftime("%Y-%m-%d").to_string();
    let evening = format!("{day}T23:59:30Z").parse().unwrap();
    let operator = trial.operator();
    trial.simulator.set_clock(evening);
    // Any answer tells the time.
    trial.create("other", json!({"repository": "tools/busybox", "interval": "0s"})).await;
    trial.until_reason("other", "Shared").await;
    // No comparison ever: only the clock can tell that it is over.
    trial.create("demo", json!({"interval": "0s", "deadline": day})).await;
    trial.until_reason("demo", "Shared").await;
    let object = trial.until_reason("demo", "Expired").await;
    assert_eq!(condition(&object, "Ready").unwrap().status, "False");
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(false));
    let of_demo = |call: &String| call.contains("group/app");
    let calls: Vec<_> = trial.calls().into_iter().filter(of_demo).collect();
    assert_eq!(calls.iter().filter(|call| !is_look(call)).count(), 1, "one POST: {calls:?}");
    assert!(!operator.log().contains("DeadlinePassed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_ends_by_a_clock_that_is_days_ahead_of_ours() {
    ends_by_the_clouds_clock("ahead", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_ends_by_a_clock_that_is_days_behind_ours() {
    ends_by_the_clouds_clock("belated", -10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_over_when_it_is_made_is_never_called_shared() {
    let trial = Trial::new("stillborn").await;
    let _operator = trial.operator();
    trial.simulator.advance_clock(Duration::from_hours(240)).unwrap();
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let day = tomorrow.strftime("%Y-%m-%d").to_string();
    trial.create("demo", json!({"interval": "1h", "deadline": day})).await;
    trial.until_reason("demo", "Expired").await;
    assert_eq!(trial.calls(), ["POST 201 group/app/demo", "GET 200 group/app/demo"]);
    let writes = trial.writes();
    let told = writes.iter().filter(|write| *write == "patch imageshares/status").count();
    assert_eq!(told, 1, "over from the first word on: {writes:?}");
}
