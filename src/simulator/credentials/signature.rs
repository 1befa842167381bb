//! The check of a signed request, `SDK-HMAC-SHA256`, from the "API Request Signing Guide" and the official SDKs.
//!
//! Pure, and independent of the operator's signer on purpose. What only the client's choice is, this takes: any set of
//! signed headers with `x-sdk-date` among them. What the cloud builds itself, this builds: the order of headers and
//! parameters, and the encoding of path and query.

use std::fmt::Write;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};
use secrecy::{ExposeSecret, SecretString};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: &str = "x-sdk-date";
/// A client may name the body's hash itself, or put `UNSIGNED-PAYLOAD` there.
const BODY_HASH: &str = "x-sdk-content-sha256";
const SECURITY_TOKEN: &str = "x-security-token";
/// "The difference must be within 15 minutes".
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(15);
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request's signature, and what it is a signature of.
#[derive(Debug)]
pub struct Signed {
    /// The public half of the access key.
    pub access_key: String,
    /// The header `X-Security-Token`, signed or not: both are in use.
    pub security_token: Option<SecretString>,
    /// The header `X-Sdk-Date`, if it is signed.
    date: Option<String>,
    /// `None`: not hexadecimal, and so not right.
    signature: Option<Vec<u8>>,
    /// Kept as a secret because a security token may be in it.
    canonical: SecretString,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// `X-Sdk-Date` is missing, not signed or no time.
    NoDate,
    /// It is too far from now.
    Skewed {
        /// As the request has it.
        signed_at: String,
    },
    /// It is of something else, or by another secret.
    Wrong {
        /// What should have been signed.
        canonical: String,
    },
}

impl Signed {
    /// Reads the header `Authorization`; `None` when it is not of this kind.
    pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let parameters = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let signed = signed_headers(parameter(parameters, "SignedHeaders=").unwrap_or_default());
        let dated = signed.iter().any(|name| name == DATE);
        Some(Self {
            access_key: parameter(parameters, "Access=")?.to_owned(),
            security_token: value_of(headers, SECURITY_TOKEN).map(SecretString::from),
            date: value_of(headers, DATE).filter(|_| dated),
            signature: parameter(parameters, "Signature=").and_then(from_hex),
            canonical: canonical_request(method, uri, headers, body, &signed).into(),
        })
    }

    /// Whether it was made with this secret, and about now.
    pub fn check(&self, secret: &SecretString, now: Timestamp) -> Result<(), Flaw> {
        let date = self.date.as_ref().ok_or(Flaw::NoDate)?;
        let signed_at = parse_date(date).ok_or(Flaw::NoDate)?;
        if signed_at.duration_since(now).abs() > LARGEST_SKEW {
            return Err(Flaw::Skewed { signed_at: date.clone() });
        }
        let canonical = self.canonical.expose_secret();
        let text = format!("{ALGORITHM}\n{date}\n{}", sha256(canonical.as_bytes()));
        let key = hmac::Key::new(HMAC_SHA256, secret.expose_secret().as_bytes());
        // Compares in constant time.
        let verified = self
            .signature
            .as_ref()
            .is_some_and(|signature| hmac::verify(&key, text.as_bytes(), signature).is_ok());
        if verified { Ok(()) } else { Err(Flaw::Wrong { canonical: canonical.to_owned() }) }
    }
}

/// The value of one parameter of the header.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix(name))
}

/// In the cloud's order, whatever the client's is.
fn signed_headers(list: &str) -> Vec<String> {
    let mut names: Vec<String> = list.split(';').map(str::to_ascii_lowercase).collect();
    names.sort();
    names
}

fn value_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(",").trim().to_owned())
}

fn canonical_request(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    signed: &[String],
) -> String {
    let mut lines = String::new();
    for name in signed {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{name}:{}", value_of(headers, name).unwrap_or_default());
    }
    let (path, query) = (canonical_path(uri.path()), canonical_query(uri.query()));
    let body_hash = value_of(headers, BODY_HASH).unwrap_or_else(|| sha256(body));
    format!("{method}\n{path}\n{query}\n{lines}\n{}\n{body_hash}", signed.join(";"))
}

/// Decoded, split, each segment encoded anew, and a slash at the end: so `$` becomes `%24`, sent encoded or not.
fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let segments: Vec<String> = decoded.split(|byte| *byte == b'/').map(encode).collect();
    let mut path = segments.join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Decoded, sorted by name and then by value, encoded anew.
fn canonical_query(query: Option<&str>) -> String {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let decode = |text| percent_decode_str(text).collect::<Vec<u8>>();
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, UNRESERVED).to_string()
}

fn sha256(bytes: &[u8]) -> String {
    super::hex(digest(&SHA256, bytes).as_ref())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    });
    pairs.collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| value.try_into().ok())
}

