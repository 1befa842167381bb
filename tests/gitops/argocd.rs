//! Argo CD's own comparison and its actions, on objects of a real API server.

use serde_json::{Value, json};

use crate::shares::share;
use crate::support::{Trial, condition};
use crate::tool::Tool;

fn argocd() -> Tool {
    Tool::new("argocd", "argocd")
}

fn live(trial: &Trial, name: &str) -> Value {
    serde_json::from_str(&trial.kubectl(&["get", "imageshare", name, "-o", "json"])).unwrap()
}

/// Whatever Git leaves out or writes in its own way. The accounts differ, so that none is another's duplicate.
fn declared(namespace: &str) -> Vec<Value> {
    let specs = [
        json!({}),
        json!({"deadline": "2099-03-31", "description": " for the team\n", "interval": "1h"}),
        json!({"permission": "read", "deadline": "forever", "interval": "10m", "suspend": false,
            "deletionPolicy": "Delete", "adoptionPolicy": "CreateOrAdopt", "managementPolicy": "Full"}),
        json!({"suspend": true}),
        json!({"managementPolicy": "Observe", "deletionPolicy": "Retain"}),
        json!({"deadline": "2020-01-01"}),
        json!({"credentialsRef": {"name": "swr", "key": "none"}}),
        json!({"description": ""}),
    ];
    let number = |(at, mut spec): (usize, Value)| {
        spec["account"] = format!("a{at}").into();
        let mut object = share(namespace, &format!("o{at}"), &spec);
        object["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "argo"});
        object
    };
    specs.into_iter().enumerate().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_differs_after_an_apply_from_the_client_or_by_the_server() {
    let trial = Trial::with("argo-diff", |options| {
        options.accounts = (0..8).map(|at| format!("a{at}")).collect();
    })
    .await;
    let _operator = trial.operator();
    for way in [vec!["apply", "-f", "-"], vec!["apply", "--server-side", "-f", "-"]] {
        let declared = declared(&trial.namespace);
        for object in &declared {
            trial.control_plane().try_kubectl(&way, &object.to_string()).unwrap();
        }
        let reasons = [
            "Shared",
            "Shared",
            "Shared",
            "Suspended",
            "ActionPending",
            "DeadlinePassed",
            "SecretKeyNotFound",
            "Shared",
        ];
        for (at, reason) in reasons.iter().enumerate() {
            trial.until_reason(&format!("o{at}"), reason).await;
        }
        let pairs = declared.iter().map(|object| {
            json!({"config": object, "live": live(&trial, object["metadata"]["name"].as_str().unwrap())})
        });
        for (object, found) in declared.iter().zip(argocd().answers(&["diff"], pairs)) {
            assert_eq!(found, r#""same""#, "{way:?} {object}");
        }
        for at in 0..declared.len() {
            trial.delete(&format!("o{at}")).await;
            trial.until_gone(&format!("o{at}")).await;
        }
    }
}

/// The comparison is the real one: it finds what does differ.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_in_the_cluster_does_differ() {
    let trial = Trial::new("argo-drift").await;
    let declared = share(&trial.namespace, "demo", &json!({"deadline": "2099-03-31"}));
    trial.control_plane().try_kubectl(&["apply", "-f", "-"], &declared.to_string()).unwrap();
    trial.change("demo", json!({"deadline": "2098-03-31"})).await;
    let pair = json!({"config": declared, "live": live(&trial, "demo")});
    let found = argocd().answers(&["diff"], [pair].into_iter());
    assert!(found[0].contains("2099-03-31"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_actions_change_is_accepted_and_done() {
    let trial = Trial::new("argo-actions").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1h"})).await;
    trial.until_reason("demo", "Shared").await;
    let act = |action: &str| {
        let script = format!("deploy/argocd/{action}.lua");
        let object = [live(&trial, "demo")].into_iter();
        let patch = argocd().answers(&["action", &script], object).remove(0);
        trial.kubectl(&["patch", "imageshare", "demo", "--type", "merge", "-p", &patch]);
    };
    let looks = trial.calls().len();
    act("reconcile");
    crate::support::until("the look that was asked for", async || {
        let object = trial.shares().get("demo").await.ok()?;
        object.status?.last_handled_reconcile_at.map(drop)
    })
    .await;
    assert_eq!(trial.calls().len(), looks + 1);
    act("suspend");
    let object = trial.until_reason("demo", "Suspended").await;
    assert_eq!(condition(&object, "Ready").unwrap().status, "True");
    act("resume");
    trial.until_reason("demo", "Shared").await;
}
