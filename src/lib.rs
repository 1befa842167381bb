//! scaffold
pub mod api;
pub mod auth;
pub mod reason;
pub mod redact;
pub mod swr;
