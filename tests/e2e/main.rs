//! Whole flows on a real API server, with the simulator as the cloud and the operator as a process
//! under the rights that `deploy/` ships.
//!
//! One control plane serves all tests; each test has its own namespace, simulator and operator.
//! With `KUBECONFIG_UNDER_TEST` set, that cluster is used instead of building one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../wire/certificate.rs"]
#[allow(dead_code, reason = "shared with the wire's tests, which use more of it")]
mod certificate;

mod answers;
mod crd;
mod credentials;
mod deletion;
mod echoes;
mod edits;
mod expiry;
mod in_between;
mod kinds;
mod leaders;
mod lifecycle;
mod lists;
mod modes;
mod namespaces;
mod owners;
mod passwords;
mod patience;
mod policies;
mod proxies;
mod refused;
mod restored;
mod scale;
mod schema;
mod spans;
mod stops;
mod storms;
mod strangers;
mod support;
mod traps;
mod trusted;
