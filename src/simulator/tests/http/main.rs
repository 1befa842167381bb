//! The simulator over real HTTP, started in this process: what a client of SWR and a test author can rely on.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access_keys;
mod fault_rules;
mod faults;
mod gateway;
mod iam;
mod issuer;
mod shared_repositories;
mod shares;
mod side_door;
mod signing;
mod start;
mod sts;
mod support;
