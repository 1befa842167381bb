//! The end of a share: noticed when it comes, by the cloud's own word, and not at the next interval.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::support::{Trial, condition};

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
    trial.simulate("POST", "clock", json!({"advance": "48h"})).await;
    assert_eq!(trial.calls().await, ["POST 201 group/app/demo"], "the end has come too soon");

    let object = trial.until_reason("demo", "Expired").await;
    for (kind, status) in [("Ready", "False"), ("Expired", "True"), ("Stalled", "True")] {
        assert_eq!(condition(&object, kind).unwrap().status, status, "{kind}");
    }
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(false));
    // A list only ever confirms, so the share is looked at alone.
    let calls = trial.calls().await;
    assert_eq!(calls[1..], ["GET 200 group/app", "GET 200 group/app/demo"]);
    let writes = trial.writes();
    let told = writes.iter().filter(|write| *write == "patch imageshares/status").count();
    assert_eq!(told, 2, "shared, and over: {writes:?}");
    let asked: Timestamp = trial.ledger().await[1]["started"].as_str().unwrap().parse().unwrap();
    assert!(asked >= deadline);
    println!("asked {:?} after the deadline", asked.duration_since(deadline));
}
