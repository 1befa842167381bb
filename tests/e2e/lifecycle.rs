//! A share's whole way: created, at rest, changed, repaired, adopted, expired, deleted; with the
//! calls and writes that each step may cost.

use imageshare_simulator::Clock;
use serde_json::json;

use crate::support::{Trial, condition, is_look, terms, until};

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_share_costs_the_promised_calls_and_writes() {
    let trial = Trial::new("counts").await;
    let operator = trial.operator();

    trial
        .create("demo", json!({"interval": "1s", "deadline": "2030-03-31", "description": "d"}))
        .await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.calls(), ["POST 201 group/app/demo"]);
    assert_eq!(trial.writes(), ["patch imageshares", "patch imageshares/status"]);
    println!("apply to Ready: 2 API writes, 1 cloud call");
    assert_eq!(trial.cloud_shares()[0].deadline, "2030-03-31T23:59:59Z");
    assert_eq!(object.status.unwrap().share.unwrap().deadline, "2030-03-31T23:59:59Z");

    until("three looks at rest", async || (trial.calls().len() >= 4).then_some(())).await;
    assert_eq!(trial.writes().len(), 2, "{:?}", trial.writes());
    let looks = trial.calls().split_off(1);
    assert!(looks.iter().all(|call| call == "GET 200 group/app"), "{looks:?}");
    println!("three intervals at rest: 0 API writes, 1 list each");

    // Within the hour-long interval only the change itself makes calls.
    trial.change("demo", json!({"interval": "1h"})).await;
    trial.until_reason("demo", "Shared").await;
    let (calls, writes) = (trial.calls().len(), trial.writes().len());
    trial.change("demo", json!({"deadline": "forever"})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.calls()[calls..], ["PATCH 201 group/app/demo", "GET 200 group/app/demo"]);
    assert_eq!(trial.writes()[writes..], ["patch imageshares/status"]);
    println!("a change: 1 API write, 1 PATCH and a look");
    assert_eq!(trial.cloud_shares()[0].deadline, "forever");
    assert_eq!(
        trial.cloud_shares()[0].description,
        "d",
        "a change of the deadline keeps the description"
    );

    let (calls, writes) = (trial.calls().len(), trial.writes().len());
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(trial.calls()[calls..], ["DELETE 204 group/app/demo", "GET 200 group/app/demo"]);
    assert_eq!(trial.writes()[writes..], ["patch imageshares"]);
    println!("a deletion: 1 API write, 1 DELETE and a look");
    assert_eq!(trial.cloud_shares(), []);
    assert!(!operator.log().contains(crate::support::TOKEN));
    assert_eq!(operator.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_nobody_has_looked_at_is_not_healthy() {
    let trial = Trial::new("unseen").await;
    let object = trial.create("demo", json!({})).await;
    assert_eq!(object.status.as_ref().unwrap().observed_generation, -1);
    let ready = condition(&object, "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("Unknown", "NotReconciled"));
    let columns = trial.kubectl(&["get", "ims"]);
    assert!(columns.contains("Unknown"), "{columns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_changed_or_removed_by_another_hand_is_repaired() {
    let trial = Trial::new("drift").await;
    let admin = ["--admin-listen", "127.0.0.1:0"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &admin);
    trial.create("demo", json!({"interval": "1s", "description": "ours"})).await;
    trial.until_reason("demo", "Shared").await;

    let theirs = terms("2031-01-01T00:00:00Z", "theirs");
    trial.simulator.put_share("group/app", "demo", theirs).unwrap();
    let repaired = async || {
        let held = trial.cloud_shares();
        let share = held.first()?;
        (share.description == "ours" && share.deadline == "forever").then_some(())
    };
    until("the changed share to be repaired", repaired).await;
    // The status may be the same as before: what was done to the cloud is told all the same. A pass
    // tells of its last write, so the next hand waits until this one is told.
    let told = |wrote: &str| {
        let log = operator.log();
        log.lines().filter(|line| line.contains("INFO") && line.contains(wrote)).count()
    };
    until("the repair in the log", async || (told("wrote=\"updated\"") == 1).then_some(())).await;

    trial.simulator.remove_share("group/app", "demo").unwrap();
    until("the removed share to be created again", repaired).await;
    until("both creations in the log", async || (told("wrote=\"created\"") == 2).then_some(()))
        .await;

    // A share that is over is nobody's to bring back, either; and a repair is told of although the
    // look behind it fails.
    trial.change("demo", json!({"deadline": "2020-01-01"})).await;
    trial.until_reason("demo", "Expired").await;
    let fault =
        json!({"match": {"method": "GET", "key": "group/app/demo", "call": 2}, "do": {"drop": {}}});
    trial.simulator.plant_faults(fault).unwrap();
    let forever = terms("forever", "ours");
    trial.simulator.put_share("group/app", "demo", forever).unwrap();
    let counted = async || {
        let metrics = operator.metrics().await;
        let has = |line: &str| metrics.lines().any(|other| other == line);
        let counter = "imageshare_drift_repaired_total";
        (has(&format!("{counter}{{field=\"deadline\"}} 2"))
            && has(&format!("{counter}{{field=\"description\"}} 1"))
            && has(&format!("{counter}{{field=\"share\"}} 1")))
        .then_some(())
    };
    until("each repair to be counted, by field", counted).await;
    assert!(!trial.cloud_shares()[0].status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_exists_is_adopted_and_made_equal() {
    let trial = Trial::new("adopt").await;
    let theirs = terms("2031-01-01T00:00:00Z", "theirs");
    trial.simulator.put_share("group/app", "demo", theirs).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({"description": "ours"})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(
        trial.calls(),
        [
            "POST 409 group/app/demo",
            "GET 200 group/app/demo",
            "PATCH 201 group/app/demo",
            "GET 200 group/app/demo"
        ]
    );
    assert_eq!(trial.cloud_shares()[0].description, "ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_ends_as_one_share() {
    let trial = Trial::new("lost").await;
    let lost = json!({"match": {"method": "POST", "call": 1}, "do": {"drop": {"applied": true}}});
    trial.simulator.plant_faults(lost).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    // After a write in doubt the operator looks before it writes again.
    assert_eq!(trial.calls(), ["POST null group/app/demo", "GET 200 group/app/demo"]);
    assert_eq!(trial.cloud_shares().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_middle_of_a_pass_is_not_lost() {
    let trial = Trial::new("midway").await;
    let slow =
        json!({"match": {"method": "POST"}, "do": {"delay": {"for": "1s", "applied": true}}});
    trial.simulator.plant_faults(slow).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    until("the create to be under way", async || (!trial.calls().is_empty()).then_some(())).await;
    // The status that this pass writes comes back with the new generation in it.
    trial.change("demo", json!({"description": "changed"})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_shares()[0].description, "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_the_middle_of_a_pass_is_not_lost() {
    let trial = Trial::new("midway-delete").await;
    let slow = json!({"match": {"method": "POST"}, "do": {"delay": {"for": "1s"}}});
    trial.simulator.plant_faults(slow).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    until("the create to be under way", async || (!trial.calls().is_empty()).then_some(())).await;
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn slashes_dollars_and_percent_signs_reach_the_cloud_as_they_should() {
    let account = "Team 50%+1@x";
    let trial = Trial::with("names", |options| options.accounts = vec![account.into()]).await;
    let _operator = trial.operator();
    trial
        .create(
            "demo",
            json!({"repository": "tools/busybox", "account": account, "interval": "1s"}),
        )
        .await;
    trial.until_reason("demo", "Shared").await;
    let held = trial.cloud_shares();
    assert_eq!(
        (held[0].repository.as_str(), held[0].access_domain.as_str()),
        ("tools/busybox", account)
    );
    until("a look", async || {
        trial.calls().contains(&"GET 200 group/tools/busybox".to_owned()).then_some(())
    })
    .await;
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_the_cloud_cuts_or_spells_otherwise_is_no_drift() {
    let trial = Trial::with("spelling", |options| options.day_cut = true).await;
    let _operator = trial.operator();
    trial.simulator.add_account("other").unwrap();
    trial.create("day", json!({"interval": "1s", "deadline": "2030-03-31"})).await;
    trial
        .create(
            "instant",
            json!({"interval": "1s", "deadline": "2030-03-31T16:00:00.5Z", "account": "other"}),
        )
        .await;
    for name in ["day", "instant"] {
        trial.until_reason(name, "Shared").await;
    }
    until("three lists", async || {
        let calls = trial.calls();
        (calls.iter().filter(|call| *call == "GET 200 group/app").count() >= 3).then_some(())
    })
    .await;
    let calls = trial.calls();
    assert!(!calls.iter().any(|call| call.starts_with("PATCH")), "{calls:?}");
    assert_eq!(trial.writes().len(), 4, "{:?}", trial.writes());
    assert_eq!(trial.cloud_shares()[0].deadline, "2030-03-31T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_moved_within_its_day_is_sent_once_to_a_cloud_that_cuts_days() {
    let trial = Trial::with("sameday", |options| options.day_cut = true).await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s", "deadline": "2030-03-31"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.change("demo", json!({"deadline": "2030-03-31T16:00:00Z"})).await;
    trial.until_reason("demo", "Shared").await;
    let calls = trial.calls().len();
    until("three looks", async || (trial.calls().len() >= calls + 3).then_some(())).await;
    let patches = trial.calls().iter().filter(|call| call.starts_with("PATCH")).count();
    assert_eq!(patches, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_share_is_told_and_renewed_when_the_deadline_moves() {
    let start = "2026-12-01T12:00:00Z".parse().unwrap();
    let trial = Trial::with("expiry", |options| options.clock = Clock::StandingAt(start)).await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s", "deadline": "2099-12-02"})).await;
    trial.until_reason("demo", "Shared").await;

    // The cloud's word counts, not the local clock.
    trial.simulator.set_clock("2099-12-03T00:00:01Z".parse().unwrap());
    let object = trial.until_reason("demo", "Expired").await;
    for (kind, status) in
        [("Ready", "False"), ("Expired", "True"), ("Stalled", "True"), ("Error", "False")]
    {
        assert_eq!(condition(&object, kind).unwrap().status, status, "{kind}");
    }
    let calls = trial.calls();
    assert!(calls.iter().filter(|call| call.starts_with("POST")).count() == 1, "{calls:?}");
    // And there it rests: nobody tries to bring back what is over.
    let writes = trial.writes().len();
    until("three looks", async || (trial.calls().len() >= calls.len() + 3).then_some(())).await;
    let later = trial.calls().split_off(calls.len());
    assert!(later.iter().all(|call| is_look(call)), "{later:?}");
    assert_eq!(trial.writes().len(), writes);

    trial.change("demo", json!({"deadline": "2100-01-31"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(condition(&object, "Expired"), None);
    assert_eq!(trial.cloud_shares()[0].deadline, "2100-01-31T23:59:59Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_in_the_past_is_refused_without_a_call() {
    let trial = Trial::new("past").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"deadline": "2020-01-01"})).await;
    trial.until_reason("demo", "DeadlinePassed").await;
    assert!(trial.calls().is_empty());
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_share_stays_when_its_object_goes() {
    let trial = Trial::new("retain").await;
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    trial.change("demo", json!({"deletionPolicy": "Retain"})).await;
    let calls = async || {
        let calls = trial.calls();
        calls.iter().filter(|call| call.starts_with("DELETE")).count()
    };
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(calls().await, 0);
    assert_eq!(trial.cloud_shares().len(), 1);

    trial.create("demo", json!({"deletionPolicy": "Retain"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.change("demo", json!({"deletionPolicy": "Delete"})).await;
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_behind_is_revoked_by_the_next_operator() {
    let trial = Trial::new("restart").await;
    let operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    operator.kill().await;
    trial.delete("demo").await;
    let _operator = trial.operator();
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_over_a_settled_object_writes_nothing() {
    let trial = Trial::new("settled").await;
    let operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    operator.kill().await;
    let (calls, writes) = (trial.calls().len(), trial.writes().len());
    let _operator = trial.operator();
    until("two looks", async || (trial.calls().len() >= calls + 2).then_some(())).await;
    let calls = trial.calls().split_off(calls);
    assert!(calls.iter().all(|call| call == "GET 200 group/app"), "{calls:?}");
    assert_eq!(trial.writes().len(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_never_worked_go_at_once() {
    let trial = Trial::new("never").await;
    let _operator = trial.operator();
    trial.create("no-repository", json!({"repository": "nowhere"})).await;
    trial.create("no-account", json!({"account": "nobody"})).await;
    trial.create("no-secret", json!({"credentialsRef": {"name": "none"}})).await;
    for (name, reason) in [
        ("no-repository", "RepositoryNotFound"),
        ("no-account", "InvalidAccount"),
        ("no-secret", "SecretNotFound"),
    ] {
        trial.until_reason(name, reason).await;
        trial.delete(name).await;
        trial.until_gone(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_does_not_hold_its_objects() {
    let trial = Trial::new("gone").await;
    let _operator = trial.operator();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    trial.simulator.remove_repository("group/app").unwrap();
    trial.delete("demo").await;
    trial.until_gone("demo").await;
}

/// A restored status, or a hand with `kubectl patch --subresource=status`.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_hand_writes_into_a_status_is_gone_after_an_interval_with_one_write() {
    let trial = Trial::new("otherhand").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    let ours = trial.until_reason("demo", "Shared").await.status;
    let stalled = json!({
        "type": "Stalled", "status": "True", "reason": "Somebody", "message": "says so",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
    });
    let foreign = json!({"type": "Theirs", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let mut conditions = serde_json::to_value(&ours.as_ref().unwrap().conditions).unwrap();
    conditions.as_array_mut().unwrap().extend([stalled, foreign]);
    let pending = json!({"action": "Create", "changes": []});
    let patch = json!({"status": {
        "conditions": conditions, "pendingAction": pending, "lastHandledReconcileAt": "never",
        "effectiveUntil": "2027-01-01T00:00:00Z",
    }});
    let writes = trial.writes().len();
    trial.kubectl(&[
        "patch",
        "ims",
        "demo",
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch.to_string(),
    ]);
    until("the status to be the operator's again", async || {
        let status = trial.shares().get("demo").await.ok()?.status;
        let said = |status: &Option<imageshare::api::ImageShareStatus>| {
            let mut status = status.clone()?;
            status.last_handled_reconcile_at = None;
            Some(status)
        };
        (said(&status) == said(&ours)).then_some(())
    })
    .await;
    let looks = trial.count("GET");
    until("two more comparisons", async || (trial.count("GET") >= looks + 3).then_some(())).await;
    assert_eq!(trial.writes().len(), writes + 1);
}
