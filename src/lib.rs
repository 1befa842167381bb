//! `ImageShare`s: one private SWR image repository each, shared with one other account, kept as
//! declared.
//!
//! ```text
//!           watch                     live read               HTTPS
//!  ImageShare ──┐               Secret ──┐               SWR ──┐
//!               ▼                        ▼                     ▼
//!           Desired ───────────────▶ Session ───── look ───▶ Known
//!               └───────────────┬──────────────────────────────┘
//!                               ▼
//!                     plan(wish, known, now)           pure: every decision there is
//!                               ▼
//!                         Action ── act ──▶ SWR        one at a time, then plan again
//!                               ▼
//!                    Finding ── project ──▶ status     pure, then at most one write
//! ```
//!
//! Read on in [`reconcile`], which shows the stages of a pass, and in [`reconcile::plan`], which
//! holds the decisions. Data flows one way, and modules import downwards only; a test holds it:
//!
//! | module | is for | must not know |
//! |---|---|---|
//! | [`api`], [`reason`], [`redact`] | the contract, the table of reasons, printable text | anything else of ours |
//! | [`swr`], [`auth`] | the cloud's API, credentials for it | Kubernetes' client |
//! | [`reconcile::desired`], [`reconcile::line`], [`reconcile::plan`], [`reconcile::status`], [`backoff`] | decisions | runtime, HTTP, clients, clock, chance |
//! | [`reconcile`], [`reconcile::goal`], [`reconcile::context`] | a pass, what it sets out for, what all passes share | HTTP |
//! | [`reconcile::act`], [`cluster`] | effects | decisions |
//! | [`controller`], [`admin`], [`telemetry`], [`metrics`] | the process around | shares |
//! | [`imageshare_simulator`] | SWR's API from memory: a crate of its own, in `src/simulator` | the operator |
//! | [`cli`] | the command line | – |

pub mod admin;
pub mod api;
pub mod auth;
pub mod backoff;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod metrics;
pub mod reason;
pub mod reconcile;
pub mod redact;
pub mod swr;
pub mod telemetry;
