//! What stands before SWR: who may call, and how often.
//!
//! A token never leaves this file in clear; the ledger gets a fingerprint.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::answer::{
    Answer, ApiError, BAD_ACCESS_KEY, BAD_TOKEN, NO_CREDENTIAL, REQUEST_TOO_LARGE, THROTTLED,
    TOO_MANY_CALLS, TOO_MANY_REQUESTS, UNKNOWN_API,
};
use crate::api::{self, Call};
use crate::front::Request;
use crate::options::AccessKey;
use crate::share::Creator;
use crate::time::deserialize_duration;
use crate::world::World;

/// Performs a call as the cloud would: past the gateway, then in SWR. A read is answered from the shares as they were
/// `age` ago. Gives the answer, and whether the call changed shares.
pub fn perform(
    world: &mut World,
    request: &Request,
    request_id: &str,
    age: Duration,
) -> (Answer, bool) {
    let before = world.state.revision();
    let answer = pass(world, request, age).unwrap_or_else(|error| {
        let answer = Answer::refusal(&error, request_id);
        let throttle = world.throttle.as_ref().filter(|throttle| throttle.refusal == error);
        match throttle.and_then(|throttle| throttle.limit.retry_after) {
            Some(seconds) => answer.with_header(RETRY_AFTER, HeaderValue::from(seconds)),
            None => answer,
        }
    });
    (answer, world.state.revision() != before)
}

fn pass(world: &mut World, request: &Request, age: Duration) -> Result<Answer, ApiError> {
    let route = request.route.as_ref().ok_or(UNKNOWN_API)?;
    let body = request.body.as_ref().ok_or(REQUEST_TOO_LARGE)?;
    world.credentials.check(&request.credential)?;
    if let Some(throttle) = &mut world.throttle {
        throttle.admit(throttle.bucket_of(request), Instant::now())?;
    }
    let now = world.now();
    let then = now.saturating_sub(age).unwrap_or(now);
    let call = Call {
        route,
        query: &request.query(),
        body,
        creator: request.credential.user(),
        now: then,
        list_limit: world.list_limit,
    };
    world.state.as_of(then, now, |state| api::perform(state, call))
}

const TOKEN_HEADER: &str = "x-auth-token";
/// `Authorization: SDK-HMAC-SHA256 Access=AK, SignedHeaders=a;b;c, Signature=hex`.
const SIGNATURE_ALGORITHM: &str = "SDK-HMAC-SHA256";

/// What a request offers.
#[derive(Debug)]
pub enum Offered {
    /// No credential that SWR knows.
    Nothing,
    /// A token from IAM.
    Token(SecretString),
    /// The public half of the access key that signed the request.
    AccessKey(String),
}

impl Offered {
    /// Reads the headers; a token goes before a signature.
    pub fn read(headers: &HeaderMap) -> Self {
        if let Some(token) = headers.get(TOKEN_HEADER) {
            return Self::Token(SecretString::from(
                String::from_utf8_lossy(token.as_bytes()).into_owned(),
            ));
        }
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match authorization.and_then(access_key_of) {
            Some(id) => Self::AccessKey(id.to_owned()),
            None => Self::Nothing,
        }
    }

    /// A short hash by which the ledger tells credentials apart.
    pub fn fingerprint(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Token(token) => Some(fingerprint(token.expose_secret())),
            Self::AccessKey(id) => Some(fingerprint(id)),
        }
    }

    /// The user behind the credential, as far as a share's creator fields show him.
    pub fn user(&self) -> Creator {
        let text = match self {
            Self::Nothing => "",
            Self::Token(token) => token.expose_secret(),
            Self::AccessKey(id) => id,
        };
        Creator { id: hex_digits(text, 32), name: "api-user".to_owned() }
    }
}

fn access_key_of(authorization: &str) -> Option<&str> {
    let parameters = authorization.strip_prefix(SIGNATURE_ALGORITHM)?.trim_start();
    parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Access="))
}

