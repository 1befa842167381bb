//! The chart and what is made from it: without a cluster.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::tools::{
    CHART, both, documents, folder, modes, of_kind, render, stdout, tool, try_render,
};

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, below: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(folder, &path, found);
        } else {
            found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn what_is_made_from_the_chart_is_what_the_checkout_has() {
    let made = folder("manifests");
    let mut command = Command::new("deploy/manifests.sh");
    stdout(command.arg(&made).env("IMAGESHARE", env!("CARGO_BIN_EXE_imageshare")));
    let mut names = vec![];
    files(&made, &made, &mut names);
    assert!(names.len() >= 14, "only these were made: {names:?}");
    for name in names {
        assert!(read(made.join(&name)) == read(&name), "{name} is old: run `make manifests`");
    }
}

#[test]
fn helm_finds_nothing_to_complain_about_in_any_mode() {
    for (mode, values) in modes() {
        let file = folder("lint").join("values.json");
        std::fs::write(&file, values.to_string()).unwrap();
        let mut lint = Command::new(tool("helm"));
        let output = lint.args(["lint", "--strict", CHART, "--values"]).arg(&file).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{mode}: {}", both(&output));
    }
}

#[test]
fn the_chart_has_the_version_of_the_operator() {
    let chart = read("deploy/chart/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    for field in ["version", "appVersion"] {
        assert!(chart.contains(&format!("\n{field}: {version}\n")), "{field} is not {version}");
    }
}

#[test]
fn every_flag_of_the_operator_can_be_set_and_nothing_else_is() {
    let helpers = read("deploy/chart/templates/_helpers.tpl");
    let set = helpers.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name);
    let set: BTreeSet<_> = set.filter(|name| name.starts_with("IMAGESHARE_")).collect();
    let flags = imageshare::cli::run_flags();
    let flags: BTreeSet<_> = flags.iter().map(|(_, variable)| variable.as_str()).collect();
    assert_eq!(set, flags);
}

/// The names of all values, as the schema has them.
fn leaves(schema: &Value, name: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object() {
        Some(fields) if schema["additionalProperties"] == false => {
            for (field, schema) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                leaves(schema, &format!("{name}{dot}{field}"), found);
            }
        }
        _ => drop(found.insert(name.to_owned())),
    }
}

#[test]
fn the_schema_and_the_readme_know_the_same_values() {
    let schema: Value = serde_json::from_str(&read("deploy/chart/values.schema.json")).unwrap();
    let mut of_schema = BTreeSet::new();
    leaves(&schema, "", &mut of_schema);
    // `global` is Helm's own.
    of_schema.remove("global");
    of_schema.retain(|name| name != "imagePullSecrets.name");
    let readme = read("deploy/chart/README.md");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let of_readme: BTreeSet<_> =
        rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    assert!(of_readme.len() > 60);
    assert_eq!(of_schema, of_readme);
}

#[test]
fn values_that_cannot_be_meant_are_refused_in_words() {
    for (values, words) in [
        (json!({"replica": 1}), "replica"),
        (json!({"image": {"digest": "sha256:abc"}}), "digest"),
        (json!({"callTimeout": "1h"}), "callTimeout"),
        (json!({"orphanAfter": "10 minutes"}), "orphanAfter"),
        (json!({"namespaces": ["Team A"]}), "namespaces"),
        (json!({"endpoints": {"swr": {"eu-1": "swr.example.com"}}}), "endpoints"),
        (json!({"logLevel": "loud"}), "logLevel"),
        (json!({"replicas": 2, "leaderElect": false}), "two pods must not write to the cloud"),
        (
            json!({"serviceMonitor": {"enabled": true}, "service": {"enabled": false}}),
            "serviceMonitor needs service.enabled",
        ),
    ] {
        let error = try_render(&values).expect_err(&values.to_string());
        assert!(error.contains(words), "{values}: {error}");
    }
}

fn deployment(values: &Value) -> Value {
    of_kind(&documents(&render(values)), "Deployment").unwrap().clone()
}

fn variables(deployment: &Value) -> Vec<(String, String)> {
    let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
    let pair = |variable: &Value| {
        let text = |field: &str| variable[field].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    };
    variables.unwrap().iter().map(pair).collect()
}

