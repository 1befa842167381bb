//! IAM and STS, as far as credentials come from them: behind the same address as SWR, and in front of no gateway.

mod iam;
mod jwt;
mod providers;
mod sts;
mod users;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;

pub use self::providers::{GivenProvider, Provider, Providers};
pub use self::users::{UserState, Users};
use crate::answer::{Answer, ApiError, NO_RANDOMNESS};
use crate::credentials::Offered;
use crate::ledger::Kind;
use crate::world::World;

/// What IAM and STS know.
#[derive(Debug)]
pub struct Identity {
    /// Who has a password.
    pub users: Users,
    /// Who vouches for others.
    pub providers: Providers,
    /// The projects by name; empty: every one.
    pub projects: BTreeSet<String>,
    /// How long an issued token holds.
    pub token_lifetime: Duration,
}

/// A call of IAM or STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `KeystoneCreateUserTokenByPassword`.
    SignIn,
    /// `CreateUnscopedTokenWithIdToken`, `CreateScopedTokenWithIdToken`: they differ in the scope only.
    SignInByIdToken,
    /// `KeystoneValidateToken`.
    ShowToken,
    /// `AssumeAgencyWithOIDC`.
    Assume,
}

impl Route {
    /// Finds the call.
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        match (method.as_str(), path) {
            ("POST", "/v3/auth/tokens") => Some(Self::SignIn),
            ("POST", "/v3.0/OS-AUTH/id-token/tokens") => Some(Self::SignInByIdToken),
            ("GET", "/v3/auth/tokens") => Some(Self::ShowToken),
            ("POST", "/v5/agencies/assume-with-oidc") => Some(Self::Assume),
            _ => None,
        }
    }

    /// What the ledger counts it as.
    pub fn kind(self) -> Kind {
        match self {
            Self::SignIn | Self::SignInByIdToken => Kind::SignIn,
            Self::ShowToken => Kind::Token,
            Self::Assume => Kind::Assume,
        }
    }

    /// What the ledger and fault rules call it.
    pub fn key(self) -> &'static str {
        match self {
            Self::SignIn | Self::ShowToken => "iam/tokens",
            Self::SignInByIdToken => "iam/id-token",
            Self::Assume => "sts/assume",
        }
    }
}

/// The headers that only these calls have.
#[derive(Debug, Default)]
pub struct Headers {
    /// `X-Subject-Token`: the token that is asked about.
    subject_token: Option<SecretString>,
    /// `X-Idp-Id`: who issued the identity token.
    identity_provider: Option<String>,
}

impl Headers {
    /// Picks them.
    pub fn read(headers: &HeaderMap) -> Self {
        let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            subject_token: value("x-subject-token").map(SecretString::from),
            identity_provider: value("x-idp-id").map(str::to_owned),
        }
    }
}

/// What a call asks, and when.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub offered: &'a Offered,
    /// Its own headers.
    pub headers: &'a Headers,
    /// The body.
    pub body: &'a [u8],
    /// The simulated time.
    pub now: Timestamp,
    /// The machine's time, by which identity tokens go: a real API server makes them.
    pub machine_now: Timestamp,
}

/// Performs a call.
pub fn perform(world: &mut World, route: Route, asked: &Asked) -> Result<Answer, ApiError> {
    match route {
        Route::SignIn => iam::sign_in(world, asked),
        Route::SignInByIdToken => iam::sign_in_by_id_token(world, asked),
        Route::ShowToken => iam::show(world, asked),
        Route::Assume => sts::assume(world, asked),
    }
}

/// Text that nobody guesses, of so many random bytes.
fn random_text(bytes: usize) -> Result<String, ApiError> {
    let mut random = vec![0; bytes];
    SystemRandom::new().fill(&mut random).map_err(|_| NO_RANDOMNESS)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
