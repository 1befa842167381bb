//! scaffold

pub mod simulator;
