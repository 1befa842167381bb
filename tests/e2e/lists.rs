//! What a list of a repository is good for, and what it is not: it may be old, and it may end early.

use serde_json::{Value, json};

use crate::support::{Trial, until};

/// Changes that make a pass look at the list and at nothing else.
async fn list_anew(trial: &Trial, name: &str, interval: &str) {
    let calls = trial.calls().await.len();
    trial.change(name, json!({"interval": interval})).await;
    trial.until_reason(name, "Shared").await;
    assert_eq!(trial.calls().await[calls..], ["GET 200 group/app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_showed_before_an_object_was_in_trouble_is_no_news_afterwards() {
    let trial = Trial::new("oldlist").await;
    let _operator = trial.operator();
    trial.simulate("PUT", "accounts/other", Value::Null).await;
    for account in ["demo", "other"] {
        trial.create(account, json!({"account": account, "interval": "1h"})).await;
        trial.until_reason(account, "Shared").await;
    }
    // This list shows both shares, and is good for an hour.
    list_anew(&trial, "other", "2h").await;
    trial.change("demo", json!({"credentialsRef": {"name": "missing"}})).await;
    trial.until_reason("demo", "SecretNotFound").await;
    trial.simulate("DELETE", "shares/group/app/demo", Value::Null).await;
    // This pass fails as well, and is the last word on the request.
    let annotation = "imageshare.dev/reconcile-requested-at=now";
    trial.kubectl(&["annotate", "ims", "demo", annotation]);
    let shares = trial.shares();
    until("the pass to be told", async || {
        shares.get("demo").await.ok()?.status?.last_handled_reconcile_at.map(|_| ())
    })
    .await;
    trial.change("demo", json!({"credentialsRef": {"name": "swr"}})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.held().await.len(), 2, "Ready is True because of an older list");
}
