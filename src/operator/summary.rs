//! What a pass did, in the log and in the counters. Decides nothing.

use std::time::Duration;

use crate::core::effect::Refusal;
use crate::core::facts::Write;
use crate::core::step::Summary;
use crate::metrics::Metrics;
use crate::reason::Kind;

/// Notes what a pass did.
pub(super) fn note(summary: &Summary, took: Duration, metrics: &Metrics) {
    metrics.pass(summary.outcome.as_ref().map(|outcome| outcome.reason), took);
    let wrote = summary.wrote.map(Write::as_str);
    let request_id = summary.request_id.as_deref();
    if let Some(note) = &summary.orphan {
        metrics.orphaned_share();
        tracing::error!(reason = "ShareOrphaned", "{note}");
    }
    if summary.is_released {
        tracing::info!(wrote, "released");
    }
    if summary.is_resumed {
        tracing::debug!("resumed as settled");
    }
    if summary.is_uninstalling {
        tracing::debug!("the CRD is being deleted, and the shares stay as they are");
    } else if summary.has_lost_write_right {
        tracing::debug!("another object owns the share by now");
    } else if summary.refusal == Some(Refusal::Conflict) {
        tracing::debug!("the object has changed meanwhile");
    }
    let Some(outcome) = &summary.outcome else { return };
    let reason = outcome.reason.as_str();
    if !summary.is_news && wrote.is_none() {
        tracing::debug!(reason, request_id, "nothing changed");
    } else if outcome.reason.kind() == Kind::Steady {
        tracing::info!(reason, wrote, "{}", outcome.message);
    } else {
        tracing::warn!(reason, wrote, request_id, "{}", outcome.message);
    }
}
