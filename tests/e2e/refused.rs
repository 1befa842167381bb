//! What an admission policy forbids the operator to write.

use serde_json::{Value, json};

use crate::support::policy;
use crate::support::{Trial, condition, until};

const WORDS: &str = "updates of ImageShares need the label team";

/// Writes to these resources need a label `team`.
fn forbid(trial: &Trial, resources: &[&str]) {
    let expression = "has(object.metadata.labels) && 'team' in object.metadata.labels";
    policy::forbid(trial, "UPDATE", resources, (expression, WORDS));
}

/// Until the API server goes by the policy.
async fn until_forbidden(trial: &Trial, name: &str) {
    until("the policy to hold", async || {
        let annotate =
            ["annotate", "--overwrite", "imageshare", name, "-n", &trial.namespace, "x=y"];
        let annotated =
            trial.control_plane().try_kubectl(&[&annotate[..], &["--dry-run=server"]].concat(), "");
        annotated.err().filter(|error| error.contains(WORDS)).map(|_| ())
    })
    .await;
}

fn events(trial: &Trial) -> Vec<Value> {
    let events = trial.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    let events = events["items"].as_array().unwrap().iter();
    events.filter(|event| event["reason"] == "WriteRefused").cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_forbids_is_said_in_its_words_and_a_share_is_revoked_once() {
    let trial = Trial::new("policy").await;
    trial.simulator.add_account("other").unwrap();
    let operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    forbid(&trial, &["imageshares"]);
    until_forbidden(&trial, "demo").await;

    trial.create("new", json!({"account": "other"})).await;
    trial.delete("demo").await;
    for name in ["new", "demo"] {
        let object = trial.until_reason(name, "WriteRefused").await;
        let ready = condition(&object, "Ready").unwrap();
        assert!(ready.status == "False" && ready.message.contains(WORDS), "{}", ready.message);
        assert!(object.status.unwrap().share.is_none_or(|share| share.valid.is_none()));
    }
    // It is tried again and again to let the object go.
    let tries = || operator.log().matches("it refuses to patch imageshares:").count();
    until("some more tries", async || (tries() >= 5).then_some(())).await;
    let writes = ["POST 201 group/app/demo", "DELETE 204 group/app/demo"];
    assert_eq!(trial.cloud_writes(), writes, "once each, and nothing for the other");
    let said = events(&trial);
    let about = |name: &str| said.iter().filter(|event| event["regarding"]["name"] == name).count();
    assert_eq!((about("demo"), about("new")), (1, 1), "{said:?}");
    assert!(said.iter().all(|event| event["note"].as_str().unwrap().contains(WORDS)), "{said:?}");
    assert!(operator.log().contains(WORDS));

    policy::allow(&trial);
    trial.until_gone("demo").await;
    trial.until_reason("new", "Shared").await;
    assert_eq!(trial.cloud_writes()[2..], ["POST 201 group/app/other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_forbids_the_status_too_is_named_by_an_event_and_the_share_goes_once() {
    let trial = Trial::new("policies").await;
    let operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    forbid(&trial, &["imageshares", "imageshares/status"]);
    until_forbidden(&trial, "demo").await;
    trial.delete("demo").await;
    let tries = || operator.log().matches("it refuses to patch imageshares:").count();
    until("some tries", async || (tries() >= 4).then_some(())).await;
    let writes = ["POST 201 group/app/demo", "DELETE 204 group/app/demo"];
    assert_eq!(trial.cloud_writes(), writes);
    assert!(events(&trial)[0]["note"].as_str().unwrap().contains(WORDS));
    policy::allow(&trial);
    trial.until_gone("demo").await;
    assert_eq!(trial.cloud_writes(), writes);
}
