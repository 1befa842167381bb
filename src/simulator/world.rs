//! Everything one simulator is made of, behind one lock, and what each call passes on its way to the state.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use jiff::Timestamp;

use crate::answer::Answer;
use crate::api::{self, Call, Done};
use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::errors::{ApiError, REQUEST_TOO_LARGE, UNKNOWN_API};
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::names::Place;
use crate::options::Options;
use crate::request::Request;
use crate::state::State;
use crate::store::{self, LoadError};
use crate::throttle::{Bucket, Throttle};

/// A running simulator without its network.
#[derive(Debug)]
pub struct Simulator {
    world: Mutex<World>,
    /// Every request so far.
    pub ledger: Arc<Ledger>,
    /// What every call takes.
    pub latency: Duration,
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
    list_limit: usize,
}

impl Simulator {
    /// Sets the world up as the options say, with what the state file holds.
    pub fn new(options: Options) -> Result<Self, LoadError> {
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
        let world = World {
            state,
            clock: options.clock.into(),
            faults: Faults::default(),
            throttle: None,
            credentials: Credentials::new(options.tokens, options.access_keys),
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
    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.clock.now(Timestamp::now())
    }

    /// Performs a call as the cloud would: past the gateway, then in SWR. A read is answered from the shares as they
    /// were `age` ago.
    pub fn perform(&mut self, request: &Request, request_id: &str, age: Duration) -> Done {
        self.try_perform(request, age).unwrap_or_else(|error| {
            let mut answer = Answer::refusal(&error, request_id);
            let throttle = self.throttle.as_ref().filter(|throttle| throttle.is_refusal(&error));
            if let Some(seconds) = throttle.and_then(Throttle::retry_after) {
                answer = answer.with_header(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Done { answer, applied: false }
        })
    }

    fn try_perform(&mut self, request: &Request, age: Duration) -> Result<Done, ApiError> {
        let route = request.route.as_ref().ok_or(UNKNOWN_API)?;
        let body = request.body.as_ref().ok_or(REQUEST_TOO_LARGE)?;
        self.credentials.check(&request.credential)?;
        self.throttle(request)?;
        let now = self.now();
        let then = now.saturating_sub(age).unwrap_or(now);
        let call = Call {
            route,
            query: &request.query(),
            body,
            creator: request.credential.user(),
            now: then,
            list_limit: self.list_limit,
        };
        self.state.as_of(then, now, |state| api::perform(state, call))
    }

    fn throttle(&mut self, request: &Request) -> Result<(), ApiError> {
        let Some(throttle) = &mut self.throttle else {
            return Ok(());
        };
        let bucket = match throttle.bucket() {
            Bucket::User => request.credential.fingerprint().unwrap_or_default(),
            Bucket::Ip => request.peer.to_string(),
            Bucket::Api => String::new(),
        };
        throttle.admit(bucket, Instant::now())
    }
}
