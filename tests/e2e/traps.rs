//! Ways in which an operator on kube goes wrong quietly, each shown not to happen here.

use serde_json::json;

use crate::support::{ControlPlane, Trial, condition, until};

/// Trap: a list with one object that does not decode fails as a whole.
/// Trap: an operator that is started before its CRD gives up.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_does_not_decode_and_a_crd_that_comes_late_stop_nobody() {
    let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    own.install();
    let trial = Trial::on(own, "poison").await;
    let operator = trial.operator();
    until("the operator to miss the CRD", async || {
        operator.log().contains("the CRD is not installed").then_some(())
    })
    .await;

    // An object from the days when the schema was looser.
    let mut crd = serde_json::to_value(imageshare::api::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"] = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    trial.apply(&crd);
    let poison = json!({
        "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
        "metadata": {"name": "poison", "namespace": trial.namespace},
        "spec": {"organization": 7, "interval": ["not", "a", "duration"]},
    });
    until("the looser CRD to be served", async || trial.try_apply(&poison).ok()).await;
    trial.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);

    trial.create("good", json!({})).await;
    trial.until_reason("good", "Shared").await;
    assert!(operator.log().contains("passed over"), "{}", operator.log());

    // An object of days to come: its CRD knows a value that the operator does not.
    trial.apply(&crd_of_days_to_come());
    let newer = json!({
        "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
        "metadata": {"name": "newer", "namespace": trial.namespace},
        "spec": {
            "region": "sim-1", "organization": "group", "repository": "tools/busybox", "account": "demo",
            "credentialsRef": {"name": "swr"}, "permission": "write",
        },
    });
    until("the newer CRD to be served", async || trial.try_apply(&newer).ok()).await;
    until("its status to say so", async || {
        let path = r#"jsonpath={.status.conditions[?(@.type=="Stalled")].reason}"#;
        (trial.kubectl(&["get", "ims", "newer", "-o", path]) == "ObjectUnreadable").then_some(())
    })
    .await;
    trial.change("newer", json!({"permission": "read"})).await;
    trial.until_reason("newer", "Shared").await;
    assert_eq!(operator.terminate().await, Some(0));
}

/// The CRD knows a value of `permission` that this operator does not.
fn crd_of_days_to_come() -> serde_json::Value {
    let mut crd = serde_json::to_value(imageshare::api::crd()).unwrap();
    let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["permission"]["enum"] = json!(["read", "write"]);
    crd
}

/// Trap: what cannot be read any more is served from the copy of former days, and never goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_any_more_is_left_alone_and_its_deletion_ends() {
    let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    own.install();
    let trial = Trial::on(own, "unreadable").await;
    trial.apply(&crd_of_days_to_come());
    for account in ["revoked", "retained", "restarted"] {
        trial.simulator.add_account(account).unwrap();
    }
    let operator = trial.operator();
    let until_ready = async |name: &str, reason: &str| {
        until(&format!("{name} to be {reason}"), async || {
            let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].reason}"#;
            let arguments = ["get", "ims", "-n", &trial.namespace, name, "-o", path];
            let said = trial.control_plane().try_kubectl(&arguments, "").ok()?;
            (said == reason).then_some(())
        })
        .await;
    };
    until("the CRD to be served", async || {
        trial.control_plane().try_kubectl(&["get", "ims", "-A"], "").ok()
    })
    .await;
    for (name, policy) in [("revoked", "Delete"), ("retained", "Retain"), ("restarted", "Delete")] {
        let spec = json!({"account": name, "deletionPolicy": policy, "interval": "1s"});
        trial.create(name, spec).await;
        trial.until_reason(name, "Shared").await;
        let newer = json!({"spec": {"permission": "write", "description": "newer"}}).to_string();
        trial.kubectl(&["patch", "ims", name, "--type=merge", "-p", &newer]);
        until_ready(name, "ObjectUnreadable").await;
    }
    // The older CRD is back as well, and another hand is at the share meanwhile: nobody compares it.
    trial.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    let theirs = crate::support::terms("forever", "theirs");
    trial.simulator.put_share("group/app", "revoked", theirs).unwrap();
    let writes = trial.cloud_writes();
    let delete = |name: &str| trial.kubectl(&["delete", "ims", name, "--wait=false"]);
    delete("retained");
    trial.until_gone("retained").await;
    assert_eq!(trial.cloud_writes(), writes);
    delete("revoked");
    trial.until_gone("revoked").await;
    assert_eq!(trial.cloud_writes()[writes.len()..], ["DELETE 204 group/app/revoked"]);

    // One of which this life of the operator knows nothing but what can be read.
    operator.kill().await;
    let operator = trial.operator();
    delete("restarted");
    trial.until_gone("restarted").await;
    let left: Vec<_> = trial.cloud_shares().into_iter().map(|share| share.access_domain).collect();
    assert_eq!(left, ["retained"]);
    assert!(!operator.log().contains("panicked") && !operator.log().contains("ShareOrphaned"));
}

