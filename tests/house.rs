//! The house rules that a compiler does not hold: who may import whom, and that manifests and
//! documents say what the code says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imageshare::api::ConditionType;
use imageshare::reason::{Kind, Reason};

/// A module, the modules of ours that it may import, and words that it must not contain.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const RUNTIME: &str = "tokio";
const HTTP: &str = "reqwest";
const CLIENT: &str = "kube::";
/// Where the time or chance would be asked for instead of being handed in.
const CLOCK: [&str; 4] = ["Timestamp::now", "Instant::now", "SystemTime", "RandomState"];
const PURE: [&str; 7] = [RUNTIME, HTTP, CLIENT, CLOCK[0], CLOCK[1], CLOCK[2], CLOCK[3]];
const NO_KUBERNETES: [&str; 2] = [CLIENT, "k8s_openapi"];

const RULES: &[Rule] = &[
    ("api.rs", &["api", "reason"], &[RUNTIME, HTTP, "kube::Client", "kube::api"]),
    ("api/", &["api"], &[RUNTIME, HTTP, "kube::Client", "kube::api"]),
    ("reason.rs", &[], &PURE),
    ("redact.rs", &[], &PURE),
    ("backoff.rs", &["auth", "reason", "swr"], &PURE),
    ("reconcile/desired.rs", &["api", "reason", "swr"], &PURE),
    ("reconcile/line.rs", &["swr"], &PURE),
    ("reconcile/plan.rs", &["api", "reason", "swr"], &PURE),
    ("reconcile/status.rs", &["api", "reason", "redact", "swr"], &PURE),
    ("auth.rs", &["reason"], &[RUNTIME, NO_KUBERNETES[0], NO_KUBERNETES[1]]),
    ("swr.rs", &["swr"], &[RUNTIME, NO_KUBERNETES[0], NO_KUBERNETES[1]]),
    ("swr/client.rs", &["auth", "reason", "swr"], &NO_KUBERNETES),
    ("swr/listing.rs", &["auth", "swr"], &NO_KUBERNETES),
    ("swr/outage.rs", &["reason", "swr"], &NO_KUBERNETES),
    ("swr/", &["api", "reason", "redact", "swr"], &[RUNTIME, NO_KUBERNETES[0], NO_KUBERNETES[1]]),
    ("cluster.rs", &["api", "auth"], &[HTTP]),
    ("metrics.rs", &["reason"], &PURE),
    ("telemetry.rs", &[], &[RUNTIME, HTTP, CLIENT]),
    ("admin.rs", &["metrics"], &[HTTP, CLIENT]),
    ("controller.rs", &["api", "reconcile"], &[HTTP]),
    (
        "reconcile/act/",
        &["api", "auth", "backoff", "cluster", "reason", "reconcile", "redact", "swr"],
        &[HTTP, CLIENT],
    ),
    (
        "reconcile/act.rs",
        &["api", "auth", "backoff", "cluster", "reason", "reconcile", "redact", "swr"],
        &[HTTP, CLIENT],
    ),
    (
        "reconcile/context.rs",
        &["api", "auth", "backoff", "cluster", "metrics", "swr"],
        &[HTTP, "kube::Client", "kube::api"],
    ),
    ("reconcile/goal.rs", &["api", "swr"], &[RUNTIME, HTTP, "kube::Client", "kube::api"]),
    (
        "reconcile/tell.rs",
        &["api", "cluster", "reason", "redact"],
        &[HTTP, "kube::Client", "kube::api"],
    ),
    ("reconcile.rs", &["api", "backoff", "cluster", "reason", "reconcile", "swr"], &[HTTP]),
];

/// Another crate: its manifest says what it may use, and only the command line may use it.
const SIMULATOR: (&str, &str) = ("src/simulator", "imageshare_simulator");

