//! What one measurement has to itself: a namespace with a Secret and a service account, a cloud.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::process::Process;
use super::subject::{Subject, simulator_and_operator};
use super::world::World;
use crate::Outcome;

/// The region of all objects.
pub const REGION: &str = "sim-1";
/// The token that the cloud accepts.
pub const TOKEN: &str = "bench-token";
/// What each call to the cloud takes.
pub const LATENCY: &str = "20ms";
/// Where the service accounts are: they outlive the namespaces of the objects.
const HOME: &str = "imageshare-bench";

/// A corner of its own for one measurement.
pub struct Stage {
    /// Its name is used once in a run.
    pub namespace: String,
    /// Of the subject's service account.
    pub kubeconfig: PathBuf,
    /// The subject's cloud.
    pub cloud: Cloud,
}

impl Stage {
    /// Sets it up. `label` is unique in this run.
    pub fn new(world: &World, subject: Subject, label: &str) -> Outcome<Self> {
        let namespace = format!("bench-{label}");
        world.kubectl(&["apply", "-f", "-"], &manifest(&namespace, subject).to_string())?;
        let kubeconfig = world.kubeconfig_of(HOME, &namespace)?;
        Ok(Self { namespace, kubeconfig, cloud: Cloud::start()? })
    }

    /// The subject as the audit log names it.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{HOME}:{}", self.namespace)
    }
}

fn manifest(namespace: &str, subject: Subject) -> Value {
    let account = json!({"name": namespace, "namespace": HOME});
    let mut items = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}),
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "swr", "namespace": namespace},
            "stringData": {"token": TOKEN},
        }),
    ];
    items.extend(subject.roles().iter().map(|role| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{namespace}-{role}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": namespace, "namespace": HOME}],
        })
    }));
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// A simulator, as a process of its own: what it costs is not the subject's.
pub struct Cloud {
    url: String,
    /// The simulator.
    pub process: Process,
}

#[derive(Deserialize)]
struct Sum {
    count: u64,
}

impl Cloud {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(simulator_and_operator()?);
        let listen = ["simulator", "--listen", "127.0.0.1:0", "--open"];
        command.args(listen).args(["--token", TOKEN, "--latency", LATENCY]);
        let (process, ready) = Process::start_until_ready(&mut command)?;
        let url = ready.trim().strip_prefix("READY url=").ok_or("no url from the simulator")?;
        Ok(Self { url: url.to_owned(), process })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many calls have reached it, whatever came of them.
    pub async fn calls(&self) -> Outcome<u64> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http.get(format!("{}/_sim/ledger/summary", self.url)).send().await?;
        let sums: Vec<Sum> = answer.error_for_status()?.json().await?;
        Ok(sums.iter().map(|sum| sum.count).sum())
    }
}
