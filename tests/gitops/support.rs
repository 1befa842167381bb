//! What these tests share with the others on a real API server.

#[path = "../e2e/support/audit.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod audit;
#[path = "../e2e/support/canary.rs"]
pub mod canary;
#[path = "../e2e/support/trial.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod trial;
#[path = "../e2e/support/world.rs"]
mod world;

pub use canary::TOKEN;
pub use trial::{Operator, Trial, condition, until, until_within};
pub use world::{ControlPlane, world};
