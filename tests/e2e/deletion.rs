//! Deletion ends, always: with a namespace and its Secret, without credentials, in an outage, with the
//! product itself.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use imageshare::api::{ImageShare, RECONCILE_REQUESTED_AT};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::policy;
use crate::support::{ControlPlane, Trial, condition, setting, until};

/// Fills a namespace with shares of one repository, and waits until all of them are there.
async fn fill(trial: &Trial, count: usize) {
    let one = async |index: usize| {
        trial.simulator.add_account(&format!("a{index}")).unwrap();
        trial.create(&format!("a{index}"), json!({"account": format!("a{index}")})).await;
    };
    stream::iter(0..count).for_each_concurrent(8, one).await;
    for index in 0..count {
        trial.until_reason(&format!("a{index}"), "Shared").await;
    }
}

async fn until_the_namespace_is_gone(trial: &Trial) {
    let get = ["get", "namespace", &trial.namespace];
    until("the namespace to be gone", async || {
        trial.control_plane().try_kubectl(&get, "").is_err().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_deleted_whole_leaves_no_share_behind() {
    let trial = Trial::new("whole").await;
    let _operator = trial.operator();
    fill(&trial, 100).await;
    // The worst order: the Secret is gone before any object.
    trial.kubectl(&["delete", "secret", "swr"]);
    trial.kubectl(&["delete", "namespace", &trial.namespace, "--wait=false"]);
    until_the_namespace_is_gone(&trial).await;
    assert!(trial.cloud_shares().is_empty());
}

/// A namespace marks its objects one after the other, and may have deleted the Secret by then: that it is
/// missing helps nobody, and ten thousand objects would each write it into their status.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_secret_goes_before_it_with_the_namespace_says_nothing_of_that() {
    let trial = Trial::new("first").await;
    let name = trial.namespace.as_str();
    let operator = trial.operator();
    trial.create("demo", json!({})).await;
    let before = trial.until_reason("demo", "Shared").await.status;
    // Until further notice nobody can mark it.
    let words = "not yet";
    policy::forbid(&trial, "DELETE", &["imageshares"], ("false", words));
    let delete = ["delete", "imageshare", "demo", "-n", name, "--dry-run=server"];
    let refusal = || trial.control_plane().try_kubectl(&delete, "").err();
    until("the policy", async || refusal().filter(|it| it.contains(words)).map(drop)).await;
    trial.kubectl(&["delete", "namespace", name, "--wait=false"]);
    let secret = ["get", "secret", "swr", "-n", name];
    until("the Secret to be gone", async || {
        trial.control_plane().try_kubectl(&secret, "").is_err().then_some(())
    })
    .await;
    let writes = trial.writes().len();
    for time in ["1", "2"] {
        let reads = trial.requests("get namespaces");
        let request = format!("{RECONCILE_REQUESTED_AT}={time}");
        trial.kubectl(&["annotate", "--overwrite", "imageshare", "demo", &request]);
        until("a pass", async || (trial.requests("get namespaces") > reads).then_some(())).await;
    }
    let object = trial.shares().get("demo").await.unwrap();
    assert!(object.metadata.deletion_timestamp.is_none());
    assert_eq!((object.status, trial.writes().len()), (before, writes));
    policy::allow(&trial);
    until_the_namespace_is_gone(&trial).await;
    assert!(trial.cloud_shares().is_empty());
    assert!(!operator.log().contains("ShareOrphaned"));
}

/// The right to read its Secrets goes with the namespace, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_takes_the_right_to_its_secrets_along_leaves_no_share_behind() {
    let trial = Trial::new("alone").await;
    let name = trial.namespace.as_str();
    let roles = [
        ("ClusterRoleBinding", "imageshare-operator"),
        ("RoleBinding", "imageshare-operator-secrets"),
    ];
    let operator = trial.operator_as(&trial.account_with(&roles), &[]);
    fill(&trial, 5).await;
    let slow =
        json!({"match": {"method": "DELETE"}, "do": {"answer": {"status": 503, "shape": "html"}}});
    trial.simulator.plant_faults(slow).unwrap();
    trial.kubectl(&["delete", "namespace", name, "--wait=false"]);
    until("the right to be gone", async || {
        trial
            .control_plane()
            .try_kubectl(&["get", "rolebinding", "-n", name, name], "")
            .is_err()
            .then_some(())
    })
    .await;
    trial.simulator.clear_faults();
    until_the_namespace_is_gone(&trial).await;
    assert!(trial.cloud_shares().is_empty());
    assert!(!operator.log().contains("ShareOrphaned"));
    trial.kubectl(&["delete", "clusterrolebinding", name]);
}

/// A new operator has not used the token yet: the next comparison is hours away.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_deleted_right_after_a_restart_leaves_no_share_behind() {
    const OBJECTS: usize = 20;
    let trial = Trial::new("restarted").await;
    let operator = trial.operator();
    fill(&trial, OBJECTS).await;
    trial.change("a0", json!({"suspend": true})).await;
    trial.until_reason("a0", "Suspended").await;
    let before = operator.log().matches(RESUMED).count();
    operator.kill().await;
    let calls = trial.calls().len();
    let operator = trial.operator();
    until("all objects to be resumed", async || {
        (operator.log().matches(RESUMED).count() - before >= OBJECTS - 1).then_some(())
    })
    .await;
    trial.kubectl(&["delete", "secret", "swr"]);
    trial.kubectl(&["delete", "namespace", &trial.namespace, "--wait=false"]);
    until_the_namespace_is_gone(&trial).await;
    assert!(trial.cloud_shares().is_empty(), "{:?}", trial.calls().split_off(calls));
    assert!(!operator.log().contains("ShareOrphaned"));
}