#[test]
fn a_pod_has_twice_the_time_that_a_stop_may_take() {
    let deployment = deployment(&json!({}));
    let grace = &deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    let within = 2 * imageshare::cli::stop_within();
    assert!(grace.as_u64().unwrap() >= within.as_secs(), "{grace} {within:?}");
}

#[test]
fn values_reach_the_operator_as_variables_and_empty_ones_do_not() {
    let everything = modes().pop().unwrap().1;
    let found = variables(&deployment(&everything));
    for (name, value) in [
        ("IMAGESHARE_ALLOW_HTTP", "true"),
        ("IMAGESHARE_CA_FILE", "/etc/imageshare/ca/ca.crt"),
        ("IMAGESHARE_CALL_TIMEOUT", "1m"),
        ("IMAGESHARE_ENDPOINT", "ap-1=https://swr.example.org,eu-1=https://swr.example.com"),
        ("IMAGESHARE_LEASE_NAME", "a-lease"),
        ("IMAGESHARE_ORPHAN_AFTER", "1h"),
        ("IMAGESHARE_WATCH_SECRETS", "true"),
        ("HTTPS_PROXY", "http://proxy.example.com:3128"),
    ] {
        let pair = (name.to_owned(), value.to_owned());
        assert!(found.contains(&pair), "{name} is not {value}: {found:?}");
    }
    let names = found.iter().filter(|(name, _)| name.starts_with("IMAGESHARE_"));
    let flags = imageshare::cli::run_flags().len();
    // All but the namespaces, which are all.
    assert_eq!(names.count(), flags - 1, "{found:?}");

    let found = variables(&deployment(&json!({})));
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["ADMIN_LISTEN", "CALL_TIMEOUT", "LEADER_ELECT", "LEASE_NAME", "LOG_FORMAT"];
    let expected = expected.iter().chain(&["LOG_LEVEL"]).map(|name| format!("IMAGESHARE_{name}"));
    assert_eq!(names, expected.collect::<Vec<_>>());

    let found = variables(&deployment(&json!({"namespaces": ["team-a", "team-b"]})));
    let pair = ("IMAGESHARE_NAMESPACE".to_owned(), "team-a,team-b".to_owned());
    assert!(found.contains(&pair), "{found:?}");
}

/// The operator itself takes each variable of the chart as it is written.
#[test]
fn the_operator_understands_every_variable_that_the_chart_sets() {
    for (mode, values) in modes() {
        let found = variables(&deployment(&values));
        // It gets as far as the cluster, which is not there.
        let output = Command::new(env!("CARGO_BIN_EXE_imageshare"))
            .arg("run")
            .envs(found.iter().filter(|(name, _)| name != "IMAGESHARE_CA_FILE").cloned())
            .env("KUBECONFIG", "/nonexistent")
            .output()
            .unwrap();
        let said = both(&output);
        assert!(said.starts_with("error: the cluster:"), "{mode}: {said}");
    }
}

