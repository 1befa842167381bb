//! Which of several operators acts: the one that holds a Lease. Knows nothing of shares.
//!
//! The API server guards each write to an object by its version, so two leaders would do no harm there. The
//! cloud guards nothing. So what a leader sends goes out under a [`permit`], which ends before anybody
//! else can hold the Lease: a leader that was cut off, or was stopped for a minute, sends nothing more.
//!
//! [`election`] decides, as values; [`lease`] reads and writes the Lease.

pub mod election;
pub mod lease;
pub mod permit;