/// What the operator says of a settled object that an earlier life of it has left.
const RESUMED: &str = "resumed as settled";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_went_bad_does_not_cost_the_token_that_worked() {
    let trial = Trial::new("wentbad").await;
    let _operator = trial.operator();
    let good = trial.kubectl(&["get", "secret", "swr", "-o", "jsonpath={.data.token}"]);
    for patch in [
        json!({"data": {"token": ""}}),
        json!({"data": {"token": null}}),
        json!({"stringData": {"token": "two words"}}),
    ] {
        trial.create("demo", json!({})).await;
        trial.until_reason("demo", "Shared").await;
        trial.kubectl(&["patch", "secret", "swr", "-p", &patch.to_string()]);
        trial.delete("demo").await;
        trial.until_gone("demo").await;
        assert!(trial.cloud_shares().is_empty(), "{patch}");
        let mend = json!({"data": {"token": good}}).to_string();
        trial.kubectl(&["patch", "secret", "swr", "-p", &mend]);
    }
    // Rejected in between: that says nothing of the token before it, with the Secret or without.
    for goes in [false, true] {
        trial.create("demo", json!({"interval": "1s"})).await;
        trial.until_reason("demo", "Shared").await;
        let wrong = json!({"stringData": {"token": format!("wrong-{goes}")}}).to_string();
        trial.kubectl(&["patch", "secret", "swr", "-p", &wrong]);
        trial.until_reason("demo", "Unauthorized").await;
        if goes {
            trial.kubectl(&["delete", "secret", "swr"]);
        }
        trial.delete("demo").await;
        trial.until_gone("demo").await;
        assert!(trial.cloud_shares().is_empty(), "the Secret goes: {goes}");
        if !goes {
            let mend = json!({"data": {"token": good}}).to_string();
            trial.kubectl(&["patch", "secret", "swr", "-p", &mend]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_the_share_is_left_behind_after_the_grace_and_named_exactly_once() {
    let trial = Trial::new("orphan").await;
    let operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    operator.kill().await;
    trial.kubectl(&["delete", "secret", "swr"]);
    trial.delete("demo").await;

    // This operator has never seen the token.
    let flags = ["--orphan-after", "1s", "--admin-listen", "127.0.0.1:0"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    trial.until_gone("demo").await;
    assert_eq!(trial.cloud_shares().len(), 1);
    let named = async || {
        let events = trial.control_plane().kubectl(&[
            "get",
            "events.events.k8s.io",
            "-n",
            "imageshare-system",
            "-o",
            "json",
        ]);
        let events: Value = serde_json::from_str(&events).unwrap();
        let of_this_test =
            |event: &&Value| event["related"]["namespace"] == trial.namespace.as_str();
        let events: Vec<Value> =
            events["items"].as_array().unwrap().iter().filter(of_this_test).cloned().collect();
        (!events.is_empty()).then_some(events)
    };
    let events = until("the event about the orphan", named).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["reason"], "ShareOrphaned");
    assert!(
        events[0]["note"].as_str().unwrap().contains("group/app with demo"),
        "{}",
        events[0]["note"]
    );
    assert_eq!(operator.log().matches("ShareOrphaned").count(), 1, "{}", operator.log());
    assert!(operator.metrics().await.contains("\nimageshare_orphaned_shares_total 1\n"));
}

/// The grace counts from the deletion, by the API server's clock.
#[tokio::test(flavor = "multi_thread")]
async fn neither_annotations_nor_restarts_keep_a_deletion_without_credentials_waiting() {
    let trial = Trial::new("grace").await;
    let operator = trial.operator();
    trial.create("demo", json!({"interval": "0s"})).await;
    trial.until_reason("demo", "Shared").await;
    operator.kill().await;
    trial.kubectl(&["delete", "secret", "swr"]);
    let start = || trial.operator_as(&trial.operator_kubeconfig(), &["--orphan-after", "12s"]);
    let operator = start();
    trial.delete("demo").await;
    trial.until_reason("demo", "SecretNotFound").await;
    operator.kill().await;
    let operator = start();
    let (shares, mut asked) = (trial.shares(), 0);
    until("the object to be gone, however often it is asked for", async || {
        asked += 1;
        let now = json!({"imageshare.dev/reconcile-requested-at": asked.to_string()});
        let patch = Patch::Merge(json!({"metadata": {"annotations": now}}));
        let _ = shares.patch("demo", &PatchParams::default(), &patch).await;
        shares.get_opt("demo").await.ok()?.is_none().then_some(())
    })
    .await;
    assert_eq!(operator.log().matches("ShareOrphaned").count(), 1, "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_share_is_left_behind_it_is_revoked_once_more_whatever_was_said_before() {
    let trial = Trial::new("lasttry").await;
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &["--orphan-after", "1s"]);
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    // A hiccup: the token is rejected for a while, and remembered as rejected for much longer.
    let rejected = json!({"match": {"method": "GET"}, "do": {"answer": {"status": 401, "code": "SVCSTG.SWR.4010000"}}});
    trial.simulator.plant_faults(rejected).unwrap();
    trial.until_reason("demo", "Unauthorized").await;
    trial.simulator.clear_faults();
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

/// `DELETIONS` says how many wait, `OUTAGE` for how many seconds.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_that_wait_for_the_cloud_end_when_it_is_back() {
    let waiting = usize::try_from(setting("DELETIONS").unwrap_or(300)).unwrap();
    // Long enough that most of them would come back by themselves too late for this test.
    let outage = Duration::from_secs(setting("OUTAGE").unwrap_or(90));
    let trial = Trial::new("outage").await;
    // A fault that passes by itself never leaves a share behind, however short the grace.
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &["--orphan-after", "1ms"]);
    fill(&trial, waiting).await;
    let down = json!({"do": {"answer": {"status": 503, "shape": "html"}}});
    trial.simulator.plant_faults(down).unwrap();
    let since = Instant::now();
    trial.kubectl(&["delete", "ims", "--all", "--wait=false"]);
    let shares = trial.shares();
    until("all deletions to wait", async || {
        let objects = shares.list(&ListParams::default()).await.ok()?.items;
        let waits = |object: &ImageShare| {
            condition(object, "Error").is_some_and(|error| error.reason == "GatewayError")
        };
        (objects.len() == waiting && objects.iter().all(waits)).then_some(())
    })
    .await;
    tokio::time::sleep(outage.saturating_sub(since.elapsed())).await;
    assert_eq!(trial.cloud_shares().len(), waiting);
    let before = trial.count("DELETE");
    trial.simulator.clear_faults();
    let back = Instant::now();
    until("all objects to be gone", async || {
        shares.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;
    assert!(trial.cloud_shares().is_empty());
    let deletes = trial.count("DELETE") - before;
    println!(
        "{waiting} deletions after an outage of {outage:?}, in which {before} were tried in vain: \
         all gone {:?} after its end, {deletes} DELETE",
        back.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_the_product_keeps_the_shares_as_they_are() {
    let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    own.install();
    let trial = Trial::on(own, "uninstall").await;
    let _operator = trial.operator_of_all(&trial.operator_kubeconfig(), trial.simulator.url(), &[]);
    fill(&trial, 3).await;
    // A successor in a namespace that comes later: it would want other terms, but it goes as well.
    trial.copy("secret", "swr", "zoo", |_| {});
    trial.copy("imageshare", "a0", "zoo", |copy| copy["spec"]["description"] = "other".into());
    let others: Api<ImageShare> = Api::namespaced(trial.client.clone(), "zoo");
    until("the successor to wait", async || {
        let object = others.get("a0").await.ok()?;
        (condition(&object, "Ready")?.reason == "DuplicateShare").then_some(())
    })
    .await;
    let (held, writes) = (trial.cloud_shares(), trial.cloud_writes());
    trial.kubectl(&["delete", "-f", "crds/imageshares.yaml", "--timeout=60s"]);
    assert_eq!(trial.cloud_shares(), held);
    assert_eq!(trial.cloud_writes(), writes);
}

/// The rights of the shipped service account, but for the status and for events.
fn muted(trial: &Trial) -> std::path::PathBuf {
    let name = trial.namespace.as_str();
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    trial.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [
            rule("imageshare.dev", "imageshares", &["get", "list", "watch", "patch"]),
            rule("", "secrets", &["get"]),
            rule("apiextensions.k8s.io", "customresourcedefinitions", &["get"]),
        ],
    }));
    trial.account_with(&[("ClusterRoleBinding", name)])
}

/// A namespace that is being deleted takes no event, and this operator may write no status either.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_which_nothing_can_be_said_go_with_their_namespace_all_the_same() {
    const OBJECTS: usize = 20;
    let trial = Trial::new("muted").await;
    let operator = trial.operator();
    fill(&trial, OBJECTS).await;
    operator.kill().await;
    let operator = trial.operator_as(&muted(&trial), &[]);
    // It must have seen the token, which goes before the objects do.
    trial.change("a0", json!({"interval": "1s"})).await;
    until("a list", async || (trial.count("GET") > 0).then_some(())).await;
    let down =
        json!({"match": {"method": "DELETE"}, "do": {"answer": {"status": 503, "shape": "html"}}});
    trial.simulator.plant_faults(down).unwrap();
    trial.kubectl(&["delete", "secret", "swr"]);
    trial.kubectl(&["delete", "namespace", &trial.namespace, "--wait=false"]);
    until("each share to have been tried in vain", async || {
        (trial.count("DELETE") > OBJECTS as u64).then_some(())
    })
    .await;
    assert_eq!(trial.cloud_shares().len(), OBJECTS);
    let told = "patch imageshares/status";
    assert!(operator.log().contains(told), "{}", operator.log());
    trial.simulator.clear_faults();
    until_the_namespace_is_gone(&trial).await;
    assert!(trial.cloud_shares().is_empty());
    assert!(!operator.log().contains("panicked") && !operator.log().contains("ShareOrphaned"));
    for kind in ["clusterrolebinding", "clusterrole"] {
        trial.kubectl(&["delete", kind, &trial.namespace]);
    }
}

/// What was removed while the object only looked is no create that may still take effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_made_anew_after_a_time_of_only_looking_is_confirmed_and_goes_at_once() {
    let trial = Trial::new("relooked").await;
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    trial.simulator.remove_share("group/app", "demo").unwrap();
    trial.change("demo", json!({"managementPolicy": "Observe"})).await;
    trial.until_reason("demo", "ActionPending").await;
    trial.change("demo", json!({"managementPolicy": "Full"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(true));
    let calls = trial.calls().len();
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(trial.calls()[calls..], ["DELETE 204 group/app/demo", "GET 200 group/app/demo"]);
}
