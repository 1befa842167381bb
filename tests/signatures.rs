//! The operator's signer beside that of the official Python SDK: random requests, signed by both.
//! `tests/sdk/run.sh` has the SDK sign them first, and names the file in `SIGNED_REQUESTS`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use imageshare::access::authorize::Authorize;
use imageshare::access::signer::AccessKey;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Request, Url};
use serde::Deserialize;

/// A request, and what the official signer made of it.
#[derive(Deserialize)]
struct Signed {
    method: String,
    url: String,
    body: String,
    token: String,
    ak: String,
    sk: String,
    date: String,
    authorization: String,
}

fn instant(date: &str) -> Timestamp {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    time.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

#[test]
#[ignore = "needs the official SDK: make test-sdk"]
fn random_requests_are_signed_as_the_official_sdk_signs_them() {
    let file = std::env::var("SIGNED_REQUESTS").unwrap();
    let requests: Vec<Signed> =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(requests.len() >= 500, "{}", requests.len());
    let count = requests.len();
    for signed in requests {
        let method = Method::from_bytes(signed.method.as_bytes()).unwrap();
        let mut request = Request::new(method, Url::parse(&signed.url).unwrap());
        if !signed.body.is_empty() {
            *request.body_mut() = Some(signed.body.into());
        }
        let token = (!signed.token.is_empty()).then(|| signed.token.into());
        let key = AccessKey::new(signed.ak, signed.sk.into(), token);
        key.authorize(&mut request, instant(&signed.date)).unwrap();
        let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert_eq!(authorization, signed.authorization, "{} {}", signed.method, signed.url);
    }
    println!("{count} requests are signed as the official SDK signs them");
}
