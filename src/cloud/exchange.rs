//! What has been issued for credentials that are exchanged, and when they are exchanged next. Time comes
//! in as a parameter; sends nothing.
//!
//! What was issued is renewed after three quarters of its life, by one pass while the others go on with
//! it, so that there is no gap. A refusal stands for [`PROBE`]; a password that was refused twice is never
//! tried again, because IAM locks a user out after some attempts (five by default, three at least).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::SwrError;
use super::lane::PROBE;
use crate::access::authorize::Issued;
use crate::lock::lock;
use crate::reason::Reason;

/// How long the failure of an exchange stands for all who come: with a silent IAM, each would wait in vain.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// When credentials of which the end could not be learnt are looked at again.
const NEXT_LOOK: Duration = Duration::from_hours(1);
/// How often the same password is tried in vain.
const ATTEMPTS_MAX: u8 = 2;
/// After what part of its life something is renewed.
const RENEWED_AFTER: f64 = 0.75;
/// How long before its end nothing begins with it any more.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a renewal waits that has failed; what there is still works.
const RENEWAL_RETRY: Duration = Duration::from_mins(1);

/// Why there is nothing: the cloud does not exchange these credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// What is known of it, for people.
    pub evidence: String,
}

/// What is to be done before a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// What there is still works, and is to be renewed.
    Renewal,
    /// There is nothing to call with.
    Exchange,
    /// There is nothing, and no use in asking now.
    Refused(Refused),
    /// There is nothing, and it failed just now.
    Failed(Failed),
}

/// An exchange that failed, and may not fail the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub error: SwrError,
    /// What is known of it, for people.
    pub evidence: String,
}

/// The exchange of one credential in one region.
#[derive(Default)]
pub struct Exchange {
    state: Mutex<State>,
    attempts: Arc<Attempts>,
    /// Held by who exchanges.
    one: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    issued: Option<(Issued, u64)>,
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
    /// Counts what was issued, so that it can be told apart.
    number: u64,
    refused: Option<(Refused, Instant)>,
    /// The last failure, and until when it stands for all who come.
    failed: Option<(Failed, Instant)>,
}

/// How often a password was refused: by its content, for all regions.
#[derive(Default)]
pub struct Attempts(Mutex<Option<(u8, Refused, Instant)>>);

impl Exchange {
    /// One whose refusals count with these.
    pub fn new(attempts: Arc<Attempts>) -> Self {
        Self { attempts, ..Self::default() }
    }

    /// One that is never needed: these credentials are used as they are.
    pub fn of(issued: Issued) -> Self {
        let state = State { issued: Some((issued, 0)), ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// What is to be done before a call.
    pub fn need(&self, now: Instant) -> Need {
        let state = lock(&self.state);
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if state.issued.is_some() && !is_over(state.ends_at) {
            return if is_over(state.renew_at) { Need::Renewal } else { Need::Nothing };
        }
        if let Some((failed, until)) = &state.failed
            && now < *until
        {
            return Need::Failed(failed.clone());
        }
        let stands = |at: Instant| now.saturating_duration_since(at) < PROBE;
        let refused = state.refused.as_ref().filter(|(_, at)| stands(*at));
        if let Some((refused, _)) = refused {
            return Need::Refused(refused.clone());
        }
        match &*lock(&self.attempts.0) {
            Some((count, refused, at)) if *count >= ATTEMPTS_MAX || stands(*at) => {
                Need::Refused(refused.clone())
            }
            _ => Need::Exchange,
        }
    }

    /// The right to exchange: one at a time.
    pub async fn begin(&self) -> AsyncMutexGuard<'_, ()> {
        self.one.lock().await
    }

    /// The same, unless somebody else has it.
    pub fn try_begin(&self) -> Option<AsyncMutexGuard<'_, ()>> {
        self.one.try_lock().ok()
    }

