//! Whether a region's SWR has been out of order, and since when it answers again: a pause that grew
//! while nothing could work is no reason to wait any longer. Time comes in as a parameter.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::SwrError;
use crate::lock::lock;
use crate::reason::Reason;

/// A region that for so long has given nobody an answer was out of order. Below that, retries come
/// soon by themselves; and a region that answers now and then calls nobody back again and again.
pub const OUTAGE: Duration = Duration::from_secs(30);

/// What the calls of all objects say of each region.
#[derive(Default)]
pub struct Outages {
    regions: Mutex<HashMap<String, Region>>,
    /// Outages that are over and of which nobody has heard yet.
    over: Mutex<Vec<(String, Instant)>>,
    news: Notify,
}

/// A region of which there was no news for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

struct Region {
    /// When it failed first and last since the last answer.
    down: Option<(Instant, Instant)>,
    /// The first answer after the last outage.
    back_at: Option<Instant>,
    /// When there was news of it last.
    news_at: Instant,
}

/// What an answer says of the region, beside what it says of the share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// SWR answers.
    Life,
    /// It does not.
    Silence,
    /// Neither: it is about this request, or somebody else's word.
    Nothing,
}

impl Sign {
    /// What an answer, or that there was none, says of the region.
    pub fn of_answer<T>(answer: &Result<T, SwrError>) -> Self {
        answer.as_ref().map_or_else(|error| Self::of(error.reason), |_| Self::Life)
    }

    fn of(reason: Reason) -> Self {
        match reason {
            Reason::GatewayError
            | Reason::ServerError
            | Reason::EndpointUnreachable
            | Reason::ConnectionLost
            | Reason::HostNotFound
            | Reason::TlsFailed
            | Reason::Timeout => Self::Silence,
            Reason::Throttled
            // Of IAM or STS, which is another host.
            | Reason::SignInFailed
            | Reason::PathUnknown
            | Reason::RedirectRefused
            | Reason::AnswerUnreadable
            | Reason::AnswerTooLarge => Self::Nothing,
            _ => Self::Life,
        }
    }
}

impl Outages {
    /// Notes how a call to a region ended.
    pub fn note<T>(&self, region: &str, answer: &Result<T, SwrError>, now: Instant) {
        let mut regions = lock(&self.regions);
        match Sign::of_answer(answer) {
            Sign::Nothing => {}
            Sign::Silence => {
                regions.retain(|_, region| now.duration_since(region.news_at) < FORGOTTEN_AFTER);
                let new = Region { down: None, back_at: None, news_at: now };
                let region = regions.entry(region.to_owned()).or_insert(new);
                region.news_at = now;
                region.down.get_or_insert((now, now)).1 = now;
            }
            Sign::Life => {
                let Some(known) = regions.get_mut(region) else { return };
                known.news_at = now;
                // One failure alone may be that of one request: nobody asked in between.
                if let Some((first, last)) = known.down.take()
                    && last.duration_since(first) >= OUTAGE
                {
                    known.back_at = Some(now);
                    lock(&self.over).push((region.to_owned(), now));
                    self.news.notify_one();
                }
            }
        }
    }

    /// When the region's last outage was over.
    pub fn over_since(&self, region: &str) -> Option<Instant> {
        lock(&self.regions).get(region)?.back_at
    }

    /// Waits until an outage is over. Gives the region, and when it answered again.
    pub async fn over(&self) -> (String, Instant) {
        loop {
            let first = lock(&self.over).pop();
            match first {
                Some(over) => return over,
                None => self.news.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Result<(), SwrError> {
        Err(SwrError::without_answer(Reason::EndpointUnreachable))
    }

    fn refused() -> Result<(), SwrError> {
        Err(SwrError::without_answer(Reason::Forbidden))
    }

    #[test]
    fn the_first_answer_after_half_a_minute_without_one_ends_an_outage() {
        for answer in [Ok(()), refused()] {
            let (outages, start) = (Outages::default(), Instant::now());
            outages.note("r", &down(), start);
            outages.note("r", &down(), start + OUTAGE);
            assert_eq!(outages.over_since("r"), None);
            outages.note("other", &answer, start + OUTAGE);
            assert_eq!(outages.over_since("r"), None, "another region says nothing of this one");
            outages.note("r", &answer, start + OUTAGE);
            assert_eq!(outages.over_since("r"), Some(start + OUTAGE));
            outages.note("r", &answer, start + OUTAGE * 2);
            assert_eq!(outages.over_since("r"), Some(start + OUTAGE), "it was over already");
        }
    }

    #[test]
    fn a_region_that_answers_now_and_then_has_no_outage() {
        let (outages, start) = (Outages::default(), Instant::now());
        for second in 0..120 {
            let answer = if second % 20 == 0 { Ok(()) } else { down() };
            outages.note("r", &answer, start + Duration::from_secs(second));
        }
        assert_eq!(outages.over_since("r"), None);
    }

    #[test]
    fn what_may_be_a_gateways_word_or_about_one_request_tells_nothing() {
        let (outages, start) = (Outages::default(), Instant::now());
        outages.note("r", &down(), start);
        outages.note("r", &down(), start + OUTAGE);
        for reason in [Reason::Throttled, Reason::PathUnknown, Reason::AnswerUnreadable] {
            let error = SwrError::without_answer(reason);
            outages.note("r", &Err::<(), _>(error), start + OUTAGE);
            assert_eq!(outages.over_since("r"), None, "{reason:?}");
        }
        outages.note("r", &Ok(()), start + OUTAGE);
        assert_eq!(outages.over_since("r"), Some(start + OUTAGE));
    }

    #[test]
    fn one_failure_long_ago_is_no_outage_and_what_is_over_is_forgotten() {
        let (outages, start) = (Outages::default(), Instant::now());
        outages.note("r", &down(), start);
        outages.note("r", &Ok(()), start + OUTAGE * 2);
        assert_eq!(outages.over_since("r"), None, "nobody asked in between");
        outages.note("other", &down(), start + FORGOTTEN_AFTER * 2);
        assert_eq!(lock(&outages.regions).len(), 1);
    }

    #[tokio::test]
    async fn who_waits_for_the_end_of_an_outage_is_told() {
        let (outages, start) = (Outages::default(), Instant::now());
        outages.note("r", &down(), start);
        outages.note("r", &down(), start + OUTAGE);
        outages.note("r", &Ok(()), start + OUTAGE);
        assert_eq!(outages.over().await, ("r".to_owned(), start + OUTAGE));
    }
}
