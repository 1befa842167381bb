//! The real tools, each built once by `tests/tools/build.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub const CHART: &str = "deploy/chart";
/// The name of the release and its namespace, as in `deploy/install.yaml`.
pub const RELEASE: &str = "imageshare-operator";
pub const NAMESPACE: &str = "imageshare-system";

/// The binary of a tool in `tests/tools`.
pub fn tool(name: &str) -> PathBuf {
    let built = Command::new("tests/tools/build.sh").arg(name).stderr(Stdio::inherit()).output();
    let built = built.unwrap();
    assert!(built.status.success(), "tests/tools/build.sh {name} fails");
    Path::new(String::from_utf8(built.stdout).unwrap().trim()).join(name)
}

/// A folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("delivery-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a command prints; it must end well.
pub fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// All that a command said.
pub fn both(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// `helm template` with these values.
pub fn try_render(values: &Value) -> Result<String, String> {
    use std::io::Write;
    let mut child = Command::new(tool("helm"))
        .args(["template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(both(&output))
    }
}

pub fn render(values: &Value) -> String {
    try_render(values).unwrap_or_else(|error| panic!("{values}: {error}"))
}

/// The documents of a file with several.
pub fn documents(yaml: &str) -> Vec<Value> {
    let parts = yaml.split("\n---").map(|part| part.trim_start_matches("---"));
    let parsed = parts.map(|part| {
        serde_saphyr::from_str::<Option<Value>>(part).unwrap_or_else(|e| panic!("{e}:\n{part}"))
    });
    parsed.flatten().filter(|document| !document.is_null()).collect()
}

/// The object of a kind among some.
pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["kind"] == kind)
}

/// All modes in which the chart is installed, by name, with their values.
pub fn modes() -> Vec<(&'static str, Value)> {
    use serde_json::json;
    vec![
        ("default", json!({})),
        ("one replica", json!({"replicas": 1, "leaderElect": false})),
        ("single namespaces", json!({"namespaces": ["team-a", "team-b"]})),
        ("all rights", json!({"watchSecrets": true, "allowServiceAccounts": true})),
        (
            "all rights in single namespaces",
            json!({"namespaces": ["team-a"], "watchSecrets": true, "allowServiceAccounts": true}),
        ),
        ("everything", everything()),
    ]
}

/// Each value that is empty by default has something in it.
fn everything() -> Value {
    use serde_json::json;
    json!({
        "image": {"digest": format!("sha256:{}", "a".repeat(64))},
        "imagePullSecrets": [{"name": "pull"}],
        "fullnameOverride": "shares",
        "labels": {"team": "platform"},
        "serviceAccount": {"name": "robot", "annotations": {"a": "b"}},
        "defaultRegion": "eu-west-101",
        "endpoints": {
            "swr": {"eu-1": "https://swr.example.com", "ap-1": "https://swr.example.org"},
            "iam": {"eu-1": "https://iam.example.com"}, "sts": {"eu-1": "https://sts.example.com"},
        },
        "allowHttp": true,
        "caConfigMap": {"name": "authorities", "key": "bundle.pem"},
        "defaultCredentialsName": "swr",
        "watchSecrets": true, "allowServiceAccounts": true,
        "orphanAfter": "1h", "requestWindow": "2m", "callTimeout": "1m", "expiringSoon": "24h",
        "stalledAfter": "5m", "logLevel": "debug", "logFormat": "text",
        "otlpEndpoint": "http://collector.telemetry:4317",
        "replicas": 3, "leaseName": "a-lease", "leaseDuration": "30s",
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
        "args": ["--log-level=trace"],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "podLabels": {"pod": "label"}, "podAnnotations": {"pod": "annotation"},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}],
        }}},
        "networkPolicy": {
            "scrapeFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "dns": {"to": [{"namespaceSelector": {}}]},
            "apiServer": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [6443]},
            "cloud": {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": [3128]},
            "extraEgress": [{"ports": [{"port": 4317}]}],
        },
        "service": {"annotations": {"a": "b"}},
        "serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}, "runbookUrl": "https://wiki.example.com/shares"},
        "dashboard": {"enabled": true, "annotations": {"folder": "platform"}},
    })
}
