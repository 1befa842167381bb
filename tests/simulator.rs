//! The simulator over real HTTP, started in this process: what a client of SWR and a test author can rely on.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "simulator/support.rs"]
mod support;

#[path = "simulator/fault_rules.rs"]
mod fault_rules;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/gateway.rs"]
mod gateway;
#[path = "simulator/process.rs"]
mod process;
#[path = "simulator/shared_repositories.rs"]
mod shared_repositories;
#[path = "simulator/shares.rs"]
mod shares;
#[path = "simulator/side_door.rs"]
mod side_door;
