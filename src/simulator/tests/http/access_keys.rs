//! Signed requests: what a wrong one costs, and temporary keys.

use std::time::Duration;

use imageshare_simulator::{Entry, Options};
use serde_json::{Value, json};

use crate::signing::Signer;
use crate::support::{
    NOON, SHARE, SHARES, Simulator, code, forever, options, read, simulator, simulator_with,
};

async fn with_keys() -> Simulator {
    let access_keys = ["AK1=right", "AK2=right"].map(|key| key.parse().unwrap()).into();
    simulator_with(Options { access_keys, ..options() }).await
}

fn signer(secret: &str) -> Signer {
    Signer::new("AK1", secret, NOON)
}

/// The text of a 401 of the gateway.
async fn refusal(signer: &Signer, simulator: &Simulator) -> String {
    let (status, body) = read(signer.send(simulator, SHARES).await).await;
    assert_eq!((status, code(&body)), (401, "APIGW.0301"), "{body}");
    body["error_msg"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signed_request_passes_and_a_changed_one_does_not() {
    let simulator = with_keys().await;
    let body = forever("demo").to_string();
    let request = signer("right").request(&simulator, "POST", SHARES, &body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    let request = signer("right").request(&simulator, "POST", SHARES, &body).body("{}");
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(signer("right").status(&simulator, SHARE).await, 200);
}

#[tokio::test]
async fn the_refusal_of_a_wrong_signature_echoes_what_should_have_been_signed() {
    let simulator = with_keys().await;
    let text = refusal(&signer("wrong"), &simulator).await;
    let expected = "Incorrect IAM authentication information: verify aksk signature fail, \
                    canonicalRequest:GET|/v2/manage/namespaces/group/repositories/tools%24busybox/access-domains/||host:";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("|x-sdk-date:20260331T120000Z||host;x-sdk-date|e3b0c442"), "{text}");
}

#[tokio::test]
async fn an_unknown_key_and_a_wrong_clock_are_told_apart_in_the_text_only() {
    let simulator = with_keys().await;
    let unknown = refusal(&Signer::new("AK3", "right", NOON), &simulator).await;
    assert!(unknown.ends_with("Get secretKey failed,ak:AK3,err:ak not exist"), "{unknown}");
    let late = refusal(&Signer::new("AK1", "right", "2026-03-31T12:15:01Z"), &simulator).await;
    let expected =
        "signature expired, signature time:20260331T121501Z,server time:20260331T120000Z";
    assert!(late.ends_with(expected), "{late}");
    let early = Signer::new("AK1", "right", "2026-03-31T11:45:00Z");
    assert_eq!(early.status(&simulator, SHARES).await, 200);
}

#[tokio::test]
async fn six_failures_in_a_row_lock_a_key_for_five_minutes() {
    let simulator = with_keys().await;
    for _ in 0..5 {
        assert!(refusal(&signer("wrong"), &simulator).await.contains("verify aksk"));
    }
    assert_eq!(signer("right").status(&simulator, SHARES).await, 200, "five are borne");
    for _ in 0..6 {
        assert!(refusal(&signer("wrong"), &simulator).await.contains("verify aksk"));
    }
    let locked = refusal(&signer("right"), &simulator).await;
    assert!(locked.contains("AK access failed to reach the limit,forbidden"), "{locked}");
    let other = Signer::new("AK2", "right", NOON);
    assert_eq!(other.status(&simulator, SHARES).await, 200, "another key is not locked");
    let at = |seconds| Signer { at: simulator.running.now(), ..signer(seconds) };
    simulator.running.advance_clock(Duration::from_secs(299)).unwrap();
    assert_eq!(at("right").status(&simulator, SHARES).await, 401);
    simulator.running.advance_clock(Duration::from_secs(1)).unwrap();
    assert_eq!(at("wrong").status(&simulator, SHARES).await, 401, "it counts from none again");
    assert_eq!(at("right").status(&simulator, SHARES).await, 200);
}

#[tokio::test]
async fn a_temporary_key_needs_its_security_token_and_ends() {
    let simulator = with_keys().await;
    let end = "2026-03-31T12:10:00Z";
    let key = json!({"secret": "s", "securityToken": "temporary", "expiresAt": end});
    simulator.meddle("PUT", "/access-keys/TEMP", key).await;
    let bare = Signer::new("TEMP", "s", NOON);
    let with = |token: &str| Signer { security_token: Some(token.to_owned()), ..bare.clone() };
    assert!(refusal(&bare, &simulator).await.contains("securityToken"));
    assert!(refusal(&with("another"), &simulator).await.contains("securityToken"));
    assert_eq!(with("temporary").status(&simulator, SHARES).await, 200);
    let superfluous = Signer { security_token: Some("any".to_owned()), ..signer("right") };
    assert!(refusal(&superfluous, &simulator).await.contains("securityToken"));
    simulator.meddle("POST", "/clock", json!({"set": end})).await;
    assert!(refusal(&with("temporary"), &simulator).await.contains("expired"));
}

#[tokio::test]
async fn keys_come_and_go_while_it_runs() {
    let simulator = with_keys().await;
    let keys = simulator.meddle("GET", "/access-keys", Value::Null).await;
    assert_eq!(keys, json!(["AK1", "AK2"]));
    simulator.meddle("PUT", "/access-keys/AK1", json!({"secret": "new"})).await;
    assert_eq!(signer("right").status(&simulator, SHARES).await, 401);
    assert_eq!(signer("new").status(&simulator, SHARES).await, 200);
    simulator.meddle("DELETE", "/access-keys/AK1", Value::Null).await;
    assert_eq!(signer("new").status(&simulator, SHARES).await, 401);
    assert_eq!(simulator.knock("DELETE", "/access-keys/AK1", Value::Null).await.0, 404);
    for wrong in [json!({}), json!({"secret": "s", "expiresAt": "soon"}), json!({"secrt": "s"})] {
        assert_eq!(
            simulator.knock("PUT", "/access-keys/AK1", wrong.clone()).await.0,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn the_ledger_holds_an_access_keys_fingerprint_and_nothing_of_its_secrets() {
    let simulator = simulator().await;
    let token = Some("security-token".into());
    simulator.running.add_access_key("AK1", "the-secret", token, None);
    let signer = Signer {
        security_token: Some("security-token".to_owned()),
        ..Signer::new("AK1", "the-secret", NOON)
    };
    assert_eq!(signer.status(&simulator, SHARES).await, 200);
    let entries: Vec<Entry> = simulator.running.ledger(0);
    assert_eq!(entries[0].credential.as_ref().unwrap().len(), 12);
    let text = format!("{entries:?} {:?}", *simulator.running);
    for secret in ["security-token", "the-secret"] {
        assert!(!text.contains(secret), "{text}");
    }
}
