//! Refusals that something outside of the object can heal: for `--stalled-after` they are no failure, since
//! Helm and Flux give up at once on one.

use imageshare::api::ImageShare;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Trial, condition, until};

const FLAGS: [&str; 2] = ["--stalled-after", "8s"];
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);

fn is(object: &ImageShare, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition.status == "True")
}

fn refused_since(object: &ImageShare) -> jiff::Timestamp {
    object.status.as_ref().unwrap().refused_since.as_ref().unwrap().parse().unwrap()
}

async fn until_stalled(trial: &Trial, name: &str) -> ImageShare {
    until(&format!("{name} to be stalled"), async || {
        let object = trial.shares().get(name).await.ok()?;
        is(&object, "Stalled").then_some(object)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_comes_second_is_waited_for_and_after_its_time_it_is_missed() {
    let trial = Trial::new("patience").await;
    let kubeconfig = trial.operator_kubeconfig();
    let operator = trial.operator_as(&kubeconfig, &FLAGS);
    trial.create("demo", json!({"credentialsRef": {"name": "second"}})).await;
    let first = trial.until_reason("demo", "SecretNotFound").await;
    assert!(is(&first, "Reconciling") && is(&first, "Error") && !is(&first, "Stalled"));

    // A restart in between begins no time anew.
    operator.kill().await;
    let _operator = trial.operator_as(&kubeconfig, &FLAGS);
    let stalled = until_stalled(&trial, "demo").await;
    assert!(!is(&stalled, "Reconciling"));
    assert_eq!(refused_since(&stalled), refused_since(&first));
    let at = condition(&stalled, "Stalled").unwrap().last_transition_time.0;
    assert!(at.duration_since(refused_since(&first)) >= PATIENCE, "{at}");
    assert_eq!(trial.writes().len(), 2, "{:?}", trial.writes());
    assert_eq!(trial.calls(), Vec::<String>::new());

    trial.secret("second", crate::support::TOKEN);
    let shared = trial.until_reason("demo", "Shared").await;
    assert!(!is(&shared, "Stalled") && shared.status.unwrap().refused_since.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_not_tried_again_to_say_that_it_stays_rejected() {
    let trial = Trial::new("patience-token").await;
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &FLAGS);
    trial.secret("bad", "wrong");
    trial.create("demo", json!({"credentialsRef": {"name": "bad"}})).await;
    let first = trial.until_reason("demo", "Unauthorized").await;
    assert!(is(&first, "Reconciling") && !is(&first, "Stalled"));
    until_stalled(&trial, "demo").await;
    assert_eq!(trial.calls().len(), 1, "{:?}", trial.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_object_can_heal_is_a_failure_at_once_and_a_new_spec_begins_anew() {
    let trial = Trial::new("patience-spec").await;
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &FLAGS);
    trial.create("demo", json!({"deadline": "2020-01-01"})).await;
    assert!(is(&trial.until_reason("demo", "DeadlinePassed").await, "Stalled"));
    trial.change("demo", json!({"deadline": "forever", "credentialsRef": {"name": "none"}})).await;
    assert!(!is(&trial.until_reason("demo", "SecretNotFound").await, "Stalled"));
    until_stalled(&trial, "demo").await;
    trial.change("demo", json!({"description": "another"})).await;
    assert!(!is(&trial.until_reason("demo", "SecretNotFound").await, "Stalled"));
}
