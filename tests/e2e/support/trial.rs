//! One test's own corner: a namespace, a simulator, an operator.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use imageshare::api::ImageShare;
use imageshare_simulator::{Entry, Options, Running, ShareView, Terms, start};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::audit;
use super::canary::{self, TOKEN};
use super::world::{ControlPlane, world};

/// How long a test waits for anything before it fails.
pub const BOUND: Duration = Duration::from_mins(1);
/// The region that the operator maps to the test's simulator.
pub const REGION: &str = "sim-1";

/// A namespace, a simulator that knows `group/app` and the account `demo`, a Secret `swr`.
pub struct Trial {
    /// The test's namespace.
    pub namespace: String,
    /// The test's cloud.
    pub simulator: Running,
    /// As the administrator.
    pub client: kube::Client,
    control_plane: &'static ControlPlane,
}

impl Trial {
    /// Sets the corner up, with the default simulator.
    pub async fn new(namespace: &str) -> Self {
        Self::with(namespace, |_| {}).await
    }

    /// The same, with a say in the simulator's options.
    pub async fn with(namespace: &str, adjust: impl FnOnce(&mut Options)) -> Self {
        install_ring();
        let control_plane = tokio::task::spawn_blocking(world).await.unwrap();
        Self::set_up(control_plane, namespace, adjust).await
    }

    /// The same on a control plane of the test's own, which it keeps to its end.
    pub async fn on(own: ControlPlane, namespace: &str) -> Self {
        install_ring();
        Self::set_up(Box::leak(Box::new(own)), namespace, |_| {}).await
    }

    async fn set_up(
        control_plane: &'static ControlPlane,
        namespace: &str,
        adjust: impl FnOnce(&mut Options),
    ) -> Self {
        let namespace = format!("{namespace}-{}", std::process::id());
        control_plane.kubectl(&["create", "namespace", &namespace]);
        control_plane.kubectl(&[
            "create",
            "secret",
            "generic",
            "swr",
            "-n",
            &namespace,
            &format!("--from-literal=token={TOKEN}"),
        ]);
        let mut options = Options {
            tokens: vec![TOKEN.into()],
            repositories: vec!["group/app".into(), "group/tools/busybox".into()],
            accounts: vec!["demo".into()],
            ..Options::default()
        };
        adjust(&mut options);
        let simulator = start(options).await.unwrap();
        let client = client(&control_plane.kubeconfig).await;
        Self { namespace, simulator, client, control_plane }
    }

    /// Starts the operator for this namespace, as the shipped service account.
    pub fn operator(&self) -> Operator {
        self.operator_as(&self.operator_kubeconfig(), &[])
    }

    /// A kubeconfig of the shipped service account.
    pub fn operator_kubeconfig(&self) -> PathBuf {
        self.control_plane.kubeconfig_of("imageshare-system", "imageshare-operator")
    }

    /// A kubeconfig of the shipped service account for replicas that share a Lease: the test's namespace is the
    /// operator's own, and the shipped Role for the Lease is granted in it.
    pub fn replicas_kubeconfig(&self) -> PathBuf {
        let shipped = std::fs::read_to_string("deploy/install.yaml").unwrap();
        let is_for_the_lease = |part: &&str| {
            part.contains("name: imageshare-operator-own") && part.contains("kind: Role")
        };
        let parts: Vec<_> = shipped.split("\n---\n").filter(is_for_the_lease).collect();
        assert_eq!(parts.len(), 2, "a Role and its binding");
        // The account stays where it is.
        let own = format!("  namespace: {}\n  labels:", self.namespace);
        let parts =
            parts.join("\n---\n").replace("  namespace: imageshare-system\n  labels:", &own);
        self.control_plane.try_kubectl(&["apply", "-f", "-"], &parts).unwrap();
        let mut config: Value =
            serde_json::from_str(&std::fs::read_to_string(self.operator_kubeconfig()).unwrap())
                .unwrap();
        config["contexts"][0]["context"]["namespace"] = json!(self.namespace);
        let file = self.control_plane.scratch().join(format!("{}-replicas", self.namespace));
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }

    /// Starts one of several replicas, which goes by this name.
    pub fn replica(&self, name: &str, kubeconfig: &Path, flags: &[&str]) -> Operator {
        let only = format!("--namespace={}", self.namespace);
        let flags = [&[&only, "--admin-listen", "127.0.0.1:0"], flags].concat();
        let variables = [("HOSTNAME", name), ("IMAGESHARE_LEADER_ELECT", "true")];
        self.operator_in(kubeconfig, self.simulator.url(), &flags, &variables)
    }

