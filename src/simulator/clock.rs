//! The simulator's clock, by which shares are stamped and expire.
//!
//! Pure: the machine's time comes in as a parameter, so this only remembers how far apart the two are.

use jiff::{SignedDuration, Timestamp};

use crate::options::ClockSetting;

/// Runs with the machine's clock at a distance, or stands still.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's time plus this.
    Ahead(SignedDuration),
    /// Always this instant.
    Standing(Timestamp),
}

impl From<ClockSetting> for Clock {
    fn from(setting: ClockSetting) -> Self {
        match setting {
            ClockSetting::Real => Self::Ahead(SignedDuration::ZERO),
            ClockSetting::StandingAt(instant) => Self::Standing(instant),
        }
    }
}

impl Clock {
    /// The simulated time at the machine's time `real`.
    pub fn now(self, real: Timestamp) -> Timestamp {
        match self {
            Self::Ahead(distance) => real.saturating_add(distance).unwrap_or(real),
            Self::Standing(instant) => instant,
        }
    }

    /// Moves the clock; a running one runs on from there, a standing one stands there.
    pub fn set(&mut self, instant: Timestamp, real: Timestamp) {
        *self = match self {
            Self::Ahead(_) => Self::Ahead(instant.duration_since(real)),
            Self::Standing(_) => Self::Standing(instant),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_clock_runs_on_from_where_it_was_set() {
        let real = Timestamp::UNIX_EPOCH;
        let set_to: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins(1);
        let mut clock = Clock::from(ClockSetting::Real);
        clock.set(set_to, real);
        assert_eq!(clock.now(real + minute), set_to + minute);
    }

    #[test]
    fn a_standing_clock_stands() {
        let real = Timestamp::UNIX_EPOCH;
        let set_to: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let mut clock = Clock::from(ClockSetting::StandingAt(real));
        clock.set(set_to, real);
        assert_eq!(clock.now(real + SignedDuration::from_mins(1)), set_to);
    }
}
