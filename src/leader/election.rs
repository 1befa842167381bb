//! Who may take a Lease, and when. Time comes in as a parameter; sends nothing.
//!
//! The clock of another machine is never compared with ours: a Lease has run out when it has stayed the same
//! for its whole duration, since this process first saw it so, by this machine's monotonic clock.
//! client-go's leader election goes by the same rule ("k8s.io/client-go/tools/leaderelection").

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::LeaseSpec;

/// The shortest Lease: below it, a slow answer of the API server would be taken for the holder's end.
pub const LEASE_MIN: Duration = Duration::from_secs(3);
/// The longest: beyond it, nobody could tell a leader that is stuck from one that has time.
pub const LEASE_MAX: Duration = Duration::from_mins(10);

/// The duration that a Lease has once its holder has given it back, in seconds.
pub const RELEASED: i32 = 1;

const LOOK: Duration = Duration::from_secs(1);

/// The times of an election, all of them parts of one: how long a Lease lasts without being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long nobody else takes it.
    pub lease: Duration,
}

impl Times {
    /// How long the holder acts after it began its last renewal that succeeded: two thirds, 10 s of 15 s.
    /// The rest is for clocks that do not run alike, and for requests that are on their way.
    pub fn deadline(self) -> Duration {
        self.lease * 2 / 3
    }

    /// What is left of it after that: what the holder has sent before must have ended by then.
    pub fn left_over(self) -> Duration {
        self.lease.saturating_sub(self.deadline())
    }

    /// How often the holder renews it: every 2 s of 15 s.
    pub fn renewal(self) -> Duration {
        self.lease * 2 / 15
    }

    /// How often the others look at it: every second, so that one that was released has a new holder soon.
    pub fn look(self) -> Duration {
        LOOK.min(self.lease / 15)
    }

    /// As it stands in the Lease.
    pub fn seconds(self) -> i32 {
        i32::try_from(self.lease.as_secs()).unwrap_or(i32::MAX)
    }
}

/// What a candidate does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// There is no Lease: it makes one.
    Create,
    /// Nobody holds it any more: it takes it.
    Take,
    /// Somebody holds it.
    Wait {
        /// Who.
        holder: String,
    },
}

/// What a candidate has seen of a Lease.
#[derive(Debug, Default)]
pub struct Candidate {
    seen: Option<(LeaseSpec, Instant)>,
}

impl Candidate {
    /// What to do about the Lease as it is now.
    pub fn decide(
        &mut self,
        lease: Option<&LeaseSpec>,
        us: &str,
        times: Times,
        now: Instant,
    ) -> Move {
        let holder = lease.and_then(|lease| lease.holder_identity.clone()).unwrap_or_default();
        // Ours: a write of which the answer was lost.
        if holder == us {
            return Move::Take;
        }
        let free = if lease.is_some() { Move::Take } else { Move::Create };
        if holder.is_empty() {
            // Whoever gives it back says so. One that a person has emptied or deleted may have a holder who
            // has not noticed yet.
            let is_released =
                lease.and_then(|lease| lease.lease_duration_seconds) == Some(RELEASED);
            return match self.holding(times, now).filter(|_| !is_released) {
                Some(holder) => Move::Wait { holder },
                None => free,
            };
        }
        if self.seen.as_ref().map(|(seen, _)| seen) != lease {
            self.seen = lease.map(|lease| (lease.clone(), now));
        }
        self.holding(times, now).map_or(free, |holder| Move::Wait { holder })
    }

