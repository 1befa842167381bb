//! The admin endpoint: `/healthz`, `/readyz`, `/metrics`. Plain HTTP, nothing secret, nothing that
//! changes anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::metrics::Metrics;

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    synced: Arc<AtomicBool>,
}

/// Listens on `address` and serves until the process ends. Gives the address that it got.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    synced: Arc<AtomicBool>,
) -> Result<SocketAddr, std::io::Error> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { metrics, synced });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the admin endpoint ended: {error}");
        }
    });
    Ok(bound)
}

async fn readyz(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    if shown.synced.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the ImageShares have not been listed yet\n")
    }
}

async fn metrics_text(State(shown): State<Shown>) -> ([(&'static str, &'static str); 1], String) {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], shown.metrics.render())
}
