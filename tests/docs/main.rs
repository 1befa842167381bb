//! The documentation, held to what is there: every command is run and every manifest applied on a real control plane
//! with the real kubectl and Helm, every link is followed, the API reference is what the CRD says, and the
//! translation has what the original has.
//!
//! `make test-docs` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod commands;
mod kubelet;
mod links;
mod manifests;
#[path = "../support/module.rs"]
mod module;
mod page;
mod reference;
mod stages;
#[allow(dead_code, reason = "the other tests on a real API server need more of it")]
mod support;
#[path = "../support/tool.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod tool;
mod translation;
