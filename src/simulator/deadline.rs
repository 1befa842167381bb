//! Until when a share holds: the one place that knows SWR's spellings of time and its whole-day expiry.
//!
//! Pure: now comes in as a parameter.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const FOREVER: &str = "forever";

/// The API's `deadline`: "Valid until (UTC). forever indicates permanently valid."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Never expires.
    Forever,
    /// Holds to the end of this instant's day, in UTC.
    Until(Timestamp),
}

/// The two spellings in the documentation's examples: one call answers `…:00Z`, the other `…:00.000Z`.
#[derive(Clone, Copy, Debug)]
pub enum Spelling {
    /// As in "Checking Whether an Account Exists for Receiving a Shared Image".
    Short,
    /// As in "Querying Accounts an Image Is Shared With".
    Milliseconds,
}

impl Deadline {
    /// Reads what the API takes; a bare date or another offset than `Z` is not documented and refused.
    pub fn parse(text: &str) -> Option<Self> {
        if text == FOREVER { Some(Self::Forever) } else { parse_instant(text).map(Self::Until) }
    }

    /// The deadline at midnight UTC of its own day.
    pub fn cut_to_day(self) -> Self {
        match self {
            Self::Until(instant) => Self::Until(midnight(instant).unwrap_or(instant)),
            Self::Forever => self,
        }
    }

    /// Whether a share with this deadline is valid: "valid until 00:00:00 of the next day" (older edition of "Sharing
    /// an Image with an Account"). The zone of that day is not documented; UTC is assumed.
    pub fn holds_at(self, now: Timestamp) -> bool {
        match self {
            Self::Forever => true,
            Self::Until(instant) => {
                let end = midnight(instant).and_then(|day| day.checked_add(24.hours()).ok());
                end.is_none_or(|end| now < end)
            }
        }
    }

    /// As it goes over the wire.
    pub fn text(self, spelling: Spelling) -> String {
        match (self, spelling) {
            (Self::Forever, _) => FOREVER.to_owned(),
            (Self::Until(instant), Spelling::Short) => instant.to_string(),
            (Self::Until(instant), Spelling::Milliseconds) => format!("{instant:.3}"),
        }
    }
}

/// Reads `2026-03-31T16:00:00Z` with or without fraction digits; only UTC.
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let in_utc = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let to_the_second = text.len() >= "2026-03-31T16:00:00Z".len();
    (in_utc && to_the_second).then(|| text.parse().ok())?
}

fn midnight(instant: Timestamp) -> Option<Timestamp> {
    let day = instant.to_zoned(TimeZone::UTC).date();
    TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn only_utc_instants_and_forever_are_deadlines() {
        for good in
            ["forever", "2026-03-31T16:00:00Z", "2026-03-31T16:00:00.000Z", "2024-02-29T00:00:00Z"]
        {
            assert!(Deadline::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "Forever",
            "2026-03-31",
            "2026-03-31T16:00Z",
            "2026-03-31 16:00:00Z",
            "2026-03-31T16:00:00",
            "2026-03-31T16:00:00+08:00",
            "2026-03-31T16:00:00+08:00Z",
            "2026-02-30T00:00:00Z",
            "tomorrow",
        ] {
            assert!(Deadline::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_share_holds_until_the_midnight_after_its_day() {
        let deadline = Deadline::parse("2026-03-31T16:00:00.000Z").unwrap();
        assert!(deadline.holds_at(at("2026-03-31T23:59:59.999Z")));
        assert!(!deadline.holds_at(at("2026-04-01T00:00:00Z")));
        assert!(deadline.cut_to_day().holds_at(at("2026-03-31T23:59:59Z")));
        assert!(!deadline.cut_to_day().holds_at(at("2026-04-01T00:00:00Z")));
    }

    #[test]
    fn the_same_deadline_has_two_spellings() {
        let deadline = Deadline::parse("2026-03-31T16:00:00.000Z").unwrap();
        assert_eq!(deadline.text(Spelling::Short), "2026-03-31T16:00:00Z");
        assert_eq!(deadline.text(Spelling::Milliseconds), "2026-03-31T16:00:00.000Z");
        assert_eq!(deadline.cut_to_day().text(Spelling::Short), "2026-03-31T00:00:00Z");
    }
}
