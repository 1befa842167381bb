//! Every block of YAML is a manifest that the API server takes, a layer that Kustomize builds, or values that the
//! chart takes. Every block of JSON is JSON.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::module::module_folder;
use crate::page::{Part, pages};
use crate::support::{ControlPlane, folder, world};
use crate::tool::Tool;

/// CRDs of others of which the documents show objects, and the Go module that holds them.
const OTHERS: [(&str, &str); 1] =
    [("flux-kustomize", "github.com/fluxcd/kustomize-controller/config/crd/bases")];

/// What ends well, or what it said.
fn run(command: &mut Command, input: &str) -> Result<String, String> {
    use std::io::Write;
    let pipes = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
    let [stdin, stdout, stderr] = pipes;
    let mut child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
    // Who does not read it may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let (out, err) = (output.stdout, output.stderr);
    if output.status.success() {
        Ok(String::from_utf8(out).unwrap())
    } else {
        Err(String::from_utf8_lossy(&[out, err].concat()).into_owned())
    }
}

fn apply(control_plane: &ControlPlane, object: &Value) -> Result<(), String> {
    if let Some(namespace) = object["metadata"]["namespace"].as_str() {
        // It may be there.
        let _ = control_plane.try_kubectl(&["create", "namespace", namespace], "");
    }
    let dry = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    control_plane.try_kubectl(&dry, &object.to_string()).map(|_| ())
}

/// A layer beside `deploy/kustomize/base`, as a copy of the folder holds it.
fn kustomize(layer: &str) -> Result<String, String> {
    let copy = folder("kustomize");
    let from = ["-r", "deploy/kustomize/."];
    run(Command::new("cp").args(from).arg(&copy), "")?;
    let mine = copy.join("mine");
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("kustomization.yaml"), layer).unwrap();
    world().try_kubectl(&["kustomize", mine.to_str().unwrap()], "")
}

fn values(helm: &Path, values: &str) -> Result<String, String> {
    let template = ["template", "imageshare-operator", "deploy/chart", "--values", "-"];
    run(Command::new(helm).args(template), values)
}

fn check(helm: &Path, yaml: &str) -> Result<(), String> {
    if yaml.contains("apiVersion: kustomize.config.k8s.io/") {
        return kustomize(yaml).map(|_| ());
    }
    for part in yaml.split("\n---\n") {
        let object: Value = serde_saphyr::from_str(part).map_err(|error| error.to_string())?;
        if object["kind"].is_string() {
            apply(world(), &object)?;
        } else {
            values(helm, part)?;
        }
    }
    Ok(())
}

#[test]
fn every_manifest_is_taken_by_the_api_server_by_kustomize_or_by_the_chart() {
    for (tool, path) in OTHERS {
        let module: Vec<_> = path.splitn(4, '/').collect();
        let folder = module_folder(tool, &module[..3].join("/")).join(module[3]);
        let apply = ["apply", "--server-side", "-f", folder.to_str().unwrap()];
        world().kubectl(&apply);
        let wait = ["wait", "--for=condition=Established", "--timeout=1m", "-f", apply[3]];
        world().kubectl(&wait);
    }
    let helm = Tool::new("helm", "helm").0;
    let (mut faults, mut count) = (vec![], 0);
    for page in pages() {
        for part in &page.parts {
            let Part::Block { line, language, text } = part else { continue };
            let fault = match language.as_str() {
                "yaml" => check(&helm, text),
                "json" => {
                    serde_json::from_str::<Value>(text).map(|_| ()).map_err(|e| e.to_string())
                }
                "console" => continue,
                other => Err(format!("a block of {other:?}: what holds it true?")),
            };
            count += 1;
            faults.extend(fault.err().map(|fault| format!("{}: {fault}", page.at(*line))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 5, "the manifests are not found: {count}");
    println!("{count} manifests, values and examples of JSON taken");
}

#[test]
fn a_manifest_with_a_field_that_is_not_there_is_found() {
    let helm = Tool::new("helm", "helm").0;
    let object = std::fs::read_to_string("deploy/samples/imageshare.yaml").unwrap();
    assert_eq!(check(&helm, &object), Ok(()));
    let other = object.replace("  account:", "  host: example.com\n  account:");
    assert!(check(&helm, &other).unwrap_err().contains("host"));
    assert!(check(&helm, "logLevels: debug\n").unwrap_err().contains("logLevels"));
    assert!(
        check(&helm, "apiVersion: kustomize.config.k8s.io/v1beta1\nresources: [../nowhere]\n")
            .is_err()
    );
}
