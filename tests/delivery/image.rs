//! The image that `make image` has assembled: no container engine is needed to see what is in it and to run
//! it from its own root.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificate;
use crate::support::{Trial, condition, until};
use crate::tools::{folder, stdout, tool};

const LAYOUT: &str = "target/image/layout";
const ENTRYPOINT: &str = "/usr/local/bin/imageshare";
const CA_BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
const USER: &str = "65532:65532";
/// What a node pulls for one architecture.
const LARGEST: u64 = 20_000_000;

fn oci(arguments: &[&str]) -> String {
    stdout(Command::new(tool("oci")).args(arguments))
}

/// The root of a container of this machine's architecture.
fn root(name: &str) -> PathBuf {
    let root = folder(name);
    oci(&["unpack", LAYOUT, "amd64", root.to_str().unwrap()]);
    root
}

/// A program in this root, as the image's user: only root may do that.
fn inside(root: &Path) -> Command {
    let mut command = Command::new("chroot");
    command.arg(format!("--userspec={USER}")).arg(root).arg(ENTRYPOINT);
    command
}

#[test]
#[ignore = "needs the image: make image"]
fn an_image_is_small_for_each_architecture() {
    let sizes = oci(&["sizes", LAYOUT]);
    let mut architectures = vec![];
    for line in sizes.lines() {
        let (architecture, bytes) = line.split_once(' ').unwrap();
        println!("{architecture}: {bytes} bytes compressed");
        assert!(bytes.parse::<u64>().unwrap() <= LARGEST, "{line}");
        architectures.push(architecture.to_owned());
    }
    let wanted = std::env::var("IMAGE_ARCHITECTURES").unwrap_or_else(|_| "amd64 arm64".into());
    assert_eq!(architectures, wanted.split(' ').collect::<Vec<_>>());
}

