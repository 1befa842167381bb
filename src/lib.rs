//! `ImageShare`s: one private SWR image repository each, shared with one other account, kept as
//! declared.
//!
//! ```text
//!  watch ──▶ registry ──▶ queue ──▶ driver ─────────────▶ registry
//!            who declares  what is   loop {                memory,
//!            which share,  due, in     pass.next(now)      next time
//!            who owns it,  turn        perform(effect)
//!            what is known             pass.on(answer)
//!                                    }
//! ```
//!
//! A pass over an object is a value without I/O. It is asked what to do next and given what came of
//! it; every decision, their order, the status, the events and when to come back lie in [`core`],
//! which has no clock, no chance and no client. [`operator`] performs one effect after the other and
//! decides nothing.
//!
//! Read on in [`core::pass`], which shows the stages of a pass, and in [`core::plan`], which holds the
//! decisions about a share. Modules import downwards only; a test holds it:
//!
//! | module | is for | must not know |
//! |---|---|---|
//! | [`evicting`], [`shared_read`], [`lock`] | a map that forgets, a read for many, a lock | anything of ours |
//! | [`api`], [`reason`], [`redact`] | the contract, the table of reasons, text that may be shown | anything else of ours |
//! | [`access`] | credentials, endpoints | Kubernetes, the sharing API |
//! | [`cloud`] | the cloud's sharing API in its own terms; what calls have shown, and how many may go out | Kubernetes |
//! | [`core`] | every decision, as values | runtime, HTTP, clients, clock, chance |
//! | [`leader`] | the Lease, and the permit to act that it gives | shares |
//! | [`operator`] | the watch, the registry and its queue, the driver of passes, the effects | decisions about shares |
//! | [`admin`], [`telemetry`], [`spans`], [`metrics`], [`health`] | the process around | shares |
//! | [`imageshare_simulator`] | SWR's API from memory: a crate of its own, in `src/simulator` | the operator |
//! | [`cli`] | the command line | – |

pub mod access;
pub mod admin;
pub mod api;
pub mod cli;
pub mod cloud;
pub mod core;
pub mod evicting;
pub mod health;
pub mod leader;
pub mod lock;
pub mod metrics;
pub mod operator;
pub mod reason;
pub mod redact;
pub mod shared_read;
pub mod spans;
pub mod telemetry;
