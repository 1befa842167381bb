//! What a refusal says of how often one may call: for how long to stay away, and the limit that was
//! reached. Pure.
//!
//! Sources: RFC 9110, section 10.2.3, for `Retry-After`. For the gateway's words, which SWR's own pages
//! do not name, those of other services behind it: `policy user over ratelimit,limit:60,time:1 minute`
//! (Open Telekom Cloud, `DataArts` Studio FAQ), `policy ip over ratelimit,limit:5,time:1 minute` (Huawei
//! Cloud, `ModelArts` Studio, error codes), and the same by `api`, and in seconds, in users' reports. For IAM's,
//! `IAM.0012` of its "Error Codes".

use std::time::{Duration, SystemTime};

/// The longest pause that is honoured: a hostile or broken answer must not park an object.
pub const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// A limit of the gateway: so many calls in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Whose calls are counted together.
    pub by: LimitBy,
    /// How many are let through in a window; at least one.
    pub calls: u32,
    /// How long a window is; never zero.
    pub window: Duration,
}

/// Whose calls a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitBy {
    /// Those from one address.
    Ip,
    /// Those of one account's user.
    User,
    /// Everybody's, of one API.
    Api,
}

impl Limit {
    /// Reads the gateway's words: `policy user over ratelimit,limit:60,time:1 minute`. A limit of
    /// nothing, or in no time, is none: nobody could keep to it.
    pub fn read(message: &str) -> Option<Self> {
        let (_, policy) = message.split_once("policy ")?;
        let (by, policy) = policy.split_once(" over ratelimit")?;
        let by = match by {
            "ip" => LimitBy::Ip,
            "user" => LimitBy::User,
            "api" => LimitBy::Api,
            _ => return None,
        };
        let (_, policy) = policy.split_once("limit:")?;
        let (calls, time) = policy.split_once(',')?;
        let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
        let window = window(time).filter(|window| !window.is_zero())?;
        Some(Self { by, calls, window })
    }
}

/// The time that the gateway's words name, whatever else they say, or IAM's: `time:1 minute`, `Threshold: 5
/// times per 60 seconds`.
pub fn window(message: &str) -> Option<Duration> {
    let named = |mark: &str| message.rsplit_once(mark).and_then(|(_, time)| duration(time));
    named("time:").or_else(|| named(" times per "))
}

/// A number and a unit, at the beginning of a text.
fn duration(time: &str) -> Option<Duration> {
    let time = time.trim_start();
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = time.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
    let unit = match unit.get(..letters)? {
        "ms" | "millisecond" | "milliseconds" => Duration::from_millis(1),
        "s" | "sec" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "minute" | "minutes" => Duration::from_mins(1),
        "h" | "hour" | "hours" => Duration::from_hours(1),
        "d" | "day" | "days" => Duration::from_hours(24),
        _ => return None,
    };
    unit.checked_mul(count.parse().ok()?)
}

/// How long the header `Retry-After` asks us to stay away, from `now` on if it gives a date: in
/// seconds or as an HTTP date in any of its three formats (RFC 9110, 10.2.3 and 5.6.7). A date that
/// has passed asks for nothing.
pub fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    let pause = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are more than are honoured.
        Duration::from_secs(header.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(header).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-10-21T07:28:00Z.
    const NOW: &str = "Wed, 21 Oct 2026 07:28:00 GMT";

    fn now() -> SystemTime {
        httpdate::parse_http_date(NOW).unwrap()
    }

    #[test]
    fn the_gateways_words_are_a_limit() {
        let minute = Duration::from_mins(1);
        let second = Duration::from_secs(1);
        for (message, by, calls, window) in [
            ("policy user over ratelimit,limit:60,time:1 minute", LimitBy::User, 60, minute),
            (
                "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second",
                LimitBy::Ip,
                5,
                second,
            ),
            ("policy ip over ratelimit,limit:5,time:5s", LimitBy::Ip, 5, 5 * second),
            ("policy api over ratelimit,limit:2000,time:1 minute", LimitBy::Api, 2000, minute),
            ("policy user over ratelimit,limit:1,time:60 minute", LimitBy::User, 1, 60 * minute),
            (
                "policy user over ratelimit, limit:10, time: 2 hours.",
                LimitBy::User,
                10,
                120 * minute,
            ),
            ("policy api over ratelimit,limit:9,time:200 millisecond", LimitBy::Api, 9, second / 5),
            ("policy api over ratelimit,limit:9,time:1 day", LimitBy::Api, 9, 1440 * minute),
        ] {
            assert_eq!(Limit::read(message), Some(Limit { by, calls, window }), "{message}");
        }
    }

    #[test]
    fn what_nobody_could_keep_to_or_cannot_be_read_is_no_limit() {
        for message in [
            "",
            "Slow down.",
            "policy user over ratelimit",
            "policy user over ratelimit,limit:0,time:1 minute",
            "policy user over ratelimit,limit:60,time:0 minute",
            "policy user over ratelimit,limit:60",
            "policy user over ratelimit,limit:60,time:",
            "policy user over ratelimit,limit:60,time:1",
            "policy user over ratelimit,limit:60,time:1 fortnight",
            "policy user over ratelimit,limit:-5,time:1 minute",
            "policy user over ratelimit,limit:5.5,time:1 minute",
            "policy user over ratelimit,limit:99999999999,time:1 minute",
            "policy user over ratelimit,limit:60,time:99999999999999999999 minute",
            "policy app over ratelimit,limit:60,time:1 minute",
            "limit:60,time:1 minute",
        ] {
            assert_eq!(Limit::read(message), None, "{message}");
        }
    }

    #[test]
    fn the_time_is_read_from_words_that_name_no_limit() {
        for (message, seconds) in [
            ("policy app over ratelimit,limit:60,time:1 minute", Some(60)),
            ("try again, time:5s", Some(5)),
            ("time:2 h", Some(7200)),
            ("Threshold: 5 times per 60 seconds", Some(60)),
            ("time:99999999999999999999 hours", None),
            ("time:9999999999 days", None),
            ("time:", None),
            ("time:soon", None),
            ("slow down", None),
        ] {
            assert_eq!(window(message), seconds.map(Duration::from_secs), "{message}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_in_any_of_its_three_formats() {
        for (header, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("600", Some(600)),
            ("601", Some(600)),
            ("99999999999999999999999", Some(600)),
            ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
            ("Wednesday, 21-Oct-26 07:28:30 GMT", Some(30)),
            ("Wed Oct 21 07:28:30 2026", Some(30)),
            ("Wed, 21 Oct 2026 08:28:00 GMT", Some(600)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(600)),
            (NOW, Some(0)),
            ("Wed, 21 Oct 2026 07:27:59 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("", None),
            ("-7", None),
            ("+7", None),
            ("7.5", None),
            ("7 s", None),
            ("soon", None),
            ("Wed, 32 Oct 2026 07:28:30 GMT", None),
            ("2026-10-21T07:28:30Z", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(header, now()), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_words_make_the_readers_panic(
            text in ".{0,60}",
            number in "[0-9]{0,25}",
            unit in " ?[a-z]{0,8}",
        ) {
            let _ = retry_after(&text, now());
            let _ = retry_after(&number, now());
            let policy = format!("policy {text} over ratelimit,limit:{number},time:{number}{unit}{text}");
            let usual = format!("policy ip over ratelimit,limit:{number},time:{number}{unit}{text}");
            for message in [text, policy, usual] {
                let _ = window(&message);
                if let Some(limit) = Limit::read(&message) {
                    prop_assert!(limit.calls > 0 && !limit.window.is_zero());
                }
            }
        }
    }
}