/// `20260331T120000Z` and nothing else.
fn parse_date(text: &str) -> Option<Timestamp> {
    let exact = text.len() == "20260331T120000Z".len();
    let time = exact.then(|| DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok())??;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde::Deserialize;
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        method: String,
        url: String,
        headers: BTreeMap<String, String>,
        body: String,
        ak: String,
        sk: String,
        #[serde(rename = "securityToken")]
        security_token: String,
        date: String,
        authorization: String,
        #[serde(rename = "canonicalRequest")]
        canonical_request: String,
    }

    /// From the official Python signer 3.1.219, and published ones.
    fn vectors() -> Vec<Vector> {
        serde_json::from_str(include_str!("../../../tests/vectors/signatures.json")).unwrap()
    }

    impl Vector {
        fn header(&mut self, name: &str, value: &str) {
            self.headers.insert(name.to_owned(), value.to_owned());
        }

        fn signed(&self) -> Signed {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, self.authorization.parse().unwrap());
            for (name, value) in &self.headers {
                headers.insert(
                    HeaderName::try_from(name).unwrap(),
                    HeaderValue::try_from(value).unwrap(),
                );
            }
            let method = Method::from_bytes(self.method.as_bytes()).unwrap();
            let uri = self.url.parse().unwrap();
            Signed::read(&method, &uri, &headers, self.body.as_bytes()).unwrap()
        }

        fn check(&self) -> Result<(), Flaw> {
            self.signed().check(&self.sk.as_str().into(), parse_date(&self.date).unwrap())
        }
    }

    fn vector(name: &str) -> Vector {
        vectors().into_iter().find(|vector| vector.name == name).unwrap()
    }

    #[test]
    fn what_the_official_signer_signed_is_found_right() {
        assert!(vectors().len() >= 9);
        for vector in vectors() {
            let signed = vector.signed();
            let canonical = signed.canonical.expose_secret();
            assert_eq!(canonical, vector.canonical_request, "{}", vector.name);
            assert_eq!(signed.access_key, vector.ak, "{}", vector.name);
            let token = signed.security_token.as_ref().map_or("", |token| token.expose_secret());
            assert_eq!(token, vector.security_token, "{}", vector.name);
            assert_eq!(vector.check(), Ok(()), "{}", vector.name);
        }
    }

    #[test]
    fn a_dollar_is_one_whether_it_is_sent_encoded_or_not() {
        let mut vector = vector("g01-create-domain-dollar-raw");
        vector.url = vector.url.replace('$', "%24");
        assert_eq!(vector.check(), Ok(()));
        vector.url = vector.url.replace("%24", "%2F");
        assert!(vector.check().is_err());
    }

    #[test]
    fn parameters_may_be_sent_in_any_order() {
        let mut vector = vector("g04-list-shared-query");
        let (path, query) = vector.url.split_once('?').unwrap();
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.reverse();
        vector.url = format!("{path}?{}", pairs.join("&"));
        assert_eq!(vector.check(), Ok(()));
    }

    #[test]
    fn signed_headers_are_sorted_here_however_they_are_listed() {
        let mut vector = vector("g01-create-domain-dollar-raw");
        let list = "content-type;host;x-sdk-date";
        vector.authorization = vector.authorization.replace(list, "X-Sdk-Date;Content-Type;host");
        assert_eq!(vector.check(), Ok(()));
    }

    #[test]
    fn what_was_changed_after_signing_is_found_wrong() {
        let changes: [fn(&mut Vector); 9] = [
            |vector| vector.method = "PUT".to_owned(),
            |vector| vector.url.push('x'),
            |vector| vector.url.push_str("?limit=1"),
            |vector| vector.body.push(' '),
            |vector| vector.sk.push('x'),
            |vector| vector.header("Host", "another.example"),
            |vector| vector.header("Content-Type", "text/plain"),
            |vector| vector.header("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD"),
            |vector| vector.authorization.push('0'),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut vector = vector("g01-create-domain-dollar-raw");
            change(&mut vector);
            assert!(matches!(vector.check(), Err(Flaw::Wrong { .. })), "change {number}");
        }
    }

    #[test]
    fn a_header_that_is_not_signed_and_spaces_around_a_value_do_not_matter() {
        let mut vector = vector("g01-create-domain-dollar-raw");
        vector.header("User-Agent", "any");
        vector.header("X-Security-Token", "added afterwards");
        vector.header("Content-Type", "  application/json ");
        assert_eq!(vector.check(), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_fifteen_minutes_to_either_side() {
        let vector = vector("p03-pysdk-post");
        let date = parse_date(&vector.date).unwrap();
        for (seconds, right) in [(0, true), (900, true), (-900, true), (901, false), (-901, false)]
        {
            let now = date + SignedDuration::from_secs(seconds);
            let verdict = vector.signed().check(&vector.sk.as_str().into(), now);
            let expected =
                if right { Ok(()) } else { Err(Flaw::Skewed { signed_at: vector.date.clone() }) };
            assert_eq!(verdict, expected, "{seconds}");
        }
    }

    #[test]
    fn a_date_must_be_there_be_signed_and_be_one() {
        let changes: [fn(&mut Vector); 4] = [
            |vector| drop(vector.headers.remove("X-Sdk-Date")),
            |vector| vector.authorization = vector.authorization.replace("host;x-sdk-date", "host"),
            |vector| vector.header("X-Sdk-Date", "2020-06-08T02:39:00Z"),
            |vector| vector.header("X-Sdk-Date", "20200608T023900"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut vector = vector("p03-pysdk-post");
            change(&mut vector);
            assert_eq!(vector.check(), Err(Flaw::NoDate), "change {number}");
        }
    }

    #[test]
    fn other_authorizations_are_no_signature_of_this_kind() {
        for other in
            ["Basic Access=AK1", "SDK-HMAC-SHA256 Signature=00ff", "SDK-HMAC-SHA2567 Access=a"]
        {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, other.parse().unwrap());
            let uri = Uri::from_static("/");
            assert!(Signed::read(&Method::GET, &uri, &headers, b"").is_none(), "{other}");
        }
    }
}
