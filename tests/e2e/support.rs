//! The control plane that all tests share, and what one test needs of it.

mod audit;
mod trial;
mod world;

pub use trial::{Operator, TOKEN, Trial, client, condition, is_look, setting, terms, until};
pub use world::ControlPlane;
