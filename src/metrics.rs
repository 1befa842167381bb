//! What the operator counts and measures, in the `OpenMetrics` format. Never an object's name as a label: how
//! many time series there are goes by regions, reasons and credentials, not by objects.

mod table;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric as Registered, Registry};

use crate::lock::lock;
use crate::reason::{Kind, Reason};
pub use table::{ALL, Metric};
use table::{
    BUILD, DRIFT, ENDS, LEADER, ORPHANS, PANICS, PASS_SECONDS, PASSES, PAUSE_SECONDS, PREFIX,
    READY_SECONDS, REJECTED, REQUEST_SECONDS, REQUESTS, SHARES, THROTTLED, UNDECODABLE,
    WAIT_SECONDS, WAITING, WATCH_AGE, WATCH_ERRORS,
};

/// Upper bounds in seconds, the same for all: from a call next door to a pause of the cloud.
const SECONDS: [f64; 17] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0,
    1000.0,
];

/// How many regions have time series of their own.
const REGIONS_MAX: usize = 50;

type Labels = Vec<(&'static str, Cow<'static, str>)>;
type Count = Counter<u64, AtomicU64>;

/// Histograms, all alike.
#[derive(Clone)]
struct Seconds(Family<Labels, Histogram>);

impl Default for Seconds {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(SECONDS)))
    }
}

impl Seconds {
    fn observe(&self, labels: &Labels, seconds: Duration) {
        self.0.get_or_create(labels).observe(seconds.as_secs_f64());
    }
}

/// What is asked for at each scrape: the leader's view of its objects and of the cloud.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// How many objects are in each state.
    pub shares: Vec<(&'static str, usize)>,
    /// How many objects wait in each region.
    pub waiting: Vec<(String, usize)>,
    /// How long nothing is sent to each region yet.
    pub paused: Vec<(String, Duration)>,
    /// What objects refer to that the cloud has rejected.
    pub rejected: Vec<String>,
    /// When what they refer to ends, where nobody renews it.
    pub ends: Vec<(String, Timestamp)>,
    /// How long ago the watch was answered.
    pub watch_age: Option<Duration>,
}

type Observer = Box<dyn Fn() -> Observed + Send>;

/// All metrics. Cheap to clone: clones count together.
#[derive(Clone, Default)]
pub struct Metrics {
    passes: Family<Labels, Count>,
    pass_seconds: Seconds,
    ready_seconds: Seconds,
    requests: Family<Labels, Count>,
    request_seconds: Seconds,
    throttled: Family<Labels, Count>,
    drift: Family<Labels, Count>,
    orphans: Count,
    wait_seconds: Seconds,
    watch_errors: Count,
    panics: Count,
    undecodable: Count,
    /// The regions that have labels of their own.
    regions: Arc<Mutex<BTreeSet<String>>>,
    observer: Arc<Mutex<Option<Observer>>>,
}

impl Metrics {
    /// A pass ended, with what it says in the status, if it came to that.
    pub fn pass(&self, reason: Option<Reason>, took: Duration) {
        if let Some(reason) = reason {
            self.passes.get_or_create(&one("reason", reason.as_str())).inc();
        }
        let outcome = reason.map_or("none", |reason| match reason.kind() {
            Kind::Steady => "steady",
            Kind::Waiting => "waiting",
            Kind::Transient => "transient",
            Kind::Terminal => "terminal",
        });
        self.pass_seconds.observe(&one("outcome", outcome), took);
    }

    /// An object became Ready, so long after its generation was seen.
    pub fn ready(&self, after: Duration) {
        self.ready_seconds.observe(&vec![], after);
    }

