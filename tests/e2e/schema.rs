//! What the API server itself takes and refuses, and what a person reads when it refuses.
//!
//! One row of the table is one manifest. Rows are sent with `dryRun=All&fieldValidation=Strict`, as
//! `kubectl apply --dry-run=server` sends them: everything is checked, nothing is stored.

mod table;

use imageshare::api::ImageShare;
use imageshare::core::desired;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use self::table::{Row, changes, manifest, manifests};
use crate::support::{Trial, until};

/// What shows that a refusal speaks to programmers.
pub const CODE: [&str; 6] = ["self.", "matches(", "failed rule", "should match", "[a-z", "\\p{"];

/// Sends a manifest and gives the object as the API server answers it, or its refusal.
async fn send(trial: &Trial, query: &str, manifest: &Value) -> Result<Value, String> {
    let collection =
        format!("/apis/imageshare.dev/v1alpha1/namespaces/{}/imageshares", trial.namespace);
    // As text, so that nothing passes through our own types.
    let mut request = kube::core::Request::new(&collection)
        .create(&PostParams::default(), manifest.to_string().into_bytes())
        .unwrap();
    *request.uri_mut() = format!("{collection}?{query}").parse().unwrap();
    trial.client.request(request).await.map_err(|error| refusal(&error))
}

/// Stores an object and reads it back.
async fn store(trial: &Trial, name: &str, spec: &Value) -> Value {
    let mut object = manifest(spec);
    object["metadata"]["name"] = name.into();
    send(trial, "fieldValidation=Strict", &object)
        .await
        .unwrap_or_else(|told| panic!("{name}: {told}"));
    stored(trial, name)
}

/// A stored object as kubectl gets it.
fn stored(trial: &Trial, name: &str) -> Value {
    serde_json::from_str(&trial.kubectl(&["get", "imageshare", name, "-o", "json"])).unwrap()
}

/// Changes a stored object, as far as the check goes.
async fn change(trial: &Trial, row: &Value) -> Result<Value, String> {
    let patch = Patch::Merge(json!({"spec": row["spec"]}));
    let name = row["metadata"]["name"].as_str().unwrap();
    let answer = trial.shares().patch(name, &PatchParams::default().dry_run(), &patch).await;
    answer.map(|object| serde_json::to_value(object).unwrap()).map_err(|error| refusal(&error))
}

/// What a person reads of a refusal.
fn refusal(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => panic!("no answer: {error}"),
    }
}

/// What is wrong with what became of a row, if anything.
fn judge(row: &Row, answer: Result<Value, String>) -> Result<(), String> {
    let told = match (answer, row.refusal.is_empty()) {
        (Ok(object), true) => return usable(object),
        (Ok(_), false) => return Err("was accepted".into()),
        (Err(told), true) => return Err(format!("was refused: {told}")),
        (Err(told), false) => told,
    };
    if let Some(missing) = row.refusal.iter().find(|piece| !told.contains(**piece)) {
        return Err(format!("does not say {missing:?}: {told}"));
    }
    // Nobody should have to read a regular expression or a rule's source to learn what is wrong.
    match CODE.iter().find(|code| told.contains(**code)) {
        Some(code) => Err(format!("shows code, {code:?}: {told}")),
        None => Ok(()),
    }
}

