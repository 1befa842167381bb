//! A simulator of the SWR API, for trials and tests without a cloud account.
//!
//! It serves the sharing calls as the cloud documents them, *including what is awkward* (201 on PATCH, an absent
//! share told with 200, lists that stop early). Tests plant faults, move the clock and read what was called: through
//! [`Running`] in their own process, and from outside through the same methods behind the side door `/_sim/`.
//! `docs/simulator.md` is its manual.
//!
//! It shares no code with the operator's client: both were written from the API's documentation, so that one checks
//! the other. It knows nothing of Kubernetes.
//!
//! How a request travels:
//!
//! ```text
//! server ─▶ front: read, ledger, latency, faults ─▶ gateway: credentials, throttle ─▶ api ─▶ state
//!      │                                               └─▶ identity: IAM, STS          └ pure from here on
//!      └──▶ side_door ─▶ world, steering ◀─ tests in this process
//! ```

mod answer;
mod api;
mod credentials;
mod faults;
mod front;
mod gateway;
mod identity;
mod ledger;
mod options;
mod route;
mod server;
mod share;
mod shared_repositories;
mod side_door;
mod state;
mod steering;
mod store;
mod throttle;
mod time;
mod world;

pub use identity::{Provider, UserState};
pub use ledger::{Entry, Kind, Tally};
pub use options::{AccessKey, Options, User};
pub use server::{Running, StartError, run, start};
pub use share::{ShareView, Terms};
pub use throttle::{Bucket, RateLimit};
pub use time::{Clock, Deadline};
pub use world::{Refused, Simulator};