    /// This was issued, when it was `there` by the cloud's clock.
    pub fn issued(&self, issued: Issued, now: Instant, there: Timestamp) {
        let left =
            issued.expires_at.and_then(|end| Duration::try_from(end.duration_since(there)).ok());
        let mut state = lock(&self.state);
        state.number += 1;
        state.renew_at = left.and_then(|left| now.checked_add(left.mul_f64(RENEWED_AFTER)));
        state.ends_at = left.and_then(|left| now.checked_add(left.saturating_sub(MARGIN)));
        state.issued = Some((issued, state.number));
        (state.refused, state.failed) = (None, None);
        *lock(&self.attempts.0) = None;
    }

    /// The exchange failed: whoever comes within some seconds, or within the pause that was asked for, need not
    /// ask again.
    pub fn failed(&self, failed: Failed, now: Instant) {
        let pause = failed.error.pause.unwrap_or_default().max(FAILURE_STANDS);
        lock(&self.state).failed = now.checked_add(pause).map(|until| (failed, until));
    }

    /// The cloud refuses the exchange; `is_attempt`: it counts towards a lock-out.
    pub fn refused(&self, refused: Refused, is_attempt: bool, now: Instant) {
        if is_attempt {
            let mut attempts = lock(&self.attempts.0);
            let count = attempts.as_ref().map_or(0, |(count, ..)| *count).saturating_add(1);
            *attempts = Some((count, refused, now));
        } else {
            lock(&self.state).refused = Some((refused, now));
        }
    }

    /// A renewal has failed.
    pub fn put_off(&self, now: Instant) {
        lock(&self.state).renew_at = now.checked_add(RENEWAL_RETRY);
    }

    /// SWR rejects what was issued under this number.
    pub fn rejected(&self, number: u64) {
        lock(&self.state).issued.take_if(|(_, issued)| *issued == number);
    }

    /// What there is, and its number.
    pub fn current(&self) -> Option<(Issued, u64)> {
        lock(&self.state).issued.clone()
    }

