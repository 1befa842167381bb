//! Shares that a Kustomization applies and waits for: each ends as it should.

use serde_json::{Value, json};

use crate::flux::{Flux, flux, kustomization, ready, until_ready};
use crate::support::{Operator, TOKEN, Trial, condition, until};

/// A share for `group/app` and `demo`, with something laid over its spec.
pub fn share(namespace: &str, name: &str, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "region": "sim-1", "organization": "group", "repository": "app", "account": "demo",
            "credentialsRef": {"name": "swr"},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

/// A corner, an operator with the shipped patience, and the shared Flux.
pub async fn trial(name: &str) -> (Trial, Operator, &'static Flux) {
    patient(name, "2m").await
}

async fn patient(name: &str, stalled_after: &str) -> (Trial, Operator, &'static Flux) {
    let trial = Trial::new(name).await;
    let flags = ["--stalled-after", stalled_after];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    let flux = tokio::task::spawn_blocking(flux).await.unwrap();
    (trial, operator, flux)
}

/// Lets Flux apply these objects and wait for them, as the Kustomization of the namespace's name.
fn deliver(trial: &Trial, flux: &Flux, objects: &[Value]) {
    let name = trial.namespace.as_str();
    flux.push_objects(name, objects);
    trial.apply(&flux.source(name, name));
    trial.apply(&kustomization(name, name, &[]));
}

/// Has the Kustomization apply everything again, and waits for the end of that.
async fn again(trial: &Trial, request: &str) {
    let name = trial.namespace.as_str();
    let asked = format!("reconcile.fluxcd.io/requestedAt={request}");
    trial.kubectl(&["annotate", "--overwrite", "kustomization", name, &asked]);
    until("Flux to apply everything again", async || {
        let path = "jsonpath={.status.lastHandledReconcileAt}";
        (trial.kubectl(&["get", "kustomization", name, "-o", path]) == request).then_some(())
    })
    .await;
    until_ready(trial, "kustomization", name, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_share_ends_well_is_applied_again_without_a_write_and_revoked_when_it_is_pruned() {
    let (trial, _operator, flux) = trial("flux-good").await;
    let name = trial.namespace.clone();
    deliver(&trial, flux, &[share(&name, "demo", &json!({}))]);
    until_ready(&trial, "kustomization", &name, true).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_shares().len(), 1);

    let writes = trial.writes().len();
    for request in ["1", "2", "3"] {
        again(&trial, request).await;
    }
    let now = trial.shares().get("demo").await.unwrap();
    assert_eq!(now.metadata.resource_version, object.metadata.resource_version);
    assert_eq!(trial.writes().len(), writes);

    flux.push_objects(&name, &[]);
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
    until_ready(&trial, "kustomization", &name, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_only_its_object_can_heal_fails_at_once() {
    let (trial, _operator, flux) = trial("flux-refused").await;
    let name = trial.namespace.clone();
    deliver(&trial, flux, &[share(&name, "demo", &json!({"deadline": "2020-01-01"}))]);
    let (reason, message) = until_ready(&trial, "kustomization", &name, false).await;
    assert_eq!(reason, "HealthCheckFailed", "{message}");
    assert!(message.contains("stalled"), "not for want of time: {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_whose_secret_never_comes_fails_after_its_time_and_long_before_the_timeout() {
    let (trial, _operator, flux) = patient("flux-never", "10s").await;
    let name = trial.namespace.clone();
    deliver(&trial, flux, &[share(&name, "demo", &json!({"credentialsRef": {"name": "never"}}))]);
    let object = trial.until_reason("demo", "SecretNotFound").await;
    assert!(condition(&object, "Stalled").is_none());
    let (reason, message) = until_ready(&trial, "kustomization", &name, false).await;
    assert_eq!(reason, "HealthCheckFailed", "{message}");
    assert!(message.contains("stalled"), "not for want of time: {message}");
}

/// Who depends on it begins only then.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_whose_secret_comes_a_minute_later_ends_well_and_who_depends_on_it_waits() {
    let (trial, _operator, flux) = trial("flux-later").await;
    let name = trial.namespace.clone();
    let after = format!("{name}-after");
    let marker = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after", "namespace": name}});
    flux.push_objects(&after, &[marker]);
    trial.apply(&flux.source(&name, &after));
    trial.apply(&kustomization(&name, &after, &[&name]));
    deliver(&trial, flux, &[share(&name, "demo", &json!({"credentialsRef": {"name": "later"}}))]);
    trial.until_reason("demo", "SecretNotFound").await;
    // The Secret was looked for a second and a third time: that is most of a minute.
    until("the Secret to be looked for again", async || {
        (trial.requests("get secrets") >= 3).then_some(())
    })
    .await;
    let object = trial.shares().get("demo").await.unwrap();
    assert_eq!(condition(&object, "Reconciling").unwrap().status, "True");
    let is_done =
        |name: &str| ready(&trial, "kustomization", name).is_some_and(|(is, ..)| is == "True");
    assert!(!is_done(&name) && !is_done(&after));
    assert_eq!(trial.kubectl(&["get", "configmap", "after", "--ignore-not-found"]), "");

    trial.secret("later", TOKEN);
    until_ready(&trial, "kustomization", &name, true).await;
    trial.until_reason("demo", "Shared").await;
    until_ready(&trial, "kustomization", &after, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_suspended_ends_well_from_the_start_and_later_and_goes_on_when_resumed() {
    let (trial, _operator, flux) = trial("flux-suspended").await;
    let name = trial.namespace.clone();
    let suspended = |is: bool| share(&name, "demo", &json!({"suspend": is}));
    deliver(&trial, flux, &[suspended(true)]);
    until_ready(&trial, "kustomization", &name, true).await;
    assert_eq!(trial.calls(), Vec::<String>::new());

    flux.push_objects(&name, &[suspended(false)]);
    trial.until_reason("demo", "Shared").await;
    flux.push_objects(&name, &[suspended(true)]);
    trial.until_reason("demo", "Suspended").await;
    until_ready(&trial, "kustomization", &name, true).await;
    assert_eq!(trial.cloud_shares().len(), 1);
}
