//! The house rules that a compiler does not hold: who may import whom, and that manifests and
//! documents say what the code says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imageshare::reason::{Cure, Kind, Reason};

/// A folder or file, the rooms of ours that it may import, and words that it must not contain.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const RUNTIME: &str = "tokio";
const HTTP: &str = "reqwest";
const CLIENT: &str = "kube::";
/// Where the time or chance would be asked for instead of being handed in.
const CLOCK: [&str; 4] = ["Timestamp::now", "Instant::now", "SystemTime", "RandomState"];
const PURE: [&str; 7] = [RUNTIME, HTTP, CLIENT, CLOCK[0], CLOCK[1], CLOCK[2], CLOCK[3]];
const KUBERNETES: [&str; 2] = [CLIENT, "k8s_openapi"];

/// The first that fits counts.
const RULES: &[Rule] = &[
    ("api", &["reason"], &[RUNTIME, HTTP, "kube::Client", "kube::api"]),
    ("reason", &[], &PURE),
    ("health", &["lock"], &PURE),
    ("lock", &[], &PURE),
    ("redact", &[], &PURE),
    // Every decision; of the cloud and of credentials it knows the values, and no client.
    ("core", &["access", "api", "cloud", "reason", "redact"], &PURE),
    ("access", &["reason", "redact"], &[RUNTIME, KUBERNETES[0], KUBERNETES[1]]),
    ("evicting", &[], &PURE),
    ("shared_read", &[], &[HTTP, CLIENT]),
    (
        "cloud",
        &["access", "api", "evicting", "lock", "reason", "redact", "shared_read"],
        &KUBERNETES,
    ),
    ("leader", &[], &[HTTP]),
    ("metrics", &["lock", "reason"], &PURE),
    ("spans", &["access", "telemetry"], &[CLIENT]),
    ("telemetry", &[], &[RUNTIME, HTTP, CLIENT]),
    // The values of flags; the rest of the command line knows everything.
    ("cli", &["api", "leader"], &PURE),
    ("admin", &["health", "metrics"], &[HTTP, CLIENT]),
    (
        "operator",
        &[
            "access",
            "api",
            "cloud",
            "core",
            "evicting",
            "lock",
            "metrics",
            "health",
            "leader",
            "reason",
            "redact",
            "shared_read",
        ],
        &[HTTP],
    ),
];

/// What a pure room may take from one that also knows clients: values.
const VALUES: &[(&str, &[&str])] = &[
    ("crate::access::", &["credentials::SecretVersion"]),
    (
        "crate::cloud::",
        &["lists::Freshness", "Change", "Deadline", "RemoteShare", "ShareId", "Terms"],
    ),
];

/// Another crate: its manifest says what it may use, and only the command line may use it.
const SIMULATOR: (&str, &str) = ("src/simulator", "imageshare_simulator");

/// Only these know everything.
const UNBOUND: [&str; 5] = ["lib.rs", "main.rs", "cli.rs", "cli/operate.rs", "cli/run.rs"];

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

/// Every path of ours that some code names, written out from `crate::`: `use` trees are opened, and
/// `super::` is followed from the module that the code is in.
fn paths(code: &str, module: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '{';
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        // Only where a path begins.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
            continue;
        }
        let mut rest = &code[at..];
        let mut base: Vec<&str> = module.to_vec();
        if let Some(stripped) = rest.strip_prefix("crate::") {
            (rest, base) = (stripped, vec![]);
        }
        while let Some(stripped) = rest.strip_prefix("super::") {
            base.pop();
            rest = stripped;
        }
        let path: String = rest.chars().take_while(|c| word(*c)).collect();
        let prefix = base.iter().fold("crate::".to_owned(), |path, part| path + part + "::");
        match path.split_once('{') {
            Some((head, _)) => {
                let group = &rest[head.len() + 1..];
                let group = group.split("};").next().unwrap_or_default();
                for part in group.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                    found.insert(format!("{prefix}{head}{part}"));
                }
            }
            None => {
                found.insert(format!("{prefix}{path}"));
            }
        }
    }
    found
}

