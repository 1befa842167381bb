//! Calls that go wrong on purpose, and what the ledger says of them.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{SHARE, SHARES, Simulator, forever, simulator};

/// Plants a rule for the next POST, sends it, and says what came back.
async fn post_into(simulator: &Simulator, action: Value) -> reqwest::Result<Response> {
    simulator
        .meddle("POST", "/faults", json!({"match": {"method": "POST", "times": 1}, "do": action}))
        .await;
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
    assert_eq!((&entry["status"], &entry["applied"]), (&json!(503), &json!(true)));
    assert!(is_shared(&simulator).await);
}

#[tokio::test]
async fn a_connection_can_be_dropped_or_reset_before_or_after_the_effect() {
    for (action, applied) in [("drop", false), ("drop", true), ("reset", false), ("reset", true)] {
        let simulator = simulator().await;
        let error = post_into(&simulator, json!({action: {"applied": applied}})).await.unwrap_err();
        let was_reset = io_error_of(&error) == Some(ErrorKind::ConnectionReset);
        assert_eq!(was_reset, action == "reset", "{action}: {error:?}");
        let entry = simulator.entry_where(|entry| !entry["ended"].is_null()).await;
        assert_eq!(
            (&entry["status"], &entry["applied"]),
            (&Value::Null, &json!(applied)),
            "{action}"
        );
        assert_eq!(is_shared(&simulator).await, applied, "{action}");
    }
}

#[tokio::test]
async fn a_hanging_call_is_open_in_the_ledger_until_its_client_leaves() {
    let simulator = simulator().await;
    simulator.meddle("POST", "/faults", json!({"do": {"hang": {"applied": true}}})).await;
    let call = tokio::spawn(simulator.call("POST", SHARES).json(&forever("demo")).send());
    let entry = simulator.entry_where(|entry| entry["applied"] == true).await;
    assert_eq!((&entry["ended"], &entry["status"]), (&Value::Null, &Value::Null));
    call.abort();
    let entry = simulator.entry_where(|entry| !entry["ended"].is_null()).await;
    assert_eq!(entry["status"], Value::Null);
}

#[tokio::test]
async fn stopping_does_not_wait_for_hanging_or_delayed_calls() {
    for action in [json!({"hang": {}}), json!({"delay": {"for": "1h"}})] {
        let simulator = simulator().await;
        simulator.meddle("POST", "/faults", json!({"do": action})).await;
        let call = tokio::spawn(simulator.call("GET", SHARES).send());
        simulator.entry_where(|entry| entry["method"] == "GET").await;
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
        .meddle("POST", "/faults", json!({"match": {"call": 1}, "do": {"delay": {"for": "300ms"}}}))
        .await;
    let call =
        simulator.call("POST", SHARES).json(&forever("demo")).timeout(Duration::from_millis(100));
    assert!(call.send().await.unwrap_err().is_timeout());
    assert!(!is_shared(&simulator).await, "the effect comes behind the delay");
    simulator.entry_where(|entry| entry["applied"] == true).await;
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
        .meddle(
            "POST",
            "/faults",
            json!({"match": {"method": "GET", "call": 1}, "do": {"truncate": {}}}),
        )
        .await;
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
