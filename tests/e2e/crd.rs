//! The CRD itself: older than the operator, missing at the start, away and back. Each on a control plane
//! of its own.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{ControlPlane, Operator, Trial, until};

const ADMIN: [&str; 2] = ["--admin-listen", "127.0.0.1:0"];

async fn own_control_plane() -> ControlPlane {
    tokio::task::spawn_blocking(ControlPlane::start).await.unwrap()
}

/// The CRD as it is shipped, and one without `status.effectiveUntil`.
fn crds() -> (Value, Value) {
    let crd = serde_json::to_value(imageshare::api::crd()).unwrap();
    let mut older = crd.clone();
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let fields = older.pointer_mut(status).unwrap().as_object_mut().unwrap();
    fields.remove("effectiveUntil").unwrap();
    (crd, older)
}

fn serve_all(trial: &Trial) -> Operator {
    trial.operator_of_all(&trial.operator_kubeconfig(), trial.simulator.url(), &ADMIN)
}

/// The reason in Ready, whatever generation the status speaks of.
async fn until_ready_says(trial: &Trial, name: &str, reason: &str) {
    until(&format!("{name} to say {reason}"), async || {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].reason}";
        let get = ["get", "imageshare", name, "-n", &trial.namespace, "-o", path];
        (trial.control_plane().try_kubectl(&get, "").ok()? == reason).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_crd_is_named_and_nothing_is_shared_until_the_new_one_is_there() {
    let (crd, older) = crds();
    let own = own_control_plane().await;
    own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    own.install();
    let trial = Trial::on(own, "oldcrd").await;
    trial.simulator.add_account("other").unwrap();
    let operator = serve_all(&trial);
    trial.create("before", json!({"account": "other"})).await;
    trial.until_reason("before", "Shared").await;
    assert_eq!(operator.not_ready().await, None);

    trial.apply(&older);
    until("it to be not ready", async || operator.not_ready().await).await;
    let why = operator.not_ready().await.unwrap();
    assert!(why.contains("status.effectiveUntil"), "{why}");
    let writes = trial.cloud_writes().len();
    trial.create("demo", json!({})).await;
    until_ready_says(&trial, "demo", "CrdOutdated").await;
    assert_eq!(trial.cloud_writes().len(), writes, "nothing is granted");
    until_ready_says(&trial, "before", "Shared").await;
    assert!(operator.log().contains("the served CRD lacks status.effectiveUntil"));
    // The same from the start on.
    operator.kill().await;
    let operator = serve_all(&trial);
    let has_started = || operator.log().matches("admin endpoint").count() == 2;
    until("it to have started", async || has_started().then_some(())).await;
    until("it to be not ready", async || {
        operator.not_ready().await.filter(|why| why.contains("status.effectiveUntil"))
    })
    .await;
    // A deletion needs no report.
    trial.kubectl(&["delete", "imageshare", "before"]);
    assert_eq!(trial.cloud_writes()[writes..], ["DELETE 204 group/app/other"]);

    trial.apply(&crd);
    trial.until_reason("demo", "Shared").await;
    assert_eq!(operator.not_ready().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crd_may_be_missing_at_the_start_and_away_and_back() {
    let own = own_control_plane().await;
    own.install();
    let trial = Trial::on(own, "nocrd").await;
    let absent = |operator: &Operator| operator.log().matches("the CRD is not installed").count();
    for signal in ["TERM", "INT"] {
        let operator = serve_all(&trial);
        let before = absent(&operator);
        until("a list in vain", async || (absent(&operator) > before).then_some(())).await;
        assert_eq!(operator.end_by(signal).await, Some(0), "{signal}");
    }

    let operator = serve_all(&trial);
    for round in 1..=2 {
        // Long enough for pauses to have grown, if they did.
        let before = absent(&operator);
        until("many lists in vain", async || (absent(&operator) >= before + 8).then_some(())).await;
        trial.control_plane().kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
        trial.control_plane().kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/imageshares.imageshare.dev",
        ]);
        let since = Instant::now();
        until("it to be created", async || {
            let object = json!({
                "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
                "metadata": {"name": "demo", "namespace": trial.namespace},
                "spec": {
                    "region": "sim-1", "organization": "group", "repository": "app",
                    "account": "demo", "credentialsRef": {"name": "swr"},
                },
            });
            trial.try_apply(&object).ok()
        })
        .await;
        trial.until_reason("demo", "Shared").await;
        println!("round {round}: Shared {:?} after the CRD was served again", since.elapsed());
        trial.kubectl(&["delete", "crd", "imageshares.imageshare.dev", "--timeout=60s"]);
        assert_eq!(trial.cloud_shares().len(), 1, "shares stay with an uninstall");
    }
}