/// What the API server accepts, the operator must be able to use.
fn usable(object: Value) -> Result<(), String> {
    let object: ImageShare = serde_json::from_value(object).map_err(|error| error.to_string())?;
    desired::share_id(&object.spec, None, Some("sim-1")).map_err(|error| error.to_string())?;
    desired::desired(&object.spec).map_err(|error| error.to_string())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_manifest_of_the_table_is_accepted_or_refused_with_a_text_that_a_person_understands()
{
    let trial = Trial::new("table").await;
    store(&trial, "placed", &json!({"region": "sim-1"})).await;
    store(&trial, "unplaced", &json!({})).await;
    store(&trial, "nowhere", &json!({"region": null})).await;

    let (manifests, changes) = (manifests(), changes());
    let mut wrong = Vec::new();
    for row in &manifests {
        let answer = send(&trial, "dryRun=All&fieldValidation=Strict", &row.manifest).await;
        wrong.extend(judge(row, answer).err().map(|error| format!("{}: {error}", row.says)));
    }
    for row in &changes {
        let answer = change(&trial, &row.manifest).await;
        wrong.extend(judge(row, answer).err().map(|error| format!("{}: {error}", row.says)));
    }
    let refused = manifests.iter().chain(&changes).filter(|row| !row.refusal.is_empty()).count();
    let all = manifests.len() + changes.len();
    println!("{all} manifests: {} accepted, {refused} refused", all - refused);
    assert!(wrong.is_empty(), "{} of {all} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(manifests.len() >= 80);
}

/// People write YAML, and YAML has its own ideas of what is a text.
#[tokio::test(flavor = "multi_thread")]
async fn yaml_that_kubectl_reads_is_taken_as_it_is_meant_or_refused() {
    let trial = Trial::new("yaml").await;
    for (line, refusal) in [
        ("deadline: 2027-03-31", None),
        ("deadline: 2027-03-31T16:00:00Z", None),
        ("deadline: \"2027-03-31\"", None),
        ("description: ", None),
        ("description: |\n    two\n    lines", None),
        ("repository: tools/busybox # a remark", None),
        ("repository: 1.10", Some("spec.repository in body must be of type string")),
        ("organization: on", Some("spec.organization in body must be of type string")),
        ("account: 0123", Some("spec.account in body must be of type string")),
        ("interval: 0", Some("spec.interval in body must be of type string")),
        ("suspend: \"false\"", Some("spec.suspend in body must be of type boolean")),
        ("suspend: no", None),
        ("deadLine: forever", Some("unknown field \"spec.deadLine\"")),
        ("deadline: 2027-02-29", Some("a day of the calendar")),
    ] {
        let name = line.split(':').next().unwrap_or_default();
        let mut lines = vec!["organization: group", "repository: app", "account: demo"];
        lines.retain(|other| !other.starts_with(name));
        lines.extend(["credentialsRef: {name: swr}", line]);
        let manifest = format!(
            "apiVersion: imageshare.dev/v1alpha1\nkind: ImageShare\nmetadata: {{name: row, namespace: {}}}\nspec:\n  {}\n",
            trial.namespace,
            lines.join("\n  "),
        );
        let arguments = ["create", "--dry-run=server", "-f", "-"];
        let answer = trial.control_plane().try_kubectl(&arguments, &manifest);
        match (answer, refusal) {
            (Ok(_), None) => {}
            (Err(told), Some(refusal)) => assert!(told.contains(refusal), "{line}: {told}"),
            (answer, _) => panic!("{line}: {answer:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_does_not_exist_is_never_stored_even_where_it_is_not_refused() {
    let trial = Trial::new("unknown").await;
    let mut sent = manifest(&json!({
        "credentialsRef": {"name": "swr", "namespace": "kube-system"},
    }));
    sent["metadata"]["namespace"] = trial.namespace.as_str().into();
    let kubectl = |arguments: &[&str]| {
        trial.control_plane().try_kubectl(&[arguments, &["-f", "-"]].concat(), &sent.to_string())
    };
    for arguments in [
        vec!["apply"],
        vec!["create", "--validate=strict"],
        vec!["apply", "--server-side"],
        vec!["create", "--validate=warn", "--warnings-as-errors", "--dry-run=server"],
    ] {
        let told = kubectl(&arguments).unwrap_err();
        assert!(told.contains("credentialsRef.namespace"), "{arguments:?}: {told}");
    }
    for (name, query) in
        [("ignore", "fieldValidation=Ignore"), ("warn", "fieldValidation=Warn"), ("plain", "")]
    {
        let mut object = sent.clone();
        object["metadata"]["name"] = name.into();
        object["spec"]["endpoint"] = "https://evil.example".into();
        object["spec"]["credentialsRef"]["token"] = "t".into();
        send(&trial, query, &object).await.unwrap();
        let spec = stored(&trial, name)["spec"].clone();
        assert_eq!(spec["credentialsRef"], json!({"name": "swr"}), "{name}");
        assert_eq!(spec.get("endpoint"), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_filled_in_by_the_api_server() {
    let trial = Trial::new("defaults").await;
    let mut wanted = json!({
        "organization": "group", "repository": "app", "account": "demo",
        "permission": "read", "deadline": "forever",
        "credentialsRef": {"name": "swr"},
        "deletionPolicy": "Delete", "adoptionPolicy": "CreateOrAdopt", "interval": "10m",
        "suspend": false, "managementPolicy": "Full",
    });
    assert_eq!(store(&trial, "absent", &json!({})).await["spec"], wanted);
    let nulls = json!({
        "permission": null, "deadline": null, "description": null,
        "credentialsRef": {"name": "swr", "key": null}, "deletionPolicy": null,
        "adoptionPolicy": null, "interval": null, "suspend": null, "managementPolicy": null,
    });
    // Without a default, a null stays, and means nothing.
    wanted["credentialsRef"]["key"] = serde_json::Value::Null;
    assert_eq!(store(&trial, "null", &nulls).await["spec"], wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_a_user_writes_is_ignored_and_an_object_starts_as_unknown() {
    let trial = Trial::new("claims").await;
    let mut claims = manifest(&json!({}));
    claims["status"] = json!({
        "observedGeneration": 1,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Shared", "message": "trust me",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    send(&trial, "fieldValidation=Strict", &claims).await.unwrap();
    let untouched = |step: &str| {
        let status = stored(&trial, "row")["status"].clone();
        assert_eq!(status["observedGeneration"], -1, "{step}");
        let conditions = status["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 1, "{step}");
        let ready = ["type", "status", "reason"].map(|field| conditions[0][field].clone());
        assert_eq!(ready, ["Ready", "Unknown", "NotReconciled"], "{step}");
    };
    untouched("created");
    claims["metadata"]["namespace"] = trial.namespace.as_str().into();
    claims["spec"]["description"] = "changed".into();
    trial.apply(&claims);
    untouched("applied");
    let patch = json!({"status": claims["status"]}).to_string();
    trial.kubectl(&["patch", "imageshare", "row", "--type=merge", "-p", &patch]);
    untouched("patched");
    assert_eq!(stored(&trial, "row")["spec"]["description"], "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_knows_the_short_name_the_category_the_columns_and_the_descriptions() {
    let trial = Trial::new("kubectl").await;
    store(&trial, "demo", &json!({"repository": "tools/busybox"})).await;
    let words = |text: &str| {
        text.lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let columns = ["NAME", "READY", "REASON", "SUSPENDED", "REPOSITORY", "ACCOUNT", "UNTIL", "AGE"];
    for name in ["imageshares", "imageshare", "ims", "swr"] {
        let table = words(&trial.kubectl(&["get", name]));
        assert_eq!(table[0], columns, "{name}");
        assert!(table[1][0].ends_with("demo"), "{name}: {table:?}");
        let cells = ["Unknown", "NotReconciled", "tools/busybox", "demo"];
        assert_eq!(table[1][1..5], cells, "{name}");
    }
    let wide = trial.kubectl(&["get", "ims", "-o", "wide"]);
    assert_eq!(words(&wide)[0], [&columns[..], &["MESSAGE"]].concat());
    assert!(wide.contains("no operator has looked at this object yet"), "{wide}");

    for (path, piece) in [
        ("imageshare", "Shares one private SWR image repository with another account"),
        ("imageshare.spec.deadline", "Until when: `forever`, a day such as `2027-03-31`"),
        (
            "ims.spec.adoptionPolicy",
            "What to do with a share that exists already: `CreateOrAdopt` takes it over",
        ),
        ("ims.status.observedGeneration", "-1 until somebody looked"),
    ] {
        // The API server publishes the descriptions a moment after it serves the resource.
        until(&format!("kubectl explain {path}"), async || {
            let text = trial.control_plane().try_kubectl(&["explain", path], "").ok()?;
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(piece).then_some(())
        })
        .await;
    }
}

/// No field can name a host or another namespace, and none can hold what the schema does not name.
#[tokio::test(flavor = "multi_thread")]
async fn the_served_schema_has_no_field_for_a_host_a_url_or_a_namespace_and_describes_every_field()
{
    let trial = Trial::new("walls").await;
    let crd = trial.kubectl(&["get", "crd", "imageshares.imageshare.dev", "-o", "json"]);
    let crd: Value = serde_json::from_str(&crd).unwrap();
    let versions = crd["spec"]["versions"].as_array().unwrap();
    let mut fields = Vec::new();
    for version in versions {
        walk("", &version["schema"]["openAPIV3Schema"], &mut fields);
    }
    for wanted in ["spec.credentialsRef.name", "spec.deadline", "status.share.region"] {
        assert!(fields.iter().any(|(path, _)| path == wanted), "{wanted} is not among {fields:?}");
    }
    for (path, schema) in &fields {
        let name = path.rsplit('.').next().unwrap_or_default().to_lowercase();
        for forbidden in ["endpoint", "host", "url", "uri", "namespace", "proxy", "server"] {
            assert!(!name.contains(forbidden), "{path}");
        }
        for open in [
            "x-kubernetes-preserve-unknown-fields",
            "additionalProperties",
            "x-kubernetes-embedded-resource",
        ] {
            assert!(schema.get(open).is_none(), "{path} is open: {open}");
        }
        assert!(schema["description"].is_string(), "{path} has no description");
    }
    println!("{} fields walked", fields.len());
}

/// Every field of a schema, by its path.
fn walk<'a>(path: &str, schema: &'a Value, fields: &mut Vec<(String, &'a Value)>) {
    if !path.is_empty() {
        fields.push((path.to_owned(), schema));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if !(path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str())) {
            walk(format!("{path}.{name}").trim_start_matches('.'), property, fields);
        }
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], fields);
    }
}
