//! Deadlines, compared by meaning: as days or instants, never as text.
//!
//! SWR ends access by whole days ("valid until 00:00:00 of the next day", older editions of the
//! API page) and may give a deadline back with or without fraction digits, or cut to its day. Pure:
//! the time comes in as a parameter.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::api::FOREVER;

/// Until when a share grants access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// It never ends.
    Forever,
    /// To the end of this day, UTC.
    Day(Date),
    /// To this instant; SWR rounds to its day.
    Instant(Timestamp),
}

/// For people: `without end`, `to the end of 2027-03-31 (UTC)`, `until 2027-03-31T16:00:00Z`.
impl std::fmt::Display for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forever => f.write_str("without end"),
            Self::Day(day) => write!(f, "to the end of {day} (UTC)"),
            Self::Instant(_) => write!(f, "until {}", self.on_the_wire()),
        }
    }
}

/// How long a share is watched that should be over: no zone's day ends later than that.
const PATIENCE: Duration = Duration::from_hours(24);

/// A text that is no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not forever, a day, or an RFC 3339 UTC instant")]
pub struct NotADeadline;

impl std::str::FromStr for Deadline {
    type Err = NotADeadline;

    fn from_str(text: &str) -> Result<Self, NotADeadline> {
        if text == FOREVER {
            return Ok(Self::Forever);
        }
        if text.ends_with('Z') {
            return text.parse().map(Self::Instant).or_else(|_| last_days(text));
        }
        if text.len() != "2027-03-31".len() {
            return Err(NotADeadline);
        }
        text.parse().map(Self::Day).map_err(|_| NotADeadline)
    }
}

impl Deadline {
    /// The deadline as it is sent: a day as its last second, so that also a cloud which does not
    /// round to days grants the whole day.
    pub fn on_the_wire(self) -> String {
        match self {
            Self::Forever => FOREVER.to_owned(),
            Self::Day(day) => format!("{day}T23:59:59Z"),
            Self::Instant(instant) => format!("{instant:.0}"),
        }
    }

    /// Whether a share that ends at `actual` has this deadline: the same second, the same day for a
    /// day, or the start of the same day, which is what is left after a cut to the day.
    pub fn is_met_by(self, actual: Deadline) -> bool {
        match (self, actual) {
            (Self::Forever, Self::Forever) => true,
            (Self::Forever, _) | (_, Self::Forever) => false,
            (Self::Day(_), _) | (_, Self::Day(_)) => self.day() == actual.day(),
            (Self::Instant(wanted), Self::Instant(actual)) => {
                second_of(wanted) == second_of(actual) || start_of(day_of(wanted)) == Some(actual)
            }
        }
    }

    /// Whether the deadline has passed at `now`; a day passes at its end.
    pub fn has_passed(self, now: Timestamp) -> bool {
        match self {
            Self::Forever => false,
            Self::Day(day) => {
                day.checked_add(1.day()).ok().and_then(start_of).is_some_and(|end| end <= now)
            }
            Self::Instant(instant) => instant <= now,
        }
    }

    /// How long until the share may be over: at the deadline itself, and at the end of its day (UTC),
    /// since SWR ends access by days. Then after as long again as it has been past that, for a day:
    /// the cloud's days may end elsewhere than ours. `None` if nothing more is to be expected.
    pub fn next_turn(self, now: Timestamp) -> Option<Duration> {
        let next = self.turns().filter(|turn| *turn > now).min();
        let next = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        let again = self.since_last_turn(now).filter(|since| *since < PATIENCE);
        let again = again.map(|since| since.max(Duration::from_secs(1)));
        [next, again].into_iter().flatten().min()
    }

    /// How long ago the share may have ended; `None` if it has not come to that.
    pub fn since_last_turn(self, now: Timestamp) -> Option<Duration> {
        let last = self.turns().filter(|turn| *turn <= now).max()?;
        Duration::try_from(now.duration_since(last)).ok()
    }

    /// When the share may end.
    fn turns(self) -> impl Iterator<Item = Timestamp> {
        let instant = if let Self::Instant(instant) = self { Some(instant) } else { None };
        [instant, self.end_of_day()].into_iter().flatten()
    }

    /// Whether it is a day, or the start of one, which is what is left after a cut to the day.
    pub fn is_a_whole_day(self) -> bool {
        match self {
            Self::Forever => false,
            Self::Day(_) => true,
            Self::Instant(instant) => start_of(day_of(instant)) == Some(instant),
        }
    }

    /// The end of the deadline's day, UTC; `None` if it never comes.
    pub fn end_of_day(self) -> Option<Timestamp> {
        self.day()?.checked_add(1.day()).ok().and_then(start_of)
    }

    fn day(self) -> Option<Date> {
        match self {
            Self::Forever => None,
            Self::Day(day) => Some(day),
            Self::Instant(instant) => Some(day_of(instant)),
        }
    }
}

/// The end of the year 9999, which people write for "always", lies just beyond what a timestamp
/// holds: as a day it can still be distinguished from other deadlines.
fn last_days(text: &str) -> Result<Deadline, NotADeadline> {
    let local = text.trim_end_matches('Z').parse::<jiff::civil::DateTime>();
    local.map(|local| Deadline::Day(local.date())).map_err(|_| NotADeadline)
}

/// The second that an instant lies in: before 1970 too, the one that it began.
fn second_of(instant: Timestamp) -> i128 {
    instant.as_nanosecond().div_euclid(1_000_000_000)
}

fn day_of(instant: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(instant).date()
}