/// The folders and the file that a module is made of: `core/pass/closing.rs` is `core, pass, closing`.
fn module(name: &str) -> Vec<&str> {
    name.trim_end_matches(".rs").split('/').collect()
}

/// Whether a file holds the tests of the one that it is named after, or a part of them.
fn is_test(name: &str) -> bool {
    name.contains("_tests") || name.contains("/tests/")
}

/// How long a file may be without its tests: whoever reads it holds all of it in the head.
const LINES_MAX: usize = 300;

#[test]
fn no_file_is_longer_than_one_can_hold_in_the_head() {
    let mut files = vec![];
    for folder in ["src", SIMULATOR.0, "benches/src"] {
        sources(Path::new(folder), &mut files);
    }
    assert!(files.len() > 100, "the sources are not where this test looks");
    for path in files {
        let name = path.to_str().unwrap();
        if path.extension() != Some("rs".as_ref()) || is_test(name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let count = text.split("\n#[cfg(test)]").next().unwrap().lines().count();
        assert!(count <= LINES_MAX, "{name} has {count} lines");
    }
}

#[test]
fn modules_import_downwards_only() {
    let mut files = vec![];
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 20, "the sources are not where this test looks");
    for path in files {
        let name = path.strip_prefix("src").unwrap().to_str().unwrap();
        if UNBOUND.contains(&name) || is_test(name) {
            continue;
        }
        let module = module(name);
        let room = module[0];
        let rule = RULES.iter().find(|(rule, _, _)| *rule == room);
        let (_, allowed, forbidden) =
            rule.unwrap_or_else(|| panic!("{name} has no rule: who may it import?"));
        let code = code(&path);
        for path in paths(&code, &module) {
            let to = path.split("::").nth(1).unwrap_or_default();
            let is_known = to == room || allowed.contains(&to) || to.is_empty();
            assert!(is_known, "{name} must not import {path}");
            if room == "core"
                && let Some((from, values)) = VALUES.iter().find(|(from, _)| path.starts_with(from))
            {
                let value = path.trim_start_matches(from);
                let is_value = values.iter().any(|allowed| value.starts_with(allowed));
                assert!(is_value, "{name} must not import {path}: it is no value");
            }
        }
        for word in forbidden.iter().chain([&SIMULATOR.1]) {
            assert!(!code.contains(word), "{name} must not use {word}");
        }
    }
}

#[test]
fn the_test_of_imports_follows_super_and_opens_groups() {
    let code = "use super::super::cloud::Client;\nuse crate::{api, access::endpoint};\nsuper::x()";
    let found = paths(code, &["core", "pass"]);
    let expected =
        ["crate::access::endpoint", "crate::api", "crate::cloud::Client", "crate::core::x"];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn the_crd_in_the_tree_is_the_one_that_the_binary_prints() {
    let shipped = std::fs::read_to_string("crds/imageshares.yaml").unwrap();
    assert_eq!(shipped, imageshare::cli::crd_yaml(), "run `make manifests`");
}

#[test]
fn the_shipped_pod_has_the_time_that_a_stop_may_take() {
    let manifest = std::fs::read_to_string("deploy/install.yaml").unwrap();
    let grace = 2 * imageshare::cli::stop_within().as_secs().next_multiple_of(5);
    let line = format!("\n      terminationGracePeriodSeconds: {grace}\n");
    assert!(manifest.contains(&line), "deploy/install.yaml lacks {line}");
}

/// The kind of a reason, as the documents call it.
fn kind_of(reason: Reason) -> &'static str {
    match (reason.kind(), reason.cure()) {
        (Kind::Steady, _) => "steady",
        (Kind::Waiting, _) => "waiting",
        (Kind::Transient, _) => "transient",
        (Kind::Terminal, Some(Cure::Outside)) => "terminal, may heal",
        (Kind::Terminal, _) => "terminal",
    }
}

