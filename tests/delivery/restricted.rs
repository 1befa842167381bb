//! All that `deploy/` ships, in every mode, on an API server that enforces Pod Security `restricted`, and
//! judged by kubeconform with the API server's own schemas.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{ControlPlane, world};
use crate::tools::{both, documents, folder, modes, of_kind, render, tool};

/// Their CRDs are the Prometheus operator's and nowhere on this machine: only Helm's own rendering and
/// promtool judge these.
const NOT_OURS: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

/// What a person may apply, by name: the chart in all modes, and each file.
fn manifests() -> Vec<(String, Vec<Value>)> {
    let rendered = modes().into_iter().map(|(mode, values)| (mode.to_owned(), render(&values)));
    let folders =
        ["deploy", "deploy/kustomize/base", "deploy/samples", "deploy/samples/credentials"];
    let folders = folders.into_iter().chain(["crds"]);
    let files = folders
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path());
    let is_manifest = |file: &PathBuf| {
        file.extension().is_some_and(|kind| kind == "yaml") && !file.ends_with("kustomization.yaml")
    };
    let files = files
        .filter(is_manifest)
        .map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap()));
    let all: Vec<_> = rendered.chain(files).collect();
    assert!(all.len() > 15);
    let read = |(name, yaml): (String, String)| (name, documents(&yaml));
    all.into_iter().map(read).collect()
}

/// The control plane, with the namespaces that manifests name, which are all restricted.
fn restricted() -> &'static ControlPlane {
    let world = world();
    for name in ["imageshare-system", "platform", "team-a", "team-b"] {
        let labels = ["enforce", "warn", "audit"]
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!("restricted")));
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": serde_json::Map::from_iter(labels)},
        });
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        world.try_kubectl(&apply, &namespace.to_string()).unwrap();
    }
    world
}

fn list(items: &[&Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

#[test]
fn the_api_server_accepts_everything_without_a_warning_where_pod_security_is_restricted() {
    let world = restricted();
    for (name, objects) in manifests() {
        let ours =
            objects.iter().filter(|object| !NOT_OURS.iter().any(|kind| object["kind"] == *kind));
        let ours: Vec<_> = ours.collect();
        let dry_run = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--warnings-as-errors",
            "-n",
            "platform",
            "-f",
            "-",
        ];
        // Those with a namespace of their own first: -n must not contradict them.
        let (placed, free): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|object| object["metadata"]["namespace"].is_string());
        let without_namespace = [&dry_run[..5], &dry_run[7..]].concat();
        for (objects, arguments) in [(placed, &without_namespace[..]), (free, &dry_run[..])] {
            if !objects.is_empty() {
                let answer = world.try_kubectl(arguments, &list(&objects));
                assert!(answer.is_ok(), "{name}: {answer:?}");
            }
        }
    }
}

/// Of a Deployment Pod Security only warns; a pod it refuses.
#[test]
fn a_pod_as_the_deployment_makes_it_is_admitted_and_one_that_may_more_is_not() {
    let world = restricted();
    let create = ["create", "--dry-run=server", "-f", "-"];
    let mut pods = 0;
    for (mode, values) in modes() {
        let objects = documents(&render(&values));
        let template = &of_kind(&objects, "Deployment").unwrap()["spec"]["template"];
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = "one".into();
        pod["metadata"]["namespace"] = "imageshare-system".into();
        // The account of this mode need not be there.
        pod["spec"]["serviceAccountName"] = "imageshare-operator".into();
        let answer = world.try_kubectl(&create, &pod.to_string());
        assert!(answer.is_ok(), "{mode}: {answer:?}");
        pods += 1;

        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{mode}");
        assert!(container["command"].is_null(), "{mode}: the image says what it starts");
        for probe in ["livenessProbe", "readinessProbe"] {
            assert!(container[probe]["httpGet"].is_object(), "{mode}: {probe} needs a shell");
        }
        let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        let projected: Vec<_> = volumes.filter(|volume| !volume["projected"].is_null()).collect();
        assert_eq!(projected, Vec::<&Value>::new(), "{mode}: a token beyond the API server's");

        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
        let answer = world.try_kubectl(&create, &pod.to_string());
        assert!(answer.is_err_and(|error| error.contains("violates PodSecurity")), "{mode}");
    }
    assert_eq!(pods, modes().len());
}

