//! How often the gateway, or SWR behind it, may be called: the rate limit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::answer::{ApiError, THROTTLED, THROTTLED_BY_503, TOO_MANY_CALLS, TOO_MANY_REQUESTS};
use crate::credentials::Caller;
use crate::time::{deserialize_duration, parse_duration};

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
    /// 429, the gateway's, unless given; or 503, which some gateways use instead; or 403, SWR's.
    pub status: Option<u16>,
    /// Which of the two 403s; the gateway has one code only.
    pub code: Option<String>,
    /// Seconds for a `Retry-After` header; no page documents one, so there is none unless asked for.
    pub retry_after: Option<u32>,
    /// That header as a date, by the simulated clock, instead of seconds.
    #[serde(default)]
    pub retry_after_as_date: bool,
}

/// Which calls share a window; the word stands in the refusal's text.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// The calls of one user: with one given credential, or with all tokens issued to him.
    #[default]
    User,
    /// The calls from one address.
    Ip,
    /// All calls.
    Api,
}

impl FromStr for RateLimit {
    type Err = String;

    /// Reads `user:100/60s`: the gateway's refusal, without a header.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(by, rest)| Some((by, rest.split_once('/')?)));
        let wrong = || "expected BY:CALLS/WINDOW, such as user:100/60s, ip:5/1s or api:2000/1m";
        let (by, (calls, window)) = parts.ok_or_else(wrong)?;
        let by = match by {
            "user" => Bucket::User,
            "ip" => Bucket::Ip,
            "api" => Bucket::Api,
            _ => return Err(wrong().to_owned()),
        };
        let limit = calls.parse().map_err(|_| wrong())?;
        let window = parse_duration(window)?;
        if window.is_zero() {
            return Err("a window takes some time".to_owned());
        }
        Ok(Self { limit, window, by, ..Self::default() })
    }
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
        let known = [THROTTLED, THROTTLED_BY_503, TOO_MANY_CALLS, TOO_MANY_REQUESTS];
        let refusal = known.into_iter().find(wanted);
        let mut refusal = refusal.ok_or("status is 429, 503 or 403, code one that goes with it")?;
        refusal.message = Cow::Owned(format!("{}: {}", refusal.message, limit.text()));
        Ok(Self { limit, refusal, windows: HashMap::new() })
    }
}

impl Throttle {
    /// The header `Retry-After` of this error, if it is our refusal and there is to be one, when it is
    /// `now` by the simulated clock, as in the header `Date`.
    pub fn retry_after(&self, error: &ApiError, now: Timestamp) -> Option<HeaderValue> {
        let seconds = self.limit.retry_after.filter(|_| self.refusal == *error)?;
        if !self.limit.retry_after_as_date {
            return Some(HeaderValue::from(seconds));
        }
        let then = now.checked_add(SignedDuration::from_secs(seconds.into())).ok()?;
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&then).ok()?;
        HeaderValue::try_from(date).ok()
    }

    /// Whose window a request falls into.
    pub fn bucket_of(&self, caller: &Caller, peer: IpAddr) -> String {
        match self.limit.by {
            Bucket::User => caller.0.clone(),
            Bucket::Ip => peer.to_string(),
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
            (
                json!({"limit": 0, "window": "1m", "status": 503}),
                503,
                "policy user over ratelimit,limit:0,time:1 minute",
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

    #[test]
    fn the_header_is_given_in_seconds_or_as_a_date_and_with_our_refusal_only() {
        let noon = "2026-03-31T12:00:00Z".parse().unwrap();
        for (limit, expected) in [
            (json!({"limit": 0, "window": "1m"}), None),
            (json!({"limit": 0, "window": "1m", "retry_after_as_date": true}), None),
            (json!({"limit": 0, "window": "1m", "retry_after": 90}), Some("90")),
            (
                json!({"limit": 0, "window": "1m", "retry_after": 90, "retry_after_as_date": true}),
                Some("Tue, 31 Mar 2026 12:01:30 GMT"),
            ),
        ] {
            let mut throttle = throttle(limit).unwrap();
            let refusal = throttle.admit(String::new(), Instant::now()).unwrap_err();
            let header = throttle.retry_after(&refusal, noon);
            assert_eq!(header, expected.map(HeaderValue::from_static));
            assert_eq!(throttle.retry_after(&TOO_MANY_CALLS, noon), None);
        }
    }

    #[test]
    fn a_limit_is_written_by_whom_how_many_and_in_what_time() {
        for (text, told) in [
            ("user:100/60s", "policy user over ratelimit,limit:100,time:1 minute"),
            ("ip:5/1s", "policy ip over ratelimit,limit:5,time:1 second"),
            ("api:2000/1m", "policy api over ratelimit,limit:2000,time:1 minute"),
        ] {
            assert_eq!(text.parse::<RateLimit>().unwrap().text(), told);
        }
        for wrong in
            ["", "100/60s", "user:100", "app:1/1s", "user:x/1s", "user:1/soon", "user:1/0s"]
        {
            assert!(wrong.parse::<RateLimit>().is_err(), "{wrong}");
        }
    }
}
