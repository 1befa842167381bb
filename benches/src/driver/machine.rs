//! On what, when and with which versions was measured.

use std::fs;
use std::process::Command;

/// The day, UTC.
pub fn today() -> String {
    jiff::Timestamp::now().to_string().chars().take(10).collect()
}

/// CPU, cores and memory.
pub fn name() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kibibytes = memory.split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
    format!("{cpu}, {cores} cores, {} GiB", kibibytes.unwrap_or_default() >> 20)
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit that was measured, with a mark if code differs from it.
pub fn commit() -> String {
    let commit = say("git", &["rev-parse", "--short", "HEAD"]);
    let changed = say("git", &["status", "--porcelain", "--", ".", ":!docs"]);
    let commit = commit.unwrap_or_else(|| "an unknown commit".to_owned());
    if changed.is_some() { commit + " with changes" } else { commit }
}

/// Versions of what was measured beside the operator, and of what it ran on.
pub fn versions() -> String {
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let version = text.lines().find_map(|line| line.trim().strip_prefix(name));
        version.unwrap_or("unknown").trim().to_owned()
    };
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    let kube = lock
        .split_once("name = \"kube\"\nversion = \"")
        .map_or("unknown", |(_, rest)| rest.split('"').next().unwrap_or_default());
    format!(
        "kube {kube}, controller-runtime {}, kopf {}, Kubernetes {}, {}, {}",
        line("benches/peers/controller-runtime/go.mod", "sigs.k8s.io/controller-runtime "),
        line("benches/peers/kopf/requirements.txt", "kopf=="),
        line("tests/control-plane/go.mod", "k8s.io/kubernetes "),
        say("rustc", &["--version"]).unwrap_or_default(),
        say("go", &["env", "GOVERSION"]).unwrap_or_default(),
    )
}

fn say(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
