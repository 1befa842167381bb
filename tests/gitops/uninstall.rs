//! Uninstalls in the wrong order: the CRD goes before the shares, or the operator before both.

use std::path::PathBuf;

use serde_json::Value;

use crate::flux::{BOUND, Flux, kustomization, until_ready};
use crate::shares::share;
use crate::support::{ControlPlane, Operator, Trial, until_within};

const CRD: &str = "crd/imageshares.imageshare.dev";

/// A share on a control plane of its own, and its CRD, each applied by a Kustomization.
struct Installed {
    trial: Trial,
    kubeconfig: PathBuf,
    _flux: Flux,
}

impl Installed {
    async fn new(name: &str) -> (Self, Operator) {
        let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
        own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
        own.install();
        let trial = Trial::on(own, name).await;
        let kubeconfig = trial.operator_kubeconfig();
        let control_plane = trial.control_plane();
        let start = || Flux::beside(control_plane, &["source", "kustomize"]);
        let flux = tokio::task::spawn_blocking(start).await.unwrap();
        let operator = trial.operator_of_all(&kubeconfig, trial.simulator.url(), &[]);
        let namespace = trial.namespace.as_str();
        let crd = serde_json::to_value(imageshare::api::crd()).unwrap();
        for (part, object) in [("crd", crd), ("shares", share(namespace, "demo", &Value::Null))] {
            flux.push_objects(part, &[object]);
            trial.apply(&flux.source(namespace, part));
            trial.apply(&kustomization(namespace, part, &[]));
            until_ready(&trial, "kustomization", part, true).await;
        }
        assert_eq!(trial.cloud_shares().len(), 1);
        (Self { trial, kubeconfig, _flux: flux }, operator)
    }

    fn delete(&self, kustomization: &str) {
        self.trial.kubectl(&["delete", "kustomization", kustomization, "--wait=false"]);
    }

    async fn until_gone(&self, what: &str) {
        until_within(BOUND, &format!("{what} to be gone"), async || {
            let get = ["get", what, "-n", &self.trial.namespace, "--ignore-not-found"];
            self.trial.control_plane().try_kubectl(&get, "").ok()?.trim().is_empty().then_some(())
        })
        .await;
    }

    fn assert_the_share_stays(&self) {
        assert_eq!(self.trial.cloud_shares().len(), 1, "{:?}", self.trial.calls());
        assert!(self.trial.cloud_writes().iter().all(|call| call.starts_with("POST")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crd_may_go_first_and_nothing_hangs_and_the_shares_stay() {
    let (installed, _operator) = Installed::new("flux-uninstall").await;
    // A Kustomization goes only when it has deleted all that it made.
    installed.delete("crd");
    installed.until_gone(CRD).await;
    installed.delete("shares");
    installed.until_gone("kustomization/shares").await;
    installed.assert_the_share_stays();
}

/// Nobody takes the finalizer off then, but Flux does not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_operator_flux_is_done_at_once_and_the_crd_when_it_is_back_and_the_shares_stay()
{
    let (installed, operator) = Installed::new("flux-operator-first").await;
    operator.kill().await;
    for part in ["crd", "shares"] {
        installed.delete(part);
        installed.until_gone(&format!("kustomization/{part}")).await;
    }
    let deleted_at = ["get", CRD, "-o", "jsonpath={.metadata.deletionTimestamp}"];
    assert_ne!(installed.trial.kubectl(&deleted_at), "");
    let Installed { trial, kubeconfig, .. } = &installed;
    let _operator = trial.operator_of_all(kubeconfig, trial.simulator.url(), &[]);
    installed.until_gone(CRD).await;
    installed.assert_the_share_stays();
}
