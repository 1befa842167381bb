//! How often a password was tried in vain, by its content and for all regions: IAM locks a user out after
//! some wrong ones (five within 15 minutes by default, three at least). Time comes in as a parameter.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::exchange::{Failed, Refused};
use super::lane::PROBE;
use crate::lock::lock;

/// How often the same password is tried in vain.
const ATTEMPTS_MAX: u8 = 2;
/// How long one waits that may have been tried so often: IAM did not say.
const UNANSWERED_WAITS: Duration = Duration::from_mins(5);

/// The attempts with one password.
#[derive(Default)]
pub struct Attempts {
    state: Mutex<State>,
    /// Held by who tries one that never worked: regions try it one after the other.
    one: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    /// How often it was refused, how, and when last.
    refused: Option<(u8, Refused, Instant)>,
    /// How often nobody answered since.
    unanswered: u8,
    /// What was not answered last, and until when that stands.
    failed: Option<(Failed, Instant)>,
    /// Whether it has worked, and was not refused since.
    is_proven: bool,
}

impl Attempts {
    /// The right to try it; `None` if it needs none, because it is known to be right.
    pub async fn begin(&self) -> Option<AsyncMutexGuard<'_, ()>> {
        if lock(&self.state).is_proven { None } else { Some(self.one.lock().await) }
    }

    /// The refusal that stands; a last try goes out once more, but never a third time.
    pub fn refusal(&self, now: Instant, is_last_try: bool) -> Option<Refused> {
        let state = lock(&self.state);
        let (count, refused, at) = state.refused.as_ref()?;
        let is_young = now.saturating_duration_since(*at) < PROBE && !is_last_try;
        (*count >= ATTEMPTS_MAX || is_young).then(|| refused.clone())
    }

    /// What was not answered, as long as that stands.
    pub fn failure(&self, now: Instant) -> Option<Failed> {
        let state = lock(&self.state);
        let (failed, _) = state.failed.as_ref().filter(|(_, until)| now < *until)?;
        Some(failed.clone())
    }

    /// IAM has refused it.
    pub fn refused(&self, refused: Refused, now: Instant) {
        let mut state = lock(&self.state);
        let count = state.refused.as_ref().map_or(0, |(count, ..)| *count).saturating_add(1);
        (state.refused, state.is_proven) = (Some((count, refused, now)), false);
    }

    /// Nobody has said whether it is right, and IAM may have counted it.
    pub fn unanswered(&self, failed: Failed, now: Instant) {
        let mut state = lock(&self.state);
        state.unanswered = state.unanswered.saturating_add(1);
        if !state.is_proven && state.unanswered >= ATTEMPTS_MAX {
            state.failed = now.checked_add(UNANSWERED_WAITS).map(|until| (failed, until));
        }
    }

    /// It is right.
    pub fn succeeded(&self) {
        *lock(&self.state) = State { is_proven: true, ..State::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::SwrError;
    use crate::reason::Reason;

    fn wrong() -> Refused {
        Refused { reason: Reason::SignInRejected, evidence: "HTTP 401".into() }
    }

    #[test]
    fn a_password_is_tried_twice_and_never_again_also_not_as_a_last_try() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        attempts.refused(wrong(), now);
        assert_eq!(attempts.refusal(now + PROBE / 2, false), Some(wrong()));
        assert_eq!(attempts.refusal(now + PROBE / 2, true), None, "the second may be the last");
        assert_eq!(attempts.refusal(now + PROBE, false), None);
        attempts.refused(wrong(), now + PROBE);
        for is_last_try in [false, true] {
            assert_eq!(attempts.refusal(now + 1_000 * PROBE, is_last_try), Some(wrong()));
        }
    }

    #[test]
    fn a_password_of_which_nothing_is_known_waits_after_two_attempts_without_an_answer() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let error = SwrError::without_answer(Reason::Timeout);
        let failed = Failed { error, evidence: "iam.example".into() };
        attempts.unanswered(failed.clone(), now);
        assert_eq!(attempts.failure(now), None);
        attempts.unanswered(failed.clone(), now);
        assert_eq!(attempts.failure(now), Some(failed.clone()));
        assert_eq!(attempts.failure(now + UNANSWERED_WAITS), None);
        attempts.succeeded();
        for _ in 0..5 {
            attempts.unanswered(failed.clone(), now);
        }
        assert_eq!(attempts.failure(now), None, "it is known to be right");
    }

    #[tokio::test]
    async fn one_that_never_worked_is_tried_by_one_region_at_a_time() {
        let attempts = Attempts::default();
        let first = attempts.begin().await;
        assert!(first.is_some());
        assert!(futures::FutureExt::now_or_never(attempts.begin()).is_none(), "the second waits");
        drop(first);
        attempts.succeeded();
        let (one, other) = (attempts.begin().await, attempts.begin().await);
        assert!(one.is_none() && other.is_none());
        attempts.refused(wrong(), Instant::now());
        assert!(attempts.begin().await.is_some(), "somebody has changed it at IAM");
    }
}
