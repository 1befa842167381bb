//! What time it is for SWR. Deadlines end by the cloud's clock, and this machine's may be hours off;
//! the header `Date` of SWR's answers (RFC 9110, section 6.6.1) tells the difference.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

/// How far the clock of each endpoint is ahead of ours; nothing is known of most.
#[derive(Default)]
pub struct Clocks(Mutex<HashMap<Url, SignedDuration>>);

impl Clocks {
    /// Notes the header `Date` of an answer to a request that was under way from `sent` to `heard`, by
    /// our clock. One that cannot be read changes nothing.
    pub fn tell(&self, base: &Url, date: &str, sent: Timestamp, heard: Timestamp) {
        let Some(ahead) = least_ahead(date, sent, heard) else { return };
        let mut clocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.is_zero() {
            clocks.remove(base);
        } else {
            clocks.insert(base.clone(), ahead);
        }
    }

    /// What time it is there, when it is `here` by our clock.
    pub fn there(&self, base: &Url, here: Timestamp) -> Timestamp {
        let clocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = clocks.get(base).copied().unwrap_or_default();
        here.checked_add(ahead).unwrap_or(here)
    }
}

/// The least difference between the clocks that explains the date: it is told to the second, at any
/// moment while the request was under way. A slow answer alone is no difference.
fn least_ahead(date: &str, sent: Timestamp, heard: Timestamp) -> Option<SignedDuration> {
    let date = DateTimeParser::new().parse_timestamp(date).ok()?;
    let least = date.duration_since(heard);
    let most = date.duration_since(sent) + SignedDuration::from_secs(1);
    Some(SignedDuration::ZERO.max(least).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_there_is_ours_unless_an_answers_date_cannot_be_explained_by_it() {
        let (sent, heard) = (at("2027-03-31T12:00:00.4Z"), at("2027-03-31T12:00:03.9Z"));
        for (date, there) in [
            ("Wed, 31 Mar 2027 12:00:00 GMT", "2027-03-31T12:00:03.9Z"),
            ("Wed, 31 Mar 2027 12:00:03 GMT", "2027-03-31T12:00:03.9Z"),
            ("Wed, 31 Mar 2027 17:00:03 GMT", "2027-03-31T17:00:03Z"),
            ("Wed, 31 Mar 2027 07:00:00 GMT", "2027-03-31T07:00:04.5Z"),
            ("yesterday", "2027-03-31T12:00:03.9Z"),
            ("", "2027-03-31T12:00:03.9Z"),
        ] {
            let (clocks, base) = (Clocks::default(), Url::parse("https://swr.example").unwrap());
            clocks.tell(&base, date, sent, heard);
            assert_eq!(clocks.there(&base, heard), at(there), "{date}");
            let other = Url::parse("https://other.example").unwrap();
            assert_eq!(clocks.there(&other, heard), heard, "nothing is known of another endpoint");
        }
    }

    #[test]
    fn a_clock_that_is_put_right_is_believed_again() {
        let (clocks, base) = (Clocks::default(), Url::parse("https://swr.example").unwrap());
        let now = at("2027-03-31T12:00:00Z");
        clocks.tell(&base, "Wed, 31 Mar 2027 17:00:00 GMT", now, now);
        assert_ne!(clocks.there(&base, now), now);
        clocks.tell(&base, "Wed, 31 Mar 2027 12:00:00 GMT", now, now);
        assert_eq!(clocks.there(&base, now), now);
    }
}
