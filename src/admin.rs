//! The admin endpoint: `/healthz`, `/readyz`, `/metrics`. Plain HTTP, nothing secret, nothing that
//! changes anything.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    readiness: Readiness,
}

/// Listens on `address` and serves until the process ends. Gives the address that it got.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
) -> Result<SocketAddr, std::io::Error> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { metrics, readiness });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the admin endpoint ended: {error}");
        }
    });
    Ok(bound)
}

async fn readyz(State(shown): State<Shown>) -> (StatusCode, String) {
    match shown.readiness.why_not() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics_text(State(shown): State<Shown>) -> ([(&'static str, &'static str); 1], String) {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], shown.metrics.render())
}