    /// A kubeconfig of a service account of the test's own, with these roles bound by these bindings: the
    /// first of a kind goes by the namespace's name, the others have a number behind it.
    pub fn account_with(&self, bindings: &[(&str, &str)]) -> PathBuf {
        let (name, group) = (self.namespace.as_str(), "rbac.authorization.k8s.io");
        let account =
            json!({"kind": "ServiceAccount", "name": name, "namespace": "imageshare-system"});
        self.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "imageshare-system"}}));
        for (index, (kind, role)) in bindings.iter().enumerate() {
            let is_first = bindings[..index].iter().all(|(other, _)| other != kind);
            let binding = if is_first { name.to_owned() } else { format!("{name}-{index}") };
            self.apply(&json!({
                "apiVersion": format!("{group}/v1"), "kind": kind,
                "metadata": {"name": binding, "namespace": name},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [account],
            }));
        }
        self.control_plane.kubeconfig_of("imageshare-system", name)
    }

    /// Gives the shipped service account the rights of a manifest in `deploy/`, in this namespace alone.
    pub fn grant(&self, manifest: &str, role: &str) {
        let text = std::fs::read_to_string(manifest).unwrap();
        let part = text.split("\n---\n").find(|part| part.contains("kind: ClusterRole\n")).unwrap();
        self.control_plane.try_kubectl(&["apply", "-f", "-"], part).unwrap();
        let group = "rbac.authorization.k8s.io";
        self.apply(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": {"name": role, "namespace": self.namespace},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "imageshare-operator", "namespace": "imageshare-system"}],
        }));
    }

    /// The control plane that the test runs on.
    pub fn control_plane(&self) -> &'static ControlPlane {
        self.control_plane
    }

    /// Makes a Secret with this token.
    pub fn secret(&self, name: &str, token: &str) {
        let from = format!("--from-literal=token={token}");
        self.kubectl(&["create", "secret", "generic", name, &from]);
    }

    /// Applies a manifest as the administrator.
    pub fn apply(&self, manifest: &Value) {
        self.try_apply(manifest).unwrap_or_else(|error| panic!("{manifest}: {error}"));
    }

    /// The same, where it may be refused.
    pub fn try_apply(&self, manifest: &Value) -> Result<String, String> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.control_plane.try_kubectl(&arguments, &manifest.to_string())
    }

    /// Copies an object of this namespace into another one, which is created if need be.
    pub fn copy(&self, kind: &str, name: &str, namespace: &str, change: impl FnOnce(&mut Value)) {
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace},
        }));
        let copy = self.kubectl(&["get", kind, name, "-o", "json"]);
        let mut copy: Value = serde_json::from_str(&copy).unwrap();
        copy["metadata"] = json!({"name": name, "namespace": namespace});
        copy.as_object_mut().unwrap().remove("status");
        change(&mut copy);
        self.apply(&copy);
    }

    /// Starts the operator with a kubeconfig and further flags.
    pub fn operator_as(&self, kubeconfig: &Path, flags: &[&str]) -> Operator {
        self.operator_at(kubeconfig, self.simulator.url(), flags)
    }

    /// The same, with the test's region at another address than the simulator's.
    pub fn operator_at(&self, kubeconfig: &Path, cloud: &str, flags: &[&str]) -> Operator {
        let only = ["--namespace", &self.namespace];
        self.operator_of_all(kubeconfig, cloud, &[&only, flags].concat())
    }

    /// The same for all namespaces: on a control plane of the test's own.
    pub fn operator_of_all(&self, kubeconfig: &Path, cloud: &str, flags: &[&str]) -> Operator {
        self.operator_in(kubeconfig, cloud, flags, &[])
    }

    /// The same, with variables of the environment.
    pub fn operator_in(
        &self,
        kubeconfig: &Path,
        cloud: &str,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Operator {
        let host = variables.iter().find(|(name, _)| *name == "HOSTNAME");
        let host = host.map(|(_, host)| format!("-{host}")).unwrap_or_default();
        let log = format!("{}{host}.log", self.namespace);
        let log = self.control_plane.scratch().join(log);
        let endpoint = format!("{REGION}={cloud}");
        let level = if canary::is_thorough() { "trace" } else { "debug" };
        let child = Command::new(env!("CARGO_BIN_EXE_imageshare"))
            .args(["run", "--endpoint", &endpoint, "--log-level", level])
            .args(flags)
            .env("KUBECONFIG", kubeconfig)
            // Each test has an operator of its own, all of them in the same namespace.
            .env("IMAGESHARE_LEADER_ELECT", "false")
            // A token for this machine must not leave it through a proxy: this one leads nowhere.
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("http_proxy", "http://127.0.0.1:1")
            // Most tests do not speak of time: a refusal is told at once. A flag overrules it.
            .env("IMAGESHARE_STALLED_AFTER", "0s")
            .envs(variables.iter().copied())
            .stderr(std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Operator { child, log }
    }

    /// Runs kubectl as the administrator, in this namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.control_plane.kubectl(&[&["-n", &self.namespace], arguments].concat())
    }

    /// The objects of this namespace.
    pub fn shares(&self) -> Api<ImageShare> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates an object; `spec` is laid over a good one for `group/app` and `demo`.
    pub async fn create(&self, name: &str, spec: Value) -> ImageShare {
        let mut object = json!({
            "apiVersion": "imageshare.dev/v1alpha1",
            "kind": "ImageShare",
            "metadata": {"name": name},
            "spec": {
                "region": REGION, "organization": "group", "repository": "app", "account": "demo",
                "credentialsRef": {"name": "swr"},
            },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        // As text, so that the API server fills in the defaults and not our own types.
        let request = kube::core::Request::new(format!(
            "/apis/imageshare.dev/v1alpha1/namespaces/{}/imageshares",
            self.namespace
        ));
        let request =
            request.create(&PostParams::default(), object.to_string().into_bytes()).unwrap();
        self.client.request(request).await.unwrap_or_else(|error| panic!("create {name}: {error}"))
    }

    /// Changes fields of an object's spec.
    pub async fn change(&self, name: &str, spec: Value) -> ImageShare {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.shares().patch(name, &PatchParams::default(), &patch).await.unwrap()
    }

    /// Marks an object for deletion.
    pub async fn delete(&self, name: &str) {
        self.shares().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the object has this reason, for its newest generation.
    pub async fn until_reason(&self, name: &str, reason: &str) -> ImageShare {
        let shares = self.shares();
        until(&format!("{name} to be {reason}"), async || {
            let object = shares.get(name).await.ok()?;
            let status = object.status.as_ref()?;
            let current = Some(status.observed_generation) == object.metadata.generation;
            (current && said(&object)?.reason == reason).then_some(object)
        })
        .await
    }

    /// Waits until the object is gone.
    pub async fn until_gone(&self, name: &str) {
        let shares = self.shares();
        until(&format!("{name} to be gone"), async || {
            shares.get_opt(name).await.ok()?.is_none().then_some(())
        })
        .await;
    }

    /// The shares that the simulator holds.
    pub fn cloud_shares(&self) -> Vec<ShareView> {
        self.simulator.shares()
    }

    /// The requests that reached the simulator: `POST 201 group/app/demo`.
    pub fn calls(&self) -> Vec<String> {
        let call = |Entry { method, status, key, .. }| {
            let status = status.map_or_else(|| "null".to_owned(), |status| status.to_string());
            format!("{method} {status} {}", key.as_deref().unwrap_or("-"))
        };
        self.ledger().into_iter().map(call).collect()
    }

    /// Those of them that changed something, or tried to.
    pub fn cloud_writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| !call.starts_with("GET")).collect()
    }

    /// The same, with all that the simulator's ledger says of each.
    pub fn ledger(&self) -> Vec<Entry> {
        self.simulator.ledger(0)
    }

    /// How many requests with this method reached the simulator: cheap, however many there were.
    pub fn count(&self, method: &str) -> u64 {
        let sums = self.simulator.ledger_summary(0);
        sums.iter().filter(|sum| sum.method == method).map(|sum| sum.count).sum()
    }

    /// How often the operator has sent this request in this namespace, such as `get secrets`.
    pub fn requests(&self, request: &str) -> usize {
        audit::requests(&self.namespace).iter().filter(|sent| *sent == request).count()
    }

    /// Creates many objects, one for each account of a repository, through one apply for each hundred.
    pub fn create_many(&self, names: &[String], spec: impl Fn(usize) -> Value) {
        for (chunk, names) in names.chunks(100).enumerate() {
            let item = |(at, name): (usize, &String)| {
                let index = chunk * 100 + at;
                let mut spec_of = json!({
                    "region": REGION, "organization": "group", "repository": format!("r{}", index / 100),
                    "account": format!("a{}", index % 100), "credentialsRef": {"name": "swr"},
                });
                for (field, value) in spec(index).as_object().into_iter().flatten() {
                    spec_of[field] = value.clone();
                }
                json!({
                    "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
                    "metadata": {"name": name, "namespace": self.namespace}, "spec": spec_of,
                })
            };
            let items: Vec<_> = names.iter().enumerate().map(item).collect();
            self.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
        }
    }

    /// How many objects have this reason.
    pub async fn having(&self, reason: &str) -> usize {
        let list = self.shares().list(&kube::api::ListParams::default()).await.unwrap();
        let is_it = |object: &&ImageShare| said(object).is_some_and(|said| said.reason == reason);
        list.items.iter().filter(is_it).count()
    }

    /// All that a user has asked of the API server, as its audit log has it.
    pub fn requests_of(&self, user: &str) -> Vec<audit::Request> {
        audit::requests_of(self.control_plane, user)
    }

    /// The operator's writes in this namespace, as the audit log has them.
    pub fn writes(&self) -> Vec<audit::Write> {
        audit::writes(&self.namespace)
    }
}

impl Drop for Trial {
    /// All that people can see of the namespace and of the cloud shows no secret.
    fn drop(&mut self) {
        if !canary::is_thorough() || std::thread::panicking() {
            return;
        }
        for kind in ["imageshares", "events.events.k8s.io"] {
            let arguments = ["get", kind, "-n", &self.namespace, "-o", "json"];
            let seen = self.control_plane.try_kubectl(&arguments, "").unwrap_or_default();
            canary::look_through(&seen, kind);
        }
        let ledger = serde_json::to_string(&self.simulator.ledger(0)).unwrap();
        canary::look_through(&ledger, "the simulator's ledger");
        let shares = serde_json::to_string(&self.simulator.shares()).unwrap();
        canary::look_through(&shares, "the simulator's shares");
    }
}

/// A running operator. It is killed when dropped, and its log shows no secret.
pub struct Operator {
    child: Child,
    log: PathBuf,
}

impl Drop for Operator {
    fn drop(&mut self) {
        canary::look_through(&self.log(), "the operator's log");
    }
}

impl Operator {
    /// All that it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Where it logs to.
    pub fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    /// Its counters; it must have been started with `--admin-listen`.
    pub async fn metrics(&self) -> String {
        self.admin("metrics").await.text().await.unwrap()
    }

    /// Why it is not ready, in the words of `/readyz`; likewise.
    pub async fn not_ready(&self) -> Option<String> {
        let answer = self.admin("readyz").await;
        let is_ready = answer.status() == 200;
        let text = answer.text().await.unwrap();
        (!is_ready).then_some(text)
    }

    /// Why it is stuck, in the words of `/livez`; likewise.
    pub async fn live(&self) -> Option<String> {
        let answer = self.admin("livez").await;
        let is_live = answer.status() == 200;
        let text = answer.text().await.unwrap();
        (!is_live).then_some(text)
    }

    async fn admin(&self, path: &str) -> reqwest::Response {
        let log = self.log();
        let address = log.rsplit("admin endpoint on http://").next().unwrap();
        let address = address.split_whitespace().next().unwrap();
        reqwest::get(format!("http://{address}/{path}")).await.unwrap()
    }

    /// Ends it as Kubernetes does, and gives its exit code.
    pub async fn terminate(self) -> Option<i32> {
        self.end_by("TERM").await
    }

    /// Ends it by a signal, and gives its exit code.
    pub async fn end_by(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        tokio::time::timeout(BOUND, self.child.wait()).await.unwrap().unwrap().code()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let (signal, id) = (format!("-{name}"), self.child.id().unwrap().to_string());
        assert!(std::process::Command::new("kill").args([signal, id]).status().unwrap().success());
    }

    /// Ends it as a crash does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A client of one's own: clients do not outlive the test's runtime.
pub async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    kube::Client::try_from(config).unwrap()
}

/// The condition that says how an object is: of a suspended one, that it is.
pub fn said(object: &ImageShare) -> Option<&Condition> {
    condition(object, "Suspended").or_else(|| condition(object, "Ready"))
}

/// One condition of an object.
pub fn condition<'a>(object: &'a ImageShare, kind: &str) -> Option<&'a Condition> {
    object.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

/// Terms of a share as another hand sets them.
pub fn terms(deadline: &str, description: &str) -> Terms {
    let (deadline, description) = (deadline.parse().unwrap(), description.to_owned());
    Terms { deadline, description, ..Terms::default() }
}

/// Whether a call of the ledger only looks, and is answered well or still under way.
pub fn is_look(call: &str) -> bool {
    ["GET 200 ", "GET null "].iter().any(|look| call.starts_with(look))
}

/// A number from the environment.
pub fn setting(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Asks again and again until there is an answer, within a bound.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(BOUND, what, ask).await
}

/// The same, with a bound of its own.
pub async fn until_within<T>(
    bound: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = tokio::time::timeout(bound, asking).await;
    answer.unwrap_or_else(|_| panic!("waited {} s in vain for {what}", bound.as_secs()))
}

/// The TLS provider of all clients and servers here.
pub fn install_ring() {
    // The second test in this process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