    /// The right to learn when credentials end that are used as they are; `None` if that is known, or was
    /// asked for within the last hour.
    pub async fn begin_look(&self, now: Instant) -> Option<AsyncMutexGuard<'_, ()>> {
        let is_due = |state: &State| {
            let is_known =
                state.issued.as_ref().is_some_and(|(issued, _)| issued.expires_at.is_some());
            !is_known && state.renew_at.is_none_or(|at| at <= now)
        };
        if !is_due(&lock(&self.state)) {
            return None;
        }
        let one = self.one.lock().await;
        let mut state = lock(&self.state);
        if !is_due(&state) {
            return None;
        }
        state.renew_at = now.checked_add(NEXT_LOOK);
        Some(one)
    }

    /// The end of credentials that are used as they are is known now.
    pub fn note_end(&self, expires_at: Timestamp) {
        if let Some((issued, _)) = &mut lock(&self.state).issued {
            issued.expires_at = Some(expires_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::token::Token;

    const HOUR: Duration = Duration::from_hours(1);

    fn there() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn token(life: Duration) -> Issued {
        let authority = Arc::new(Token::read(b"t").ok().unwrap());
        Issued { authority, expires_at: Some(there() + life) }
    }

    fn wrong() -> Refused {
        Refused { reason: Reason::SignInRejected, evidence: "HTTP 401".into() }
    }

    #[test]
    fn what_was_issued_is_renewed_before_its_end_and_used_until_it() {
        let (exchange, now) = (Exchange::default(), Instant::now());
        assert_eq!(exchange.need(now), Need::Exchange);
        exchange.issued(token(24 * HOUR), now, there());
        assert_eq!(exchange.need(now + 17 * HOUR), Need::Nothing);
        assert_eq!(exchange.need(now + 18 * HOUR), Need::Renewal);
        exchange.put_off(now + 18 * HOUR);
        assert_eq!(exchange.need(now + 18 * HOUR + RENEWAL_RETRY / 2), Need::Nothing);
        assert_eq!(exchange.need(now + 18 * HOUR + RENEWAL_RETRY), Need::Renewal);
        assert_eq!(exchange.need(now + (24 * HOUR).saturating_sub(MARGIN)), Need::Exchange);
    }

    #[test]
    fn keys_of_a_quarter_of_an_hour_are_not_renewed_with_every_call() {
        let (exchange, now) = (Exchange::default(), Instant::now());
        exchange.issued(token(HOUR / 4), now, there());
        assert_eq!(exchange.need(now + HOUR / 6), Need::Nothing);
        assert_eq!(exchange.need(now + HOUR / 5), Need::Renewal);
    }

    #[test]
    fn a_password_is_tried_twice_with_a_pause_and_never_again_in_no_region() {
        let attempts = Arc::new(Attempts::default());
        let here = Exchange::new(attempts.clone());
        let elsewhere = Exchange::new(attempts);
        let now = Instant::now();
        here.refused(wrong(), true, now);
        for exchange in [&here, &elsewhere] {
            assert_eq!(exchange.need(now + PROBE / 2), Need::Refused(wrong()));
            assert_eq!(exchange.need(now + PROBE), Need::Exchange);
        }
        elsewhere.refused(wrong(), true, now + PROBE);
        for exchange in [&here, &elsewhere] {
            assert_eq!(exchange.need(now + 1_000 * PROBE), Need::Refused(wrong()));
        }
    }

    #[test]
    fn another_refusal_is_tried_again_after_a_while_and_a_success_ends_the_count() {
        let (exchange, now) = (Exchange::default(), Instant::now());
        exchange.refused(wrong(), true, now);
        exchange.issued(token(HOUR), now + PROBE, there());
        assert_eq!(exchange.need(now + PROBE), Need::Nothing);
        exchange.refused(wrong(), true, now + 2 * HOUR);
        assert_eq!(exchange.need(now + 2 * HOUR + PROBE), Need::Exchange, "the first again");
        let locked = Refused { reason: Reason::SignInForbidden, ..wrong() };
        for round in 1..5 {
            exchange.refused(locked.clone(), false, now + 4 * HOUR * round);
            assert_eq!(exchange.need(now + 4 * HOUR * round), Need::Refused(locked.clone()));
            assert_eq!(exchange.need(now + 4 * HOUR * round + PROBE), Need::Exchange);
        }
    }

    #[test]
    fn a_failure_stands_for_all_who_come_soon_and_for_as_long_as_a_pause_is_asked_for() {
        let (exchange, now) = (Exchange::default(), Instant::now());
        let failed = |pause| Failed {
            error: SwrError { pause, ..SwrError::without_answer(Reason::Timeout) },
            evidence: "iam.example, on sign-in".into(),
        };
        exchange.failed(failed(None), now);
        assert_eq!(exchange.need(now + FAILURE_STANDS / 2), Need::Failed(failed(None)));
        assert_eq!(exchange.need(now + FAILURE_STANDS), Need::Exchange);
        let pause = Some(Duration::from_mins(1));
        exchange.failed(failed(pause), now);
        assert_eq!(exchange.need(now + Duration::from_secs(59)), Need::Failed(failed(pause)));
        exchange.issued(token(HOUR), now, there());
        assert_eq!(exchange.need(now), Need::Nothing);
        exchange.failed(failed(pause), now);
        assert_eq!(exchange.need(now), Need::Nothing, "what there is still works");
    }

    #[test]
    fn what_swr_rejects_is_dropped_once_and_not_what_came_after_it() {
        let (exchange, now) = (Exchange::default(), Instant::now());
        exchange.issued(token(HOUR), now, there());
        let (_, first) = exchange.current().unwrap();
        exchange.rejected(first);
        assert_eq!(exchange.need(now), Need::Exchange);
        exchange.issued(token(HOUR), now, there());
        exchange.rejected(first);
        assert_eq!(exchange.need(now), Need::Nothing, "somebody else has renewed it already");
    }
}
