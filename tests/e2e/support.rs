//! The control plane that all tests share, and what one test needs of it.

mod audit;
mod trial;
mod world;

pub use trial::{
    BOUND, Operator, TOKEN, Trial, client, condition, is_look, setting, terms, until, until_within,
};
pub use world::ControlPlane;
