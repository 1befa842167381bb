//! What a release says of itself, as far as it can be seen without making one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tools::stdout;

const WORKFLOW: &str = ".github/workflows/release.yml";

/// The steps of the release, as Git hosts read them.
fn steps() -> Vec<Value> {
    let text = std::fs::read_to_string(WORKFLOW).unwrap();
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let steps = workflow["jobs"]["publish"]["steps"].as_array().unwrap();
    assert!(steps.len() > 8);
    steps.clone()
}

#[test]
fn the_release_calls_only_scripts_and_targets_that_there_are() {
    let makefile = std::fs::read_to_string("Makefile").unwrap();
    let steps = steps();
    let commands = steps.iter().filter_map(|step| step["run"].as_str());
    let commands = commands.collect::<Vec<_>>().join("\n");
    let words: Vec<_> = commands.split_whitespace().collect();
    let targets = words.windows(2).filter(|pair| pair[0] == "make").map(|pair| pair[1]);
    let targets: Vec<_> = targets.collect();
    assert_eq!(targets, ["supply-chain", "image", "reproducible"]);
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}: ")), "Makefile has no {target}");
    }
    // What `make image` makes is not in the checkout.
    let files =
        words.iter().filter(|word| word.starts_with("deploy/") || word.starts_with("crds/"));
    let files: Vec<_> = files.collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert!(Path::new(file).exists(), "{WORKFLOW} names {file}, which is not there");
    }
}

#[test]
fn the_release_pins_its_actions_and_grants_its_job_alone() {
    let text = std::fs::read_to_string(WORKFLOW).unwrap();
    assert!(text.contains("\npermissions: {}\n"));
    for step in steps() {
        if let Some(action) = step["uses"].as_str() {
            let (name, version) = action.split_once('@').unwrap_or((action, ""));
            let is_major =
                version.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok());
            assert!(is_major, "{name} is not pinned: {version:?}");
        }
    }
}

#[test]
fn the_sbom_names_every_crate_that_is_linked_and_none_of_the_tests() {
    let sbom: Value =
        serde_json::from_str(&stdout(&mut Command::new("deploy/image/sbom.py"))).unwrap();
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = sbom["components"].as_array().unwrap();
    let text = |component: &Value, field: &str| component[field].as_str().unwrap().to_owned();
    let named =
        components.iter().map(|one| format!("{} v{}", text(one, "name"), text(one, "version")));
    let named: BTreeSet<_> = named.collect();
    let edges = "normal,build,no-proc-macro";
    let tree = stdout(Command::new(env!("CARGO")).args([
        "tree",
        "--locked",
        "--edges",
        edges,
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--target",
        "x86_64-unknown-linux-musl",
        "--package",
        "imageshare-operator",
    ]));
    let crates = tree.lines().filter(|line| !line.is_empty());
    let crates = crates.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    let linked: BTreeSet<_> =
        crates.filter(|one| !one.starts_with("imageshare-operator ")).collect();
    assert!(linked.len() > 100);
    let missing: Vec<_> = linked.difference(&named).collect();
    assert_eq!(missing, Vec::<&String>::new());
    assert!(!named.iter().any(|one| one.starts_with("proptest ")), "a crate of the tests");
    for one in components.iter().filter(|one| one["name"] != "imageshare-simulator") {
        assert_eq!(one["hashes"][0]["content"].as_str().map(str::len), Some(64), "{one}");
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
    }
}
