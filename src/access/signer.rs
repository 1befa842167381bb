//! The second kind: an access key, which signs each request (`SDK-HMAC-SHA256`). The secret key never
//! leaves the process. No `Debug`, no `Display`, wiped from memory when dropped.
//!
//! Source: "API Request Signing Guide", AK/SK signing algorithm (Huawei Cloud), and the official SDKs for
//! Python and Go; compared with the Python signer by a test. Signed are the host, the date and the
//! security token alone: a proxy may change any other header.

use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Request, Url};
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};

use super::authorize::{Authorize, Confidential};
use super::token::header;
use crate::reason::Reason;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-sdk-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");
/// RFC 3986's unreserved characters: all others are encoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An access key; a temporary one comes with a security token.
#[derive(Clone)]
pub struct AccessKey(Arc<Parts>);

struct Parts {
    id: String,
    secret: SecretString,
    security_token: Option<SecretString>,
}

impl AccessKey {
    /// A key of these parts, each of printable ASCII: a Secret's reader or an answer's has seen to that.
    pub fn new(id: String, secret: SecretString, security_token: Option<SecretString>) -> Self {
        Self(Arc::new(Parts { id, secret, security_token }))
    }

    /// The value of the header `Authorization` for a request with these headers: names in lower case,
    /// in any order. `date` is one of them.
    pub fn authorization(&self, request: &Unsigned<'_>, date: &str) -> String {
        let Parts { id, secret, .. } = &*self.0;
        let names = request.signed_headers();
        let request = hex(digest::digest(&digest::SHA256, request.canonical().as_bytes()).as_ref());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let to_sign = format!("{ALGORITHM}\n{date}\n{request}");
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
        format!("{ALGORITHM} Access={id}, SignedHeaders={names}, Signature={signature}")
    }
}

impl Authorize for AccessKey {
    fn authorize(&self, request: &mut Request, now: Timestamp) -> Result<(), Reason> {
        let invalid = |_| Reason::InvalidCredentials;
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = host(request.url());
        let token = self.0.security_token.as_ref();
        let mut headers = vec![("host", &*host), ("x-sdk-date", &*date)];
        headers.extend(token.map(|token| ("x-security-token", token.expose_secret())));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let method = request.method().as_str();
        let unsigned = Unsigned { method, url: request.url(), headers, body };
        let authorization = self.authorization(&unsigned, &date);
        let mut authorization = HeaderValue::from_str(&authorization).map_err(invalid)?;
        authorization.set_sensitive(true);
        let date = HeaderValue::from_str(&date).map_err(invalid)?;
        let token = token.map(|token| header(token, Reason::InvalidCredentials)).transpose()?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(DATE, date);
        headers.extend(token.map(|token| (SECURITY_TOKEN, token)));
        Ok(())
    }

    fn goes_by_the_clock(&self) -> bool {
        true
    }
}

impl Confidential for AccessKey {
    fn is_shown_by(&self, text: &str) -> bool {
        let Parts { secret, security_token, .. } = &*self.0;
        let secrets = [Some(secret), security_token.as_ref()];
        secrets.into_iter().flatten().any(|secret| secret.is_shown_by(text))
    }
}

/// A request as it is signed.
pub struct Unsigned<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The URL that it goes to.
    pub url: &'a Url,
    /// The headers that are signed: names in lower case, each once.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body, byte by byte as it is sent.
    pub body: &'a [u8],
}

impl Unsigned<'_> {
    /// The request in the one form that both sides make of it.
    pub fn canonical(&self) -> String {
        let headers = self.sorted().into_iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{name}:{}", value.trim());
            text
        });
        let body = hex(digest::digest(&digest::SHA256, self.body).as_ref());
        let (path, query) = (canonical_path(self.url), canonical_query(self.url));
        let names = self.signed_headers();
        format!("{}\n{path}\n{query}\n{headers}\n{names}\n{body}", self.method)
    }

    fn signed_headers(&self) -> String {
        self.sorted().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    fn sorted(&self) -> Vec<(&str, &str)> {
        let mut headers = self.headers.clone();
        headers.sort_unstable();
        headers
    }
}

/// The host as it stands in the header: with its port, but for the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The path, decoded and encoded anew, so that `$` and `%24` are the same, with a slash at its end.
fn canonical_path(url: &Url) -> String {
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let mut path = path.split('/').map(encoded).collect::<Vec<_>>().join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// The parameters by name and value, likewise.
fn canonical_query(url: &Url) -> String {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl PartialEq for AccessKey {
    fn eq(&self, other: &Self) -> bool {
        self.exposed() == other.exposed()
    }
}

impl Eq for AccessKey {}

/// Under a hasher with keys of its own, as maps have one.
impl Hash for AccessKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.exposed().hash(state);
    }
}

impl AccessKey {
    fn exposed(&self) -> (&str, &str, Option<&str>) {
        let Parts { id, secret, security_token } = &*self.0;
        (id, secret.expose_secret(), security_token.as_ref().map(ExposeSecret::expose_secret))
    }
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
