//! What the other tests on a real API server share.

#[path = "../e2e/support/audit.rs"]
mod audit;
#[path = "../e2e/support/canary.rs"]
pub mod canary;
#[path = "../e2e/support/trial.rs"]
mod trial;
#[path = "../e2e/support/world.rs"]
mod world;

pub use trial::{Operator, Trial, condition, install_ring, until};
pub use world::{ControlPlane, world};
