//! The control plane: started once, with the CRD and every role installed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::process::Process;
use crate::Outcome;

/// Files of a run: logs, kubeconfigs.
const SCRATCH: &str = "target/bench";

/// A running API server.
pub struct World {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The audit log.
    pub audit: PathBuf,
    kubectl: PathBuf,
    /// The control plane.
    pub process: Process,
}

impl World {
    /// Builds it if need be, starts it and installs everything.
    pub fn start() -> Outcome<Self> {
        fs::create_dir_all(SCRATCH)?;
        let script = "tests/control-plane/build.sh";
        let built = Command::new(script).stderr(Stdio::inherit()).output()?;
        if !built.status.success() {
            return Err("the control plane does not build".into());
        }
        let binary = PathBuf::from(String::from_utf8(built.stdout)?.trim());
        let mut command = Command::new(&binary);
        command.args(["serve", "--exit-with-parent"]);
        let (process, ready) = Process::start_until_ready(&mut command)?;
        let field = |name: &str| {
            let value = ready.split_whitespace().find_map(|word| word.strip_prefix(name));
            value.map(PathBuf::from).ok_or_else(|| format!("no {name} in {ready:?}"))
        };
        let world = Self {
            kubeconfig: field("kubeconfig=")?,
            audit: field("audit=")?,
            kubectl: binary.with_file_name("kubectl"),
            process,
        };
        world.install()?;
        Ok(world)
    }

    /// A file of this run.
    pub fn file(name: &str) -> PathBuf {
        Path::new(SCRATCH).join(name)
    }

    /// The operator is installed but for its Deployment: it runs as a process.
    fn install(&self) -> Outcome<()> {
        self.kubectl(&["apply", "-f", "crds/imageshares.yaml"], "")?;
        let manifest = fs::read_to_string("deploy/install.yaml")?;
        let parts = manifest.split("\n---\n").filter(|part| !part.contains("kind: Deployment"));
        self.kubectl(&["apply", "-f", "-"], &parts.collect::<Vec<_>>().join("\n---\n"))?;
        self.kubectl(&["apply", "-f", "benches/peers/role.yaml"], "")?;
        let established = ["wait", "--for=condition=Established", "--timeout=60s"];
        self.kubectl(&[&established[..], &["crd/imageshares.imageshare.dev"]].concat(), "")?;
        Ok(())
    }

    /// Runs kubectl as the administrator, with `input`, and gives its standard output.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        let mut child = Command::new(&self.kubectl)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?);
        }
        let error = String::from_utf8_lossy(&output.stderr);
        Err(format!("kubectl {}: {error}", arguments.join(" ")).into())
    }

    /// A kubeconfig with the token of a service account.
    pub fn kubeconfig_of(&self, namespace: &str, account: &str) -> Outcome<PathBuf> {
        let token =
            self.kubectl(&["create", "token", "-n", namespace, account, "--duration=24h"], "")?;
        let config = self.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], "")?;
        let mut config: Value = serde_json::from_str(&config)?;
        config["users"] = json!([{"name": account, "user": {"token": token.trim()}}]);
        config["contexts"][0]["context"]["user"] = account.into();
        config["contexts"][0]["context"]["namespace"] = namespace.into();
        let file = Self::file(&format!("{account}.kubeconfig"));
        fs::write(&file, config.to_string())?;
        Ok(file)
    }
}