/// What the simulator accepts.
#[derive(Debug, Default)]
pub struct Credentials {
    tokens: Vec<SecretString>,
    /// Without their secrets, as long as signatures are not verified.
    access_keys: BTreeSet<String>,
}

impl Credentials {
    /// What the options name.
    pub fn new(tokens: Vec<SecretString>, access_keys: Vec<AccessKey>) -> Self {
        Self { tokens, access_keys: access_keys.into_iter().map(|key| key.id).collect() }
    }

    /// Lets the request pass, or says why not.
    pub fn check(&self, offered: &Offered) -> Result<(), ApiError> {
        match offered {
            Offered::Nothing => Err(NO_CREDENTIAL),
            Offered::Token(token) if self.accepts(token.expose_secret()) => Ok(()),
            Offered::Token(_) => Err(BAD_TOKEN),
            Offered::AccessKey(id) if self.access_keys.contains(id) => Ok(()),
            Offered::AccessKey(_) => Err(BAD_ACCESS_KEY),
        }
    }

    /// Accepts one more token.
    pub fn add_token(&mut self, token: String) {
        if !self.accepts(&token) {
            self.tokens.push(SecretString::from(token));
        }
    }

    /// Accepts a token no more.
    pub fn revoke_token(&mut self, token: &str) -> bool {
        let before = self.tokens.len();
        self.tokens.retain(|one| one.expose_secret() != token);
        self.tokens.len() < before
    }

    /// Accepts no token any more.
    pub fn revoke_all_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The accepted tokens, as the ledger calls them.
    pub fn token_fingerprints(&self) -> Vec<String> {
        self.tokens.iter().map(|token| fingerprint(token.expose_secret())).collect()
    }

    fn accepts(&self, token: &str) -> bool {
        self.tokens.iter().any(|one| one.expose_secret() == token)
    }
}

fn fingerprint(text: &str) -> String {
    hex_digits(text, 12)
}

fn hex_digits(text: &str, count: usize) -> String {
    let mut hex = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex.truncate(count);
    hex
}

/// A rate limit: so many calls in a window, then refusals that name the limit. Refused calls do not count.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many calls a window admits.
    pub limit: u32,
    /// How long it is.
    #[serde(deserialize_with = "deserialize_duration")]
    pub window: Duration,
    /// Which calls share one.
    #[serde(default)]
    pub by: Bucket,
    /// 429, the gateway's, unless given; or 403, SWR's.
    pub status: Option<u16>,
    /// Which of the two 403s; the gateway's 429 has one code only.
    pub code: Option<String>,
    /// Seconds for a `Retry-After` header; no page documents one, so there is none unless asked for.
    pub retry_after: Option<u32>,
}

/// Which calls share a window; the word stands in the refusal's text.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// The calls with one credential.
    #[default]
    User,
    /// The calls from one address.
    Ip,
    /// All calls.
    Api,
}

impl RateLimit {
    /// As the gateway writes it: `policy ip over ratelimit,limit:5,time:1 minute` (langgenius/dify#18378, from a
    /// Huawei Cloud gateway).
    fn text(&self) -> String {
        let by = match self.by {
            Bucket::User => "user",
            Bucket::Ip => "ip",
            Bucket::Api => "api",
        };
        let (seconds, millis) = (self.window.as_secs(), self.window.as_millis());
        let time = match (seconds, self.window.subsec_nanos()) {
            (1.., 0) if seconds.is_multiple_of(60) => format!("{} minute", seconds / 60),
            (1.., 0) => format!("{seconds} second"),
            _ => format!("{millis} millisecond"),
        };
        format!("policy {by} over ratelimit,limit:{},time:{time}", self.limit)
    }
}

/// A rate limit at work.
#[derive(Debug)]
pub struct Throttle {
    limit: RateLimit,
    refusal: ApiError,
    windows: HashMap<String, Window>,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    used: u32,
}

impl TryFrom<RateLimit> for Throttle {
    type Error = &'static str;

