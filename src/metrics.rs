//! What the operator counts, in the `OpenMetrics` format. Never an object's name as a label.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::reason::Reason;

/// The counters. Cheap to clone: clones count together.
#[derive(Clone, Default)]
pub struct Metrics {
    passes: Family<ReasonLabel, Counter<u64, AtomicU64>>,
    calls: Family<CallLabel, Counter<u64, AtomicU64>>,
    panics: Counter<u64, AtomicU64>,
    undecodable: Counter<u64, AtomicU64>,
    watch_errors: Counter<u64, AtomicU64>,
    orphaned_shares: Counter<u64, AtomicU64>,
    drift: Family<FieldLabel, Counter<u64, AtomicU64>>,
    credentials_end: Family<CredentialsLabel, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CredentialsLabel {
    reference: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FieldLabel {
    field: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabel {
    verb: &'static str,
    result: &'static str,
}

impl Metrics {
    /// A pass ended.
    pub fn pass(&self, reason: Reason) {
        self.passes.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
    }

    /// A call to the cloud ended.
    pub fn call(&self, verb: &'static str, outcome: Result<(), Reason>) {
        let result = outcome.map_or_else(Reason::as_str, |()| "Ok");
        self.calls.get_or_create(&CallLabel { verb, result }).inc();
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
        self.orphaned_shares.inc();
    }

    /// A field that another hand had changed was put right; `share` if the share was removed.
    pub fn drift(&self, field: &'static str) {
        self.drift.get_or_create(&FieldLabel { field }).inc();
    }

    /// Credentials that are in use end at this time. `reference` is what objects refer to: there are as
    /// many as Secrets that are used, not as objects.
    pub fn credentials_end(&self, reference: String, at: Timestamp) {
        self.credentials_end.get_or_create(&CredentialsLabel { reference }).set(at.as_second());
    }

    /// There are no such credentials any more.
    pub fn no_credentials(&self, reference: &str) {
        let label = CredentialsLabel { reference: reference.to_owned() };
        // Most have none, and only a change needs the lock for all.
        if self.credentials_end.get(&label).is_some() {
            self.credentials_end.remove(&label);
        }
    }

    /// All counters as text.
    pub fn render(&self) -> String {
        let Self {
            passes,
            calls,
            panics,
            undecodable,
            watch_errors,
            orphaned_shares,
            drift,
            credentials_end,
        } = self.clone();
        let mut registry = Registry::with_prefix("imageshare");
        registry.register(
            "passes",
            "Ended passes, by the reason in the object's conditions",
            passes,
        );
        registry.register("swr_calls", "Calls to SWR, by verb and by Ok or reason", calls);
        registry.register("panics", "Passes that panicked and were caught", panics);
        registry.register(
            "undecodable_objects",
            "Objects that were passed over because they do not decode",
            undecodable,
        );
        registry.register("watch_errors", "Failures of the watch on ImageShares", watch_errors);
        registry.register(
            "orphaned_shares",
            "Shares left behind in SWR because no credentials came back in time, or because their object went without the operator",
            orphaned_shares,
        );
        registry.register(
            "drift_repaired",
            "Fields of shares that another hand had changed and that were put right",
            drift,
        );
        registry.register(
            "credentials_expire_timestamp_seconds",
            "When credentials end whose end is known, by what objects refer to",
            credentials_end,
        );
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_rendered_under_their_documented_names() {
        let metrics = Metrics::default();
        metrics.pass(Reason::Shared);
        metrics.call("create", Ok(()));
        metrics.panic();
        metrics.undecodable();
        metrics.watch_error();
        metrics.orphaned_share();
        metrics.drift("deadline");
        metrics.credentials_end("ns/secret/swr/@eu".into(), Timestamp::UNIX_EPOCH);
        let text = metrics.render();
        for line in [
            r#"imageshare_passes_total{reason="Shared"} 1"#,
            r#"imageshare_swr_calls_total{verb="create",result="Ok"} 1"#,
            "imageshare_panics_total 1",
            "imageshare_undecodable_objects_total 1",
            "imageshare_watch_errors_total 1",
            "imageshare_orphaned_shares_total 1",
            r#"imageshare_drift_repaired_total{field="deadline"} 1"#,
            r#"imageshare_credentials_expire_timestamp_seconds{reference="ns/secret/swr/@eu"} 0"#,
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
