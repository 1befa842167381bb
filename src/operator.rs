//! The process around the passes: the watch, what is remembered of each object, and the one place
//! where effects are performed. Decides nothing about shares.

pub mod api_server;
pub mod controller;
pub mod driver;
mod perform;
pub mod registry;
