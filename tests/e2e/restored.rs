//! Objects that come from a backup: with our finalizer, with an annotation or with a status of
//! another life. What they carry is not their own, and nobody's share is theirs because of it.

use imageshare::api::{CREATE_INTENT, FINALIZER};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{Trial, condition, terms, until};

/// What the status of an object said in its former life.
fn former_status() -> Value {
    let share = json!({
        "region": "sim-1", "organization": "group", "repository": "app", "account": "demo",
        "permission": "read", "deadline": "forever", "description": "ours", "valid": true,
    });
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Shared", "message": "as it was",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
    });
    json!({
        "observedGeneration": 1, "conditions": [ready], "share": share, "adopted": false,
        "objectUID": "8c8f1c3e-0000-4000-8000-000000000000",
    })
}

/// Brings an object back as a backup does: all at once, before an operator looks.
async fn restore(trial: &Trial, name: &str, adoption: &str, status: Option<Value>) {
    trial.create(name, json!({"adoptionPolicy": adoption, "description": "ours"})).await;
    let marks = json!({"metadata": {
        "finalizers": [FINALIZER],
        "annotations": {CREATE_INTENT: "8c8f1c3e-0000-4000-8000-000000000000"},
    }});
    let params = PatchParams::default();
    trial.shares().patch(name, &params, &Patch::Merge(marks)).await.unwrap();
    if let Some(status) = status {
        let patch = Patch::Merge(json!({"status": status}));
        trial.shares().patch_status(name, &params, &patch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_from_a_backup_takes_nobodys_share() {
    let trial = Trial::new("restored").await;
    let theirs = terms("2031-01-01T00:00:00Z", "theirs");
    for (name, status) in [("finalizer", None), ("status", Some(former_status()))] {
        trial.simulator.put_share("group/app", "demo", theirs.clone()).unwrap();
        restore(&trial, name, "Create", status).await;
        let operator = trial.operator();
        let object = trial.until_reason(name, "AlreadyExists").await;
        assert_eq!(object.metadata.finalizers, None, "nothing of ours is there");
        let status = object.status.as_ref().unwrap();
        assert_eq!((status.adopted, &status.object_uid), (None, &object.metadata.uid));
        assert_eq!(condition(&object, "Stalled").unwrap().status, "True");
        trial.delete(name).await;
        trial.until_gone(name).await;
        assert_eq!(trial.cloud_shares()[0].description, "theirs", "{name}");
        operator.kill().await;
    }
    assert_eq!(trial.cloud_writes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_from_a_backup_whose_share_is_gone_makes_it_anew_and_revokes_what_it_made() {
    let trial = Trial::new("restoredanew").await;
    restore(&trial, "demo", "Create", Some(former_status())).await;
    let _operator = trial.operator();
    // The status from the backup says the same, but of another object.
    let status = until("a status of its own", async || {
        let object = trial.shares().get("demo").await.ok()?;
        object.status.filter(|status| status.object_uid == object.metadata.uid)
    })
    .await;
    assert_eq!((status.adopted, status.share.unwrap().valid), (Some(false), Some(true)));
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    let expected = ["POST 201 group/app/demo", "DELETE 204 group/app/demo"];
    assert_eq!(trial.cloud_writes(), expected);
}

/// A record that an older version of the operator has written carries no uid, and is believed.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_an_older_version_is_believed_and_gets_a_uid() {
    let trial = Trial::new("older").await;
    let operator = trial.operator();
    trial.create("demo", json!({"adoptionPolicy": "Create"})).await;
    trial.until_reason("demo", "Shared").await;
    operator.kill().await;
    let patch = Patch::Merge(json!({"status": {"objectUID": null}}));
    trial.shares().patch_status("demo", &PatchParams::default(), &patch).await.unwrap();
    let _operator = trial.operator();
    let object = until("the uid to be written", async || {
        let object = trial.shares().get("demo").await.ok()?;
        object.status.as_ref()?.object_uid.is_some().then_some(object)
    })
    .await;
    assert_eq!(condition(&object, "Ready").unwrap().reason, "Shared");
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}
