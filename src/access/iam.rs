//! IAM's exchanges: a password, or a `ServiceAccount`'s token, for a token that SWR takes. Bodies and
//! answers alone, and nothing is sent here.
//!
//! Sources: "Obtaining a User Token Through Password Authentication", "Obtaining a Scoped Token with an
//! OpenID Connect ID Token", "Verifying a Token" (Huawei Cloud IAM API reference).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::password::Password;
use super::token::Token;

/// Where a password is exchanged, and a token is looked at. Without a catalog, the answer is small.
pub const TOKENS: &str = "/v3/auth/tokens?nocatalog=true";
/// Where a `ServiceAccount`'s token is exchanged.
pub const ID_TOKENS: &str = "/v3.0/OS-AUTH/id-token/tokens";
/// The header that an issued token comes in, and one that is looked at.
pub const SUBJECT_TOKEN: &str = "x-subject-token";
/// The header with the name of the identity provider.
pub const PROVIDER_ID: &str = "x-idp-id";

/// The body that exchanges a password for a token of a region.
pub fn password_body(password: &Password, region: &str) -> Value {
    let user = json!({
        "name": password.user(),
        "password": password.exposed(),
        "domain": {"name": password.account()},
    });
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": password.project(region)}},
    }})
}

/// The body that exchanges a `ServiceAccount`'s token for one of a project.
pub fn id_token_body(id_token: &str, project: &str) -> Value {
    json!({"auth": {"id_token": {"id": id_token}, "scope": {"project": {"name": project}}}})
}

/// An answer that is not what IAM documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not what IAM documents")]
pub struct Unreadable;

#[derive(Deserialize)]
struct TokenAnswer {
    token: TokenBody,
}

#[derive(Deserialize)]
struct TokenBody {
    expires_at: String,
}

/// Reads the answer of an exchange: the token, and when it ends.
pub fn read_token(header: &[u8], body: &[u8]) -> Result<(Token, Timestamp), Unreadable> {
    let token = Token::read(header).map_err(|_| Unreadable)?;
    Ok((token, read_end(body)?))
}

/// Reads from the answer of a look at a token when it ends.
pub fn read_end(body: &[u8]) -> Result<Timestamp, Unreadable> {
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    instant(&answer.token.expires_at).ok_or(Unreadable)
}

/// An instant of IAM's or STS's: some samples leave the `Z` out, and mean UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    text.parse().ok().or_else(|| text.parse().ok().and_then(utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(project: Option<&str>) -> Password {
        Password::new("acme".into(), "robot".into(), "p\"w".into(), project.map(Into::into))
    }

    #[test]
    fn a_password_is_exchanged_for_a_token_of_the_regions_project_or_of_its_own() {
        let body = password_body(&password(None), "eu-west-101");
        assert_eq!(body["auth"]["scope"]["project"]["name"], "eu-west-101");
        let user = &body["auth"]["identity"]["password"]["user"];
        assert_eq!(*user, json!({"name": "robot", "password": "p\"w", "domain": {"name": "acme"}}));
        let body = password_body(&password(Some("eu-west-101_sub")), "eu-west-101");
        assert_eq!(body["auth"]["scope"]["project"]["name"], "eu-west-101_sub");
    }

    #[test]
    fn the_end_of_a_token_is_read_with_and_without_its_z() {
        let end =
            |text: &str| read_end(format!(r#"{{"token":{{"expires_at":"{text}"}}}}"#).as_bytes());
        let expected: Timestamp = "2026-11-09T01:42:57.527363Z".parse().unwrap();
        assert_eq!(end("2026-11-09T01:42:57.527363Z"), Ok(expected));
        assert_eq!(end("2026-11-09T01:42:57.527363"), Ok(expected));
        for bad in ["tomorrow", "", "2026-11-09"] {
            assert!(end(bad).is_err() || bad == "2026-11-09", "{bad}");
        }
    }

    #[test]
    fn an_answer_without_a_token_or_without_its_end_is_refused() {
        let body = br#"{"token":{"expires_at":"2026-11-09T01:42:57Z"}}"#;
        assert!(read_token(b"token", body).is_ok());
        assert!(read_token(b"", body).is_err() && read_token(b"a b", body).is_err());
        for bad in ["", "{}", "[]", r#"{"token":{}}"#, r#"{"token":{"expires_at":7}}"#] {
            assert!(read_token(b"token", bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
