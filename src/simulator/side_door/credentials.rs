//! The part of the side door that says who may call.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Knock, Refusal, bad};
use crate::credentials::GivenSecret;
use crate::identity::{GivenProvider, UserState};
use crate::time::parse_instant;
use crate::world::Simulator;

impl Knock {
    pub(super) fn change_credentials(
        &self,
        path: &[&str],
        simulator: &Simulator,
    ) -> Result<(), Refusal> {
        match (self.method.as_str(), path) {
            ("POST", ["tokens"]) => {
                let NewToken { token, only, expires_at } = self.json()?;
                let end = instant(expires_at.as_deref())?;
                simulator.accept_token(token.clone(), only);
                if let Some(end) = end {
                    simulator.set_token_expiry(&token, end)?;
                }
            }
            ("DELETE", ["tokens"]) => simulator.revoke_all_tokens(),
            ("DELETE", ["tokens", token]) => simulator.revoke_token(token)?,
            ("DELETE", ["issued-tokens"]) => simulator.revoke_issued_tokens(),
            ("PUT", ["access-keys", id]) => {
                let NewAccessKey { secret, security_token, expires_at } = self.json()?;
                let end = instant(expires_at.as_deref())?;
                let security_token = security_token.map(|token| token.0);
                simulator.add_access_key(id, secret.0, security_token, end);
            }
            ("DELETE", ["access-keys", id]) => simulator.remove_access_key(id)?,
            ("PUT", ["users", account, user]) => {
                let GivenUser { password, state } = self.json()?;
                if let Some(password) = password {
                    simulator.put_user(account, user, password.0);
                }
                if let Some(state) = state {
                    simulator.set_user(account, user, state)?;
                }
            }
            ("PUT", ["providers", name]) => {
                simulator.add_provider(self.json::<GivenProvider>()?.named(name))?;
            }
            ("DELETE", ["providers", name]) => simulator.remove_provider(name)?,
            _ => return Err(self.unknown()),
        }
        Ok(())
    }
}

fn instant(text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let read =
        |text| parse_instant(text).ok_or_else(|| bad(format!("`{text}` is not a UTC instant")));
    text.map(read).transpose()
}

/// A token to be accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    /// And none of those before.
    #[serde(default)]
    only: bool,
    #[serde(rename = "expiresAt")]
    expires_at: Option<String>,
}

/// An access key to be accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewAccessKey {
    secret: GivenSecret,
    security_token: Option<GivenSecret>,
    expires_at: Option<String>,
}

/// What is to be of a user; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenUser {
    password: Option<GivenSecret>,
    state: Option<UserState>,
}