    /// Who may still act, as far as we have seen: for as long as that holder has said, who may be set up in
    /// another way than we are, and not for less than we would.
    fn holding(&self, times: Times, now: Instant) -> Option<String> {
        let (seen, since) = self.seen.as_ref()?;
        let stated = seen.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = stated.map_or(times.lease, Duration::from_secs).max(times.lease);
        let is_over = now.saturating_duration_since(*since) >= lasts;
        seen.holder_identity.clone().filter(|_| !is_over)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    const TIMES: Times = Times { lease: Duration::from_secs(15) };

    fn held(by: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(by.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(jiff::Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    /// What is decided each so many seconds after the first look.
    fn decided(looks: &[(u64, Option<LeaseSpec>)]) -> Vec<Move> {
        let (mut candidate, start) = (Candidate::default(), Instant::now());
        let decide = |(after, lease): &(u64, Option<LeaseSpec>)| {
            let now = start + Duration::from_secs(*after);
            candidate.decide(lease.as_ref(), "us", TIMES, now)
        };
        looks.iter().map(decide).collect()
    }

    fn wait() -> Move {
        Move::Wait { holder: "other".into() }
    }

    #[test]
    fn what_is_not_there_is_made_and_what_nobody_holds_is_taken() {
        let nobody = LeaseSpec { holder_identity: None, ..held("", 0) };
        for (lease, expected) in [
            (None, Move::Create),
            (Some(held("", 0)), Move::Take),
            (Some(nobody), Move::Take),
            (Some(held("us", 0)), Move::Take),
            (Some(held("other", 0)), wait()),
        ] {
            assert_eq!(decided(&[(0, lease.clone())]), [expected], "{lease:?}");
        }
    }

    #[test]
    fn a_lease_has_run_out_once_it_was_seen_unchanged_for_its_whole_duration() {
        let same = |after| (after, Some(held("other", 0)));
        assert_eq!(decided(&[same(0), same(14), same(15)]), [wait(), wait(), Move::Take]);
        let renewed = (14, Some(held("other", 2)));
        let later = |after| (after, Some(held("other", 2)));
        assert_eq!(
            decided(&[same(0), renewed, later(28), later(29)]),
            [wait(), wait(), wait(), Move::Take]
        );
    }

    #[test]
    fn a_lease_that_a_person_deletes_or_empties_is_waited_for_and_one_that_was_given_back_is_not() {
        let same = |after| (after, Some(held("other", 0)));
        let emptied = |after| (after, Some(held("", 0)));
        let deleted = |after| (after, None);
        assert_eq!(decided(&[same(0), deleted(2), deleted(15)]), [wait(), wait(), Move::Create]);
        assert_eq!(decided(&[same(0), emptied(2), emptied(15)]), [wait(), wait(), Move::Take]);
        let released = LeaseSpec { lease_duration_seconds: Some(RELEASED), ..held("", 0) };
        assert_eq!(decided(&[same(0), (2, Some(released))]), [wait(), Move::Take]);
        // Nobody makes it shorter for a holder who does not know.
        let shorter = |after| {
            let lease = LeaseSpec { lease_duration_seconds: Some(1), ..held("other", 0) };
            (after, Some(lease))
        };
        assert_eq!(decided(&[shorter(0), shorter(14), shorter(15)]), [wait(), wait(), Move::Take]);
    }

    #[test]
    fn the_time_that_another_machine_has_written_says_nothing() {
        // Long past and far ahead by its clock, and both seen just now.
        for renewed in [-1_000_000, 9_000_000_000] {
            assert_eq!(decided(&[(0, Some(held("other", renewed)))]), [wait()]);
        }
    }

    #[test]
    fn the_holder_says_how_long_it_holds() {
        let longer = |after| {
            let lease = LeaseSpec { lease_duration_seconds: Some(60), ..held("other", 0) };
            (after, Some(lease))
        };
        assert_eq!(decided(&[longer(0), longer(59), longer(60)]), [wait(), wait(), Move::Take]);
        let unsaid = |after| {
            let lease = LeaseSpec { lease_duration_seconds: None, ..held("other", 0) };
            (after, Some(lease))
        };
        assert_eq!(decided(&[unsaid(0), unsaid(14), unsaid(15)]), [wait(), wait(), Move::Take]);
    }

    #[test]
    fn who_acts_stops_well_before_anybody_else_may_begin() {
        for seconds in [3, 4, 15, 60, 600] {
            let times = Times { lease: Duration::from_secs(seconds) };
            assert!(times.deadline() + times.renewal() < times.lease, "{seconds}");
            assert!(times.renewal() * 3 < times.deadline(), "two renewals may fail: {seconds}");
            assert!(times.look() <= times.renewal(), "{seconds}");
        }
    }
}
