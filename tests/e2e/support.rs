//! The control plane that all tests share, and what one test needs of it.

mod audit;
pub mod canary;
pub mod identity;
mod trial;
mod world;

pub use audit::Request;
pub use canary::TOKEN;
pub use trial::{
    BOUND, Operator, Trial, client, condition, is_look, setting, terms, until, until_within,
};
pub use world::{ControlPlane, OPERATOR_USER, world};

/// The TLS provider of all clients and servers here.
pub fn install_ring() {
    // The second test in this process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
