//! Time: how it is spelled, when a share ends, and the clock that both go by.
//!
//! Pure: now, or the machine's time, comes in as a parameter.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Deserializer, de::Error};

const FOREVER: &str = "forever";

/// The API's `deadline`: "Valid until (UTC). forever indicates permanently valid."
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deadline {
    /// Never expires.
    #[default]
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

impl FromStr for Deadline {
    type Err = String;

    /// Reads what the API takes; a bare date or another offset than `Z` is not documented and refused.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == FOREVER {
            return Ok(Self::Forever);
        }
        parse_instant(text).map(Self::Until).ok_or_else(|| format!("`{text}` is no deadline"))
    }
}

impl<'de> Deserialize<'de> for Deadline {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        String::deserialize(json)?.parse().map_err(D::Error::custom)
    }
}

impl Deadline {
    /// The deadline at midnight UTC of its own day.
    pub(crate) fn cut_to_day(self) -> Self {
        match self {
            Self::Until(instant) => Self::Until(midnight(instant).unwrap_or(instant)),
            Self::Forever => self,
        }
    }

    /// Whether a share with this deadline is valid: "valid until 00:00:00 of the next day" (older edition of "Sharing
    /// an Image with an Account"). The zone of that day is not documented; UTC is assumed.
    pub(crate) fn holds_at(self, now: Timestamp) -> bool {
        match self {
            Self::Forever => true,
            Self::Until(instant) => {
                let end = midnight(instant).and_then(|day| day.checked_add(24.hours()).ok());
                end.is_none_or(|end| now < end)
            }
        }
    }

    pub(crate) fn text(self, spelling: Spelling) -> String {
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

/// Up to six fraction digits, trailing zeros trimmed, as the documented samples have it (`…42.56632Z`, `…42.566325Z`).
pub fn microseconds(instant: Timestamp) -> String {
    let micros = Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant);
    micros.to_string()
}

/// As signatures have it: `20260331T120000Z`.
pub fn compact(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The simulator's clock, by which shares are stamped and expire. Pure: it only remembers how far it is from the
/// machine's, whose time comes in as `real`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It runs, and is ahead of the machine's by this.
    Ahead(SignedDuration),
    /// It stands at this instant until it is moved.
    StandingAt(Timestamp),
}

impl Clock {
    /// The machine's own.
    pub const REAL: Self = Self::Ahead(SignedDuration::ZERO);

    pub(crate) fn now(self, real: Timestamp) -> Timestamp {
        match self {
            Self::Ahead(distance) => real.saturating_add(distance).unwrap_or(real),
            Self::StandingAt(instant) => instant,
        }
    }

    /// Moves it: a running one runs on from there, a standing one stands there.
    pub(crate) fn set(&mut self, instant: Timestamp, real: Timestamp) {
        *self = match self {
            Self::Ahead(_) => Self::Ahead(instant.duration_since(real)),
            Self::StandingAt(_) => Self::StandingAt(instant),
        };
    }
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "real" {
            return Ok(Self::REAL);
        }
        parse_instant(text).map(Self::StandingAt).ok_or_else(|| {
            "expected `real` or a UTC instant such as 2026-03-31T12:00:00Z".to_owned()
        })
    }
}

/// Reads a duration that is not negative, as people write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|length| length.try_into().ok());
    parsed.ok_or_else(|| format!("`{text}` is not a duration such as 20ms, 1s or 72h"))
}

/// The same for JSON.
pub fn deserialize_duration<'de, D: Deserializer<'de>>(json: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(json)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_duration("72h"), Ok(Duration::from_hours(72)));
        for wrong in ["", "20", "-1s", "soon"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_running_clock_runs_on_from_where_it_was_set() {
        let real = Timestamp::UNIX_EPOCH;
        let set_to: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins(1);
        let mut clock = Clock::REAL;
        clock.set(set_to, real);
        assert_eq!(clock.now(real + minute), set_to + minute);
    }

    #[test]
    fn a_standing_clock_stands() {
        let real = Timestamp::UNIX_EPOCH;
        let set_to: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let mut clock = Clock::StandingAt(real);
        clock.set(set_to, real);
        assert_eq!(clock.now(real + SignedDuration::from_mins(1)), set_to);
    }

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn only_utc_instants_and_forever_are_deadlines() {
        for good in
            ["forever", "2026-03-31T16:00:00Z", "2026-03-31T16:00:00.000Z", "2024-02-29T00:00:00Z"]
        {
            assert!(good.parse::<Deadline>().is_ok(), "{good}");
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
            assert!(bad.parse::<Deadline>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_holds_until_the_midnight_after_its_day() {
        let deadline: Deadline = "2026-03-31T16:00:00.000Z".parse().unwrap();
        assert!(deadline.holds_at(instant("2026-03-31T23:59:59.999Z")));
        assert!(!deadline.holds_at(instant("2026-04-01T00:00:00Z")));
        assert!(deadline.cut_to_day().holds_at(instant("2026-03-31T23:59:59Z")));
        assert!(!deadline.cut_to_day().holds_at(instant("2026-04-01T00:00:00Z")));
    }

    #[test]
    fn the_same_deadline_has_two_spellings() {
        let deadline: Deadline = "2026-03-31T16:00:00.000Z".parse().unwrap();
        assert_eq!(deadline.text(Spelling::Short), "2026-03-31T16:00:00Z");
        assert_eq!(deadline.text(Spelling::Milliseconds), "2026-03-31T16:00:00.000Z");
        assert_eq!(deadline.cut_to_day().text(Spelling::Short), "2026-03-31T00:00:00Z");
    }

    #[test]
    fn times_carry_up_to_six_digits_without_trailing_zeros() {
        for (instant, text) in [
            ("2021-06-10T08:14:42.566320Z", "2021-06-10T08:14:42.56632Z"),
            ("2021-06-10T08:14:42.566325999Z", "2021-06-10T08:14:42.566325Z"),
            ("2021-06-10T08:14:42.000000Z", "2021-06-10T08:14:42Z"),
        ] {
            assert_eq!(microseconds(instant.parse().unwrap()), text);
        }
    }
}