#[test]
fn single_namespaces_need_no_right_on_the_whole_cluster() {
    let values = json!({"namespaces": ["team-a", "team-b"], "watchSecrets": true, "crds": {"enabled": false}});
    let objects = documents(&render(&values));
    let is_namespaced = |object: &&Value| object["metadata"]["namespace"].is_string();
    let others: Vec<_> = objects.iter().filter(|object| !is_namespaced(object)).collect();
    assert_eq!(others, Vec::<&Value>::new(), "objects without a namespace");
    let roles = objects.iter().filter(|object| object["kind"] == "Role");
    let at: Vec<_> = roles.map(|role| role["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(["team-a", "team-b", "imageshare-system"].iter().all(|name| at.contains(name)));
}

#[test]
fn the_network_policy_lets_in_scrapes_and_out_what_is_needed_and_nothing_else() {
    let objects = documents(&render(&json!({})));
    let spec = &of_kind(&objects, "NetworkPolicy").unwrap()["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(spec["ingress"], json!([{"ports": [{"protocol": "TCP", "port": "admin"}]}]));
    let tcp = |port: u16| json!({"protocol": "TCP", "port": port});
    let dns = json!([{"protocol": "UDP", "port": 53}, tcp(53)]);
    let expected = json!([{"ports": dns}, {"ports": [tcp(443), tcp(6443)]}, {"ports": [tcp(443)]}]);
    assert_eq!(spec["egress"], expected);
    let deployment = of_kind(&objects, "Deployment").unwrap();
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    assert_eq!(spec["podSelector"]["matchLabels"], *labels, "it selects the pods");
    let ports = &deployment["spec"]["template"]["spec"]["containers"][0]["ports"];
    assert_eq!(ports[0]["name"], "admin");

    let everything = modes().pop().unwrap().1;
    let objects = documents(&render(&everything));
    let spec = &of_kind(&objects, "NetworkPolicy").unwrap()["spec"];
    for rule in spec["egress"].as_array().unwrap().iter().take(3) {
        assert!(rule["to"].is_array(), "its peers are lost: {rule}");
    }
    assert!(spec["ingress"][0]["from"].is_array());
    let without = json!({"networkPolicy": {"enabled": false}});
    assert!(of_kind(&documents(&render(&without)), "NetworkPolicy").is_none());
}

#[test]
fn a_single_pod_without_a_lease_is_gone_before_the_next_one_starts_and_has_no_budget() {
    let objects = documents(&render(&json!({"replicas": 1, "leaderElect": false})));
    let deployment = of_kind(&objects, "Deployment").unwrap();
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    assert!(of_kind(&objects, "PodDisruptionBudget").is_none());
    assert!(of_kind(&objects, "Role").is_none(), "without a lease it has nothing to do at home");
}

#[test]
fn the_crd_stays_unless_it_is_said_otherwise_and_carries_all_that_the_binary_knows() {
    let objects = documents(&render(&json!({})));
    let crd = of_kind(&objects, "CustomResourceDefinition").unwrap();
    let annotations = &crd["metadata"]["annotations"];
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
    let known = serde_json::to_value(imageshare::api::crd()).unwrap();
    assert_eq!(crd["spec"], known["spec"]);
    let objects = documents(&render(&json!({"crds": {"keep": false}})));
    let crd = of_kind(&objects, "CustomResourceDefinition").unwrap();
    assert!(crd["metadata"]["annotations"]["helm.sh/resource-policy"].is_null());
    let objects = documents(&render(&json!({"crds": {"enabled": false}})));
    assert!(of_kind(&objects, "CustomResourceDefinition").is_none());
}

#[test]
fn a_digest_wins_over_a_tag() {
    let image = |values: Value| {
        let deployment = deployment(&json!({"image": values}));
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    let own = concat!("imageshare-operator:", env!("CARGO_PKG_VERSION"));
    assert_eq!(image(json!({})), own);
    assert_eq!(image(json!({"repository": "r.example.com/x", "tag": "v2"})), "r.example.com/x:v2");
    let both = image(json!({"tag": "v2", "digest": digest}));
    assert_eq!(both, format!("imageshare-operator@{digest}"));
}

/// Kustomize is part of kubectl.
#[test]
fn the_components_of_kustomize_add_their_rights_and_make_use_of_them() {
    let parent = folder("kustomize");
    let overlay = parent.join("overlay");
    std::fs::create_dir_all(&overlay).unwrap();
    stdout(Command::new("cp").args(["-r", "deploy/kustomize"]).arg(&parent));
    let text = "resources: [../kustomize/base]\n\
        components: [../kustomize/watch-secrets, ../kustomize/service-accounts]\n";
    std::fs::write(overlay.join("kustomization.yaml"), text).unwrap();
    let binary = stdout(&mut Command::new("tests/control-plane/build.sh"));
    let kubectl = Path::new(binary.trim()).with_file_name("kubectl");
    let objects = documents(&stdout(Command::new(kubectl).arg("kustomize").arg(&overlay)));
    let names: Vec<_> = objects.iter().map(|object| object["metadata"]["name"].as_str()).collect();
    for role in ["watch-secrets", "service-accounts", "secrets"] {
        let name = format!("imageshare-operator-{role}");
        assert!(names.contains(&Some(name.as_str())), "{name} is not among {names:?}");
    }
    assert!(of_kind(&objects, "CustomResourceDefinition").is_some());
    let variables = variables(of_kind(&objects, "Deployment").unwrap());
    for name in ["IMAGESHARE_WATCH_SECRETS", "IMAGESHARE_ALLOW_SERVICE_ACCOUNTS"] {
        assert!(variables.contains(&(name.to_owned(), "true".to_owned())), "{variables:?}");
    }
}
