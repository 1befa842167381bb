//! Whoever stands between the operator and SWR, or speaks for somebody else: what says nothing of a share
//! neither ends it in the status nor lets its object go.

use std::time::{Duration, Instant};

use imageshare::api::ImageShare;
use serde_json::json;

use crate::support::{Trial, condition, until};

/// A proxy, or a wrong ingress: every path is an empty 404.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_everything_with_an_empty_404_ends_no_share() {
    let trial = Trial::new("empty404").await;
    let _operator = trial.operator();
    let empty = json!({"do": {"answer": {"status": 404, "body": ""}}});
    trial.create("demo", json!({"interval": "1s", "adoptionPolicy": "Create"})).await;
    trial.until_reason("demo", "Shared").await;
    trial.simulator.plant_faults(empty.clone()).unwrap();
    let object = trial.until_reason("demo", "AnswerUnreadable").await;
    assert!(object.metadata.finalizers.is_some());
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(true), "the record stays");
    trial.simulator.clear_faults();
    trial.until_reason("demo", "Shared").await;

    trial.simulator.plant_faults(empty).unwrap();
    trial.delete("demo").await;
    let before = trial.count("DELETE");
    until("two deletes in vain", async || (trial.count("DELETE") >= before + 2).then_some(()))
        .await;
    trial.until_reason("demo", "AnswerUnreadable").await;
    assert_eq!(trial.cloud_shares().len(), 1);
    trial.simulator.clear_faults();
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

/// With another account's token in the Secret, SWR knows neither organization nor repository.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_see_the_organization_ends_no_share() {
    let trial = Trial::with("blind", |options| options.tokens.push("other-account".into())).await;
    let _operator = trial.operator();
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    let token = |token: &str| {
        let patch = json!({"stringData": {"token": token}}).to_string();
        trial.kubectl(&["patch", "secret", "swr", "--type=merge", "-p", &patch]);
    };
    let unknown = json!({"do": {"answer": {"status": 404, "code": "SVCSTG.SWR.4040058"}}});
    let used = || trial.ledger().pop().unwrap().credential;
    let before = used();
    // First the fault: the other token must never have shown the share.
    trial.simulator.plant_faults(unknown).unwrap();
    token("other-account");
    until("the other token to be used", async || (used() != before).then_some(())).await;
    let object = trial.until_reason("demo", "OrganizationNotFound").await;
    assert!(object.metadata.finalizers.is_some());
    assert_eq!(object.status.unwrap().share.unwrap().valid, Some(true), "the record stays");
    trial.delete("demo").await;
    until("a delete", async || (trial.count("DELETE") > 0).then_some(())).await;
    trial.until_reason("demo", "OrganizationNotFound").await;
    // The right token is back.
    trial.simulator.clear_faults();
    assert_eq!(trial.cloud_shares().len(), 1);
    token(crate::support::TOKEN);
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

/// The delete takes effect, and its answer comes too late; so does a create's.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_slow_cloud_has_done_is_found_by_the_look_behind_it() {
    let trial = Trial::new("slow").await;
    let flags = ["--call-timeout", "1s", "--request-window", "3s"];
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    let slow = |method: &str| json!({"match": {"method": method}, "do": {"delay": {"for": "30s", "applied": true}}});
    trial.simulator.plant_faults(slow("POST")).unwrap();
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.count("POST"), 1);

    trial.simulator.plant_faults(slow("DELETE")).unwrap();
    trial.create("other", json!({"repository": "tools/busybox"})).await;
    trial.until_reason("other", "Shared").await;
    trial.delete("other").await;
    trial.until_gone("other").await;
    assert!(trial.cloud_shares().iter().all(|share| share.repository == "app"));
}

/// Each call takes longer than the time it has, and a deletion ends all the same: the look behind a
/// delete that took too long has twice the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_ends_on_a_cloud_for_which_the_time_of_a_call_is_a_little_short() {
    let trial = Trial::new("slower").await;
    let flags = ["--call-timeout", "2s", "--request-window", "2s"];
    let _operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    trial.create("demo", json!({"interval": "0s"})).await;
    trial.until_reason("demo", "Shared").await;
    // Until then a look that shows nothing may come from before the create.
    let (made, late) = (Instant::now(), Duration::from_secs(31));
    until("reads to be late no more", async || (made.elapsed() > late).then_some(())).await;
    let slow = json!({"do": {"delay": {"for": "2500ms", "applied": true}}});
    trial.simulator.plant_faults(slow).unwrap();
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert!(trial.cloud_shares().is_empty());
}

