//! `/_sim/…`: how tests and users look into the simulator and meddle with it. `docs/simulator.md` is its reference.
//!
//! There is no authentication, so it is open to callers over loopback only. What comes through here is not in
//! the ledger and takes no latency.

mod cloud;
mod knobs;

use std::fmt::Display;
use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Query;
use axum::http::{Method, StatusCode};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::Answer;
use crate::route::decoded_segments;
use crate::world::Simulator;

const PREFIX: &str = "/_sim";
/// Enough for any number of rules.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Whether a path is ours.
pub fn is_meant(path: &str) -> bool {
    behind_prefix(path).is_some()
}

fn behind_prefix(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX).filter(|rest| rest.starts_with('/'))
}

/// Answers one request.
pub async fn handle(
    simulator: &Simulator,
    request: hyper::Request<Incoming>,
    peer: IpAddr,
) -> Answer {
    let answer = if is_let_in(peer) {
        Knock::read(request).await.and_then(|knock| knock.answer(simulator))
    } else {
        Err(Refusal(StatusCode::FORBIDDEN, "the side door is open over loopback only".to_owned()))
    };
    answer.unwrap_or_else(|Refusal(status, reason)| Answer::json(status, &json!({"error": reason})))
}

fn is_let_in(peer: IpAddr) -> bool {
    // A listener on [::] sees IPv4 callers as ::ffff:127.0.0.1.
    peer.to_canonical().is_loopback()
}

/// Why a request was not served.
#[derive(Debug)]
struct Refusal(StatusCode, String);

fn bad(reason: impl Display) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, reason.to_string())
}

/// The answer of a DELETE: whether the thing was there.
fn removed(existed: bool, what: impl Display) -> Result<Answer, Refusal> {
    let absent = || Refusal(StatusCode::NOT_FOUND, format!("{what} does not exist"));
    existed.then(done).ok_or_else(absent)
}

fn done() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}

/// A request of the side door, read in full.
#[derive(Debug)]
struct Knock {
    method: Method,
    /// Behind `/_sim/`.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Bytes,
}

impl Knock {
    async fn read(request: hyper::Request<Incoming>) -> Result<Self, Refusal> {
        let path = behind_prefix(request.uri().path()).unwrap_or_default();
        let segments = decoded_segments(path).ok_or_else(|| bad("the path is not UTF-8"))?;
        let query = Query::try_from_uri(request.uri()).map(|Query(pairs)| pairs).map_err(bad)?;
        let method = request.method().clone();
        let body = to_bytes(Body::new(request.into_body()), LARGEST_BODY).await.map_err(bad)?;
        Ok(Self { method, segments, query, body })
    }

    fn answer(&self, simulator: &Simulator) -> Result<Answer, Refusal> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            ["shares", rest @ ..] => cloud::shares(self, rest, simulator),
            ["repositories", rest @ ..] => cloud::repositories(self, rest, simulator),
            ["accounts", rest @ ..] => cloud::accounts(self, rest, simulator),
            ["ledger", rest @ ..] => knobs::ledger(self, rest, simulator),
            ["faults"] => knobs::faults(self, simulator),
            ["clock"] => knobs::clock(self, simulator),
            ["throttle"] => knobs::throttle(self, simulator),
            ["tokens", rest @ ..] => knobs::tokens(self, rest, simulator),
            _ => Err(self.unknown()),
        }
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(bad)
    }

    fn unknown(&self) -> Refusal {
        let reason =
            format!("no such side door: {} {PREFIX}/{}", self.method, self.segments.join("/"));
        Refusal(StatusCode::NOT_FOUND, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_callers_over_loopback_are_let_in() {
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(is_let_in(peer.parse().unwrap()), expected, "{peer}");
        }
    }
}
