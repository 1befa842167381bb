//! The control plane that all tests share, and what one test needs of it.

mod audit;
pub mod canary;
pub mod identity;
pub mod policy;
mod trial;
mod world;

pub use audit::Request;
pub use canary::TOKEN;
pub use trial::{
    BOUND, Operator, Trial, client, condition, install_ring, is_look, said, setting, terms, until,
    until_within,
};
pub use world::{ControlPlane, OPERATOR_USER, world};
