//! Spans at a collector: a pass, and in it the calls to the cloud; and nothing secret.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{TOKEN, Trial, until};

type Received = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps what it gets, undecoded: names stand in it as they are.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let keep = async |State(received): State<Received>, body: Bytes| {
        received.lock().unwrap().extend_from_slice(&body);
    };
    let router = Router::new().route("/v1/traces", post(keep)).with_state(received.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, received)
}

fn has(received: &Received, text: &str) -> bool {
    let bytes = received.lock().unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_a_span_for_each_pass_and_for_each_call_and_no_secret() {
    let trial = Trial::new("spans").await;
    let (url, received) = collector().await;
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &["--otlp-endpoint", &url]);
    trial.create("traced", json!({})).await;
    trial.until_reason("traced", "Shared").await;
    // The last batch goes out at the end.
    assert_eq!(operator.terminate().await, Some(0));
    for text in ["imageshare-operator", "pass", "traced", "call", "create", "sim-1"] {
        until(text, async || has(&received, text).then_some(())).await;
    }
    assert!(!has(&received, TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_keeps_nobody_up() {
    let trial = Trial::new("spans-away").await;
    let flags = ["--otlp-endpoint", "http://127.0.0.1:1"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(operator.terminate().await, Some(0));
}