    fn try_from(limit: RateLimit) -> Result<Self, &'static str> {
        let status = limit.status.unwrap_or(THROTTLED.status.as_u16());
        let wanted = |error: &ApiError| {
            error.status == status && limit.code.as_ref().is_none_or(|code| code == error.code)
        };
        let known = [THROTTLED, TOO_MANY_CALLS, TOO_MANY_REQUESTS];
        let refusal = known.into_iter().find(wanted);
        let mut refusal = refusal.ok_or("status is 429 or 403, code one that goes with it")?;
        refusal.message = Cow::Owned(format!("{}: {}", refusal.message, limit.text()));
        Ok(Self { limit, refusal, windows: HashMap::new() })
    }
}

impl Throttle {
    fn bucket_of(&self, request: &Request) -> String {
        match self.limit.by {
            Bucket::User => request.credential.fingerprint().unwrap_or_default(),
            Bucket::Ip => request.peer.to_string(),
            Bucket::Api => String::new(),
        }
    }

    /// Counts a call of this bucket, or refuses it.
    fn admit(&mut self, bucket: String, now: Instant) -> Result<(), ApiError> {
        let window = self.windows.entry(bucket).or_insert(Window { started: now, used: 0 });
        if now.duration_since(window.started) >= self.limit.window {
            *window = Window { started: now, used: 0 };
        }
        if window.used >= self.limit.limit {
            return Err(self.refusal.clone());
        }
        window.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_access_key_is_read_from_the_signature() {
        let header = "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=00ff";
        assert_eq!(access_key_of(header), Some("AK1"));
        for other in ["Basic Access=AK1", "SDK-HMAC-SHA256 Signature=00ff", ""] {
            assert_eq!(access_key_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_fingerprint_is_short_and_not_the_token() {
        let offered = Offered::Token(SecretString::from("secret-token"));
        let fingerprint = offered.fingerprint().unwrap();
        assert_eq!(fingerprint.len(), 12);
        assert!(!fingerprint.contains("secret"));
        assert_eq!(offered.user().id.len(), 32);
    }

    fn throttle(limit: Value) -> Result<Throttle, String> {
        let limit: RateLimit = serde_json::from_value(limit).map_err(|error| error.to_string())?;
        Throttle::try_from(limit).map_err(str::to_owned)
    }

    #[test]
    fn a_window_admits_its_limit_and_the_next_window_again() {
        let mut throttle = throttle(json!({"limit": 2, "window": "1s"})).unwrap();
        let start = Instant::now();
        let admitted: Vec<bool> = [0, 10, 20, 999, 1000]
            .map(|millis| {
                throttle.admit("a".to_owned(), start + Duration::from_millis(millis)).is_ok()
            })
            .into();
        assert_eq!(admitted, [true, true, false, false, true]);
        assert!(throttle.admit("b".to_owned(), start).is_ok(), "another bucket has its own window");
    }

    #[test]
    fn the_refusal_names_the_limit() {
        for (limit, status, text) in [
            (
                json!({"limit": 0, "window": "1s"}),
                429,
                "policy user over ratelimit,limit:0,time:1 second",
            ),
            (
                json!({"limit": 0, "window": "1m", "by": "ip"}),
                429,
                "policy ip over ratelimit,limit:0,time:1 minute",
            ),
            (
                json!({"limit": 0, "window": "200ms", "by": "api", "status": 403}),
                403,
                "time:200 millisecond",
            ),
        ] {
            let refusal =
                throttle(limit).unwrap().admit(String::new(), Instant::now()).unwrap_err();
            assert_eq!(refusal.status.as_u16(), status);
            assert!(refusal.message.contains(text), "{}", refusal.message);
        }
    }

    #[test]
    fn both_403_codes_can_be_asked_for_and_no_other() {
        let code =
            |code: &str| throttle(json!({"limit": 1, "window": "1s", "status": 403, "code": code}));
        assert_eq!(code("SVCSTG.SWR.4031042").unwrap().refusal.code, "SVCSTG.SWR.4031042");
        assert!(code("SVCSTG.SWR.4030170").is_err());
    }
}
