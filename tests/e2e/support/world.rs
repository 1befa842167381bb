//! A control plane with the CRD and the operator's rights installed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The service account that `deploy/install.yaml` ships.
pub const OPERATOR_USER: &str = "system:serviceaccount:imageshare-system:imageshare-operator";

/// A running API server.
pub struct ControlPlane {
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The audit log, where there is one to read.
    pub audit: Option<PathBuf>,
    kubectl: PathBuf,
    scratch: PathBuf,
    /// Ends with this process, whose child it is, or before.
    process: Option<Child>,
}

/// The control plane that the tests share, with everything installed.
pub fn world() -> &'static ControlPlane {
    static WORLD: OnceLock<ControlPlane> = OnceLock::new();
    WORLD.get_or_init(|| {
        let world = match std::env::var_os("KUBECONFIG_UNDER_TEST") {
            Some(kubeconfig) => ControlPlane {
                kubeconfig: kubeconfig.into(),
                audit: std::env::var_os("AUDIT_LOG_UNDER_TEST").map(PathBuf::from),
                kubectl: "kubectl".into(),
                scratch: scratch(),
                process: None,
            },
            None => ControlPlane::start(),
        };
        world.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
        world.install();
        world
    })
}

impl ControlPlane {
    /// Starts one that nobody shares. It ends with this process.
    pub fn start() -> Self {
        let built = Command::new("tests/control-plane/build.sh")
            .stderr(Stdio::inherit())
            .output()
            .expect("tests/control-plane/build.sh runs");
        assert!(built.status.success(), "the control plane does not build");
        let binary = PathBuf::from(String::from_utf8(built.stdout).unwrap().trim());
        let mut child = Command::new(&binary)
            .args(["serve", "--exit-with-parent"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the control plane starts");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let field = |name: &str| {
            let value = ready.split_whitespace().find_map(|word| word.strip_prefix(name));
            PathBuf::from(value.unwrap_or_else(|| panic!("no {name} in {ready:?}")))
        };
        Self {
            kubeconfig: field("kubeconfig="),
            audit: Some(field("audit=")),
            kubectl: binary.with_file_name("kubectl"),
            scratch: scratch(),
            process: Some(child),
        }
    }

    /// Installs `deploy/install.yaml` but for the Deployment: the operator runs as a process.
    pub fn install(&self) {
        let manifest = std::fs::read_to_string("deploy/install.yaml").unwrap();
        let parts = manifest.split("\n---\n").filter(|part| !part.contains("kind: Deployment"));
        let file = self.scratch.join("install.yaml");
        std::fs::write(&file, parts.collect::<Vec<_>>().join("\n---\n")).unwrap();
        self.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    }

    /// Runs kubectl as the administrator, and gives its standard output.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.try_kubectl(arguments, "");
        output.unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// The same, with something on standard input, for calls that may fail.
    pub fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        use std::io::Write;
        let mut child = Command::new(&self.kubectl)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// A kubeconfig with a service account's own token: never the administrator's.
    pub fn kubeconfig_of(&self, namespace: &str, account: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", "-n", namespace, account, "--duration=24h"]);
        let mut config: serde_json::Value = serde_json::from_str(
            &self.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]),
        )
        .unwrap();
        config["users"] = serde_json::json!([{"name": account, "user": {"token": token.trim()}}]);
        config["contexts"][0]["context"]["user"] = account.into();
        config["contexts"][0]["context"]["namespace"] = namespace.into();
        let file = self.scratch.join(format!("{namespace}-{account}.kubeconfig"));
        // Another test may read it right now: it is there whole or not at all.
        let thread = format!("{:?}", std::thread::current().id());
        let new = file.with_extension(format!("{thread}.new"));
        std::fs::write(&new, config.to_string()).unwrap();
        std::fs::rename(new, &file).unwrap();
        file
    }

    /// A folder for files of this run.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let Some(process) = &self.process else { return };
        // It takes its folder away, and some seconds for that, which nobody needs to wait for.
        let _ = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
    }
}

fn scratch() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
