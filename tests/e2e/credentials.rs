//! Secrets: what is wrong with one is told without a byte of it, and one that appears or changes
//! later is picked up.

use imageshare::api::ImageShare;
use serde_json::{Value, json};

use crate::support::{TOKEN, Trial, condition, until};

use crate::support::canary::WRONG_TOKEN as CANARY;

fn put_secret(trial: &Trial, name: &str, data: &Value) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": trial.namespace},
        "stringData": data,
    });
    trial.apply(&secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_or_unusable_has_its_own_reason_and_is_picked_up_when_it_is_mended()
 {
    let trial = Trial::new("secrets").await;
    let operator = trial.operator();
    put_secret(&trial, "no-key", &json!({"other": CANARY}));
    put_secret(&trial, "empty", &json!({"token": ""}));
    put_secret(&trial, "blank", &json!({"token": " \r\n"}));
    put_secret(&trial, "crlf", &json!({"token": format!("{CANARY}\r\nX-Evil: 1")}));
    put_secret(&trial, "non-ascii", &json!({"token": format!("{CANARY}-tökén")}));
    put_secret(&trial, "wrong", &json!({"token": format!("{CANARY}-wrong")}));
    let cases = [
        ("missing", "SecretNotFound"),
        ("no-key", "SecretKeyNotFound"),
        ("empty", "TokenEmpty"),
        ("blank", "TokenEmpty"),
        ("crlf", "TokenMalformed"),
        ("non-ascii", "TokenMalformed"),
        ("wrong", "Unauthorized"),
    ];
    for (name, _) in cases {
        trial.simulator.add_account(name).unwrap();
        trial.create(name, json!({"account": name, "credentialsRef": {"name": name}})).await;
    }
    for (name, reason) in cases {
        let object = trial.until_reason(name, reason).await;
        assert_eq!(condition(&object, "Stalled").unwrap().status, "True", "{name}");
        let status = serde_json::to_string(&object.status).unwrap();
        assert!(!status.contains(CANARY) && !status.contains("Evil"), "{status}");
    }
    assert!(
        trial.calls().iter().all(|call| call.contains("POST 401")),
        "only the wrong token is sent"
    );

    for (name, _) in cases {
        // A line break at the end is what `echo` adds.
        put_secret(&trial, name, &json!({"token": format!("{TOKEN}\n")}));
    }
    for (name, _) in cases {
        trial.until_reason(name, "Shared").await;
    }
    let log = operator.log();
    assert!(!log.contains(CANARY) && !log.contains(TOKEN) && !log.contains("Evil"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_credentials_are_not_tried_again_until_they_change() {
    let trial = Trial::new("rejected").await;
    put_secret(&trial, "wrong", &json!({"token": CANARY}));
    let _operator = trial.operator();
    trial.create("first", json!({"credentialsRef": {"name": "wrong"}})).await;
    let first = trial.until_reason("first", "Unauthorized").await;
    let message =
        |object: &ImageShare| condition(object, "Error").map(|error| error.message.clone());
    for index in 0..10 {
        trial
            .create(
                &format!("later{index}"),
                json!({"account": format!("a{index}"), "credentialsRef": {"name": "wrong"}}),
            )
            .await;
        let later = trial.until_reason(&format!("later{index}"), "Unauthorized").await;
        assert_eq!(message(&later), message(&first), "the same words, with a call or without");
    }
    assert_eq!(
        trial.calls(),
        ["POST 401 group/app/demo"],
        "one object's rejection spares the others theirs"
    );
}

/// Reads of a Secret are shared, and those of a rejected one are some seconds old.
#[tokio::test(flavor = "multi_thread")]
async fn who_mends_the_secret_and_asks_for_a_pass_has_the_share_with_it() {
    let trial = Trial::new("mended").await;
    put_secret(&trial, "own", &json!({"token": CANARY}));
    let _operator = trial.operator();
    trial.create("demo", json!({"credentialsRef": {"name": "own"}})).await;
    trial.until_reason("demo", "Unauthorized").await;
    put_secret(&trial, "own", &json!({"token": TOKEN}));
    trial.kubectl(&["annotate", "ims", "demo", "imageshare.dev/reconcile-requested-at=now"]);
    let shares = trial.shares();
    let handled = until("the pass", async || {
        let object = shares.get("demo").await.ok()?;
        let handled = object.status.as_ref()?.last_handled_reconcile_at.as_ref()?;
        (handled == "now").then(|| object.clone())
    })
    .await;
    assert_eq!(condition(&handled, "Ready").unwrap().reason, "Shared");
}

/// A token is good in one region only: what another region says of it is no news here.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_one_region_rejects_still_serve_another() {
    let trial = Trial::new("regions").await;
    let elsewhere = Trial::with("elsewhere", |options| options.tokens = vec!["other".into()]).await;
    let endpoint = format!("sim-2={}", elsewhere.simulator.url());
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &["--endpoint", &endpoint]);
    trial.create("there", json!({"region": "sim-2"})).await;
    trial.until_reason("there", "Unauthorized").await;
    trial.create("here", json!({})).await;
    trial.until_reason("here", "Shared").await;
}
