//! IAM: passwords and identity tokens become tokens, and tokens tell of themselves.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Asked, random_text};
use crate::answer::{
    Answer, ApiError, BAD_SIGN_IN, INVALID_TOKEN, NO_TOKEN, NOT_FOUND_BY_IAM,
    identity_token_refused,
};
use crate::credentials::{Facts, GivenSecret, Offered, Project, id_of};
use crate::world::World;

const SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");
/// No page says how long a token is; samples are about as long.
const TOKEN_BYTES: usize = 768;

/// The body of both sign-ins.
#[derive(Deserialize)]
struct Body<T> {
    auth: T,
}

#[derive(Deserialize)]
struct ByPassword {
    identity: Identity,
    scope: Option<Scope>,
}

#[derive(Deserialize)]
struct Identity {
    methods: Vec<String>,
    password: Password,
}

#[derive(Deserialize)]
struct Password {
    user: PasswordUser,
}

#[derive(Deserialize)]
struct PasswordUser {
    name: String,
    password: GivenSecret,
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
}

#[derive(Deserialize)]
struct ByIdToken {
    id_token: IdToken,
    scope: Option<Scope>,
}

#[derive(Deserialize)]
struct IdToken {
    id: GivenSecret,
}

/// With a domain beside the project, "the project prevails"; with the domain alone the token has no project.
#[derive(Deserialize)]
struct Scope {
    project: Option<WantedProject>,
}

#[derive(Deserialize)]
struct WantedProject {
    id: Option<String>,
    name: Option<String>,
}

/// `POST /v3/auth/tokens`: a password for a token.
pub fn sign_in(world: &mut World, asked: &Asked) -> Result<Answer, ApiError> {
    let ByPassword { identity, scope } = read(asked.body)?;
    if identity.methods != ["password"] {
        return Err(BAD_SIGN_IN);
    }
    let PasswordUser { name, password, domain } = identity.password.user;
    world.identity.users.sign_in(&domain.name, &name, &password.0, asked.now)?;
    issue(world, asked.now, "password", domain.name, name, scope)
}

/// `POST /v3.0/OS-AUTH/id-token/tokens`: an identity token for a token.
pub fn sign_in_by_id_token(world: &mut World, asked: &Asked) -> Result<Answer, ApiError> {
    let ByIdToken { id_token, scope } = read(asked.body)?;
    let name = asked.headers.identity_provider.as_deref().ok_or(BAD_SIGN_IN)?;
    let provider = world.identity.providers.find(name).ok_or(NOT_FOUND_BY_IAM)?;
    let claims = provider
        .verify(id_token.id.0.expose_secret(), asked.machine_now)
        .map_err(|flaw| identity_token_refused(&flaw.to_string()))?;
    // Whose account the provider belongs to is not known here.
    let account = name.to_owned();
    issue(world, asked.now, "mapped", account, claims.sub, scope)
}

/// `GET /v3/auth/tokens`: what a token is good for.
pub fn show(world: &mut World, asked: &Asked) -> Result<Answer, ApiError> {
    world.credentials.check(asked.offered, asked.now).map_err(|error| match asked.offered {
        Offered::Nothing => NO_TOKEN,
        Offered::Token(_) => INVALID_TOKEN,
        Offered::Signed(_) => error,
    })?;
    let token = asked.headers.subject_token.as_ref().ok_or(BAD_SIGN_IN)?.expose_secret();
    let facts = world.credentials.tokens.facts(token, asked.now).ok_or(NOT_FOUND_BY_IAM)?;
    Ok(answer(StatusCode::OK, token, &facts))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map(|Body { auth }| auth).map_err(|_| BAD_SIGN_IN)
}

fn issue(
    world: &mut World,
    now: Timestamp,
    method: &'static str,
    account: String,
    user: String,
    scope: Option<Scope>,
) -> Result<Answer, ApiError> {
    let wanted = scope.and_then(|scope| scope.project);
    let project = wanted.map(|wanted| find_project(world, wanted)).transpose()?;
    let lifetime = SignedDuration::try_from(world.identity.token_lifetime);
    let expires_at = lifetime.ok().and_then(|lifetime| now.checked_add(lifetime).ok());
    let expires_at = expires_at.unwrap_or(Timestamp::MAX);
    let facts = Facts { issued_at: now, expires_at, method, project, account, user };
    let token = random_text(TOKEN_BYTES)?;
    world.credentials.tokens.issue(&token, facts.clone());
    Ok(answer(StatusCode::CREATED, &token, &facts))
}

/// A project that is told by its id alone has that for its name, unless its name is known.
fn find_project(world: &World, wanted: WantedProject) -> Result<Project, ApiError> {
    let known = &world.identity.projects;
    let is_known = |name: &String| known.is_empty() || known.contains(name);
    match wanted {
        WantedProject { name: Some(name), .. } if is_known(&name) => {
            Ok(Project { id: id_of(&name), name })
        }
        WantedProject { name: None, id: Some(id) } if known.is_empty() => {
            Ok(Project { name: id.clone(), id })
        }
        WantedProject { name: None, id: Some(id) } => {
            let name = known.iter().find(|name| id_of(name) == id).ok_or(NOT_FOUND_BY_IAM)?;
            Ok(Project { name: name.clone(), id })
        }
        WantedProject { name: Some(_), .. } => Err(NOT_FOUND_BY_IAM),
        WantedProject { name: None, id: None } => Err(BAD_SIGN_IN),
    }
}

fn answer(status: StatusCode, token: &str, facts: &Facts) -> Answer {
    let answer = Answer::json(status, &json!({"token": view(facts)}));
    match HeaderValue::try_from(token) {
        Ok(mut value) => {
            value.set_sensitive(true);
            answer.with_header(SUBJECT_TOKEN, value)
        }
        // A token that came in a header fits into one, and so does one that we made.
        Err(_) => answer,
    }
}

fn view(facts: &Facts) -> Value {
    let Facts { issued_at, expires_at, method, project, account, user } = facts;
    let domain = json!({"id": id_of(account), "name": account});
    let mut view = json!({
        // Six digits, unlike SWR's times.
        "issued_at": format!("{issued_at:.6}"),
        "expires_at": format!("{expires_at:.6}"),
        "methods": [method],
        "user": {
            "id": id_of(&format!("{account}/{user}")),
            "name": user,
            "domain": domain,
            "password_expires_at": "",
        },
    });
    if let Some(Project { id, name }) = project {
        view["project"] = json!({"id": id, "name": name, "domain": domain});
    }
    view
}
