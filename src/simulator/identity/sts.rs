//! STS: an identity token becomes a temporary access key.

use axum::http::StatusCode;
use jiff::ToSpan;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::{Asked, random_text};
use crate::answer::{
    AGENCY_REFUSED, Answer, ApiError, BAD_ASSUMPTION, NO_SUCH_PROVIDER, assumption_refused,
};
use crate::credentials::{GivenSecret, id_of};
use crate::world::World;

const USUAL_DURATION: u32 = 3600;
/// "900 to 43,200 seconds".
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;
/// "4 to 20,000 characters".
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 4..=20_000;

#[derive(Deserialize)]
struct Body {
    provider_urn: String,
    agency_urn: String,
    agency_session_name: String,
    id_token: GivenSecret,
    duration_seconds: Option<u32>,
}

/// `POST /v5/agencies/assume-with-oidc`.
pub fn assume(world: &mut World, asked: &Asked) -> Result<Answer, ApiError> {
    let body: Body = serde_json::from_slice(asked.body).map_err(|_| BAD_ASSUMPTION)?;
    let duration = body.duration_seconds.unwrap_or(USUAL_DURATION);
    let (token, session) = (body.id_token.0.expose_secret(), &body.agency_session_name);
    if !DURATIONS.contains(&duration) || !TOKEN_LENGTHS.contains(&token.len()) || session.is_empty()
    {
        return Err(BAD_ASSUMPTION);
    }
    let providers = &world.identity.providers;
    let provider = providers.find(&body.provider_urn).ok_or(NO_SUCH_PROVIDER)?;
    let claims = provider
        .verify(token, asked.machine_now)
        .map_err(|flaw| assumption_refused(&flaw.to_string()))?;
    if !provider.lends(&body.agency_urn) {
        return Err(AGENCY_REFUSED);
    }
    let audience = provider.audience().to_owned();
    let expiration =
        asked.now.checked_add(i64::from(duration).seconds()).map_err(|_| BAD_ASSUMPTION)?;
    let id = format!("HST{}", id_of(&random_text(32)?).to_uppercase());
    let (secret, security_token) = (random_text(30)?, random_text(600)?);
    let answer = json!({
        "credentials": {
            "access_key_id": id,
            "secret_access_key": secret,
            "security_token": security_token,
            "expiration": format!("{expiration:.3}"),
        },
        "assumed_agency": {
            "urn": format!("{}/{session}", body.agency_urn.replace(":agency:", ":assumed-agency:")),
            "id": format!("{}:{session}", id_of(&body.agency_urn)),
        },
        "provider": body.provider_urn,
        "audience": audience,
        "subject_from_id_token": claims.sub,
    });
    let end = Some(expiration);
    world.credentials.access_keys.add(id, secret.into(), Some(security_token.into()), end);
    Ok(Answer::json(StatusCode::OK, &answer))
}