#[test]
#[ignore = "needs the image: make image"]
fn the_image_says_what_it_is_and_runs_as_nobody() {
    let config: Value = serde_json::from_str(&oci(&["config", LAYOUT, "amd64"])).unwrap();
    let inner = &config["config"];
    assert_eq!(inner["User"], USER);
    assert_eq!(inner["Entrypoint"], json!([ENTRYPOINT]));
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
    let label = |name: &str| inner["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("revision").as_str().unwrap().len(), 40);
    for name in ["title", "description", "created"] {
        assert!(label(name).as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

#[test]
#[ignore = "needs the image: make image"]
fn nothing_is_in_it_but_the_binary_and_certificates() {
    let root = root("image-files");
    let files = stdout(Command::new("find").args([".", "-type", "f"]).current_dir(&root));
    let mut files: Vec<_> = files.lines().collect();
    files.sort_unstable();
    assert_eq!(files, [format!("./{CA_BUNDLE}").as_str(), &format!(".{ENTRYPOINT}")]);
    let mode = std::fs::metadata(root.join(ENTRYPOINT.trim_start_matches('/'))).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o755);
}

#[test]
#[ignore = "needs the image: make image"]
fn the_binary_runs_from_the_image_alone() {
    let root = root("image-run");
    let version = stdout(inside(&root).arg("--version"));
    assert_eq!(version.trim(), concat!("imageshare ", env!("CARGO_PKG_VERSION")));
    assert_eq!(stdout(inside(&root).arg("crd")), imageshare::cli::crd_yaml());
}

/// It gets as far as SWR in a root without anything else: a kubeconfig is read, the API server's and SWR's
/// certificates are checked, and SWR's by what is in the image's bundle alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the image: make image"]
async fn from_the_image_it_makes_a_share_and_trusts_whom_the_bundle_names() {
    let trial = Trial::new("image").await;
    let swr = certificate::serve("127.0.0.1");
    let root = root("image-trust");
    std::fs::copy(trial.operator_kubeconfig(), root.join("kubeconfig")).unwrap();
    let everybody = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(root.join("kubeconfig"), everybody).unwrap();
    let endpoint = format!("sim-1={}", swr.url);
    let start = || {
        let mut command = inside(&root);
        command.args(["run", "--namespace", &trial.namespace, "--endpoint", &endpoint]);
        let mut child = tokio::process::Command::from(command);
        child.env("KUBECONFIG", "/kubeconfig").stderr(Stdio::null()).kill_on_drop(true);
        child.spawn().unwrap()
    };
    trial.create("demo", json!({})).await;
    let mut running = start();
    until("the object to say that nobody trusts SWR's certificate", async || {
        let object = trial.shares().get("demo").await.ok()?;
        (condition(&object, "Ready")?.reason == "TlsFailed").then_some(())
    })
    .await;
    running.kill().await.unwrap();

    let bundle = root.join(CA_BUNDLE);
    let shipped = std::fs::read_to_string(&bundle).unwrap();
    assert!(shipped.matches("BEGIN CERTIFICATE").count() > 50, "the bundle is not the system's");
    std::fs::write(&bundle, shipped + &swr.pem).unwrap();
    let mut running = start();
    // That server answers everything with 204, which a create takes for a success.
    trial.create("fresh", json!({"account": "other"})).await;
    trial.until_reason("fresh", "Shared").await;
    let id = running.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(30), running.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
}

#[test]
#[ignore = "needs the image: make image"]
fn a_release_pushes_the_image_and_a_chart_that_names_it_by_its_digest() {
    use std::io::{BufRead, BufReader};
    let mut registry = Command::new(tool("oci"))
        .arg("registry")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(registry.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let prefix = format!("{}/team", ready.trim().strip_prefix("READY ").unwrap());
    let publish = || {
        let mut publish = Command::new("deploy/release/publish.sh");
        stdout(publish.arg(&prefix).env("IMAGE_SOURCE", "https://git.example.com/shares"))
    };
    let published = publish();
    let line = |part: &str| {
        let line = published.lines().find_map(|line| line.strip_prefix(part));
        line.unwrap_or_else(|| panic!("no {part} in {published}")).to_owned()
    };
    let (image, chart) = (line("image "), line("chart "));
    assert!(image.starts_with(&format!("{prefix}/imageshare-operator@sha256:")), "{image}");
    // The same again: what is there already is not another image.
    assert!(publish().contains(&image));

    let (chart, _) = chart.split_once('@').unwrap();
    let (chart, version) = (format!("oci://{chart}"), env!("CARGO_PKG_VERSION"));
    let rendered = stdout(Command::new(tool("helm")).args([
        "template",
        "x",
        &chart,
        "--version",
        version,
        "--plain-http",
        "--set",
        "prometheusRule.enabled=true",
    ]));
    assert!(rendered.contains(&format!("image: {image}\n")), "{rendered}");
    let runbook = format!("https://git.example.com/shares/blob/v{version}/docs/operations.md#");
    assert!(rendered.contains(&runbook), "{rendered}");
    drop(registry.stdin.take());
    registry.wait().unwrap();
}

/// `docker build` and `make image` give the same image: these lines are in both.
#[test]
fn the_dockerfile_makes_what_the_layout_has() {
    let dockerfile = std::fs::read_to_string("deploy/Dockerfile").unwrap();
    for line in [
        format!("USER {USER}"),
        format!("ENTRYPOINT [\"{ENTRYPOINT}\"]"),
        "CMD [\"run\"]".into(),
        "FROM scratch".into(),
        format!("COPY --from=build /{CA_BUNDLE} /{CA_BUNDLE}"),
    ] {
        assert!(dockerfile.lines().any(|other| other == line), "deploy/Dockerfile lacks {line}");
    }
    let context = std::fs::read_to_string("deploy/Dockerfile.dockerignore").unwrap();
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let sources: Vec<_> = line.split(' ').filter(|word| !word.starts_with('-')).collect();
        for source in sources.iter().take(sources.len() - 1).filter(|_| !line.starts_with("--from"))
        {
            let is_sent = context.lines().any(|line| line == format!("!{source}"));
            assert!(is_sent, "deploy/Dockerfile.dockerignore keeps {source} back");
        }
    }
    let oci = std::fs::read_to_string("tests/tools/oci/main.go").unwrap();
    for text in [USER, ENTRYPOINT, &format!("/{CA_BUNDLE}")] {
        assert!(oci.contains(&format!("\"{text}\"")), "oci lacks {text}");
    }
}