/// The rows of a page's table below a heading.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter(|line| line.starts_with("| `")).collect()
}

#[test]
fn the_page_of_troubleshooting_lists_every_reason_with_what_to_do_and_no_other() {
    let page = std::fs::read_to_string("docs/troubleshooting.md").unwrap();
    let row = |reason: &Reason| {
        let (name, meaning, advice) = (reason.as_str(), reason.meaning(), reason.advice());
        format!("| `{name}` | {} | {meaning} | {advice} |", kind_of(*reason))
    };
    let expected: Vec<_> = Reason::ALL.iter().map(row).collect();
    assert_eq!(rows(&page, "Reasons"), expected);
}

#[test]
fn the_page_of_operations_tells_every_flag_and_no_other() {
    let page = std::fs::read_to_string("docs/operations.md").unwrap();
    let rows: BTreeSet<_> = rows(&page, "Settings").into_iter().map(str::to_owned).collect();
    let flags = imageshare::cli::run_flags();
    assert_eq!(rows.len(), flags.len(), "docs/operations.md has other flags");
    for (flag, variable) in flags {
        let begins = format!("| `{flag}` | `{variable}` | ");
        assert!(rows.iter().any(|row| row.starts_with(&begins)), "docs/operations.md lacks {flag}");
    }
}

#[test]
fn the_page_of_events_lists_every_event_and_no_other() {
    let effect = std::fs::read_to_string("src/core/effect.rs").unwrap();
    let body = effect.split("pub fn reason(&self) -> &'static str {").nth(1).unwrap();
    let body = body.split("pub fn note").next().unwrap();
    let known: BTreeSet<_> = body.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let page = std::fs::read_to_string("docs/behaviour.md").unwrap();
    let section = page.split("## Events").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_page_of_metrics_lists_every_metric_and_no_other() {
    let page = std::fs::read_to_string("docs/metrics.md").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `imageshare_"));
    let expected: Vec<_> = imageshare::metrics::ALL
        .iter()
        .map(|metric| {
            let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, kind) = (metric.full_name(), metric.kind);
            format!("| `{name}` | {kind} | {} | {} |", labels.join(", "), metric.help)
        })
        .collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

/// Every `file.rs::name` in a text.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|quoted| quoted.split_once("::"))
        .filter(|(file, _)| Path::new(file).extension().is_some_and(|kind| kind == "rs"))
        .collect()
}

/// A threat that nothing is said to stand in the way of belongs among those that are not defended against.
#[test]
fn every_threat_names_tests_and_they_exist() {
    let text = std::fs::read_to_string("SECURITY.md").unwrap();
    for (file, name) in named_tests(&text) {
        let paths = ["tests", "src", ""].map(|folder| Path::new(folder).join(file));
        let source = paths.iter().find_map(|path| std::fs::read_to_string(path).ok());
        let source =
            source.unwrap_or_else(|| panic!("SECURITY.md names {file}, which is not there"));
        let is_there = source.contains(&format!("fn {name}("));
        assert!(is_there, "SECURITY.md names {file}::{name}, which is not there");
    }
    let threats = text.split("\n## Threats\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows =
        threats.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat"));
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 20, "the threats are not where this test looks");
    for row in rows {
        let is_answered = !named_tests(row).is_empty() || row.contains("TODO-credentials");
        assert!(is_answered, "no test stands in the way of this:\n{row}");
    }
}

/// The tables as rows, to paste into their pages: `cargo test --test house rows -- --ignored --nocapture`.
#[test]
#[ignore = "prints the tables of the documents"]
fn print_the_rows_of_the_documents() {
    for reason in Reason::ALL {
        let kind = kind_of(*reason);
        println!("| `{}` | {kind} | {} | {} |", reason.as_str(), reason.meaning(), reason.advice());
    }
    for (flag, variable) in imageshare::cli::run_flags() {
        println!("| `{flag}` | `{variable}` |");
    }
}