/// Only these know everything.
const UNBOUND: [&str; 3] = ["lib.rs", "main.rs", "cli.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path == Path::new(SIMULATOR.0) {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The code of a file: without its tests, and without comments, which may name anything.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of ours that some code names as `crate::module`.
fn imports(code: &str) -> BTreeSet<String> {
    let names = code.split("crate::").skip(1);
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: BTreeSet<String> =
        names.map(|rest| rest.chars().take_while(|c| word(*c)).collect()).collect();
    // `use crate::{a::b, c}`: the first words of the braces.
    for group in code.split("crate::{").skip(1) {
        let group = group.split("};").next().unwrap_or_default();
        found.extend(
            group.split(',').map(|part| part.trim().chars().take_while(|c| word(*c)).collect()),
        );
    }
    found.remove("");
    found
}

#[test]
fn modules_import_downwards_only() {
    let mut files = vec![];
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks");
    for path in files {
        let name = path.strip_prefix("src").unwrap().to_str().unwrap();
        if UNBOUND.contains(&name) {
            continue;
        }
        let rule = RULES
            .iter()
            .find(|(rule, _, _)| name == *rule || (rule.ends_with('/') && name.starts_with(*rule)));
        let (_, allowed, forbidden) =
            rule.unwrap_or_else(|| panic!("{name} has no rule: who may it import?"));
        let code = code(&path);
        for module in imports(&code) {
            assert!(allowed.contains(&module.as_str()), "{name} must not import crate::{module}");
        }
        for word in forbidden.iter().chain([&SIMULATOR.1]) {
            assert!(!code.contains(word), "{name} must not use {word}");
        }
    }
}

#[test]
fn the_crd_in_the_tree_is_the_one_that_the_binary_prints() {
    let shipped = std::fs::read_to_string("crds/imageshares.yaml").unwrap();
    assert_eq!(shipped, imageshare::cli::crd_yaml(), "run `make manifests`");
}

#[test]
fn the_readme_lists_every_reason_with_what_to_do() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    for reason in Reason::ALL {
        let kind = match reason.kind() {
            Kind::Settled => "settled",
            Kind::Wait => "wait",
            Kind::Retry => "retry",
            Kind::Refuse => "refuse",
        };
        let (name, meaning, advice) = (reason.as_str(), reason.meaning(), reason.advice());
        let row = format!("| `{name}` | {kind} | {meaning} | {advice} |");
        assert!(readme.contains(&row), "README.md lacks this row:\n{row}");
    }
    for condition in ConditionType::ALL {
        assert!(readme.contains(&format!("| `{}` |", condition.as_str())), "{condition:?}");
    }
}

#[test]
fn the_readme_tells_every_field_flag_and_counter() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let crd = serde_json::to_value(imageshare::api::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    for part in ["spec", "status"] {
        let fields = schema[part]["properties"].as_object().unwrap();
        assert!(fields.len() >= 3, "{part} has lost its fields");
        for field in fields.keys() {
            assert!(readme.contains(&format!("| `{field}` |")), "README.md lacks {part}.{field}");
        }
    }
    for (flag, variable) in imageshare::cli::run_flags() {
        assert!(readme.contains(&format!("| `{flag}` | `{variable}` |")), "README.md lacks {flag}");
    }
    let metrics = imageshare::metrics::Metrics::default().render();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let name = line.split(' ').next().unwrap();
        assert!(readme.contains(&format!("| `{name}_total` |")), "README.md lacks {name}");
    }
}

/// The catalogue as rows, to paste into the README: `cargo test --test house rows -- --ignored --nocapture`.
#[test]
#[ignore = "prints the README's tables"]
fn print_the_rows_of_the_readme() {
    for reason in Reason::ALL {
        let kind = format!("{:?}", reason.kind()).to_lowercase();
        println!("| `{}` | {kind} | {} | {} |", reason.as_str(), reason.meaning(), reason.advice());
    }
    for (flag, variable) in imageshare::cli::run_flags() {
        println!("| `{flag}` | `{variable}` |");
    }
}
