//! The side door's way to what the cloud holds: the hand of somebody else in the console.

use axum::http::StatusCode;
use serde::Deserialize;

use super::{Knock, Refusal, bad, done, removed};
use crate::answer::Answer;
use crate::deadline::{Deadline, Spelling};
use crate::names::{self, Place};
use crate::share::{Creator, ShareView, Terms};
use crate::world::Simulator;

/// `/_sim/shares` and `/_sim/shares/{org}/{repo}/{account}`, where the repository may span segments.
pub fn shares(knock: &Knock, rest: &[&str], simulator: &Simulator) -> Result<Answer, Refusal> {
    match (knock.method.as_str(), rest) {
        ("GET", []) => Ok(simulator.with_world(|world| {
            let now = world.now();
            let shares: Vec<ShareView> =
                world.state.all_shares().map(|share| share.view(now, Spelling::Short)).collect();
            Answer::json(StatusCode::OK, &shares)
        })),
        ("PUT", []) => {
            let given: Vec<GivenShare> = knock.json()?;
            let shares = given.into_iter().enumerate().map(|(index, share)| {
                let wrong = |Refusal(status, reason)| {
                    Refusal(status, format!("share {index} of the array: {reason}"))
                };
                share.checked().map_err(wrong)
            });
            put(simulator, shares.collect::<Result<_, _>>()?);
            Ok(done())
        }
        ("PUT", [place @ .., account]) => {
            let given: GivenTerms =
                if knock.body.is_empty() { GivenTerms::default() } else { knock.json()? };
            let account = account_of(account)?.to_owned();
            put(simulator, vec![(place_of(place)?, account, given.checked()?)]);
            Ok(done())
        }
        ("DELETE", [place @ .., account]) => {
            let place = place_of(place)?;
            let existed = simulator
                .with_world(|world| world.state.remove_share(&place, account, world.now()));
            removed(existed, format!("{place}/{account}"))
        }
        _ => Err(knock.unknown()),
    }
}

/// `/_sim/repositories` and `/_sim/repositories/{org}/{repo}`.
pub fn repositories(
    knock: &Knock,
    rest: &[&str],
    simulator: &Simulator,
) -> Result<Answer, Refusal> {
    match (knock.method.as_str(), rest) {
        ("GET", []) => Ok(simulator.with_world(|world| {
            let names: Vec<String> = world.state.repositories().map(ToString::to_string).collect();
            Answer::json(StatusCode::OK, &names)
        })),
        ("PUT", place) => {
            let place = place_of(place)?;
            simulator.with_world(|world| world.state.add_repository(place));
            Ok(done())
        }
        ("DELETE", place) => {
            let place = place_of(place)?;
            let existed =
                simulator.with_world(|world| world.state.remove_repository(&place, world.now()));
            removed(existed, place)
        }
        _ => Err(knock.unknown()),
    }
}

/// `/_sim/accounts` and `/_sim/accounts/{name}`.
pub fn accounts(knock: &Knock, rest: &[&str], simulator: &Simulator) -> Result<Answer, Refusal> {
    match (knock.method.as_str(), rest) {
        ("GET", []) => Ok(simulator.with_world(|world| {
            let names: Vec<&String> = world.state.accounts().collect();
            Answer::json(StatusCode::OK, &names)
        })),
        ("PUT", [account]) => {
            let account = account_of(account)?;
            simulator.with_world(|world| world.state.add_account(account));
            Ok(done())
        }
        ("DELETE", [account]) => {
            let existed = simulator.with_world(|world| world.state.remove_account(account));
            removed(existed, account)
        }
        _ => Err(knock.unknown()),
    }
}

/// Makes or replaces these shares in one go.
fn put(simulator: &Simulator, shares: Vec<(Place, String, Terms)>) {
    simulator.with_world(|world| {
        let now = world.now();
        for (place, account, terms) in shares {
            world.state.put_share(&place, &account, terms, console_user(), now);
        }
    });
}

fn place_of(segments: &[&str]) -> Result<Place, Refusal> {
    well_named(Place::parse(&segments.join("/")))
}

fn well_named(place: Option<Place>) -> Result<Place, Refusal> {
    place.filter(Place::is_well_named).ok_or_else(|| {
        bad("expected an organization and a repository in SWR's characters, with real slashes")
    })
}

fn account_of(name: &str) -> Result<&str, Refusal> {
    if names::is_account(name) {
        Ok(name)
    } else {
        Err(bad("an account name is not empty and has no slash"))
    }
}

/// The body of a PUT of one share; an empty one is `{}`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GivenTerms {
    permit: Option<String>,
    deadline: Option<String>,
    description: String,
}

impl GivenTerms {
    fn checked(self) -> Result<Terms, Refusal> {
        let deadline = match self.deadline {
            Some(text) => {
                Deadline::parse(&text).ok_or_else(|| bad(format!("`{text}` is no deadline")))?
            }
            None => Deadline::Forever,
        };
        let permit = self.permit.unwrap_or_else(|| "read".to_owned());
        Ok(Terms { permit, deadline, description: self.description })
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
    deadline: Option<String>,
    #[serde(default)]
    description: String,
}

impl GivenShare {
    fn checked(self) -> Result<(Place, String, Terms), Refusal> {
        let Self { namespace, repository, access_domain, permit, deadline, description } = self;
        let place = well_named(Some(Place { organization: namespace, repository }))?;
        let account = account_of(&access_domain)?.to_owned();
        Ok((place, account, GivenTerms { permit, deadline, description }.checked()?))
    }
}

fn console_user() -> Creator {
    Creator { id: "c".repeat(32), name: "console-user".to_owned() }
}
