//! Whether a region's SWR has been out of order, and since when it answers again: a pause that grew
//! while nothing could work is no reason to wait any longer. Time comes in as a parameter.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::SwrError;

/// A region that has not answered for so long was out of order. Below that, retries come soon by
/// themselves; and a region that answers now and then calls nobody back again and again.
pub const OUTAGE: Duration = Duration::from_secs(30);

/// What the calls of all objects tell of each region.
#[derive(Default)]
pub struct Outages {
    regions: Mutex<HashMap<String, Region>>,
    over: Notify,
}

#[derive(Default)]
struct Region {
    /// The first failure since the last answer.
    down_since: Option<Instant>,
    /// The first answer after the last outage.
    back_at: Option<Instant>,
}

impl Outages {
    /// Notes how a call to a region ended.
    pub fn heard<T>(&self, region: &str, answer: &Result<T, SwrError>, now: Instant) {
        let failed = match answer {
            Err(error) if error.reason.is_fault_of_the_cloud() => true,
            // A gateway can ask for a pause whether SWR is there or not.
            Err(error) if error.pause.is_some() => return,
            _ => false,
        };
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if failed {
            regions.entry(region.to_owned()).or_default().down_since.get_or_insert(now);
        } else if let Some(region) = regions.get_mut(region)
            && let Some(since) = region.down_since.take()
            && now.duration_since(since) >= OUTAGE
        {
            region.back_at = Some(now);
            self.over.notify_one();
        }
    }

    /// When the region's last outage was over.
    pub fn over_since(&self, region: &str) -> Option<Instant> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(region)?.back_at
    }

    /// Waits until an outage is over.
    pub async fn over(&self) {
        self.over.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

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
            outages.heard("r", &down(), start);
            outages.heard("r", &down(), start + OUTAGE / 2);
            assert_eq!(outages.over_since("r"), None);
            outages.heard("other", &answer, start + OUTAGE);
            assert_eq!(outages.over_since("r"), None, "another region says nothing of this one");
            outages.heard("r", &answer, start + OUTAGE);
            assert_eq!(outages.over_since("r"), Some(start + OUTAGE));
            outages.heard("r", &answer, start + OUTAGE * 2);
            assert_eq!(outages.over_since("r"), Some(start + OUTAGE), "it was over already");
        }
    }

    #[test]
    fn a_region_that_answers_now_and_then_has_no_outage() {
        let (outages, start) = (Outages::default(), Instant::now());
        for second in 0..120 {
            let answer = if second % 20 == 0 { Ok(()) } else { down() };
            outages.heard("r", &answer, start + Duration::from_secs(second));
        }
        assert_eq!(outages.over_since("r"), None);
    }

    #[test]
    fn a_pause_that_a_gateway_asks_for_is_no_sign_of_life() {
        let (outages, start) = (Outages::default(), Instant::now());
        outages.heard("r", &down(), start);
        let pause = Some(Duration::from_secs(1));
        let throttled = SwrError { pause, ..SwrError::without_answer(Reason::Throttled) };
        outages.heard("r", &Err::<(), _>(throttled), start + OUTAGE);
        assert_eq!(outages.over_since("r"), None);
        outages.heard("r", &Ok(()), start + OUTAGE);
        assert_eq!(outages.over_since("r"), Some(start + OUTAGE));
    }

    #[tokio::test]
    async fn who_waits_for_the_end_of_an_outage_is_told() {
        let (outages, start) = (Outages::default(), Instant::now());
        outages.heard("r", &down(), start);
        outages.heard("r", &Ok(()), start + OUTAGE);
        outages.over().await;
    }
}
