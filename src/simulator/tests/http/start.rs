//! What keeps it from starting.

use std::time::Duration;

use imageshare_simulator::{Options, Provider, RateLimit, StartError, start};
use serde_json::json;

use crate::issuer::Issuer;
use crate::support::{options, simulator};

#[tokio::test]
async fn it_refuses_to_start_when_nobody_could_call_it() {
    let error = start(Options { tokens: vec![], ..options() }).await.unwrap_err();
    assert!(matches!(error, StartError::NoCredential));
    assert!(error.to_string().contains("--token"), "{error}");
}

#[tokio::test]
async fn a_provider_without_a_key_of_use_is_named_in_the_error() {
    let keyless = Provider { jwks: json!({"keys": []}), ..Issuer::new().provider("cluster") };
    let error = start(Options { providers: vec![keyless], ..options() }).await.unwrap_err();
    assert!(error.to_string().contains("cluster: the JWKS has no RSA or P-256 key"), "{error}");
}

#[tokio::test]
async fn an_address_in_use_is_named_in_the_error() {
    let simulator = simulator().await;
    let listen = simulator.running.url().trim_start_matches("http://").parse().unwrap();
    let error = start(Options { listen, ..options() }).await.unwrap_err();
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}

#[tokio::test]
async fn a_file_that_holds_no_state_is_named_in_the_error() {
    let state_file = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into());
    let error = start(Options { state_file, ..options() }).await.unwrap_err();
    assert!(error.to_string().contains("Cargo.toml is not a state file"), "{error}");
}

#[tokio::test]
async fn a_limit_that_nobody_could_be_refused_by_is_named_in_the_error() {
    let window = Duration::from_secs(1);
    let limit = Some(RateLimit { window, status: Some(500), ..RateLimit::default() });
    let error = start(Options { limit, ..options() }).await.unwrap_err();
    assert!(error.to_string().contains("the rate limit: status is 429"), "{error}");
}
