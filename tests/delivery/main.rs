//! What people install, with the tools that they install it with: the chart by the real Helm on a real API
//! server, the manifests made from it by kubectl and kubeconform, the alerts by promtool, and the image from
//! its own root file system.
//!
//! `make test-delivery` runs it, `make image` the tests of the image.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
// One value of JSON with all values of the chart.
#![recursion_limit = "256"]

#[path = "../wire/certificate.rs"]
#[allow(dead_code, reason = "shared with the wire's tests, which use more of it")]
mod certificate;

mod alerts;
mod chart;
mod helm;
mod image;
mod release;
mod restricted;
#[allow(dead_code, unused_imports, reason = "the other tests on a real API server need more of it")]
mod support;
mod tools;
