//! Calls that go wrong on purpose, and what the ledger says of them.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use imageshare_simulator::Terms;
use jiff::Timestamp;
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{SHARE, SHARES, Simulator, forever, simulator, with};

/// Plants a rule for the next POST, sends it, and says what came back.
async fn post_into(simulator: &Simulator, action: Value) -> reqwest::Result<Response> {
    let rule = json!({"match": {"method": "POST", "times": 1}, "do": action});
    simulator.running.plant_faults(rule).unwrap();
    simulator.call("POST", SHARES).json(&forever("demo")).send().await
}

async fn is_shared(simulator: &Simulator) -> bool {
    simulator.get(SHARE).await.1["exist"] == true
}

fn io_error_of(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn an_error_comes_in_every_shape_that_the_cloud_has() {
    let simulator = simulator().await;
    for (shape, expected) in [
        ("array", r#"[{"detail":"","errorCode":"C","errorMessage":"M"}]"#),
        ("wrapped", r#"{"errors":[{"detail":"","errorCode":"C","errorMessage":"M"}]}"#),
        ("flat", r#"{"detail":"","errorCode":"C","errorMessage":"M"}"#),
        (
            "current",
            r#"{"details":[{"error_code":"C","error_msg":"M"}],"error_code":"C","error_msg":"M","errors":[{"detail":"","errorCode":"C","errorMessage":"M"}]}"#,
        ),
        ("gateway", r#"{"error_code":"C","error_msg":"M","request_id":"#),
        ("iam", r#"{"error_code":"C","error_msg":"M"}"#),
        ("keystone", r#"{"error":{"code":500,"message":"M","title":"C"}}"#),
        ("text", "M"),
        ("html", "<html><head><title>500</title></head>"),
        ("empty", ""),
    ] {
        let answer =
            json!({"answer": {"status": 500, "shape": shape, "code": "C", "message": "M"}});
        let response = post_into(&simulator, answer).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = response.text().await.unwrap();
        assert!(body.starts_with(expected), "{shape}: {body}");
    }
    assert!(!is_shared(&simulator).await);
}

#[tokio::test]
async fn an_answer_may_be_raw_carry_headers_and_lie_about_the_effect() {
    let simulator = simulator().await;
    let action = json!({"answer": {"status": 503, "body": "{", "headers": {"Retry-After": "7"}, "applied": true}});
    let response = post_into(&simulator, action).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "{");
    let entry = simulator.entry_where(|_| true).await;
    assert_eq!((entry.status, entry.applied), (Some(503), true));
    assert!(is_shared(&simulator).await);
}

#[tokio::test]
async fn a_connection_can_be_dropped_or_reset_before_or_after_the_effect() {
    for (action, applied) in [("drop", false), ("drop", true), ("reset", false), ("reset", true)] {
        let simulator = simulator().await;
        let error = post_into(&simulator, json!({action: {"applied": applied}})).await.unwrap_err();
        let was_reset = io_error_of(&error) == Some(ErrorKind::ConnectionReset);
        assert_eq!(was_reset, action == "reset", "{action}: {error:?}");
        let entry = simulator.entry_where(|entry| entry.ended.is_some()).await;
        assert_eq!((entry.status, entry.applied), (None, applied), "{action}");
        assert_eq!(is_shared(&simulator).await, applied, "{action}");
    }
}

#[tokio::test]
async fn a_hanging_call_is_open_in_the_ledger_until_its_client_leaves() {
    let simulator = simulator().await;
    simulator.running.plant_faults(json!({"do": {"hang": {"applied": true}}})).unwrap();
    let call = tokio::spawn(simulator.call("POST", SHARES).json(&forever("demo")).send());
    let entry = simulator.entry_where(|entry| entry.applied).await;
    assert_eq!((entry.ended, entry.status), (None, None));
    call.abort();
    let entry = simulator.entry_where(|entry| entry.ended.is_some()).await;
    assert_eq!(entry.status, None);
}

#[tokio::test]
async fn stopping_does_not_wait_for_hanging_or_delayed_calls() {
    for action in [json!({"hang": {}}), json!({"delay": {"for": "1h"}})] {
        let simulator = simulator().await;
        simulator.running.plant_faults(json!({"do": action})).unwrap();
        let call = tokio::spawn(simulator.call("GET", SHARES).send());
        simulator.entry_where(|entry| entry.method == "GET").await;
        tokio::time::timeout(Duration::from_secs(5), simulator.running.stop())
            .await
            .expect("stop waits");
        assert!(call.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_delayed_call_takes_its_effect_even_when_its_client_has_gone() {
    let simulator = simulator().await;
    simulator
        .running
        .plant_faults(json!({"match": {"call": 1}, "do": {"delay": {"for": "300ms"}}}))
        .unwrap();
    let call =
        simulator.call("POST", SHARES).json(&forever("demo")).timeout(Duration::from_millis(100));
    assert!(call.send().await.unwrap_err().is_timeout());
    assert!(!is_shared(&simulator).await, "the effect comes behind the delay");
    simulator.entry_where(|entry| entry.applied).await;
    assert!(is_shared(&simulator).await);
}

#[tokio::test]
async fn a_delay_may_come_after_the_effect() {
    let simulator = simulator().await;
    let response =
        post_into(&simulator, json!({"delay": {"for": "50ms", "applied": true}})).await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(is_shared(&simulator).await);
}

#[tokio::test]
async fn a_truncated_answer_ends_before_its_content_length() {
    let simulator = simulator().await;
    simulator
        .running
        .plant_faults(json!({"match": {"method": "GET", "call": 1}, "do": {"truncate": {}}}))
        .unwrap();
    let mut response = simulator.call("GET", SHARE).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(15)));
    assert_eq!(response.chunk().await.unwrap().unwrap(), r#"{"exist"#);
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn a_huge_answer_has_as_many_bytes_as_asked_for() {
    let simulator = simulator().await;
    let response = post_into(&simulator, json!({"huge": {"bytes": 10_485_761}})).await.unwrap();
    assert_eq!((response.status().as_u16(), response.content_length()), (200, None));
    assert_eq!(response.bytes().await.unwrap().len(), 10_485_761);
}

#[tokio::test]
async fn a_redirect_names_its_target_and_has_no_effect() {
    let simulator = simulator().await;
    let action = json!({"redirect": {"status": 308, "location": "http://other.example/"}});
    let response = post_into(&simulator, action).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (308, &"http://other.example/".parse().unwrap())
    );
    assert!(!is_shared(&simulator).await);
}

/// A simulator whose reads are 30 seconds behind.
async fn stale_simulator() -> Simulator {
    let simulator = simulator().await;
    simulator.running.plant_faults(json!({"do": {"stale": {"by": "30s"}}})).unwrap();
    simulator
}

/// What the three kinds of reads say of the share: shown, listed, its repository among the shared ones.
async fn seen(simulator: &Simulator) -> [Value; 3] {
    let shown = simulator.get(SHARE).await.1;
    let listed = simulator.get(SHARES).await.1;
    let shared = simulator.get("/v2/manage/shared-repositories?center=self").await.1;
    assert_eq!(shown["description"], listed[0]["description"]);
    [shown["exist"].clone(), shown["description"].clone(), json!(shared.as_array().unwrap().len())]
}

#[tokio::test]
async fn stale_reads_are_behind_a_share_that_is_made_changed_and_revoked() {
    let simulator = stale_simulator().await;
    let absent = [json!(false), Value::Null, json!(0)];
    let with_description = |text: &str| [json!(true), json!(text), json!(1)];
    let changed = with(forever("demo"), "description", json!("new"));

    assert_eq!(simulator.post(SHARES, &forever("demo")).await.0, 201);
    assert_eq!(seen(&simulator).await, absent);
    assert_eq!(simulator.post(SHARES, &forever("demo")).await.0, 409, "writes see the present");

    simulator.running.advance_clock(Duration::from_secs(20)).unwrap();
    assert_eq!(simulator.patch(SHARE, &changed).await.0, 201);
    assert_eq!(seen(&simulator).await, absent);

    simulator.running.advance_clock(Duration::from_secs(10)).unwrap();
    assert_eq!(seen(&simulator).await, with_description("d"), "made 30s ago, changed 10s ago");

    simulator.delete(SHARE).await;
    simulator.running.advance_clock(Duration::from_secs(20)).unwrap();
    assert_eq!(seen(&simulator).await, with_description("new"), "revoked 20s ago");

    simulator.running.advance_clock(Duration::from_secs(10)).unwrap();
    assert_eq!(seen(&simulator).await, absent);
}

#[tokio::test]
async fn a_stale_rule_sees_what_came_before_it_and_leaves_nothing_behind() {
    let simulator = simulator().await;
    simulator.running.put_share("group/tools/busybox", "demo", Terms::default()).unwrap();
    simulator.running.put_share("group/other", "demo", Terms::default()).unwrap();
    simulator.running.remove_repository("group/other").unwrap();
    let before = simulator.running.shares();
    simulator.running.plant_faults(json!({"do": {"stale": {"by": "5m"}}})).unwrap();
    assert_eq!(seen(&simulator).await[0], false);
    assert_eq!(simulator.running.shares(), before);
    simulator.running.clear_faults();
    assert_eq!(seen(&simulator).await[0], true);
}

#[tokio::test]
async fn a_stale_read_shows_a_share_as_valid_as_it_was() {
    let simulator = simulator().await;
    let body = with(forever("demo"), "deadline", json!("2026-03-31T16:00:00Z"));
    simulator.post(SHARES, &body).await;
    simulator.running.set_clock("2026-04-01T00:00:10Z".parse().unwrap());
    let rule = json!({"match": {"times": 1}, "do": {"stale": {"by": "30s"}}});
    simulator.running.plant_faults(rule).unwrap();
    assert_eq!(simulator.get(SHARE).await.1["status"], true);
    assert_eq!(simulator.get(SHARE).await.1["status"], false);
}

fn time(field: Option<&String>) -> Timestamp {
    field.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_late_call_has_ended_without_an_answer_before_its_effect() {
    let simulator = simulator().await;
    let error = post_into(&simulator, json!({"late": {"by": "1h"}})).await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
    let entry = simulator.running.ledger(0).remove(0);
    assert!(entry.ended.is_some(), "{entry:?}");
    assert_eq!((entry.status, entry.applied, entry.applied_at), (None, false, None));
    assert!(!is_shared(&simulator).await);
    tokio::time::timeout(Duration::from_secs(5), simulator.running.stop())
        .await
        .expect("stop waits");
}

#[tokio::test]
async fn the_effect_of_a_late_call_comes_when_its_client_has_gone() {
    let simulator = simulator().await;
    assert!(post_into(&simulator, json!({"late": {"by": "100ms"}})).await.is_err());
    let entry = simulator.entry_where(|entry| entry.applied).await;
    assert_eq!(entry.status, None);
    let (applied, ended) = (time(entry.applied_at.as_ref()), time(entry.ended.as_ref()));
    assert!(applied > ended, "{entry:?}");
    assert!(is_shared(&simulator).await);
}
