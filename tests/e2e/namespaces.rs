//! Several namespaces, and what is said of one that is not there.

use imageshare::api::ImageShare;
use kube::api::Api;
use serde_json::json;

use crate::support::{Operator, Trial, condition, until};

const ADMIN: [&str; 2] = ["--admin-listen", "127.0.0.1:0"];

/// Copies the Secret and an object of this test into another namespace, for another account.
fn copy_into(trial: &Trial, namespace: &str) {
    trial.simulator.add_account(namespace).unwrap();
    trial.copy("secret", "swr", namespace, |_| {});
    trial.copy("imageshare", "demo", namespace, |copy| copy["spec"]["account"] = namespace.into());
}

async fn until_shared(trial: &Trial, namespace: &str) {
    let shares: Api<ImageShare> = Api::namespaced(trial.client.clone(), namespace);
    until(&format!("{namespace}/demo to be Shared"), async || {
        let object = shares.get("demo").await.ok()?;
        (condition(&object, "Ready")?.reason == "Shared").then_some(())
    })
    .await;
}

fn warnings<'a>(log: &'a str, namespace: &str) -> Vec<&'a str> {
    let is_about =
        |line: &&str| line.contains("WARN") && line.contains(&format!("namespace=\"{namespace}\""));
    log.lines().filter(is_about).collect()
}

fn serving(trial: &Trial, namespaces: &str, kubeconfig: &std::path::Path) -> Operator {
    let flags = [&["--namespace", namespaces], &ADMIN[..]].concat();
    trial.operator_of_all(kubeconfig, trial.simulator.url(), &flags)
}

#[tokio::test(flavor = "multi_thread")]
async fn several_namespaces_are_served_and_one_that_is_not_there_is_named() {
    let trial = Trial::new("several").await;
    let own = trial.namespace.as_str();
    let (second, absent, foreign) =
        (format!("{own}-2"), format!("{own}-absent"), format!("{own}-foreign"));
    trial.create("demo", json!({})).await;
    copy_into(&trial, &second);
    copy_into(&trial, &foreign);
    // As people write a list.
    let list = format!("{own}, {second},{absent},");
    let operator = serving(&trial, &list, &trial.operator_kubeconfig());
    trial.until_reason("demo", "Shared").await;
    until_shared(&trial, &second).await;
    let named = async || {
        let log = operator.log();
        let warned = warnings(&log, &absent);
        let first = warned.first().map(|line| (*line).to_owned());
        first.map(|line| (line, warned.len()))
    };
    let (line, count) = until("a warning that names it", named).await;
    assert!(line.contains("there is no such namespace") && count == 1, "{line}");
    assert_eq!(operator.not_ready().await, None);
    assert!(
        warnings(&operator.log(), own).is_empty() && warnings(&operator.log(), &second).is_empty()
    );

    // Once it is there it is served, and what is not in the list never is.
    copy_into(&trial, &absent);
    until_shared(&trial, &absent).await;
    assert_eq!(trial.cloud_shares().len(), 3);
    trial.control_plane().kubectl(&["delete", "imageshare", "demo", "-n", &second]);
    assert_eq!(trial.cloud_shares().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_without_rights_is_named_and_does_not_hold_up_the_others() {
    let trial = Trial::new("norights").await;
    let own = trial.namespace.as_str();
    let closed = format!("{own}-closed");
    let roles = [
        ("RoleBinding", "imageshare-operator"),
        ("ClusterRoleBinding", "imageshare-operator-secrets"),
    ];
    let kubeconfig = trial.account_with(&roles);
    trial.create("demo", json!({})).await;
    let operator = serving(&trial, &format!("{own},{closed}"), &kubeconfig);
    trial.until_reason("demo", "Shared").await;
    let why = operator.not_ready().await.unwrap();
    assert!(why.contains(&closed) && !why.contains(&format!("{own},")), "{why}");
    let log = operator.log();
    let warned = warnings(&log, &closed);
    assert!(
        warned.iter().all(|line| line.contains("check that the namespace exists")),
        "{warned:?}"
    );
    assert!(!warned.is_empty());
}
