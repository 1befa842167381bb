//! The client of SWR over real HTTP: against the simulator for what SWR says, and against a bare TCP
//! server for what must be seen byte by byte or cannot be said by a well-behaved server.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/raw.rs"]
mod raw;

#[path = "wire/certificate.rs"]
mod certificate;
#[path = "wire/support.rs"]
mod support;

#[path = "wire/answers.rs"]
mod answers;
#[path = "wire/bodies.rs"]
mod bodies;
#[path = "wire/echoes.rs"]
mod echoes;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/requests.rs"]
mod requests;
#[path = "wire/shares.rs"]
mod shares;
#[path = "wire/sign_in.rs"]
mod sign_in;
#[path = "wire/sign_in_hostile.rs"]
mod sign_in_hostile;
#[path = "wire/transport.rs"]
mod transport;
