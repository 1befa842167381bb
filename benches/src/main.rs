//! What the operator costs, beside a bare loop that makes the same calls and operators written with
//! other frameworks: time, CPU, memory, calls.
//!
//! `imageshare-bench` measures everything, prints a table and writes `docs/performance.md`.
//! `imageshare-bench bare`, `undo` and `stock` are subjects: each is a process of its own, so that
//! `/proc` tells its CPU and memory.

mod driver;
mod subjects;

use std::process::ExitCode;

/// Anything that can go wrong, in words. A bench has nobody to tell errors apart for.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("bench: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let result = match std::env::args().nth(1).as_deref() {
        None => driver::run().await,
        Some(name) => subjects::run(name).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