/// Taken as it was meant, or said with the field and both values.
#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_comes_back_trimmed_or_composed_costs_no_update() {
    let trial = Trial::new("texts").await;
    let _operator = trial.operator();
    for (name, repository, given, kept) in [
        ("trimmed", "app", "line\n", "line"),
        ("composed", "tools/busybox", "Zu\u{308}rich", "Z\u{fc}rich"),
    ] {
        trial
            .create(name, json!({"repository": repository, "description": given, "interval": "1s"}))
            .await;
        trial.until_reason(name, "Shared").await;
        let place = format!("group/{repository}");
        trial.simulator.put_share(&place, "demo", crate::support::terms("forever", kept)).unwrap();
        let lists = trial.count("GET");
        until("two comparisons", async || (trial.count("GET") >= lists + 3).then_some(())).await;
        trial.until_reason(name, "Shared").await;
    }
    assert_eq!(trial.count("PATCH"), 0, "{:?}", trial.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_never_takes_is_left_alone_after_five_writes_with_both_values() {
    let trial = Trial::new("nottaken").await;
    let _operator = trial.operator();
    trial.create("demo", json!({"description": "first"})).await;
    trial.until_reason("demo", "Shared").await;
    // SWR says that it did it, and keeps what it had.
    let kept = json!({"match": {"method": "PATCH"}, "do": {"answer": {"status": 201, "body": ""}}});
    trial.simulator.plant_faults(kept).unwrap();
    trial.change("demo", json!({"description": "second", "interval": "1s"})).await;
    let object = trial.until_reason("demo", "NotApplied").await;
    let both = r#"description: SWR has "first", the spec says "second""#;
    let message = |object: &ImageShare| condition(object, "Error").unwrap().message.clone();
    assert!(message(&object).contains(both), "{}", message(&object));
    let object = trial.until_reason("demo", "ExternalConflict").await;
    assert!(message(&object).contains(both), "{}", message(&object));
    assert!(trial.count("PATCH") <= 5, "{:?}", trial.calls());
}

/// A pause that SWR asks for holds, on 503 as on 429, in seconds as by a date.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_back_before_the_time_that_the_cloud_names() {
    let tokens = ["seconds", "date"].map(Into::into);
    let trial = Trial::with("retryafter", |options| options.tokens.extend(tokens)).await;
    let _operator = trial.operator();
    let soon = jiff::Timestamp::now() + Duration::from_secs(14);
    let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, repository, status, after) in
        [("seconds", "app", 503, "12"), ("date", "tools/busybox", 429, date.as_str())]
    {
        trial.secret(name, name);
        let rule = json!({
            "match": {"method": "POST", "key": format!("group/{repository}/demo"), "times": 1},
            "do": {"answer": {"status": status, "shape": "html", "headers": {"Retry-After": after}}},
        });
        trial.simulator.plant_faults(rule).unwrap();
    }
    for (name, repository) in [("seconds", "app"), ("date", "tools/busybox")] {
        let reference = json!({"name": name});
        trial.create(name, json!({"repository": repository, "credentialsRef": reference})).await;
    }
    for name in ["seconds", "date"] {
        trial.until_reason(name, "Shared").await;
    }
    let time =
        |entry: &imageshare_simulator::Entry| entry.started.parse::<jiff::Timestamp>().unwrap();
    for (repository, status) in [("app", 503), ("tools/busybox", 429)] {
        let key = format!("group/{repository}/demo");
        let calls: Vec<_> =
            trial.ledger().into_iter().filter(|entry| entry.key.as_deref() == Some(&key)).collect();
        assert_eq!(calls[0].status, Some(status));
        let not_before = if status == 503 {
            time(&calls[0]) + Duration::from_secs(12)
        } else {
            date_to_the_second(soon)
        };
        assert!(calls.iter().skip(1).all(|call| time(call) >= not_before), "{calls:?}");
    }
}

fn date_to_the_second(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.as_second()).unwrap()
}
