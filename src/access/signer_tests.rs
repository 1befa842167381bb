use serde::Deserialize;

use super::*;

/// A request and what the official Python signer made of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    name: String,
    method: String,
    url: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    ak: String,
    sk: String,
    security_token: String,
    date: String,
    authorization: String,
    canonical_request: String,
}

#[test]
fn requests_are_signed_as_the_official_signer_and_the_signing_guide_sign_them() {
    let vectors = include_str!("../../tests/vectors/signatures.json");
    let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
    assert!(vectors.len() >= 9);
    for vector in vectors {
        let url = Url::parse(&vector.url).unwrap();
        let lower: Vec<_> =
            vector.headers.iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        let headers = lower.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        let (method, body) = (&*vector.method, vector.body.as_bytes());
        let unsigned = Unsigned { method, url: &url, headers, body };
        assert_eq!(unsigned.canonical(), vector.canonical_request, "{}", vector.name);
        let token = (!vector.security_token.is_empty()).then(|| vector.security_token.into());
        let key = AccessKey::new(vector.ak, vector.sk.into(), token);
        assert_eq!(
            key.authorization(&unsigned, &vector.date),
            vector.authorization,
            "{}",
            vector.name
        );
    }
}

fn key(token: Option<&str>) -> AccessKey {
    AccessKey::new("AK".into(), "secret-key".into(), token.map(Into::into))
}

#[test]
fn a_request_gets_its_date_its_signature_and_the_security_token_and_none_is_shown() {
    let mut request =
        Request::new(reqwest::Method::GET, Url::parse("https://swr.example:8443/v2/a$b").unwrap());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    key(Some("temporary")).authorize(&mut request, now).unwrap();
    let headers = request.headers();
    assert_eq!(headers[DATE], "20260101T000000Z");
    assert_eq!(headers[SECURITY_TOKEN], "temporary");
    let authorization = headers[AUTHORIZATION].to_str().unwrap();
    let signed =
        "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date;x-security-token, Signature=";
    assert!(authorization.starts_with(signed), "{authorization}");
    assert!(headers[AUTHORIZATION].is_sensitive() && headers[SECURITY_TOKEN].is_sensitive());
}

#[test]
fn the_port_belongs_to_the_host_unless_it_is_the_schemes_own() {
    for (url, expected) in [
        ("https://swr.example/v2", "swr.example"),
        ("https://swr.example:443/v2", "swr.example"),
        ("http://127.0.0.1:18443/v2", "127.0.0.1:18443"),
        ("http://[::1]:80/v2", "[::1]"),
    ] {
        assert_eq!(host(&Url::parse(url).unwrap()), expected);
    }
}

#[test]
fn keys_are_one_if_all_of_their_parts_are() {
    assert!(key(None) == key(None) && key(Some("t")) == key(Some("t")));
    assert!(key(None) != key(Some("t")));
    assert!(
        key(Some("temporary")).is_shown_by("id: secret-key")
            && key(Some("temporary")).is_shown_by("temporary")
    );
    assert!(!key(None).is_shown_by("AK is no secret"));
}
