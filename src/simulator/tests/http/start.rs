//! What keeps it from starting.

use imageshare_simulator::{Options, StartError, start};

use crate::support::{options, simulator};

#[tokio::test]
async fn it_refuses_to_start_when_nobody_could_call_it() {
    let error = start(Options { tokens: vec![], ..options() }).await.unwrap_err();
    assert!(matches!(error, StartError::NoCredential));
    assert!(error.to_string().contains("--token"), "{error}");
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
