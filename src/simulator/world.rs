//! A simulator without its network: what it is made of, and how tests and the side door steer it.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::credentials::Credentials;
use crate::faults::Faults;
use crate::identity::{Identity, Providers, Users};
use crate::ledger::{Entry, Ledger, Tally};
use crate::options::Options;
use crate::share::{self, Creator, Place, ShareView, Terms};
use crate::state::State;
use crate::store;
use crate::throttle::{RateLimit, Throttle};
use crate::time::Clock;

/// A simulator without its network. Its methods are what the side door `/_sim/` offers over HTTP.
#[derive(Debug)]
pub struct Simulator {
    world: Mutex<World>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) latency: Duration,
    state_file: Option<PathBuf>,
}

/// What calls and the side door change.
#[derive(Debug)]
pub struct World {
    /// Repositories, accounts, shares.
    pub state: State,
    /// Simulated time.
    pub clock: Clock,
    /// Planted faults.
    pub faults: Faults,
    /// The rate limit, if any.
    pub throttle: Option<Throttle>,
    /// Who may call.
    pub credentials: Credentials,
    /// Where credentials come from.
    pub identity: Identity,
    /// How many shares a list returns.
    pub list_limit: usize,
}

impl World {
    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.clock.now(Timestamp::now())
    }
}

/// Why the simulator does not do what it is told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be done.
    #[error("{0}")]
    Wrong(String),
    /// What is to go is not there.
    #[error("{0} does not exist")]
    Absent(String),
}

pub(crate) fn wrong(reason: impl Display) -> Refused {
    Refused::Wrong(reason.to_string())
}

pub(crate) fn removed(existed: bool, what: impl Display) -> Result<(), Refused> {
    if existed { Ok(()) } else { Err(Refused::Absent(what.to_string())) }
}

fn place_of(repository: &str) -> Result<Place, Refused> {
    well_named(Place::parse(repository))
}

pub(crate) fn well_named(place: Option<Place>) -> Result<Place, Refused> {
    place.ok_or_else(|| {
        wrong("expected an organization and a repository in SWR's characters, with real slashes")
    })
}

pub(crate) fn account_of(name: &str) -> Result<String, Refused> {
    let named = share::is_account(name).then(|| name.to_owned());
    named.ok_or_else(|| wrong("an account name is not empty and has no slash"))
}

