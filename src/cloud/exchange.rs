//! What has been issued for credentials that are exchanged, and when they are exchanged next. Time comes
//! in as a parameter; sends nothing.
//!
//! What was issued is renewed after three quarters of its life, by one pass while the others go on with
//! it, so that there is no gap. A refusal stands for [`PROBE`], a failure for some seconds that grow; how often a
//! password may be tried, [`super::attempts`] says.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::SwrError;
use super::attempts::Attempts;
use super::lane::PROBE;
use crate::access::authorize::Issued;
use crate::lock::lock;
use crate::reason::Reason;

/// How long the failure of an exchange stands for all who come: with a silent IAM, each would wait in vain.
/// Each further one stands twice as long.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// But none longer, unless a pause was asked for.
const FAILURE_STANDS_MAX: Duration = Duration::from_mins(5);
/// When credentials of which the end could not be learnt are looked at again.
const NEXT_LOOK: Duration = Duration::from_hours(1);
/// After what part of its life something is renewed.
const RENEWED_AFTER: f64 = 0.75;
/// How long before its end nothing begins with it any more, or an eighth of its life if that is less.
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
    /// Of a password alone.
    attempts: Option<Arc<Attempts>>,
    /// Held by who exchanges.
    one: AsyncMutex<()>,
}

#[derive(Default)]
struct State {
    issued: Option<(Issued, u64)>,
    /// What was there before: calls with it may still be under way.
    previous: Option<Issued>,
    /// When what is exchanged is renewed.
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
    /// Counts what was issued, so that it can be told apart.
    number: u64,
    refused: Option<(Refused, Instant)>,
    /// The last failure, and until when it stands for all who come.
    failed: Option<(Failed, Instant)>,
    /// How many failures there were in a row.
    failures: u32,
    /// Before that, the end of credentials that are used as they are is not asked for.
    look_at: Option<Instant>,
}

/// The right to exchange.
pub struct Turn<'a> {
    _own: AsyncMutexGuard<'a, ()>,
    _of_the_password: Option<AsyncMutexGuard<'a, ()>>,
}

impl Exchange {
    /// That of a password, whose attempts are these.
    pub fn of_password(attempts: Arc<Attempts>) -> Self {
        Self { attempts: Some(attempts), ..Self::default() }
    }

    /// One that is never needed: these credentials are used as they are.
    pub fn of(issued: Issued) -> Self {
        let state = State { issued: Some((issued, 0)), ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// What is to be done before a call. A last try goes out although a refusal or a failure stands.
    pub fn need(&self, now: Instant, is_last_try: bool) -> Need {
        let state = lock(&self.state);
        let refused = state.refused_at(now).filter(|_| !is_last_try);
        let attempts = self.attempts.as_ref();
        let refused = refused.or_else(|| attempts?.refusal(now, is_last_try));
        let failed = state.failed_at(now).filter(|_| !is_last_try);
        let failed = failed.or_else(|| attempts?.failure(now));
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if state.issued.is_some() && !is_over(state.ends_at) {
            let is_due = is_over(state.renew_at) && refused.is_none() && failed.is_none();
            return if is_due { Need::Renewal } else { Need::Nothing };
        }
        match (refused, failed) {
            (Some(refused), _) => Need::Refused(refused),
            (None, Some(failed)) => Need::Failed(failed),
            (None, None) => Need::Exchange,
        }
    }

    /// Whether the cloud does not exchange these credentials any more.
    pub fn is_refused(&self, now: Instant) -> bool {
        let attempts = self.attempts.as_ref();
        let refused = lock(&self.state).refused_at(now);
        refused.or_else(|| attempts?.refusal(now, false)).is_some()
    }

    /// The right to exchange: one at a time, and with a password that never worked one in all regions.
    pub async fn begin(&self) -> Turn<'_> {
        self.turn(self.one.lock().await).await
    }

    /// The same for a renewal, unless somebody else has it.
    pub async fn begin_renewal(&self) -> Option<Turn<'_>> {
        Some(self.turn(self.one.try_lock().ok()?).await)
    }

    async fn turn<'a>(&'a self, own: AsyncMutexGuard<'a, ()>) -> Turn<'a> {
        let of_the_password = match &self.attempts {
            Some(attempts) => attempts.begin().await,
            None => None,
        };
        Turn { _own: own, _of_the_password: of_the_password }
    }