/// Trap: a secondary watch without rights puts every trigger into its backoff. There is no secondary
/// watch here, and no rights on Secrets but `get`.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_rights_on_secrets_says_so_and_serves_what_needs_none() {
    let trial = Trial::new("noright").await;
    trial.apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "poor", "namespace": trial.namespace},
    }));
    let rule = |resource: &str, verbs: &[&str]| json!({"apiGroups": ["imageshare.dev"], "resources": [resource], "verbs": verbs});
    trial.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "poor", "namespace": trial.namespace},
        "rules": [rule("imageshares", &["get", "list", "watch", "patch"]), rule("imageshares/status", &["patch"])],
    }));
    trial.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "poor", "namespace": trial.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "poor"},
        "subjects": [{"kind": "ServiceAccount", "name": "poor", "namespace": trial.namespace}],
    }));
    let kubeconfig = trial.control_plane().kubeconfig_of(&trial.namespace, "poor");
    let _operator = trial.operator_as(&kubeconfig, &[]);
    trial.create("demo", json!({})).await;
    let object = trial.until_reason("demo", "SecretForbidden").await;
    assert!(condition(&object, "Error").unwrap().message.contains("service account"));
    trial.delete("demo").await;
    trial.until_gone("demo").await;
}

/// Trap: a predicate on the generation alone never sees that the finalizer was taken off.
#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_taken_off_by_hand_is_put_back() {
    let trial = Trial::new("finalizer").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1h"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.kubectl(&[
        "patch",
        "ims",
        "demo",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":[]}}"#,
    ]);
    let shares = trial.shares();
    until("the finalizer to be back", async || {
        let object = shares.get("demo").await.ok()?;
        object.metadata.finalizers?.contains(&imageshare::api::FINALIZER.to_owned()).then_some(())
    })
    .await;
}

/// Trap: what goes while nobody looks is nobody's business any more, and the access stays.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_gone_without_the_operator_is_named_once() {
    let trial = Trial::new("vanished").await;
    let flags = ["--admin-listen", "127.0.0.1:0"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    trial.create("demo", json!({})).await;
    trial.create("kept", json!({"repository": "tools/busybox", "deletionPolicy": "Retain"})).await;
    for name in ["demo", "kept"] {
        trial.until_reason(name, "Shared").await;
    }
    operator.signal("STOP");
    let off = r#"{"metadata":{"finalizers":[]}}"#;
    for name in ["demo", "kept"] {
        trial.kubectl(&["patch", "ims", name, "--type=merge", "-p", off]);
        trial.kubectl(&["delete", "ims", name]);
    }
    operator.signal("CONT");
    let events = || {
        let arguments = ["get", "events.events.k8s.io", "-n", "imageshare-system", "-o", "json"];
        let events = trial.control_plane().kubectl(&arguments);
        let events: serde_json::Value = serde_json::from_str(&events).unwrap();
        let of_this_test =
            |event: &&serde_json::Value| event["related"]["namespace"] == trial.namespace.as_str();
        events["items"].as_array().unwrap().iter().filter(of_this_test).count()
    };
    until("the share to be named", async || {
        operator.log().contains("somebody else has taken the finalizer off").then_some(())
    })
    .await;
    assert_eq!(events(), 1);
    // A further object shows that the operator has gone on.
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(events(), 1);
    assert_eq!(operator.log().matches("ShareOrphaned").count(), 1, "{}", operator.log());
    assert!(operator.metrics().await.contains("\nimageshare_orphaned_shares_total 1\n"));
}

/// Finalizers of others are none of our business.
#[tokio::test(flavor = "multi_thread")]
async fn other_finalizers_are_left_alone() {
    let trial = Trial::new("others").await;
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    trial.kubectl(&[
        "patch",
        "ims",
        "demo",
        "--type=json",
        "-p",
        r#"[{"op":"add","path":"/metadata/finalizers/0","value":"example.com/theirs"}]"#,
    ]);
    trial.delete("demo").await;
    let shares = trial.shares();
    until("our finalizer to be gone alone", async || {
        let object = shares.get("demo").await.ok()?;
        (object.metadata.finalizers? == ["example.com/theirs"]).then_some(())
    })
    .await;
    assert!(trial.cloud_shares().is_empty());
    trial.kubectl(&[
        "patch",
        "ims",
        "demo",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    trial.until_gone("demo").await;
}

/// Pod Security only warns about a Deployment; its pod is what it would refuse.
#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_deployment_fits_the_restricted_pod_security_standard() {
    let trial = Trial::new("podsecurity").await;
    let arguments =
        ["apply", "--dry-run=server", "--warnings-as-errors", "-f", "deploy/install.yaml"];
    trial.control_plane().kubectl(&arguments);
}