fn start_of(day: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deadline(text: &str) -> Deadline {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_deadline_meet_each_other() {
        for (wanted, actual) in [
            ("forever", "forever"),
            ("2027-03-31", "2027-03-31T23:59:59Z"),
            ("2027-03-31", "2027-03-31T00:00:00Z"),
            ("2027-03-31", "2027-03-31T00:00:00.000Z"),
            ("2027-03-31", "2027-03-31"),
            ("2027-03-31T16:00:00Z", "2027-03-31T16:00:00Z"),
            ("2027-03-31T16:00:00Z", "2027-03-31T16:00:00.000Z"),
            ("2027-03-31T16:00:00.75Z", "2027-03-31T16:00:00Z"),
            ("2027-03-31T16:00:00Z", "2027-03-31T00:00:00Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
        ] {
            assert!(deadline(wanted).is_met_by(deadline(actual)), "{wanted} by {actual}");
        }
    }

    #[test]
    fn another_deadline_is_never_taken_for_the_wanted_one() {
        for (wanted, actual) in [
            ("forever", "2099-12-31T00:00:00Z"),
            ("2027-03-31", "forever"),
            ("2027-03-31", "2027-04-01T00:00:00Z"),
            ("2027-03-31", "2027-03-30T23:59:59Z"),
            ("2027-03-31T16:00:00Z", "2027-03-31T16:00:01Z"),
            ("2027-03-31T16:00:00Z", "2027-03-31T20:00:00Z"),
            ("2027-03-31T16:00:00Z", "2027-04-01T00:00:00Z"),
        ] {
            assert!(!deadline(wanted).is_met_by(deadline(actual)), "{wanted} by {actual}");
        }
    }

    #[test]
    fn what_is_sent_meets_what_was_wanted() {
        for text in [
            "forever",
            "2027-03-31",
            "2027-03-31T16:00:00Z",
            "2027-03-31T16:00:00.999Z",
            "1969-12-31T23:59:58.5Z",
        ] {
            let wanted = deadline(text);
            assert!(wanted.is_met_by(deadline(&wanted.on_the_wire())), "{text}");
        }
        assert_eq!(deadline("2027-03-31T16:00:00.999Z").on_the_wire(), "2027-03-31T16:00:00Z");
        assert_eq!(deadline("2027-03-31").on_the_wire(), "2027-03-31T23:59:59Z");
    }

    #[test]
    fn a_day_passes_at_its_end_and_an_instant_at_once() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!deadline("2027-03-31").has_passed(at("2027-03-31T23:59:59Z")));
        assert!(deadline("2027-03-31").has_passed(at("2027-04-01T00:00:00Z")));
        assert!(!deadline("2027-03-31T16:00:00Z").has_passed(at("2027-03-31T15:59:59Z")));
        assert!(deadline("2027-03-31T16:00:00Z").has_passed(at("2027-03-31T16:00:00Z")));
        assert!(!deadline("forever").has_passed(at("9999-12-30T00:00:00Z")));
        assert!(!deadline("9999-12-31").has_passed(at("9999-12-30T00:00:00Z")));
    }

    #[test]
    fn a_share_may_be_over_at_its_deadline_and_at_the_end_of_that_day() {
        let turn = |text: &str, now: &str| {
            deadline(text).next_turn(now.parse().unwrap()).map(|left| left.as_secs())
        };
        assert_eq!(turn("2027-03-31T16:00:00Z", "2027-03-31T15:59:00Z"), Some(60));
        assert_eq!(turn("2027-03-31T16:00:00Z", "2027-03-31T16:00:00Z"), Some(1));
        assert_eq!(turn("2027-03-31T16:00:00Z", "2027-03-31T16:00:09Z"), Some(9));
        assert_eq!(turn("2027-03-31T16:00:00Z", "2027-03-31T23:00:00Z"), Some(3600));
        assert_eq!(turn("2027-03-31", "2027-03-31T23:59:00Z"), Some(60));
        assert_eq!(turn("2027-03-31", "2027-04-01T00:00:00Z"), Some(1), "its clock may be behind");
        assert_eq!(turn("2027-03-31", "2027-04-01T08:00:00Z"), Some(8 * 3600), "or its zone");
        assert_eq!(turn("2027-03-31", "2027-04-02T00:00:00Z"), None);
        assert_eq!(turn("forever", "2027-04-01T00:00:00Z"), None);
    }

    #[test]
    fn a_share_that_should_be_over_is_looked_at_less_and_less_often() {
        let (deadline, mut now) = (deadline("2027-03-31"), "2027-04-01T00:00:00Z".parse().unwrap());
        let mut looks = 0;
        while let Some(left) = deadline.next_turn(now) {
            (now, looks) = (now + left, looks + 1);
        }
        assert!((10..20).contains(&looks), "{looks}");
    }

    #[test]
    fn the_last_second_of_all_is_a_deadline_too() {
        assert_eq!(deadline("9999-12-31T23:59:59Z"), deadline("9999-12-31"));
        assert!(!deadline("forever").is_met_by(deadline("9999-12-31T23:59:59Z")));
    }

    #[test]
    fn what_is_no_deadline_is_refused() {
        for text in [
            "",
            "never",
            "Forever",
            "2027-02-30",
            "2027-03-31T16:00:00+02:00",
            "2027-13-01T00:00:00Z",
            "tomorrow",
            "Z",
        ] {
            assert_eq!(text.parse::<Deadline>(), Err(NotADeadline), "{text}");
        }
    }
}
