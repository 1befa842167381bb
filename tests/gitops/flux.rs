//! Flux's controllers as processes beside an API server, and a registry that holds what they apply.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::module::module_folder;
use crate::support::{ControlPlane, Trial, until_within, world};
use crate::tool::Tool;

/// How long Flux may take for anything: a timeout of its own, and some passes of the operator.
pub const BOUND: Duration = Duration::from_mins(4);

/// The flags of every controller.
const COMMON: [&str; 4] = [
    "--enable-leader-election=false",
    "--watch-all-namespaces",
    "--metrics-addr=127.0.0.1:0",
    "--health-addr=127.0.0.1:0",
];

/// A registry and the controllers. They end with this process.
pub struct Flux {
    registry: u16,
    crane: Tool,
    control_plane: &'static ControlPlane,
    _processes: Vec<Child>,
}

/// The one beside the control plane that tests share.
pub fn flux() -> &'static Flux {
    static FLUX: OnceLock<Flux> = OnceLock::new();
    FLUX.get_or_init(|| Flux::beside(world(), &["source", "kustomize", "helm"]))
}

impl Flux {
    /// Starts these controllers beside a control plane.
    pub fn beside(control_plane: &'static ControlPlane, controllers: &[&str]) -> Self {
        let (registry, port) = registry();
        control_plane.try_kubectl(&["create", "namespace", "flux-system"], "").unwrap();
        let mut processes = vec![registry];
        for name in controllers {
            let module = format!("github.com/fluxcd/{name}-controller");
            let tool = Tool::new(&format!("flux-{name}"), &format!("{name}-controller"));
            let crds = module_folder(&format!("flux-{name}"), &module).join("config/crd/bases");
            serve(control_plane, &crds);
            let mut flags: Vec<_> = COMMON.map(str::to_owned).to_vec();
            if *name == "source" {
                let storage = control_plane.scratch().join("artifacts");
                std::fs::create_dir_all(&storage).unwrap();
                let address = format!("127.0.0.1:{}", free_port());
                flags.push(format!("--storage-path={}", storage.display()));
                flags.push(format!("--storage-addr={address}"));
                flags.push(format!("--storage-adv-addr={address}"));
            }
            let log = control_plane.scratch().join(format!("{name}-controller.log"));
            processes.push(process(&tool.0, &flags, &control_plane.kubeconfig, &log));
        }
        let crane = Tool::new("registry", "crane");
        Self { registry: port, crane, control_plane, _processes: processes }
    }

    /// Puts an artifact with these files under a name into the registry.
    pub fn push(&self, name: &str, files: &[(&str, String)]) {
        let folder = self.control_plane.scratch().join(format!("push-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let layer = folder.with_extension("tar.gz");
        let tar = ["-czf", layer.to_str().unwrap(), "-C", folder.to_str().unwrap(), "."];
        run(Command::new("tar").args(tar));
        let image = format!("127.0.0.1:{}/{name}:latest", self.registry);
        let append = ["append", "--oci-empty-base", "--insecure", "-t", &image, "-f"];
        run(Command::new(&self.crane.0).args(append).arg(&layer));
    }

    /// The same, of objects.
    pub fn push_objects(&self, name: &str, objects: &[Value]) {
        let file = |(at, object): (usize, &Value)| (format!("{at}.yaml"), object.to_string());
        let files: Vec<_> = objects.iter().enumerate().map(file).collect();
        let mut files: Vec<_> = files.iter().map(|(n, text)| (n.as_str(), text.clone())).collect();
        // An artifact must hold something.
        files.push(("README.md", "nothing to apply".to_owned()));
        self.push(name, &files);
    }

    /// The source of that name, in a namespace.
    pub fn source(&self, namespace: &str, name: &str) -> Value {
        json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "interval": "2s", "insecure": true, "ref": {"tag": "latest"},
                "url": format!("oci://127.0.0.1:{}/{name}", self.registry),
            },
        })
    }
}

/// A Kustomization that applies the source of its own name and waits for all of it.
pub fn kustomization(namespace: &str, name: &str, depends_on: &[&str]) -> Value {
    let depends_on: Vec<_> = depends_on.iter().map(|name| json!({"name": name})).collect();
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "10m", "retryInterval": "5s", "timeout": "3m", "wait": true, "prune": true,
            "sourceRef": {"kind": "OCIRepository", "name": name}, "dependsOn": depends_on,
        },
    })
}

/// Ready of an object of Flux: its status, its reason and its message, once it speaks of the newest generation.
pub fn ready(trial: &Trial, kind: &str, name: &str) -> Option<(String, String, String)> {
    let get = ["get", kind, name, "-n", &trial.namespace, "-o", "json"];
    let object = trial.control_plane().try_kubectl(&get, "").ok()?;
    let object: Value = serde_json::from_str(&object).unwrap();
    let conditions = object["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    let is_of_now = ready["observedGeneration"] == object["metadata"]["generation"];
    is_of_now.then(|| (text("status"), text("reason"), text("message")))
}

/// Waits until an object of Flux is ready, or has failed; gives its reason and message.
pub async fn until_ready(trial: &Trial, kind: &str, name: &str, is: bool) -> (String, String) {
    let wanted = if is { "True" } else { "False" };
    until_within(BOUND, &format!("{kind} {name} to be ready: {is}"), async || {
        let (status, reason, message) = ready(trial, kind, name)?;
        // These pass: the source is not there yet, or somebody else is to come first.
        let passes = ["ArtifactFailed", "DependencyNotReady", "SourceNotReady"];
        (status == wanted && !passes.contains(&reason.as_str())).then_some((reason, message))
    })
    .await
}

/// Applies CRDs and waits until their objects can be asked for: a controller ends at its start otherwise.
fn serve(control_plane: &ControlPlane, crds: &Path) {
    let crds = crds.to_str().unwrap();
    control_plane.kubectl(&["apply", "--server-side", "-f", crds]);
    let begun = Instant::now();
    let names = control_plane.kubectl(&["get", "-f", crds, "-o", "name"]);
    for name in names.lines().filter_map(|name| name.split_once('/')).map(|(_, name)| name) {
        while let Err(error) = control_plane.try_kubectl(&["get", name, "-A"], "") {
            assert!(begun.elapsed() < BOUND, "{name} is not served: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A process that ends with this one: its shell waits for the end of a pipe that nobody else holds.
fn process(binary: &Path, flags: &[String], kubeconfig: &Path, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    Command::new("bash")
        .args(["-c", r#""$@" & trap 'kill %1' EXIT; read -r _"#, "bash"])
        .arg(binary)
        .args(flags)
        .env("KUBECONFIG", kubeconfig)
        .env("RUNTIME_NAMESPACE", "flux-system")
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A registry in memory, and its port.
fn registry() -> (Child, u16) {
    let tool = Tool::new("registry", "registry");
    let mut child = Command::new("bash")
        .args(["-c", r#""$@" & trap 'kill %1' EXIT; read -r _"#, "bash"])
        .arg(&tool.0)
        .args(["-port", "0"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let port = lines.find_map(|line| line.unwrap().rsplit_once("port ")?.1.trim().parse().ok());
    // What else it says would fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (child, port.unwrap())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
