//! The side door's knobs: the ledger, faults, the clock, the throttle and the accepted tokens.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{Knock, Refusal, bad, done, removed};
use crate::answer::Answer;
use crate::throttle::{Policy, Throttle};
use crate::world::{Simulator, World};
use crate::{deadline, duration};

/// `GET /_sim/ledger?since=N` and `GET /_sim/ledger/summary?since=N`.
pub fn ledger(knock: &Knock, rest: &[&str], simulator: &Simulator) -> Result<Answer, Refusal> {
    let since = knock.query.iter().find(|(name, _)| name == "since");
    let since = since
        .map_or(Ok(0), |(_, number)| number.parse())
        .map_err(|_| bad("`since` is a number"))?;
    match (knock.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::json(StatusCode::OK, &simulator.ledger.since(since))),
        ("GET", ["summary"]) => Ok(Answer::json(StatusCode::OK, &simulator.ledger.summary(since))),
        _ => Err(knock.unknown()),
    }
}

/// `GET`, `POST` and `DELETE /_sim/faults`.
pub fn faults(knock: &Knock, simulator: &Simulator) -> Result<Answer, Refusal> {
    let listed = |world: &World| Answer::json(StatusCode::OK, &world.faults.list());
    match knock.method.as_str() {
        "GET" => Ok(simulator.with_world(|world| listed(world))),
        "POST" => {
            let posted = knock.json()?;
            simulator
                .with_world(|world| world.faults.plant(posted).map(|()| listed(world)))
                .map_err(bad)
        }
        "DELETE" => {
            simulator.with_world(|world| world.faults.clear());
            Ok(done())
        }
        _ => Err(knock.unknown()),
    }
}

/// `GET` and `POST /_sim/clock`.
pub fn clock(knock: &Knock, simulator: &Simulator) -> Result<Answer, Refusal> {
    match knock.method.as_str() {
        "GET" => {}
        "POST" => {
            let turn: Turn = knock.json()?;
            simulator.with_world(|world| turn_clock(world, &turn))?;
        }
        _ => return Err(knock.unknown()),
    }
    let now = simulator.with_world(|world| world.now());
    Ok(Answer::json(StatusCode::OK, &json!({"now": now.to_string()})))
}

/// Where the clock goes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Turn {
    Set(String),
    Advance(String),
}

fn turn_clock(world: &mut World, turn: &Turn) -> Result<(), Refusal> {
    let instant = match turn {
        Turn::Set(text) => deadline::parse_instant(text)
            .ok_or_else(|| bad(format!("`{text}` is not a UTC instant")))?,
        Turn::Advance(text) => {
            let distance = duration::parse(text)
                .and_then(|by| SignedDuration::try_from(by).map_err(|e| e.to_string()));
            world.now().checked_add(distance.map_err(bad)?).map_err(bad)?
        }
    };
    world.clock.set(instant, Timestamp::now());
    Ok(())
}

/// `POST` and `DELETE /_sim/throttle`.
pub fn throttle(knock: &Knock, simulator: &Simulator) -> Result<Answer, Refusal> {
    let throttle = match knock.method.as_str() {
        "POST" => Some(Throttle::try_from(knock.json::<Policy>()?).map_err(bad)?),
        "DELETE" => None,
        _ => return Err(knock.unknown()),
    };
    simulator.with_world(|world| world.throttle = throttle);
    Ok(done())
}

/// `GET`, `POST` and `DELETE /_sim/tokens`, `DELETE /_sim/tokens/{token}`.
pub fn tokens(knock: &Knock, rest: &[&str], simulator: &Simulator) -> Result<Answer, Refusal> {
    match (knock.method.as_str(), rest) {
        ("GET", []) => {
            let fingerprints = simulator.with_world(|world| world.credentials.token_fingerprints());
            Ok(Answer::json(StatusCode::OK, &fingerprints))
        }
        ("POST", []) => {
            let new: NewToken = knock.json()?;
            simulator.with_world(|world| {
                if new.only {
                    world.credentials.revoke_all_tokens();
                }
                world.credentials.add_token(new.token);
            });
            Ok(done())
        }
        ("DELETE", []) => {
            simulator.with_world(|world| world.credentials.revoke_all_tokens());
            Ok(done())
        }
        ("DELETE", [token]) => {
            let existed = simulator.with_world(|world| world.credentials.revoke_token(token));
            removed(existed, "this token")
        }
        _ => Err(knock.unknown()),
    }
}

/// A token to be accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    /// And none of those before.
    #[serde(default)]
    only: bool,
}