    /// A call to the cloud ended.
    pub fn request(
        &self,
        operation: &'static str,
        region: &str,
        outcome: Result<(), Reason>,
        took: Duration,
    ) {
        let labels = |name, value: &'static str| {
            vec![("operation", Cow::Borrowed(operation)), (name, Cow::Borrowed(value))]
        };
        let result = outcome.map_or_else(Reason::as_str, |()| "Ok");
        self.requests.get_or_create(&labels("result", result)).inc();
        let class = outcome.map_or_else(class, |()| "ok");
        self.request_seconds.observe(&labels("class", class), took);
        if outcome == Err(Reason::Throttled) {
            self.throttled.get_or_create(&self.region(region)).inc();
        }
    }

    /// An object that was due got its turn.
    pub fn waited(&self, region: &str, waited: Duration) {
        self.wait_seconds.observe(&self.region(region), waited);
    }

    /// A region as a label. What stands in an object is its owner's choice: beyond so many, they are one.
    fn region(&self, region: &str) -> Labels {
        let mut known = lock(&self.regions);
        if known.contains(region) || known.len() < REGIONS_MAX {
            known.insert(region.to_owned());
            return one("region", region.to_owned());
        }
        one("region", "other")
    }

    /// A pass panicked and was caught.
    pub fn panic(&self) {
        self.panics.inc();
    }

    /// An object could not be decoded and was passed over.
    pub fn undecodable(&self) {
        self.undecodable.inc();
    }

    /// The watch on `ImageShare`s failed; it is retried.
    pub fn watch_error(&self) {
        self.watch_errors.inc();
    }

    /// A share was left behind in the cloud.
    pub fn orphaned_share(&self) {
        self.orphans.inc();
    }

    /// A field that another hand had changed was put right; `share` if the share was removed.
    pub fn drift(&self, field: &'static str) {
        self.drift.get_or_create(&one("field", field)).inc();
    }

    /// This replica leads, and this tells the rest at each scrape; `None`: it does not lead any more.
    pub fn observe(&self, observer: Option<Observer>) {
        *lock(&self.observer) = observer;
    }

    /// All of them as text.
    pub fn render(&self) -> String {
        let observed = lock(&self.observer).as_ref().map(|observe| observe());
        let leads = f64::from(u8::from(observed.is_some()));
        let mut registry = Registry::with_prefix(PREFIX);
        let all = &mut registry;
        register(all, PASSES, self.passes.clone());
        register(all, PASS_SECONDS, self.pass_seconds.0.clone());
        register(all, READY_SECONDS, self.ready_seconds.0.clone());
        register(all, REQUESTS, self.requests.clone());
        register(all, REQUEST_SECONDS, self.request_seconds.0.clone());
        register(all, THROTTLED, self.throttled.clone());
        register(all, DRIFT, self.drift.clone());
        register(all, ORPHANS, self.orphans.clone());
        register(all, WAIT_SECONDS, self.wait_seconds.0.clone());
        register(all, WATCH_ERRORS, self.watch_errors.clone());
        register(all, PANICS, self.panics.clone());
        register(all, UNDECODABLE, self.undecodable.clone());
        register(all, LEADER, ConstGauge::new(leads));
        register(all, BUILD, gauge([(build(), 1.0)]));
        let Observed { shares, waiting, paused, rejected, ends, watch_age } =
            observed.unwrap_or_default();
        register(
            all,
            SHARES,
            gauge(shares.into_iter().map(|(state, n)| (one("state", state), count(n)))),
        );
        register(
            all,
            WAITING,
            gauge(waiting.into_iter().map(|(region, n)| (self.region(&region), count(n)))),
        );
        let mut longest = BTreeMap::<Labels, Duration>::new();
        for (region, left) in paused {
            let known = longest.entry(self.region(&region)).or_default();
            *known = left.max(*known);
        }
        let paused = longest.into_iter().map(|(labels, left)| (labels, left.as_secs_f64()));
        register(all, PAUSE_SECONDS, gauge(paused));
        let rejected = rejected.into_iter().map(|reference| (one("reference", reference), 1.0));
        register(all, REJECTED, gauge(rejected));
        let ends =
            ends.into_iter().map(|(reference, at)| (one("reference", reference), seconds(at)));
        register(all, ENDS, gauge(ends));
        if let Some(age) = watch_age {
            register(all, WATCH_AGE, ConstGauge::new(age.as_secs_f64()));
        }
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

fn register(registry: &mut Registry, name: &'static str, metric: impl Registered) {
    let known = ALL.iter().find(|known| known.name == name);
    registry.register(name, known.map_or("", |known| known.help), metric);
}

fn gauge(values: impl IntoIterator<Item = (Labels, f64)>) -> Family<Labels, Gauge<f64, AtomicU64>> {
    let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(value);
    }
    family
}

fn one(name: &'static str, value: impl Into<Cow<'static, str>>) -> Labels {
    vec![(name, value.into())]
}

#[allow(clippy::cast_precision_loss, reason = "exact for millions of years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}

#[allow(clippy::cast_precision_loss, reason = "nobody has so many objects")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Which build this is; the revision is known to builds that are released.
fn build() -> Labels {
    let revision = option_env!("IMAGESHARE_REVISION").unwrap_or("unknown");
    vec![("version", env!("CARGO_PKG_VERSION").into()), ("revision", revision.into())]
}

