//! What time it is for SWR. Deadlines end by the cloud's clock, and this machine's may be hours off,
//! or be set right at any moment; the header `Date` of SWR's answers (RFC 9110, section 6.6.1) says.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use crate::lock::lock;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

/// A clock that is not ours: what time it was there, and when that was by our own measure.
#[derive(Debug, Default, Clone, Copy)]
pub struct Clock(Option<(Instant, Timestamp)>);

impl Clock {
    /// Notes the header `Date` of an answer to a request that was under way from `sent` to `received`,
    /// when it was `here` by our own clock. One that cannot be read changes nothing.
    pub fn note(&mut self, date: &str, (sent, received): (Instant, Instant), here: Timestamp) {
        let Ok(date) = DateTimeParser::new().parse_timestamp(date) else { return };
        let under_way = SignedDuration::try_from(received.duration_since(sent)).unwrap_or_default();
        // The date is given to the second, at any moment of that time: what fits is not corrected.
        let most = date + under_way + SignedDuration::from_secs(1);
        let there = self.there(received).unwrap_or(here).clamp(date, most);
        self.0 = Some((received, there));
    }

    /// What time it is there `now`; `None` as long as nobody has said.
    pub fn there(&self, now: Instant) -> Option<Timestamp> {
        let (at, there) = self.0?;
        there.checked_add(now.duration_since(at)).ok()
    }
}

/// The clock of each endpoint.
#[derive(Default)]
pub struct Clocks(Mutex<HashMap<Url, Clock>>);

impl Clocks {
    /// Notes what an answer of this endpoint says, as [`Clock::note`] does.
    pub fn note(&self, base: &Url, date: &str, when: (Instant, Instant), here: Timestamp) {
        self.lock().entry(base.clone()).or_default().note(date, when, here);
    }

    /// What time it is there `now`; `None` as long as nobody has said.
    pub fn there(&self, base: &Url, now: Instant) -> Option<Timestamp> {
        self.lock().get(base)?.there(now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Url, Clock>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn base() -> Url {
        Url::parse("https://swr.example").unwrap()
    }

    #[test]
    fn our_own_time_counts_unless_an_answers_date_cannot_be_explained_by_it() {
        let here = at("2027-03-31T12:00:03.9Z");
        let sent = Instant::now();
        let received = sent + Duration::from_millis(3500);
        for (date, there) in [
            ("Wed, 31 Mar 2027 12:00:00 GMT", Some("2027-03-31T12:00:03.9Z")),
            ("Wed, 31 Mar 2027 12:00:03 GMT", Some("2027-03-31T12:00:03.9Z")),
            ("Wed, 31 Mar 2027 17:00:03 GMT", Some("2027-03-31T17:00:03Z")),
            ("Wed, 31 Mar 2027 07:00:00 GMT", Some("2027-03-31T07:00:04.5Z")),
            ("yesterday", None),
            ("", None),
        ] {
            let clocks = Clocks::default();
            clocks.note(&base(), date, (sent, received), here);
            assert_eq!(clocks.there(&base(), received), there.map(at), "{date}");
            let other = Url::parse("https://other.example").unwrap();
            assert_eq!(clocks.there(&other, received), None, "another endpoint has said nothing");
        }
    }

    #[test]
    fn the_time_there_goes_on_by_itself_whatever_becomes_of_our_clock() {
        let (clocks, noted) = (Clocks::default(), Instant::now());
        let wrong = at("2027-03-31T07:00:00Z");
        clocks.note(&base(), "Wed, 31 Mar 2027 12:00:00 GMT", (noted, noted), wrong);
        let slow = noted + Duration::from_secs(48);
        let later = noted + Duration::from_mins(1);
        assert_eq!(clocks.there(&base(), later), Some(at("2027-03-31T12:01:00Z")));
        // A slow answer does not undo what is known.
        clocks.note(&base(), "Wed, 31 Mar 2027 12:00:50 GMT", (slow, later), wrong);
        assert_eq!(clocks.there(&base(), later), Some(at("2027-03-31T12:01:00Z")));
        // One that cannot be explained does.
        clocks.note(&base(), "Wed, 31 Mar 2027 13:00:00 GMT", (later, later), wrong);
        assert_eq!(clocks.there(&base(), later), Some(at("2027-03-31T13:00:00Z")));
    }
}
