//! How often the gateway, or SWR behind it, may be called: the rate limit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use serde::Deserialize;

use crate::answer::{ApiError, THROTTLED, TOO_MANY_CALLS, TOO_MANY_REQUESTS};
use crate::front::Request;
use crate::time::deserialize_duration;

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
    /// The header `Retry-After` of this error, if it is our refusal and there is to be one.
    pub fn retry_after(&self, error: &ApiError) -> Option<HeaderValue> {
        let seconds = self.limit.retry_after.filter(|_| self.refusal == *error)?;
        Some(HeaderValue::from(seconds))
    }

    /// Whose window a request falls into.
    pub fn bucket_of(&self, request: &Request) -> String {
        match self.limit.by {
            Bucket::User => request.credential.fingerprint().unwrap_or_default(),
            Bucket::Ip => request.peer.to_string(),
            Bucket::Api => String::new(),
        }
    }

    /// Counts a call of this bucket, or refuses it.
    pub fn admit(&mut self, bucket: String, now: Instant) -> Result<(), ApiError> {
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