/// What kind of failure it is, for who looks at how long calls take.
fn class(reason: Reason) -> &'static str {
    match (reason, reason.kind()) {
        (Reason::Throttled, _) => "throttled",
        (Reason::Unauthorized | Reason::SignInRejected, _) => "unauthorized",
        (Reason::ServerError | Reason::GatewayError | Reason::Busy, _) => "server_error",
        (_, Kind::Transient) => "no_answer",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Metrics {
        let metrics = Metrics::default();
        metrics.pass(Some(Reason::Shared), Duration::from_millis(30));
        metrics.pass(None, Duration::ZERO);
        metrics.ready(Duration::from_secs(700));
        metrics.request("create", "eu", Err(Reason::Throttled), Duration::from_secs(2));
        metrics.waited("eu", Duration::from_secs(1));
        metrics.panic();
        metrics.undecodable();
        metrics.watch_error();
        metrics.orphaned_share();
        metrics.drift("deadline");
        metrics.observe(Some(Box::new(|| Observed {
            shares: vec![("ready", 3)],
            waiting: vec![("eu".into(), 2)],
            paused: vec![("eu".into(), Duration::from_secs(4))],
            rejected: vec!["ns/secret/swr/@eu".into()],
            ends: vec![("ns/secret/swr/@eu".into(), Timestamp::UNIX_EPOCH)],
            watch_age: Some(Duration::from_secs(5)),
        })));
        metrics
    }

    #[test]
    fn metrics_are_rendered_under_their_documented_names() {
        let text = filled().render();
        for line in [
            r#"imageshare_passes_total{reason="Shared"} 1"#,
            r#"imageshare_pass_duration_seconds_bucket{le="0.05",outcome="steady"} 1"#,
            r#"imageshare_pass_duration_seconds_count{outcome="none"} 1"#,
            r#"imageshare_ready_duration_seconds_bucket{le="1000.0"} 1"#,
            r#"imageshare_ready_duration_seconds_bucket{le="500.0"} 0"#,
            r#"imageshare_cloud_requests_total{operation="create",result="Throttled"} 1"#,
            r#"imageshare_cloud_request_duration_seconds_count{operation="create",class="throttled"} 1"#,
            r#"imageshare_throttled_total{region="eu"} 1"#,
            r#"imageshare_drift_repaired_total{field="deadline"} 1"#,
            r#"imageshare_shares{state="ready"} 3.0"#,
            "imageshare_orphaned_shares_total 1",
            r#"imageshare_credentials_rejected{reference="ns/secret/swr/@eu"} 1.0"#,
            r#"imageshare_credentials_expire_timestamp_seconds{reference="ns/secret/swr/@eu"} 0.0"#,
            r#"imageshare_lane_waiting{region="eu"} 2.0"#,
            r#"imageshare_lane_wait_seconds_count{region="eu"} 1"#,
            r#"imageshare_lane_pause_seconds{region="eu"} 4.0"#,
            "imageshare_watch_age_seconds 5.0",
            "imageshare_watch_errors_total 1",
            "imageshare_leader 1.0",
            r#"imageshare_build_info{version="0.1.0",revision="unknown"} 1.0"#,
            "imageshare_panics_total 1",
            "imageshare_undecodable_objects_total 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn what_is_rendered_is_what_is_documented() {
        let text = filled().render();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let mut shown: Vec<_> = types.map(str::to_owned).collect();
        let known = |metric: &Metric| format!("{PREFIX}_{} {}", metric.name, metric.kind);
        let mut documented: Vec<_> = ALL.iter().map(known).collect();
        shown.sort();
        documented.sort();
        assert_eq!(shown, documented);
        for metric in ALL {
            let sample = text.lines().find(|line| line.starts_with(&metric.full_name())).unwrap();
            let labels = sample.split(['{', '}']).nth(1).unwrap_or_default();
            let names = labels.split(',').filter_map(|label| label.split_once('='));
            let names: Vec<_> = names.map(|(name, _)| name).filter(|name| *name != "le").collect();
            assert_eq!(names, metric.labels, "{sample}");
            assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{}", metric.help);
        }
    }

    #[test]
    fn regions_that_tenants_make_up_share_one_label() {
        let metrics = Metrics::default();
        for region in 0..1000 {
            metrics.waited(&format!("r{region}"), Duration::ZERO);
        }
        let text = metrics.render();
        let regions = text.matches("imageshare_lane_wait_seconds_count{").count();
        assert_eq!(regions, REGIONS_MAX + 1);
        assert!(
            text.contains(r#"imageshare_lane_wait_seconds_count{region="other"} 950"#),
            "{text}"
        );
    }

    #[test]
    fn one_that_does_not_lead_says_so_and_knows_no_objects() {
        let metrics = filled();
        metrics.observe(None);
        let text = metrics.render();
        assert!(
            text.contains("imageshare_leader 0.0") && !text.contains("imageshare_shares{"),
            "{text}"
        );
    }
}
