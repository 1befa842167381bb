//! What a kubelet would do, as far as documents need it: while the operator's Deployment is there, the operator runs
//! as a process with the arguments, the variables and the service account that the Deployment names.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::ControlPlane;

const BOUND: Duration = Duration::from_mins(1);
const NAMESPACE: &str = "imageshare-system";
const DEPLOYMENT: [&str; 4] = ["deployment", "imageshare-operator", "-n", NAMESPACE];

#[derive(Default)]
pub struct Kubelet {
    running: Option<Pod>,
}

struct Pod {
    child: Child,
    /// What it was started from.
    template: Value,
    /// Where it answers `/readyz` and `/metrics`, as `127.0.0.1:4711`.
    address: String,
}

impl Drop for Pod {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

impl Kubelet {
    /// Starts, replaces or ends the operator, as the Deployment asks for it now. `cloud` is where the
    /// sample's region lives.
    pub fn follow(&mut self, control_plane: &ControlPlane, cloud: &str) {
        let get = [&["get"], &DEPLOYMENT[..], &["--ignore-not-found", "-o", "json"]].concat();
        let deployment = control_plane.kubectl(&get);
        let Ok(deployment) = serde_json::from_str::<Value>(&deployment) else {
            self.running = None;
            return;
        };
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let template = json!([pod["serviceAccountName"], container["args"], container["env"]]);
        if self.running.as_ref().is_none_or(|running| running.template != template) {
            self.running = None; // first, as one replica at a time works
            self.running = Some(start(control_plane, cloud, template));
        }
        let generation = &deployment["metadata"]["generation"];
        if deployment["status"]["observedGeneration"] != *generation {
            // `kubectl rollout status` waits for this.
            let replicas = &deployment["spec"]["replicas"];
            let status = json!({"status": {
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            }});
            let patch = ["--subresource=status", "--type=merge", "-p", &status.to_string()];
            control_plane.kubectl(&[&["patch"], &DEPLOYMENT[..], &patch].concat());
        }
    }

    /// Where the operator answers, while it runs.
    pub fn address(&self) -> Option<&str> {
        self.running.as_ref().map(|running| running.address.as_str())
    }
}

fn start(control_plane: &ControlPlane, cloud: &str, template: Value) -> Pod {
    let account = template[0].as_str().unwrap();
    let arguments = template[1].as_array().into_iter().flatten();
    let variables = template[2].as_array().into_iter().flatten();
    let variables = variables.map(|variable| {
        (variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap_or_default())
    });
    let endpoint = format!("eu-west-101={cloud}");
    let log = control_plane.scratch().join("operator.log");
    let file = std::fs::File::create(&log).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_imageshare"))
        .args(arguments.map(|argument| argument.as_str().unwrap()))
        .envs(variables)
        .env("IMAGESHARE_ENDPOINT", &endpoint)
        .env("IMAGESHARE_IAM_ENDPOINT", &endpoint)
        // Not the port of a pod, of which this machine has only one.
        .env("IMAGESHARE_ADMIN_LISTEN", "127.0.0.1:0")
        .env("KUBECONFIG", control_plane.kubeconfig_of(NAMESPACE, account))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .unwrap();
    let address = until_ready(&mut child, &log);
    Pod { child, template, address }
}

/// Waits until it is ready, and gives its address.
fn until_ready(child: &mut Child, log: &PathBuf) -> String {
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap();
        let ended = child.try_wait().unwrap();
        let is_late = begun.elapsed() > BOUND;
        assert!(ended.is_none() && !is_late, "the operator does not become ready:\n{said}");
        if let Some((_, address)) = said.split_once("admin endpoint on http://") {
            let is_address = |c: char| c.is_ascii_digit() || matches!(c, '.' | ':');
            let address: String = address.chars().take_while(|c| is_address(*c)).collect();
            let ask = ["--silent", "--fail", "--output", "/dev/null"];
            let url = format!("http://{address}/readyz");
            if Command::new("curl").args(ask).arg(url).status().unwrap().success() {
                return address;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
