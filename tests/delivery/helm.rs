//! The real Helm on a real API server: from `helm install` to a Ready share, and what stays behind an
//! upgrade, a rollback and an uninstall. There is no kubelet: the operator is a process, with the rights that
//! Helm has installed and no others.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{ControlPlane, Operator, Trial, condition, until};
use crate::tools::{CHART, NAMESPACE, RELEASE, both, stdout, tool};

/// A control plane of one's own, on which only Helm installs.
struct Cluster {
    helm: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Cluster {
    fn of(control_plane: &ControlPlane) -> Self {
        let kubeconfig = control_plane.kubeconfig.clone();
        Self { helm: tool("helm"), kubeconfig, home: control_plane.scratch().join("helm") }
    }

    /// Runs Helm, which must succeed and warn of nothing.
    fn helm(&self, arguments: &[&str]) -> String {
        let output = self.try_helm(arguments);
        let said = both(&output);
        assert!(output.status.success(), "helm {arguments:?}: {said}");
        assert!(!said.to_lowercase().contains("warning"), "helm {arguments:?}: {said}");
        said
    }

    fn try_helm(&self, arguments: &[&str]) -> Output {
        Command::new(&self.helm)
            .args(["--kubeconfig", self.kubeconfig.to_str().unwrap(), "--namespace", NAMESPACE])
            .args(arguments)
            .env("HELM_CONFIG_HOME", &self.home)
            .env("HELM_CACHE_HOME", &self.home)
            .env("HELM_DATA_HOME", &self.home)
            .output()
            .unwrap()
    }
}

async fn start() -> ControlPlane {
    tokio::task::spawn_blocking(ControlPlane::start).await.unwrap()
}

/// The chart as it was before a field came into the schema.
fn chart_without(field: &str, scratch: &Path) -> PathBuf {
    let older = scratch.join("older-chart");
    stdout(Command::new("cp").args(["-r", CHART]).arg(&older));
    let file = older.join("files/imageshares.yaml");
    let mut crd: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["spec"]["properties"].as_object_mut().unwrap();
    assert!(fields.remove(field).is_some());
    std::fs::write(&file, crd.to_string()).unwrap();
    older
}

fn has_field(trial: &Trial, field: &str) -> bool {
    let path = format!(
        "jsonpath={{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.{field}}}"
    );
    let arguments = ["get", "crd", "imageshares.imageshare.dev", "-o", &path];
    !trial.control_plane().kubectl(&arguments).trim().is_empty()
}

/// The operator with the variables that the installed Deployment gives it.
fn operator(trial: &Trial) -> Operator {
    let arguments = ["get", "deployment", RELEASE, "-n", NAMESPACE, "-o", "json"];
    let deployment: Value =
        serde_json::from_str(&trial.control_plane().kubectl(&arguments)).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["run"]));
    let variables = container["env"].as_array().unwrap().iter();
    let pair = |variable: &Value| {
        let text = |field: &str| variable[field].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    };
    let mut variables: Vec<_> = variables.map(pair).collect();
    for (name, value) in &mut variables {
        if name == "IMAGESHARE_ADMIN_LISTEN" {
            // Not the port of a pod, which tests would share.
            "127.0.0.1:0".clone_into(value);
        }
    }
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    trial.operator_in(&trial.operator_kubeconfig(), trial.simulator.url(), &[], &variables)
}

