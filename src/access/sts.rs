//! STS's exchange: a `ServiceAccount`'s token for temporary access keys. Bodies and answers alone, and
//! nothing is sent here.
//!
//! Source: "Assuming an Agency with OIDC" (Huawei Cloud STS API reference), and `huaweicloudsdkcore`'s
//! `OidcStsCredentialProvider`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::iam::{Unreadable, instant};
use super::signer::AccessKey;

/// Where the exchange is made.
pub const ASSUME_WITH_OIDC: &str = "/v5/agencies/assume-with-oidc";
/// How long the keys are to last: STS's own default, which each agency allows.
const SECONDS: u32 = 3_600;
/// The longest name or secret that is taken.
const VALUE_MAX: usize = 32 * 1024;

/// The body that exchanges a `ServiceAccount`'s token for keys of an agency. `session` names the caller in
/// the cloud's audit trail.
pub fn assume_body(provider: &str, agency: &str, session: &str, id_token: &str) -> Value {
    json!({
        "provider_urn": provider,
        "agency_urn": agency,
        "agency_session_name": session,
        "id_token": id_token,
        "duration_seconds": SECONDS,
    })
}

#[derive(Deserialize)]
struct Answer {
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    security_token: String,
    expiration: String,
}

/// Reads the answer: the keys, and when they end.
pub fn read_keys(body: &[u8]) -> Result<(AccessKey, Timestamp), Unreadable> {
    let Answer { credentials } = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let Credentials { access_key_id: id, secret_access_key, security_token, expiration } =
        credentials;
    let secrets = [secret_access_key, security_token].map(SecretString::from);
    let are_usable = {
        let [secret, token] = secrets.each_ref().map(ExposeSecret::expose_secret);
        [&*id, secret, token].into_iter().all(is_usable)
    };
    let end = instant(&expiration).filter(|_| are_usable).ok_or(Unreadable)?;
    let [secret, token] = secrets;
    Ok((AccessKey::new(id, secret, Some(token)), end))
}

fn is_usable(text: &str) -> bool {
    !text.is_empty() && text.len() <= VALUE_MAX && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(changes: &Value) -> Vec<u8> {
        let mut credentials = json!({"access_key_id": "AK", "secret_access_key": "SK",
            "security_token": "T", "expiration": "2026-01-01T01:00:00.574000Z"});
        for (key, value) in changes.as_object().unwrap() {
            credentials[key] = value.clone();
        }
        json!({"credentials": credentials, "assumed_agency": {}}).to_string().into_bytes()
    }

    #[test]
    fn the_keys_of_an_agency_come_with_a_security_token_and_an_end() {
        let (key, end) = read_keys(&answer(&json!({}))).unwrap();
        assert!(key == AccessKey::new("AK".into(), "SK".into(), Some("T".into())));
        assert_eq!(end, "2026-01-01T01:00:00.574Z".parse().unwrap());
    }

    #[test]
    fn an_answer_that_lacks_a_part_or_holds_one_for_no_header_is_refused() {
        for changes in [
            json!({"access_key_id": ""}),
            json!({"secret_access_key": "a b"}),
            json!({"security_token": null}),
            json!({"security_token": "a\r\nb"}),
            json!({"expiration": "soon"}),
        ] {
            assert!(read_keys(&answer(&changes)).is_err(), "{changes}");
        }
        for body in ["", "{}", "[]", r#"{"credentials":7}"#] {
            assert!(read_keys(body.as_bytes()).is_err(), "{body}");
        }
    }
}
