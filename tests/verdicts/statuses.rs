//! An object through its life, as the shipped code writes its status.

use std::sync::OnceLock;
use std::time::Duration;

use imageshare::api::{ImageShareStatus, crd};
use imageshare::core::status::{self, Outcome, Report};
use imageshare::reason::Reason;
use jiff::Timestamp;
use serde_json::{Value, json};

/// `--stalled-after`, in seconds.
pub const PATIENCE: i64 = 120;

/// An object at a moment.
#[derive(Debug, Clone)]
pub struct Share {
    pub generation: i64,
    pub status: ImageShareStatus,
}

impl Share {
    /// One that the API server has just made, with the status that the CRD gives it.
    pub fn new() -> Self {
        static DEFAULT: OnceLock<ImageShareStatus> = OnceLock::new();
        let status = DEFAULT.get_or_init(|| {
            let crd = serde_json::to_value(crd()).unwrap();
            let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            let default = &schema["properties"]["status"]["default"];
            serde_json::from_value(default.clone()).unwrap()
        });
        Self { generation: 1, status: status.clone() }
    }

    /// After a pass that ended so at that second. A pass that says nothing new writes nothing.
    pub fn passes(self, reason: Reason, second: i64) -> Self {
        // So no pass ends, and nothing is written.
        if reason == Reason::NotReconciled {
            return self;
        }
        let now = Timestamp::from_second(second).unwrap();
        let before = Some(&self.status);
        let report = Report {
            refused_since: status::refused_since(before, self.generation, reason, now),
            stalled_after: Duration::from_secs(PATIENCE.unsigned_abs()),
            ..Report::default()
        };
        let outcome = Outcome::advised(reason);
        let status = status::project(before, self.generation, &outcome, report, now);
        Self { status, ..self }
    }

    /// As the API server shows it.
    pub fn json(&self) -> Value {
        let suspend = status::is_true(&self.status, imageshare::api::ConditionType::Suspended);
        json!({
            "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
            "metadata": {"name": "demo", "namespace": "ns", "generation": self.generation},
            "spec": {"organization": "group", "repository": "app", "account": "demo", "suspend": suspend},
            "status": self.status,
        })
    }
}
