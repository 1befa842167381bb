//! What stands before SWR: who may call, which [`crate::credentials`] says, and how often, which [`crate::throttle`]
//! says. Calls of IAM and STS pass by on their way to them.

use std::time::{Duration, Instant};

use axum::http::header::RETRY_AFTER;
use jiff::Timestamp;

use crate::answer::{Answer, ApiError, REQUEST_TOO_LARGE, UNKNOWN_API};
use crate::api::{self, Call};
use crate::front::Request;
use crate::identity::{self, Asked};
use crate::route::Route;
use crate::world::World;

/// Performs a call as the cloud would: past the gateway, then in SWR. A read is answered from the shares as they were
/// `age` ago. Gives the answer, and whether the call changed shares.
pub fn perform(
    world: &mut World,
    request: &Request,
    request_id: &str,
    age: Duration,
) -> (Answer, bool) {
    let before = world.state.revision();
    let answer = pass(world, request, age).unwrap_or_else(|error| {
        let answer = Answer::refusal(&error, request_id);
        let now = world.now();
        let throttle = world.throttle.as_ref();
        match throttle.and_then(|throttle| throttle.retry_after(&error, now)) {
            Some(value) => answer.with_header(RETRY_AFTER, value),
            None => answer,
        }
    });
    (answer, world.state.revision() != before)
}

fn pass(world: &mut World, request: &Request, age: Duration) -> Result<Answer, ApiError> {
    let route = request.route.as_ref().ok_or(UNKNOWN_API)?;
    let body = request.body.as_ref().ok_or(REQUEST_TOO_LARGE)?;
    let now = world.now();
    let route = match route {
        Route::Sharing(route) => route,
        Route::Identity(route) => {
            let (offered, headers) = (&request.credential, &request.identity_headers);
            let machine_now = Timestamp::now();
            return identity::perform(
                world,
                *route,
                &Asked { offered, headers, body, now, machine_now },
            );
        }
    };
    let caller = world.credentials.check(&request.credential, now)?;
    if let Some(throttle) = &mut world.throttle {
        throttle.admit(throttle.bucket_of(&caller, request.peer), Instant::now())?;
    }
    let then = now.saturating_sub(age).unwrap_or(now);
    let call = Call {
        route,
        query: &request.query(),
        body,
        creator: caller.creator(),
        now: then,
        list_limit: world.list_limit,
    };
    world.state.as_of(then, now, |state| api::perform(state, call))
}
