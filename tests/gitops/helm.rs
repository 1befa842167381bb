//! A `HelmRelease` whose chart holds a share: Helm 4 waits for it by kstatus.

use std::path::Path;

use serde_json::{Value, json};

use crate::flux::{self, Flux, kustomization, until_ready};
use crate::shares::{share, trial};
use crate::support::{TOKEN, Trial, until};

/// Lets Flux install a chart of the test's own that holds this share.
fn install(trial: &Trial, flux: &Flux, spec: &Value) {
    let name = trial.namespace.as_str();
    let chart = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
    let object = share(name, "demo", spec).to_string();
    let (chart_file, template) =
        (format!("{name}/Chart.yaml"), format!("{name}/templates/share.yaml"));
    flux.push(name, &[(&chart_file, chart), (&template, object)]);
    trial.apply(&flux.source(name, name));
    trial.apply(&json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": name},
        "spec": {
            "interval": "10m", "timeout": "3m", "install": {"remediation": {"retries": 0}},
            "chartRef": {"kind": "OCIRepository", "name": name},
        },
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_a_share_whose_secret_comes_later_ends_well_and_revokes_when_it_goes() {
    let (trial, _operator, flux) = trial("helm-later").await;
    install(&trial, flux, &json!({"credentialsRef": {"name": "later"}}));
    trial.until_reason("demo", "SecretNotFound").await;
    until("the Secret to be looked for again", async || {
        (trial.requests("get secrets") >= 2).then_some(())
    })
    .await;
    trial.secret("later", TOKEN);
    until_ready(&trial, "helmrelease", &trial.namespace, true).await;
    assert_eq!(trial.cloud_shares().len(), 1);
    trial.kubectl(&["delete", "helmrelease", &trial.namespace, "--wait=false"]);
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_a_refused_share_fails_and_one_that_is_suspended_does_not() {
    for (name, spec, is_good) in [
        ("helm-refused", json!({"deadline": "2020-01-01"}), false),
        ("helm-suspended", json!({"suspend": true}), true),
    ] {
        let (trial, _operator, flux) = trial(name).await;
        install(&trial, flux, &spec);
        let (reason, message) = until_ready(&trial, "helmrelease", &trial.namespace, is_good).await;
        let expected = if is_good { "InstallSucceeded" } else { "InstallFailed" };
        assert_eq!(reason, expected, "{message}");
    }
}

/// Every file of the operator's own chart, below a folder of this name.
fn own_chart(name: &str) -> Vec<(String, String)> {
    fn add(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let to = format!("{below}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                add(&path, &to, files);
            } else {
                files.push((to, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut files = vec![];
    add(Path::new("deploy/chart"), name, &mut files);
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn flux_installs_the_operators_own_chart_and_then_a_share_that_becomes_ready() {
    let trial = Trial::new("helm-own").await;
    let name = trial.namespace.as_str();
    let flux = tokio::task::spawn_blocking(flux::flux).await.unwrap();
    let (chart, release) = (format!("{name}-chart"), "imageshare-operator");
    let files = own_chart(release);
    let files: Vec<_> = files.iter().map(|(to, text)| (to.as_str(), text.clone())).collect();
    flux.push(&chart, &files);
    trial.apply(&flux.source(name, &chart));
    trial.apply(&json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": release, "namespace": name},
        "spec": {
            "interval": "10m",
            // No kubelet runs the pods here.
            "install": {"disableWait": true, "remediation": {"retries": 0}},
            "chartRef": {"kind": "OCIRepository", "name": chart},
            // The other tests have brought what belongs to the whole cluster.
            "values": {
                "crds": {"enabled": false}, "rbac": {"aggregate": false}, "namespaces": [name],
            },
        },
    }));
    let (reason, message) = until_ready(&trial, "helmrelease", release, true).await;
    assert_eq!(reason, "InstallSucceeded", "{message}");
    // With the rights and the Lease that Flux has installed, and no others.
    let kubeconfig = trial.control_plane().kubeconfig_of(name, release);
    let only = format!("--namespace={name}");
    let elect = [("IMAGESHARE_LEADER_ELECT", "true"), ("HOSTNAME", "installed")];
    let cloud = trial.simulator.url();
    let _operator = trial.operator_in(&kubeconfig, cloud, &[&only], &elect);
    let shares = format!("{name}-shares");
    flux.push_objects(&shares, &[share(name, "demo", &json!({}))]);
    trial.apply(&flux.source(name, &shares));
    trial.apply(&kustomization(name, &shares, &[]));
    until_ready(&trial, "kustomization", &shares, true).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_shares().len(), 1);
}
