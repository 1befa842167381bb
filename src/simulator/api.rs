//! The calls of the API: which one a method and a path mean, and what it does. The gateway has let it through already.
//!
//! Pure but for the state it is handed: time comes in as a parameter.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, ApiError, INVALID_PARAMETERS, MISSING_PARAMETERS};
use crate::ledger::Kind;
use crate::share::{Creator, Place, ShareView, Terms, repository_from_path};
use crate::shared_repositories;
use crate::state::State;
use crate::time::Spelling;

/// A call of the API, with the operation names of the official SDKs in the comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `CreateRepoDomains`: the account is in the body.
    Create(Place),
    /// `ListRepoDomains`.
    List(Place),
    /// `ShowAccessDomain`.
    Show(Place, String),
    /// `UpdateRepoDomains`.
    Update(Place, String),
    /// `DeleteRepoDomains`.
    Delete(Place, String),
    /// `ListSharedReposDetails`.
    SharedRepositoriesV2,
    /// `ListSharedRepoDetails`.
    SharedRepositoriesV3,
}

impl Route {
    /// Finds the call; `None` is the gateway's "API does not exist".
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        let segments = decoded_segments(path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["v2", "manage", "shared-repositories"]) => Some(Self::SharedRepositoriesV2),
            ("GET", ["v3", "manage", "shared-repositories"]) => Some(Self::SharedRepositoriesV3),
            (
                method,
                [
                    "v2",
                    "manage",
                    "namespaces",
                    organization,
                    "repositories",
                    repository,
                    "access-domains",
                    rest @ ..,
                ],
            ) => Self::of_shares(method, place_in_path(organization, repository)?, rest),
            _ => None,
        }
    }

    fn of_shares(method: &str, place: Place, rest: &[&str]) -> Option<Self> {
        match (method, rest) {
            ("POST", []) => Some(Self::Create(place)),
            ("GET", []) => Some(Self::List(place)),
            ("GET", [account]) => Some(Self::Show(place, (*account).to_owned())),
            ("PATCH", [account]) => Some(Self::Update(place, (*account).to_owned())),
            ("DELETE", [account]) => Some(Self::Delete(place, (*account).to_owned())),
            _ => None,
        }
    }

    /// What the ledger counts it as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Create(_) | Self::Show(..) | Self::Update(..) | Self::Delete(..) => Kind::Share,
            Self::List(_) => Kind::List,
            Self::SharedRepositoriesV2 | Self::SharedRepositoriesV3 => Kind::Shared,
        }
    }

    /// What the ledger and fault rules call the target: `org/repo/account`, `org/repo` for a list, nothing for the
    /// account-wide lists.
    pub fn key(&self, account_in_body: Option<&str>) -> Option<String> {
        match self {
            Self::Create(place) => Some(match account_in_body {
                Some(account) => format!("{place}/{account}"),
                None => place.to_string(),
            }),
            Self::List(place) => Some(place.to_string()),
            Self::Show(place, account)
            | Self::Update(place, account)
            | Self::Delete(place, account) => Some(format!("{place}/{account}")),
            Self::SharedRepositoriesV2 | Self::SharedRepositoriesV3 => None,
        }
    }
}

/// The segments of an absolute path, each percent-decoded after the split, so that `%2F` stays inside its segment.
pub fn decoded_segments(path: &str) -> Option<Vec<String>> {
    let decode = |segment| percent_decode_str(segment).decode_utf8().ok().map(String::from);
    path.strip_prefix('/')?.split('/').map(decode).collect()
}

/// A slash, even an encoded one, is not how SWR wants a repository in a path: the gateway then knows no such API.
fn place_in_path(organization: &str, repository: &str) -> Option<Place> {
    let slashless = !organization.contains('/') && !repository.contains('/');
    slashless.then(|| Place {
        organization: organization.to_owned(),
        repository: repository_from_path(repository),
    })
}

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

/// Performs the call.
pub fn perform(state: &mut State, call: Call<'_>) -> Result<Answer, ApiError> {
    let now = call.now;
    match call.route {
        Route::Create(place) => {
            let body = Body::read(call.body)?;
            let account = given(body.access_domain.clone())?;
            state.create(place, &account, body.terms()?, call.creator, now)?;
            Ok(Answer::empty(StatusCode::CREATED))
        }
        Route::List(place) => {
            let shares = state.list(place, call.list_limit)?;
            let items: Vec<ShareView> =
                shares.iter().map(|share| share.view(now, Spelling::Milliseconds)).collect();
            Ok(Answer::json(StatusCode::OK, &items))
        }
        Route::Show(place, account) => {
            let share = state.show(place, account)?.map(|share| share.view(now, Spelling::Short));
            // "false: The account does not exist", with status 200.
            Ok(Answer::json(StatusCode::OK, &Shown { exist: share.is_some(), share }))
        }
        Route::Update(place, account) => {
            state.update(place, account, Body::read(call.body)?.terms()?, now)?;
            // 201, not 200: "Modification succeeded".
            Ok(Answer::empty(StatusCode::CREATED))
        }
        Route::Delete(place, account) => {
            state.delete(place, account, now)?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        Route::SharedRepositoriesV2 => shared_repositories::v2(state, call.query),
        Route::SharedRepositoriesV3 => shared_repositories::v3(state, call.query),
    }
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
        let deadline = given(self.deadline)?.parse().map_err(|_| INVALID_PARAMETERS)?;
        Ok(Terms { permit, deadline, description: self.description.unwrap_or_default() })
    }
}

/// A mandatory field.
fn given(field: Option<String>) -> Result<String, ApiError> {
    field.filter(|text| !text.is_empty()).ok_or(MISSING_PARAMETERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(path: &str) -> Option<Route> {
        Route::find(&Method::GET, path)
    }

    #[test]
    fn a_dollar_stands_for_a_slash_plain_or_encoded() {
        let expected = Route::List(Place::parse("group/tools/busybox").unwrap());
        for repository in ["tools$busybox", "tools%24busybox"] {
            let path =
                format!("/v2/manage/namespaces/group/repositories/{repository}/access-domains");
            assert_eq!(list_of(&path), Some(expected.clone()), "{repository}");
        }
    }

    #[test]
    fn a_slash_is_another_api() {
        for repository in ["tools/busybox", "tools%2Fbusybox"] {
            let path =
                format!("/v2/manage/namespaces/group/repositories/{repository}/access-domains");
            assert_eq!(list_of(&path), None, "{repository}");
        }
    }
}