#[test]
fn only_the_pod_gets_a_token_and_not_whoever_names_the_account() {
    let objects = documents(&render(&json!({})));
    let account = of_kind(&objects, "ServiceAccount").unwrap();
    assert_eq!(account["automountServiceAccountToken"], false);
    let pod = &of_kind(&objects, "Deployment").unwrap()["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], true);
}

/// The API server's `OpenAPI` as one JSON schema for each kind, as kubeconform reads them. Fields that a
/// schema does not name are errors.
fn write_schemas(world: &ControlPlane, folder: &Path) {
    let text = world.kubectl(&["get", "--raw", "/openapi/v2"]);
    let api: Value = serde_json::from_str(&text).unwrap();
    let mut definitions = api["definitions"].as_object().unwrap().clone();
    for definition in definitions.values_mut() {
        close(definition);
    }
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] =
        json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
    let mut kinds = 0;
    for (name, definition) in &definitions {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let text = |field: &str| kind[field].as_str().unwrap();
            // Where there is no group, kubeconform takes the version for it.
            let group = Some(text("group")).filter(|group| !group.is_empty());
            let group = group.unwrap_or(text("version"));
            let file = format!("{group}_{}_{}.json", text("kind").to_lowercase(), text("version"));
            let schema = json!({"$ref": format!("all.json#/definitions/{name}")});
            std::fs::write(folder.join(file), schema.to_string()).unwrap();
            kinds += 1;
        }
    }
    assert!(kinds > 100, "the API server names only {kinds} kinds");
    std::fs::write(folder.join("all.json"), json!({"definitions": definitions}).to_string())
        .unwrap();
}

/// Lets no field through that is not named.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let is_open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if fields.contains_key("properties") && !is_open {
        fields.entry("additionalProperties").or_insert(json!(false));
    }
    for (name, field) in fields.iter_mut() {
        match name.as_str() {
            "properties" => field.as_object_mut().unwrap().values_mut().for_each(close),
            "items" | "additionalProperties" => close(field),
            _ => {}
        }
    }
}

fn kubeconform(schemas: &Path, objects: &str) -> (bool, String) {
    use std::io::Write;
    let location = "{{.Group}}_{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";
    let mut child = Command::new(tool("kubeconform"))
        .args(["-strict", "-summary", "-skip", &NOT_OURS.join(","), "-schema-location"])
        .arg(schemas.join(location))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(objects.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), both(&output))
}

#[test]
fn kubeconform_knows_every_kind_and_finds_every_field_in_its_schema() {
    let schemas = folder("schemas");
    write_schemas(restricted(), &schemas);
    for (name, objects) in manifests() {
        let text: Vec<_> = objects.iter().map(Value::to_string).collect();
        let (is_well, said) = kubeconform(&schemas, &text.join("\n---\n"));
        assert!(is_well, "{name}: {said}");
        assert!(said.contains("Invalid: 0, Errors: 0"), "{name}: {said}");
    }
    // It can fail: at a field that is not there, deep down and in our own kind.
    for (path, object) in [
        (
            "readOnlyRoot",
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
                "spec": {"containers": [{"name": "x", "securityContext": {"readOnlyRoot": true}}]},
            }),
        ),
        (
            "acount",
            json!({
                "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare", "metadata": {"name": "x"},
                "spec": {"organization": "group", "repository": "app", "account": "demo", "acount": "x"},
            }),
        ),
    ] {
        let (is_well, said) = kubeconform(&schemas, &object.to_string());
        assert!(!is_well && said.contains(path), "{said}");
    }
}