fn is_there(trial: &Trial, kind: &str, name: &str) -> bool {
    let arguments = ["get", kind, name, "-n", NAMESPACE, "--ignore-not-found", "-o", "name"];
    !trial.control_plane().kubectl(&arguments).trim().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_outlives_upgrade_rollback_and_uninstall_and_new_fields_come_with_an_upgrade() {
    let control_plane = start().await;
    let cluster = Cluster::of(&control_plane);
    let older = chart_without("suspend", control_plane.scratch());
    cluster.helm(&["install", RELEASE, older.to_str().unwrap(), "--create-namespace"]);
    let trial = Trial::on(control_plane, "helm").await;
    assert!(!has_field(&trial, "suspend"));

    // The CRD is older than the operator, which says so and makes no share.
    let running = operator(&trial);
    trial.create("demo", json!({})).await;
    until("the object to say that the CRD is an older one", async || {
        let object = trial.shares().get("demo").await.ok()?;
        (condition(&object, "Ready")?.reason == "CrdOutdated").then_some(())
    })
    .await;
    cluster.helm(&["upgrade", RELEASE, CHART]);
    assert!(has_field(&trial, "suspend"), "the upgrade has not brought the CRD up to date");
    trial.until_reason("demo", "Shared").await;

    cluster.helm(&["rollback", RELEASE, "1"]);
    assert!(!has_field(&trial, "suspend"));
    assert_eq!(trial.cloud_shares().len(), 1);
    cluster.helm(&["upgrade", RELEASE, CHART]);
    assert!(has_field(&trial, "suspend"));
    trial.create("second", json!({"repository": "tools/busybox"})).await;
    trial.until_reason("second", "Shared").await;
    assert_eq!(running.terminate().await, Some(0));

    let writes = trial.cloud_writes();
    cluster.helm(&["uninstall", RELEASE]);
    for kind in ["deployment", "serviceaccount", "networkpolicy", "poddisruptionbudget"] {
        assert!(!is_there(&trial, kind, RELEASE), "{kind} is still there");
    }
    assert!(is_there(&trial, "crd", "imageshares.imageshare.dev"), "the CRD is gone");
    let kept = trial.shares().get("demo").await.unwrap();
    assert!(kept.metadata.deletion_timestamp.is_none());
    assert_eq!(condition(&kept, "Ready").unwrap().status, "True");
    assert_eq!(trial.cloud_shares().len(), 2);

    // What comes again takes the CRD and the objects over as they are.
    cluster.helm(&["install", RELEASE, CHART]);
    let _running = operator(&trial);
    trial.change("demo", json!({"description": "again"})).await;
    until("the change to reach the cloud", async || {
        trial.cloud_shares().iter().any(|share| share.description == "again").then_some(())
    })
    .await;
    let since = &trial.cloud_writes()[writes.len()..];
    assert_eq!(since, ["PATCH 201 group/app/demo"], "nothing but the change was written");
    for name in ["demo", "second"] {
        trial.delete(name).await;
        trial.until_gone(name).await;
    }
    assert_eq!(trial.cloud_shares(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_crd_of_kubectl_and_for_single_namespaces_it_works_there_and_may_not_look_elsewhere()
{
    let control_plane = start().await;
    let cluster = Cluster::of(&control_plane);
    // Somebody has used kubectl before.
    control_plane.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    let trial = Trial::on(control_plane, "helm-single").await;
    let namespaces = format!("namespaces={{{}}}", trial.namespace);
    let arguments = ["install", RELEASE, CHART, "--create-namespace", "--set", &namespaces];
    let refused = cluster.try_helm(&arguments);
    assert!(!refused.status.success() && both(&refused).contains("ownership"), "{refused:?}");
    cluster.helm(&[&arguments[..], &["--take-ownership"]].concat());
    let _running = operator(&trial);
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    let who = format!("--as=system:serviceaccount:{NAMESPACE}:{RELEASE}");
    for elsewhere in ["default", NAMESPACE] {
        let question = ["auth", "can-i", "get", "secrets", "-n", elsewhere, &who];
        let answer = trial.control_plane().try_kubectl(&question, "");
        assert!(answer.is_err(), "it may read Secrets in {elsewhere}");
    }
    let lease = format!("leases.coordination.k8s.io/{RELEASE}");
    for (verb, what, is_allowed) in [
        ("create", "leases.coordination.k8s.io", true),
        ("update", lease.as_str(), true),
        ("update", "leases.coordination.k8s.io/another", false),
        ("delete", lease.as_str(), false),
    ] {
        let question = ["auth", "can-i", verb, what, "-n", NAMESPACE, &who];
        let answer = trial.control_plane().try_kubectl(&question, "");
        assert_eq!(answer.is_ok(), is_allowed, "{verb} {what}: {answer:?}");
    }
}
