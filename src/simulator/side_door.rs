//! `/_sim/…`: the methods of [`Simulator`] over HTTP, for tests and users outside this process. `docs/simulator.md` is
//! its reference.
//!
//! There is no authentication, so it is open to callers over loopback only. What comes through here is not in
//! the ledger and takes no latency.

mod credentials;

use std::fmt::Display;
use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Query;
use axum::http::{Method, StatusCode};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::api::decoded_segments;
use crate::share::{Place, Terms};
use crate::time::{Deadline, parse_duration, parse_instant};
use crate::world::{Refused, Simulator, account_of, well_named};

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

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::Wrong(_) => StatusCode::BAD_REQUEST,
            Refused::Absent(_) => StatusCode::NOT_FOUND,
        };
        Self(status, refused.to_string())
    }
}

fn bad(reason: impl Display) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, reason.to_string())
}

fn shown(value: &impl Serialize) -> Answer {
    Answer::json(StatusCode::OK, value)
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
        let path: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        if self.method == Method::GET {
            return self.look(&path, simulator);
        }
        self.change(&path, simulator)?;
        match (self.method.as_str(), path.as_slice()) {
            ("POST", ["faults" | "clock"]) => self.look(&path, simulator),
            _ => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        }
    }

    fn look(&self, path: &[&str], simulator: &Simulator) -> Result<Answer, Refusal> {
        Ok(match path {
            ["shares"] => shown(&simulator.shares()),
            ["repositories"] => shown(&simulator.repositories()),
            ["accounts"] => shown(&simulator.accounts()),
            ["ledger"] => shown(&simulator.ledger(self.since()?)),
            ["ledger", "summary"] => shown(&simulator.ledger_summary(self.since()?)),
            ["faults"] => shown(&simulator.faults()),
            ["clock"] => shown(&json!({"now": simulator.now().to_string()})),
            ["tokens"] => shown(&simulator.tokens()),
            ["access-keys"] => shown(&simulator.access_keys()),
            _ => return Err(self.unknown()),
        })
    }

    fn change(&self, path: &[&str], simulator: &Simulator) -> Result<(), Refusal> {
        match (self.method.as_str(), path) {
            ("PUT", ["shares"]) => simulator.put_shares(self.given_shares()?),
            ("PUT", ["shares", repository @ .., account]) => {
                let empty = self.body.is_empty();
                let given: GivenTerms = if empty { GivenTerms::default() } else { self.json()? };
                simulator.put_share(&repository.join("/"), account, given.terms())?;
            }
            ("DELETE", ["shares", repository @ .., account]) => {
                simulator.remove_share(&repository.join("/"), account)?;
            }
            ("PUT", ["repositories", repository @ ..]) => {
                simulator.add_repository(&repository.join("/"))?;
            }
            ("DELETE", ["repositories", repository @ ..]) => {
                simulator.remove_repository(&repository.join("/"))?;
            }
            ("PUT", ["accounts", account]) => simulator.add_account(account)?,
            ("DELETE", ["accounts", account]) => simulator.remove_account(account)?,
            ("POST", ["faults"]) => simulator.plant_faults(self.json()?)?,
            ("DELETE", ["faults"]) => simulator.clear_faults(),
            ("POST", ["clock"]) => match self.json()? {
                Turn::Set(text) => {
                    let instant = parse_instant(&text);
                    let wrong = || bad(format!("`{text}` is not a UTC instant"));
                    simulator.set_clock(instant.ok_or_else(wrong)?);
                }
                Turn::Advance(text) => {
                    simulator.advance_clock(parse_duration(&text).map_err(bad)?)?;
                }
            },
            ("POST", ["throttle"]) => simulator.throttle(self.json()?)?,
            ("DELETE", ["throttle"]) => simulator.unthrottle(),
            _ => return self.change_credentials(path, simulator),
        }
        Ok(())
    }

    fn since(&self) -> Result<u64, Refusal> {
        let since = self.query.iter().find(|(name, _)| name == "since");
        let number = since.map_or(Ok(0), |(_, number)| number.parse());
        number.map_err(|_| bad("`since` is a number"))
    }

    fn given_shares(&self) -> Result<Vec<(Place, String, Terms)>, Refusal> {
        let items: Vec<Value> = self.json()?;
        let shares = items.into_iter().enumerate().map(|(index, item)| {
            let read = from_value(item).and_then(GivenShare::checked);
            read.map_err(|Refusal(status, reason)| {
                Refusal(status, format!("share {index} of the array: {reason}"))
            })
        });
        shares.collect()
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(bad).and_then(from_value)
    }

    fn unknown(&self) -> Refusal {
        let reason =
            format!("no such side door: {} {PREFIX}/{}", self.method, self.segments.join("/"));
        Refusal(StatusCode::NOT_FOUND, reason)
    }
}

/// By way of a [`Value`], so that the reason why it is wrong is one sentence, without line and column.
fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(bad)
}

/// The body of a PUT of one share; an empty one is `{}`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GivenTerms {
    permit: Option<String>,
    deadline: Option<Deadline>,
    description: String,
}

impl GivenTerms {
    fn terms(self) -> Terms {
        let usual = Terms::default();
        Terms {
            permit: self.permit.unwrap_or(usual.permit),
            deadline: self.deadline.unwrap_or(usual.deadline),
            description: self.description,
        }
    }
}

/// An item of the body of a PUT of many shares, in the API's field names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenShare {
    namespace: String,
    repository: String,
    access_domain: String,
    permit: Option<String>,
    deadline: Option<Deadline>,
    #[serde(default)]
    description: String,
}

impl GivenShare {
    fn checked(self) -> Result<(Place, String, Terms), Refusal> {
        let Self { namespace, repository, access_domain, permit, deadline, description } = self;
        let place = well_named(Place::of(&namespace, &repository))?;
        let account = account_of(&access_domain)?;
        Ok((place, account, GivenTerms { permit, deadline, description }.terms()))
    }
}

/// Where the clock goes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Turn {
    Set(String),
    Advance(String),
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
