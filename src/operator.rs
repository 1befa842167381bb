//! The process around the passes: the watch, what is remembered of each object, and the one place
//! where effects are performed. Decides nothing about shares.

pub mod api_clock;
pub mod api_server;
pub mod cluster;
pub mod controller;
mod credentials;
mod denial;
pub mod driver;
mod entry;
mod events;
mod held;
mod legible;
mod objects;
mod packed;
mod perform;
pub mod pulse;
pub mod queue;
pub mod reads;
pub mod registry;
pub mod scopes;
pub mod shared;
mod sign_in;
pub mod sources;
mod summary;
mod unreadable;
mod vanished;
mod watch;
