//! What an object may say beside its terms: which shares to take over, when to stand still, when to
//! look at once, and whether to look only. And what another hand does meanwhile.

use imageshare::api::ImageShare;
use imageshare_simulator::{Clock, Terms};
use serde_json::{Value, json};

use crate::support::{Trial, condition, terms, until};

fn theirs() -> Terms {
    terms("2031-01-01T00:00:00Z", "theirs")
}

/// The notes of the events of one reason about an object.
fn events(trial: &Trial, reason: &str) -> Vec<String> {
    let list = trial.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    let notes = items.filter(|event| event["reason"] == reason).map(|event| &event["note"]);
    notes.map(|note| note.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_exists_is_taken_over_once_or_refused_as_the_policy_says() {
    let trial = Trial::new("adoption").await;
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    let _operator = trial.operator();

    let create = json!({"adoptionPolicy": "Create", "description": "ours"});
    let object = trial.create("demo", create).await;
    assert_eq!(object.spec.description, "ours");
    let object = trial.until_reason("demo", "AlreadyExists").await;
    assert_eq!(condition(&object, "Stalled").unwrap().status, "True");
    assert_eq!(object.status.as_ref().unwrap().adopted, None);
    assert_eq!(object.metadata.finalizers, None, "nothing of ours needs to be held");
    assert_eq!(trial.cloud_writes(), Vec::<String>::new());

    trial.change("demo", json!({"adoptionPolicy": "Adopt"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.as_ref().unwrap().adopted, Some(true));
    assert_eq!(trial.cloud_writes(), ["PATCH 201 group/app/demo"]);
    assert_eq!(trial.cloud_shares()[0].description, "ours");
    trial.change("demo", json!({"description": "still ours", "adoptionPolicy": "Create"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.unwrap().adopted, Some(true));
    assert_eq!(events(&trial, "Adopted").len(), 1, "{:?}", events(&trial, "Adopted"));
}

/// The create is refused because there is a share; whose, only a look would tell, and that fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_was_met_stays_another_hands_when_the_look_at_it_fails() {
    let trial = Trial::new("metfails").await;
    for (failing, call) in [("GET", 1), ("GET", 2), ("PATCH", 1)] {
        trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
        let fault =
            json!({"match": {"method": failing, "call": call}, "do": {"drop": {"applied": true}}});
        trial.simulator.plant_faults(fault).unwrap();
        let operator = trial.operator();
        trial.create("demo", json!({"description": "ours"})).await;
        let object = trial.until_reason("demo", "Shared").await;
        assert_eq!(object.status.unwrap().adopted, Some(true), "{failing} {call}");
        assert!(events(&trial, "Adopted").iter().all(|note| note.contains("group/app with demo")));
        trial.delete("demo").await;
        trial.until_gone("demo").await;
        trial.simulator.clear_faults();
        operator.kill().await;
    }
    assert_eq!(events(&trial, "Adopted").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_share_of_another_survives_the_object_that_met_it() {
    let trial = Trial::new("foreign").await;
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({"adoptionPolicy": "Create"})).await;
    trial.until_reason("demo", "AlreadyExists").await;
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(trial.cloud_shares()[0].description, "theirs");
    assert_eq!(trial.cloud_writes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_only_to_be_adopted_is_never_created() {
    let trial = Trial::new("adoptonly").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"adoptionPolicy": "Adopt"})).await;
    let object = trial.until_reason("demo", "NothingToAdopt").await;
    assert_eq!(condition(&object, "Stalled").unwrap().status, "True");
    assert_eq!(trial.cloud_writes(), Vec::<String>::new());
    trial.delete("demo").await;
    trial.until_gone("demo").await;
}

/// Create refuses what is not its own: a share whose answer was lost is its own, also after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_never_looks_like_a_foreign_share_not_even_after_a_crash() {
    let trial = Trial::new("lostcrash").await;
    let lost = json!({"match": {"method": "POST"}, "do": {"hang": {"applied": true}}});
    trial.simulator.plant_faults(lost).unwrap();
    let operator = trial.operator();
    trial.create("demo", json!({"adoptionPolicy": "Create"})).await;
    until("the create to land", async || (trial.cloud_shares().len() == 1).then_some(())).await;
    operator.kill().await;
    let _operator = trial.operator();
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.unwrap().adopted, Some(false));
    assert_eq!(trial.cloud_writes().len(), 1);
    assert_eq!(events(&trial, "Adopted"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_object_makes_no_calls_says_so_and_can_still_be_deleted() {
    let trial = Trial::new("suspend").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.change("demo", json!({"suspend": true, "description": "later"})).await;
    let object = trial.until_reason("demo", "Suspended").await;
    for (kind, status) in [("Ready", "True"), ("Error", "False")] {
        let kept = condition(&object, kind).unwrap();
        assert_eq!((kept.status.as_str(), kept.reason.as_str()), (status, "Shared"));
        assert_eq!(kept.observed_generation, Some(1), "not of the spec as it is now");
    }
    assert!(object.status.unwrap().share.is_some());
    let columns = trial.kubectl(&["get", "ims", "demo"]);
    assert!(columns.lines().next().unwrap().contains("SUSPENDED"), "{columns}");
    assert_eq!(columns.matches("True").count(), 2, "ready, and suspended: {columns}");

    // Another object shows that more than an interval has passed.
    trial.simulator.add_account("other").unwrap();
    let calls = trial.calls().len();
    let other = json!({"account": "other", "repository": "tools/busybox", "interval": "1s"});
    trial.create("other", other).await;
    until("two intervals of another object", async || {
        (trial.calls().len() >= calls + 3).then_some(())
    })
    .await;
    let later = trial.calls().split_off(calls);
    assert!(later.iter().all(|call| call.contains("busybox")), "{later:?}");

    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().iter().all(|share| share.access_domain == "other"));
}

/// Tools that wait for an object would wait for one for ever that nobody looks at.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_suspended_from_the_start_says_nothing_else_until_it_is_resumed() {
    let trial = Trial::new("suspended-new").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"suspend": true})).await;
    let object = trial.until_reason("demo", "Suspended").await;
    assert_eq!(object.status.unwrap().conditions.len(), 1);
    assert_eq!(trial.calls(), Vec::<String>::new());
    trial.change("demo", json!({"suspend": false})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert!(condition(&object, "Suspended").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_asked_for_looks_and_says_that_it_was_made() {
    let trial = Trial::new("force").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1h"})).await;
    trial.until_reason("demo", "Shared").await;
    let calls = trial.calls().len();
    for value in ["2026-11-24T10:00:00Z", "again"] {
        let annotation = format!("imageshare.dev/reconcile-requested-at={value}");
        trial.kubectl(&["annotate", "--overwrite", "ims", "demo", &annotation]);
        let shares = trial.shares();
        until("the pass to be told", async || {
            let status = shares.get("demo").await.ok()?.status?;
            (status.last_handled_reconcile_at? == value).then_some(())
        })
        .await;
    }
    let looks = trial.calls().split_off(calls);
    assert_eq!(looks, ["GET 200 group/app/demo"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observed_share_is_never_written_and_full_management_does_what_was_said() {
    let trial = Trial::new("observe").await;
    let _operator = trial.operator();
    let observe = json!({"managementPolicy": "Observe", "interval": "1s", "description": "ours"});
    trial.create("demo", observe).await;
    let object = trial.until_reason("demo", "ActionPending").await;
    assert_eq!(condition(&object, "Ready").unwrap().status, "False");
    let pending = object.status.unwrap().pending_action.unwrap();
    assert_eq!(pending.action, "Create");
    assert_eq!(pending.changes[0].field, "share");

    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    let shares = trial.shares();
    let pending = until("the update to be pending", async || {
        let pending = shares.get("demo").await.ok()?.status?.pending_action?;
        (pending.action == "Update").then_some(pending)
    })
    .await;
    let fields: Vec<_> = pending.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["deadline", "description"]);
    assert_eq!(pending.changes[1].current, "theirs");
    assert_eq!(pending.changes[1].desired, "ours");
    assert_eq!(trial.cloud_writes(), Vec::<String>::new());

    trial.change("demo", json!({"managementPolicy": "Full"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(object.status.as_ref().unwrap().pending_action, None);
    assert_eq!(object.status.unwrap().adopted, Some(true));
    assert_eq!(trial.cloud_writes(), ["PATCH 201 group/app/demo"], "that, and nothing else");
    assert_eq!(trial.cloud_shares()[0].description, "ours");

    trial.change("demo", json!({"managementPolicy": "Observe"})).await;
    trial.until_reason("demo", "Shared").await;
    let writes = trial.cloud_writes();
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(trial.cloud_writes(), writes, "who only looks revokes nothing");
}

/// What another hand makes after ours was seen to be gone is its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_was_seen_to_be_gone_is_not_taken_for_ours_when_another_hand_makes_one() {
    let trial = Trial::new("observegone").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.change("demo", json!({"managementPolicy": "Observe"})).await;
    trial.simulator.remove_share("group/app", "demo").unwrap();
    trial.until_reason("demo", "ActionPending").await;
    // Half a minute after the last write, what is read is certain.
    let shares = trial.shares();
    until("the finalizer to be gone", async || {
        shares.get("demo").await.ok()?.metadata.finalizers.is_none().then_some(())
    })
    .await;
    let writes = trial.cloud_writes();
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    trial.change("demo", json!({"managementPolicy": "Full", "adoptionPolicy": "Create"})).await;
    trial.until_reason("demo", "AlreadyExists").await;
    assert_eq!(trial.cloud_writes(), writes);
}

/// Also where the spec alone would be refused without a call: what is said is what is done.
#[tokio::test(flavor = "multi_thread")]
async fn full_management_ends_an_observed_share_whose_deadline_is_to_lie_in_the_past() {
    let trial = Trial::new("observepast").await;
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    let _operator = trial.operator();
    trial.create("demo", json!({"managementPolicy": "Observe", "deadline": "2020-01-01"})).await;
    let object = trial.until_reason("demo", "ActionPending").await;
    assert_eq!(object.status.unwrap().pending_action.unwrap().action, "Update");
    trial.change("demo", json!({"managementPolicy": "Full"})).await;
    trial.until_reason("demo", "Expired").await;
    assert_eq!(trial.cloud_writes(), ["PATCH 201 group/app/demo"]);
}

/// Undoes each repair until the conflict is named, which is the fifth time.
async fn fight(trial: &Trial) -> ImageShare {
    let told = events(trial, "DriftRepaired").len();
    for round in told + 1..told + 5 {
        trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
        until(&format!("repair {round}"), async || {
            (trial.cloud_shares().first()?.description == "ours").then_some(())
        })
        .await;
        // The pass ends with its event; the next round is a new one.
        until(&format!("event {round}"), async || {
            (events(trial, "DriftRepaired").len() == round).then_some(())
        })
        .await;
    }
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    trial.until_reason("demo", "ExternalConflict").await
}

/// Has the object taken up again that was left in a conflict.
async fn resume(trial: &Trial, how: impl AsyncFnOnce()) {
    how().await;
    until("the repair that was asked for", async || {
        (trial.cloud_shares().first()?.description == "ours").then_some(())
    })
    .await;
    trial.until_reason("demo", "Shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_undone_again_and_again_is_left_and_the_conflict_is_named() {
    let trial = Trial::new("fight").await;
    let operator = trial.operator();
    trial.create("demo", json!({"interval": "1s", "description": "ours"})).await;
    trial.until_reason("demo", "Shared").await;
    let object = fight(&trial).await;
    let message = &condition(&object, "Stalled").unwrap().message;
    for word in ["deadline", "2031-01-01T00:00:00Z", "forever", "theirs", "ours"] {
        assert!(message.contains(word), "{word} in {message}");
    }
    assert_eq!(trial.cloud_shares()[0].description, "theirs");
    assert!(operator.log().contains("put right what another hand had changed"));

    // Nobody writes any more, whoever looks; a person resumes it, by asking or by another spec.
    let patches = async || {
        let writes = trial.cloud_writes();
        writes.iter().filter(|call| call.starts_with("PATCH")).count()
    };
    let before = patches().await;
    trial.kubectl(&["label", "ims", "demo", "touched=yes"]);
    resume(&trial, async || {
        trial.kubectl(&["annotate", "ims", "demo", "imageshare.dev/reconcile-requested-at=now"]);
    })
    .await;
    assert_eq!(patches().await, before + 1);
    fight(&trial).await;
    resume(&trial, async || {
        trial.change("demo", json!({"interval": "2s"})).await;
    })
    .await;
    assert_eq!(patches().await, before + 1 + 4 + 1);

    // Nor does a restart take it up again.
    fight(&trial).await;
    operator.kill().await;
    let before = patches().await;
    let operator = trial.operator();
    let looks = trial.count("GET");
    trial.create("other", json!({"repository": "tools/busybox", "interval": "1s"})).await;
    until("two comparisons of another object", async || {
        (trial.count("GET") >= looks + 2).then_some(())
    })
    .await;
    assert_eq!(patches().await, before);
    assert!(!operator.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_share_is_told_once_before_it_comes() {
    let trial = Trial::new("soon").await;
    let _operator = trial.operator();
    let tomorrow = jiff::Timestamp::now() + std::time::Duration::from_hours(24);
    let day = tomorrow.strftime("%Y-%m-%d").to_string();
    trial.create("demo", json!({"interval": "1s", "deadline": day})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(condition(&object, "ExpiringSoon").unwrap().status, "True");
    let end: jiff::Timestamp = object.status.unwrap().effective_until.unwrap().parse().unwrap();
    assert_eq!((end - std::time::Duration::from_secs(1)).strftime("%Y-%m-%d").to_string(), day);
    let calls = trial.calls().len();
    until("two looks", async || (trial.calls().len() >= calls + 2).then_some(())).await;
    assert_eq!(events(&trial, "ExpiringSoon").len(), 1);

    trial.change("demo", json!({"deadline": "forever"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(condition(&object, "ExpiringSoon"), None);
    assert_eq!(object.status.unwrap().effective_until, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_whose_clock_is_behind_keeps_its_word_and_a_share_past_its_deadline() {
    let yesterday = jiff::Timestamp::now() - std::time::Duration::from_hours(48);
    let trial = Trial::with("behind", |options| options.clock = Clock::StandingAt(yesterday)).await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    let day = yesterday.strftime("%Y-%m-%d").to_string();
    trial.change("demo", json!({"deadline": day})).await;
    let object = trial.until_reason("demo", "Shared").await;
    assert_eq!(condition(&object, "Expired"), None, "the cloud says that it still holds");
}

/// A create that got no answer is on its way somewhere: the object stays until it cannot land.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_final_only_when_no_create_can_land_any_more() {
    let trial = Trial::new("late").await;
    // The effect comes after the operator has gone, as one that a gateway has kept.
    let late = json!({"match": {"method": "POST"}, "do": {"delay": {"for": "3s"}}});
    trial.simulator.plant_faults(late).unwrap();
    let window = ["--request-window", "6s", "--call-timeout", "6s"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &window);
    trial.create("demo", json!({})).await;
    until("the create to be on its way", async || (!trial.calls().is_empty()).then_some(())).await;
    operator.kill().await;
    trial.delete("demo").await;
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &window);
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty(), "the late create was revoked");
    let calls = trial.calls();
    assert!(calls.iter().filter(|call| call.starts_with("DELETE")).count() >= 2, "{calls:?}");
}
