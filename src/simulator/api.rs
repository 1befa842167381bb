//! SWR's side of a call: body in, state changed, answer out. The gateway has let the call through already.
//!
//! Pure but for the state it is handed: time comes in as a parameter.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::deadline::{Deadline, Spelling};
use crate::errors::{ApiError, INVALID_PARAMETERS, MISSING_PARAMETERS};
use crate::names::Place;
use crate::route::Route;
use crate::share::{Creator, ShareView, Terms};
use crate::shared_repositories;
use crate::state::State;

/// What a call needs besides the state.
pub struct Call<'a> {
    /// Which call.
    pub route: &'a Route,
    /// Its query parameters.
    pub query: &'a [(String, String)],
    /// Its body.
    pub body: &'a [u8],
    /// Who makes what it creates.
    pub creator: Creator,
    /// When; for a stale read, in the past.
    pub now: Timestamp,
    /// How many shares a list returns.
    pub list_limit: usize,
}

/// An answer, and whether shares were changed on the way to it.
#[derive(Debug)]
pub struct Done {
    /// What to send.
    pub answer: Answer,
    /// Whether the call's effect took place.
    pub applied: bool,
}

/// Performs the call.
pub fn perform(state: &mut State, call: Call<'_>) -> Result<Done, ApiError> {
    let now = call.now;
    match call.route {
        Route::Create(place) => create(state, place, call.body, call.creator, now),
        Route::List(place) => list(state, place, call.list_limit, now).map(looked),
        Route::Show(place, account) => show(state, place, account, now).map(looked),
        Route::Update(place, account) => {
            let terms = Body::read(call.body)?.terms()?;
            state.update(place, account, terms, now)?;
            // 201, not 200: "Modification succeeded".
            Ok(changed(StatusCode::CREATED))
        }
        Route::Delete(place, account) => {
            state.delete(place, account, now)?;
            Ok(changed(StatusCode::NO_CONTENT))
        }
        Route::SharedRepositoriesV2 => shared_repositories::v2(state, call.query).map(looked),
        Route::SharedRepositoriesV3 => shared_repositories::v3(state, call.query).map(looked),
    }
}

fn looked(answer: Answer) -> Done {
    Done { answer, applied: false }
}

fn changed(status: StatusCode) -> Done {
    Done { answer: Answer::empty(status), applied: true }
}

fn create(
    state: &mut State,
    place: &Place,
    body: &[u8],
    creator: Creator,
    now: Timestamp,
) -> Result<Done, ApiError> {
    let body = Body::read(body)?;
    let account = given(body.access_domain.clone())?;
    state.create(place, &account, body.terms()?, creator, now)?;
    Ok(changed(StatusCode::CREATED))
}

fn list(state: &State, place: &Place, limit: usize, now: Timestamp) -> Result<Answer, ApiError> {
    let shares = state.list(place, limit)?;
    let items: Vec<ShareView> =
        shares.iter().map(|share| share.view(now, Spelling::Milliseconds)).collect();
    Ok(Answer::json(StatusCode::OK, &items))
}

fn show(state: &State, place: &Place, account: &str, now: Timestamp) -> Result<Answer, ApiError> {
    let share = state.show(place, account)?.map(|share| share.view(now, Spelling::Short));
    // "false: The account does not exist", with status 200.
    Ok(Answer::json(StatusCode::OK, &Shown { exist: share.is_some(), share }))
}

/// The answer of `ShowAccessDomain`: a list item with `exist` in front.
#[derive(Serialize)]
struct Shown {
    exist: bool,
    #[serde(flatten)]
    share: Option<ShareView>,
}

/// The body of POST and PATCH; what is mandatory is checked after it was read, for SWR has its own code for that.
#[derive(Deserialize)]
pub struct Body {
    /// Only in POST.
    pub access_domain: Option<String>,
    permit: Option<String>,
    deadline: Option<String>,
    description: Option<String>,
}

impl Body {
    /// Reads JSON.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(body).map_err(|_| INVALID_PARAMETERS)
    }

    fn terms(self) -> Result<Terms, ApiError> {
        let permit = given(self.permit)?;
        let deadline = Deadline::parse(&given(self.deadline)?).ok_or(INVALID_PARAMETERS)?;
        Ok(Terms { permit, deadline, description: self.description.unwrap_or_default() })
    }
}

/// A mandatory field.
fn given(field: Option<String>) -> Result<String, ApiError> {
    field.filter(|text| !text.is_empty()).ok_or(MISSING_PARAMETERS)
}