    /// This was issued, when it was `there` by the cloud's clock.
    pub fn issued(&self, issued: Issued, now: Instant, there: Timestamp) {
        let left =
            issued.expires_at.and_then(|end| Duration::try_from(end.duration_since(there)).ok());
        let mut state = lock(&self.state);
        let number = state.number + 1;
        let before = state.issued.take().map(|(issued, _)| issued);
        *state = State {
            issued: Some((issued, number)),
            previous: before.or(state.previous.take()),
            renew_at: left.and_then(|left| now.checked_add(left.mul_f64(RENEWED_AFTER))),
            ends_at: left
                .and_then(|left| now.checked_add(left.saturating_sub(MARGIN.min(left / 8)))),
            number,
            ..State::default()
        };
        if let Some(attempts) = &self.attempts {
            attempts.succeeded();
        }
    }

    /// The exchange failed: whoever comes soon, or within the pause that was asked for, need not ask again.
    pub fn failed(&self, failed: Failed, now: Instant) {
        let SwrError { reason, status, pause, .. } = failed.error;
        if status.is_none()
            && !reason.is_certain_refusal()
            && let Some(attempts) = &self.attempts
        {
            attempts.unanswered(failed.clone(), now);
        }
        let mut state = lock(&self.state);
        let longer = FAILURE_STANDS.saturating_mul(1 << state.failures.min(16));
        let stands = longer.min(FAILURE_STANDS_MAX).max(pause.unwrap_or_default());
        state.failures += 1;
        state.renew_at = state.renew_at.and_then(|_| now.checked_add(stands.max(RENEWAL_RETRY)));
        state.failed = now.checked_add(stands).map(|until| (failed, until));
    }

    /// The cloud refuses the exchange. That a password is wrong counts towards a lock-out.
    pub fn refused(&self, refused: Refused, now: Instant) {
        match &self.attempts {
            Some(attempts) if refused.reason == Reason::SignInRejected => {
                attempts.refused(refused, now);
            }
            _ => lock(&self.state).refused = Some((refused, now)),
        }
    }

    /// SWR rejects what was issued under this number.
    pub fn rejected(&self, number: u64) {
        let mut state = lock(&self.state);
        if let Some((issued, _)) = state.issued.take_if(|(_, issued)| *issued == number) {
            state.previous = Some(issued);
        }
    }

    /// Whether a text shows something of what calls go out with, or went out with just before.
    pub fn is_shown_by(&self, text: &str) -> bool {
        let state = lock(&self.state);
        let current = state.issued.as_ref().map(|(issued, _)| issued);
        let all = [current, state.previous.as_ref()];
        all.into_iter().flatten().any(|issued| issued.authority.is_shown_by(text))
    }

    /// What there is, and its number.
    pub fn current(&self) -> Option<(Issued, u64)> {
        lock(&self.state).issued.clone()
    }

    /// The right to learn when credentials end that are used as they are; `None` if that is known, or was
    /// asked for within the last hour.
    pub async fn begin_look(&self, now: Instant) -> Option<Turn<'_>> {
        let is_due = |state: &State| {
            let end = state.issued.as_ref().and_then(|(issued, _)| issued.expires_at);
            end.is_none() && state.look_at.is_none_or(|at| at <= now)
        };
        if !is_due(&lock(&self.state)) {
            return None;
        }
        // Who comes meanwhile waits for the same look.
        let own = self.one.lock().await;
        is_due(&lock(&self.state)).then_some(Turn { _own: own, _of_the_password: None })
    }

    /// The look was made, whatever it has shown.
    pub fn looked(&self, now: Instant) {
        lock(&self.state).look_at = now.checked_add(NEXT_LOOK);
    }

    /// The end of credentials that are used as they are is known now.
    pub fn note_end(&self, expires_at: Timestamp) {
        if let Some((issued, _)) = &mut lock(&self.state).issued {
            issued.expires_at = Some(expires_at);
        }
    }
}

impl State {
    fn refused_at(&self, now: Instant) -> Option<Refused> {
        let (refused, at) = self.refused.as_ref()?;
        (now.saturating_duration_since(*at) < PROBE).then(|| refused.clone())
    }

    fn failed_at(&self, now: Instant) -> Option<Failed> {
        let (failed, until) = self.failed.as_ref()?;
        (now < *until).then(|| failed.clone())
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
