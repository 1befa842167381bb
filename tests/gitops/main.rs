//! The operator beside the real Flux (source-controller, kustomize-controller, helm-controller, as processes) and
//! Argo CD's own comparison, on a real API server.
//!
//! Not in `make test`: a cold build of Flux takes far longer than all of that. `make gitops` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod argocd;
mod flux;
mod helm;
#[path = "../support/module.rs"]
mod module;
mod shares;
mod support;
#[path = "../support/tool.rs"]
mod tool;
mod uninstall;