impl Simulator {
    /// Sets the world up as the options say, with what the state file holds.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let mut state = State::new(options.open, options.day_cut);
        if let Some(file) = &options.state_file {
            store::load(file, &mut state)?;
        }
        for place in options.repositories.iter().filter_map(|name| Place::parse(name)) {
            state.add_repository(place);
        }
        for account in &options.accounts {
            state.add_account(account);
        }
        let mut providers = Providers::default();
        for provider in options.providers {
            let name = provider.name.clone();
            providers.put(provider).map_err(|error| format!("the provider {name}: {error}"))?;
        }
        let now = options.clock.now(Timestamp::now());
        let world = World {
            state,
            clock: options.clock,
            faults: Faults::default(),
            throttle: None,
            credentials: Credentials::new(options.tokens, options.access_keys, now),
            identity: Identity {
                users: Users::new(options.users),
                providers,
                projects: options.projects.into_iter().collect(),
                token_lifetime: options.token_lifetime,
            },
            list_limit: options.list_limit.into(),
        };
        Ok(Self {
            world: Mutex::new(world),
            ledger: Arc::default(),
            latency: options.latency,
            state_file: options.state_file,
        })
    }

    /// Does something to the world, and saves its state if that changed. Saving happens under the lock, so that files
    /// are written in the order of the changes.
    pub(crate) fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let before = world.state.revision();
        let result = act(&mut world);
        if let Some(file) = &self.state_file
            && world.state.revision() != before
            && let Err(error) = store::save(file, &world.state, world.now())
        {
            tracing::error!(file = %file.display(), %error, "the simulator's state was not saved");
        }
        result
    }

    /// All shares, by repository and account.
    pub fn shares(&self) -> Vec<ShareView> {
        self.with_world(|world| world.state.view(world.now()))
    }

    /// Makes or replaces a share as another hand in the console does: nothing is checked but the names, and its
    /// repository, `org/repo` with real slashes, and its account come to exist.
    pub fn put_share(&self, repository: &str, account: &str, terms: Terms) -> Result<(), Refused> {
        let account = account_of(account)?;
        self.put_shares(vec![(place_of(repository)?, account, terms)]);
        Ok(())
    }

    /// Does that to many shares at one instant.
    pub(crate) fn put_shares(&self, shares: Vec<(Place, String, Terms)>) {
        self.with_world(|world| {
            let now = world.now();
            for (place, account, terms) in shares {
                let creator = Creator { id: "c".repeat(32), name: "console-user".to_owned() };
                world.state.put_share(&place, &account, terms, creator, now);
            }
        });
    }

    /// Removes a share.
    pub fn remove_share(&self, repository: &str, account: &str) -> Result<(), Refused> {
        let place = place_of(repository)?;
        let existed =
            self.with_world(|world| world.state.remove_share(&place, account, world.now()));
        removed(existed, format!("{place}/{account}"))
    }

    /// The repositories that were named as existing.
    pub fn repositories(&self) -> Vec<String> {
        self.with_world(|world| world.state.repositories().map(ToString::to_string).collect())
    }

    /// Lets a repository exist.
    pub fn add_repository(&self, repository: &str) -> Result<(), Refused> {
        let place = place_of(repository)?;
        self.with_world(|world| world.state.add_repository(place));
        Ok(())
    }

    /// Removes a repository with its shares; from now on it does not exist, not even in an open cloud.
    pub fn remove_repository(&self, repository: &str) -> Result<(), Refused> {
        let place = place_of(repository)?;
        let existed = self.with_world(|world| world.state.remove_repository(&place, world.now()));
        removed(existed, place)
    }

    /// The accounts that were named as existing, in lower case.
    pub fn accounts(&self) -> Vec<String> {
        self.with_world(|world| world.state.accounts().cloned().collect())
    }

    /// Lets an account exist.
    pub fn add_account(&self, account: &str) -> Result<(), Refused> {
        let account = account_of(account)?;
        self.with_world(|world| world.state.add_account(&account));
        Ok(())
    }

    /// Removes an account; the shares with it stay.
    pub fn remove_account(&self, account: &str) -> Result<(), Refused> {
        removed(self.with_world(|world| world.state.remove_account(account)), account)
    }

    /// The requests of the API after number `seq`.
    pub fn ledger(&self, seq: u64) -> Vec<Entry> {
        self.ledger.since(seq)
    }

    /// How many of each sort there were after number `seq`.
    pub fn ledger_summary(&self, seq: u64) -> Vec<Tally> {
        self.ledger.summary(seq)
    }

    /// Adds a fault rule or an array of them, as `docs/simulator.md` shows them: all, or none when one is wrong.
    pub fn plant_faults(&self, rules: Value) -> Result<(), Refused> {
        self.with_world(|world| world.faults.plant(rules)).map_err(wrong)
    }

    /// The fault rules with how often each matched (`seen`) and acted (`fired`).
    pub fn faults(&self) -> Vec<Value> {
        self.with_world(|world| world.faults.list())
    }

    /// Forgets every fault rule.
    pub fn clear_faults(&self) {
        self.with_world(|world| world.faults.clear());
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.with_world(|world| world.now())
    }

    /// Sets the clock: a real one runs on from there, a standing one stands there.
    pub fn set_clock(&self, instant: Timestamp) {
        self.with_world(|world| world.clock.set(instant, Timestamp::now()));
    }

    /// Moves the clock ahead.
    pub fn advance_clock(&self, by: Duration) -> Result<(), Refused> {
        let by = SignedDuration::try_from(by).map_err(wrong)?;
        self.with_world(|world| {
            let instant = world.now().checked_add(by).map_err(wrong)?;
            world.clock.set(instant, Timestamp::now());
            Ok(())
        })
    }

    /// Sets a rate limit, instead of the one before.
    pub fn throttle(&self, limit: RateLimit) -> Result<(), Refused> {
        let throttle = Throttle::try_from(limit).map_err(wrong)?;
        self.with_world(|world| world.throttle = Some(throttle));
        Ok(())
    }

    /// Lifts the rate limit.
    pub fn unthrottle(&self) {
        self.with_world(|world| world.throttle = None);
    }
}
