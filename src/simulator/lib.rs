//! A simulator of the SWR API, for trials and tests without a cloud account.
//!
//! It serves the sharing calls as the cloud documents them, *including what is awkward* (201 on PATCH, an absent
//! share told with 200, lists that stop early), and a side door under `/_sim/` through which tests plant faults, move
//! the clock and read what was called. `docs/simulator.md` is its manual.
//!
//! It shares no code with the operator's client: both were written from the API's documentation, so that one checks
//! the other. It knows nothing of Kubernetes.
//!
//! How a request travels:
//!
//! ```text
//! server ─▶ connection ─▶ request ─▶ ledger, latency, faults (front)
//!                                        └─▶ gateway: route, credentials, throttle ─▶ api ─▶ state
//!                    └─▶ side_door                                       pure from here on: ┘
//! ```

mod answer;
mod api;
mod clock;
mod connection;
mod credentials;
mod deadline;
mod duration;
mod errors;
mod faults;
mod front;
mod history;
mod http_fields;
mod ledger;
mod names;
mod options;
mod request;
mod route;
mod server;
mod shapes;
mod share;
mod shared_repositories;
mod side_door;
mod state;
mod store;
mod throttle;
mod world;

pub use options::{AccessKey, ClockSetting, Options};
pub use server::{Running, StartError, run, start};
