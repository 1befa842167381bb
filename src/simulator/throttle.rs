//! The cloud's rate limit: so many calls in a window, then refusals that name the limit.
//!
//! Pure: time comes in as a parameter. Refused calls do not count towards the limit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::duration;
use crate::errors::{ApiError, THROTTLED, TOO_MANY_CALLS, TOO_MANY_REQUESTS};

/// A rate limit, as the side door takes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    limit: u32,
    #[serde(deserialize_with = "duration::deserialize")]
    window: Duration,
    #[serde(default)]
    by: Bucket,
    #[serde(default = "too_many_requests")]
    status: u16,
    /// Which of the two 403s; the gateway's 429 has one code only.
    code: Option<String>,
    /// Seconds for a `Retry-After` header; no page documents one, so there is none unless asked for.
    retry_after: Option<u32>,
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

fn too_many_requests() -> u16 {
    THROTTLED.status.as_u16()
}

/// A policy at work.
#[derive(Debug)]
pub struct Throttle {
    policy: Policy,
    refusal: ApiError,
    windows: HashMap<String, Window>,
}

#[derive(Debug)]
struct Window {
    started: Instant,
    used: u32,
}

impl TryFrom<Policy> for Throttle {
    type Error = String;

    fn try_from(policy: Policy) -> Result<Self, String> {
        let known = [THROTTLED, TOO_MANY_CALLS, TOO_MANY_REQUESTS];
        let wanted = |error: &ApiError| {
            error.status.as_u16() == policy.status
                && policy.code.as_ref().is_none_or(|code| code == error.code)
        };
        let mut refusal = known
            .into_iter()
            .find(wanted)
            .ok_or("status is 429 or 403, code one that goes with it")?;
        refusal.message = Cow::Owned(format!("{}: {}", refusal.message, policy.text()));
        Ok(Self { policy, refusal, windows: HashMap::new() })
    }
}

impl Throttle {
    /// Which calls share a window.
    pub fn bucket(&self) -> Bucket {
        self.policy.by
    }

    /// Seconds for a `Retry-After` header.
    pub fn retry_after(&self) -> Option<u32> {
        self.policy.retry_after
    }

    /// Whether this error is this throttle's.
    pub fn is_refusal(&self, error: &ApiError) -> bool {
        *error == self.refusal
    }

    /// Counts a call of this bucket, or refuses it.
    pub fn admit(&mut self, bucket: String, now: Instant) -> Result<(), ApiError> {
        let window = self.windows.entry(bucket).or_insert(Window { started: now, used: 0 });
        if now.duration_since(window.started) >= self.policy.window {
            *window = Window { started: now, used: 0 };
        }
        if window.used >= self.policy.limit {
            return Err(self.refusal.clone());
        }
        window.used += 1;
        Ok(())
    }
}

impl Policy {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn throttle(limit: Value) -> Result<Throttle, String> {
        serde_json::from_value::<Policy>(limit).map_err(|error| error.to_string())?.try_into()
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
