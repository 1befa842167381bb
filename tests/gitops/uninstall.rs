//! An uninstall in the wrong order: the CRD goes before the shares.

use serde_json::Value;

use crate::flux::{Flux, kustomization, until_ready};
use crate::shares::share;
use crate::support::{ControlPlane, Trial, until_within};

#[tokio::test(flavor = "multi_thread")]
async fn the_crd_may_go_first_and_nothing_hangs_and_the_shares_stay() {
    let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    own.install();
    let trial = Trial::on(own, "flux-uninstall").await;
    let (kubeconfig, cloud) = (trial.operator_kubeconfig(), trial.simulator.url());
    let _operator = trial.operator_of_all(&kubeconfig, cloud, &["--stalled-after", "2m"]);
    let control_plane = trial.control_plane();
    let start = || Flux::beside(control_plane, &["source", "kustomize"]);
    let flux = tokio::task::spawn_blocking(start).await.unwrap();
    let name = trial.namespace.clone();
    let crd = serde_json::to_value(imageshare::api::crd()).unwrap();
    for (part, object) in [("crd", crd), ("shares", share(&name, "demo", &Value::Null))] {
        flux.push_objects(part, &[object]);
        trial.apply(&flux.source(&name, part));
        trial.apply(&kustomization(&name, part, &[]));
        until_ready(&trial, "kustomization", part, true).await;
    }
    assert_eq!(trial.cloud_shares().len(), 1);

    // The Kustomizations go only when all that they made is gone.
    for (part, left) in
        [("crd", "crd/imageshares.imageshare.dev"), ("shares", "kustomization/shares")]
    {
        trial.kubectl(&["delete", "kustomization", part, "--wait=false"]);
        until_within(crate::flux::BOUND, &format!("{left} to be gone"), async || {
            let get = ["get", left, "-n", &name, "--ignore-not-found"];
            control_plane.try_kubectl(&get, "").ok()?.trim().is_empty().then_some(())
        })
        .await;
    }
    assert_eq!(trial.cloud_shares().len(), 1, "{:?}", trial.calls());
    assert!(trial.cloud_writes().iter().all(|call| call.starts_with("POST")));
}
