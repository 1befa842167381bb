//! What time it is for the API server, whose clock made the time stamps of objects: the header `Date` of
//! its answers says. This machine's clock may be hours off.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::Response;
use axum::http::header::DATE;
use jiff::Timestamp;
use kube::client::ClientBuilder;
use kube::core::ObjectMeta;
use tower::util::MapResponseLayer;

use super::pulse::Pulse;
use crate::cloud::clock::Clock;
use crate::lock::lock;

/// The API server's clock. A clone is the same clock.
#[derive(Debug, Default, Clone)]
pub struct ApiClock(Arc<Mutex<Clock>>);

impl ApiClock {
    /// A client whose answers set this clock, and are listened to.
    ///
    /// # Errors
    ///
    /// The configuration cannot be used.
    pub fn client(&self, config: kube::Config, pulse: &Pulse) -> kube::Result<kube::Client> {
        let clock = self.clone();
        let listen = MapResponseLayer::new(move |response: Response<_>| {
            if let Some(date) = response.headers().get(DATE).and_then(|date| date.to_str().ok()) {
                clock.note(date, Instant::now(), Timestamp::now());
            }
            response
        });
        Ok(ClientBuilder::try_from(config)?.with_layer(&listen).with_layer(pulse).build())
    }

    /// How long ago an object was marked for deletion; zero if it was not.
    pub fn deleted_for(&self, metadata: &ObjectMeta) -> Duration {
        let Some(deleted) = &metadata.deletion_timestamp else { return Duration::ZERO };
        let now = self.lock().there(Instant::now()).unwrap_or_else(Timestamp::now);
        Duration::try_from(now.duration_since(deleted.0)).unwrap_or_default()
    }

    fn note(&self, date: &str, received: Instant, here: Timestamp) {
        self.lock().note(date, (received, received), here);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Clock> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn how_long_ago_a_deletion_was_is_counted_by_the_api_servers_clock() {
        let here = Timestamp::now();
        let at = |seconds: i64| Time(here + jiff::SignedDuration::from_secs(seconds));
        let deleted = |at| ObjectMeta { deletion_timestamp: at, ..ObjectMeta::default() };
        // Ours is five hours behind.
        let clock = ApiClock::default();
        let there = here + jiff::SignedDuration::from_hours(5);
        let date = there.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        clock.note(&date, Instant::now(), here);
        let hours = |at| clock.deleted_for(&deleted(at)).as_secs().div_ceil(3600);
        assert_eq!(hours(Some(at(0))), 5);
        assert_eq!(hours(Some(at(4 * 3600))), 1);
        assert_eq!(hours(Some(at(6 * 3600))), 0, "not yet");
        assert_eq!(hours(None), 0);
    }
}
