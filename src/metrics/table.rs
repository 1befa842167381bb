//! Every metric there is, with its labels and what it says: `docs/metrics.md`, the alerts and the dashboard are
//! compared with it. Counts nothing.

/// Before every name.
pub(super) const PREFIX: &str = "imageshare";

/// A metric, as it is documented.
pub struct Metric {
    /// Without prefix and suffix.
    pub(super) name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, and in which unit.
    pub help: &'static str,
}

impl Metric {
    const fn new(
        name: &'static str,
        kind: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }

    /// Its name as Prometheus shows it; of a histogram, without `_bucket`, `_sum` and `_count`.
    pub fn full_name(&self) -> String {
        let suffix = if self.kind == COUNTER { "_total" } else { "" };
        format!("{PREFIX}_{}{suffix}", self.name)
    }
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

pub(super) const PASSES: &str = "passes";
pub(super) const PASS_SECONDS: &str = "pass_duration_seconds";
pub(super) const READY_SECONDS: &str = "ready_duration_seconds";
pub(super) const REQUESTS: &str = "cloud_requests";
pub(super) const REQUEST_SECONDS: &str = "cloud_request_duration_seconds";
pub(super) const THROTTLED: &str = "throttled";
pub(super) const DRIFT: &str = "drift_repaired";
pub(super) const SHARES: &str = "shares";
pub(super) const ORPHANS: &str = "orphaned_shares";
pub(super) const REJECTED: &str = "credentials_rejected";
pub(super) const ENDS: &str = "credentials_expire_timestamp_seconds";
pub(super) const WAITING: &str = "lane_waiting";
pub(super) const WAIT_SECONDS: &str = "lane_wait_seconds";
pub(super) const PAUSE_SECONDS: &str = "lane_pause_seconds";
pub(super) const WATCH_AGE: &str = "watch_age_seconds";
pub(super) const WATCH_ERRORS: &str = "watch_errors";
pub(super) const LEADER: &str = "leader";
pub(super) const BUILD: &str = "build_info";
pub(super) const PANICS: &str = "panics";
pub(super) const UNDECODABLE: &str = "undecodable_objects";

/// All of them.
pub const ALL: &[Metric] = &[
    Metric::new(
        PASSES,
        COUNTER,
        &["reason"],
        "Ended passes, by the reason in the object's conditions",
    ),
    Metric::new(
        PASS_SECONDS,
        HISTOGRAM,
        &["outcome"],
        "How long passes took, by how the operator goes on: steady, waiting, transient, terminal, or none where the pass came to no status",
    ),
    Metric::new(
        READY_SECONDS,
        HISTOGRAM,
        &[],
        "From the moment a new generation of an object was seen to its Ready=True",
    ),
    Metric::new(
        REQUESTS,
        COUNTER,
        &["operation", "result"],
        "Calls to SWR, IAM and STS, by operation and by Ok or the reason of the failure",
    ),
    Metric::new(
        REQUEST_SECONDS,
        HISTOGRAM,
        &["operation", "class"],
        "How long such calls took, by operation and class: ok, throttled, unauthorized, refused, server_error, no_answer",
    ),
    Metric::new(
        THROTTLED,
        COUNTER,
        &["region"],
        "Calls that the cloud answered with a request to slow down",
    ),
    Metric::new(
        DRIFT,
        COUNTER,
        &["field"],
        "Fields of shares that another hand had changed and that were put right",
    ),
    Metric::new(
        SHARES,
        GAUGE,
        &["state"],
        "ImageShares by state: ready, reconciling, stalled, suspended, expired, deleting; of the leader",
    ),
    Metric::new(
        ORPHANS,
        COUNTER,
        &[],
        "Shares left behind in SWR because no credentials came back in time, or because their object went without the operator",
    ),
    Metric::new(
        REJECTED,
        GAUGE,
        &["reference"],
        "1 for credentials in use that SWR, IAM or STS has rejected, by what objects refer to; of the leader",
    ),
    Metric::new(
        ENDS,
        GAUGE,
        &["reference"],
        "When credentials in use end whose end is known and that nobody renews, in seconds since 1970, by what objects refer to; of the leader",
    ),
    Metric::new(WAITING, GAUGE, &["region"], "Objects that are due and wait for their turn"),
    Metric::new(
        WAIT_SECONDS,
        HISTOGRAM,
        &["region"],
        "How long objects that were due have waited for their turn",
    ),
    Metric::new(
        PAUSE_SECONDS,
        GAUGE,
        &["region"],
        "How long nothing is sent to the region yet, for the cloud's pace; the longest of its credentials",
    ),
    Metric::new(
        WATCH_AGE,
        GAUGE,
        &[],
        "How long ago the API server last answered a list or watch of ImageShares; of the leader",
    ),
    Metric::new(WATCH_ERRORS, COUNTER, &[], "Failures of the watch on ImageShares"),
    Metric::new(LEADER, GAUGE, &[], "1 if this replica acts"),
    Metric::new(BUILD, GAUGE, &["version", "revision"], "1; which build this is"),
    Metric::new(PANICS, COUNTER, &[], "Passes that panicked and were caught"),
    Metric::new(
        UNDECODABLE,
        COUNTER,
        &[],
        "Objects that were passed over because they do not decode",
    ),
];
