//! Says of an object that went without us that it may have left a share behind. Decides nothing.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::shared::Shared;
use crate::api::ImageShare;
use crate::core::effect::NOTE_MAX;
use crate::redact::printable;

/// Names a share that is left behind by an object which has vanished without us: like any other, once.
pub async fn report(object: ImageShare, note: String, shared: Arc<Shared>) {
    // Who deletes the CRD keeps the shares.
    if let Ok(true) = shared.reads.is_uninstalling(&shared.api_server, Some(Instant::now())).await {
        return;
    }
    let (note, now) = (printable(&note, NOTE_MAX), Timestamp::now());
    let left = shared.api_server.emit_to_administrator(&object, "ShareOrphaned", &note, now).await;
    if matches!(left, Ok(false)) {
        return;
    }
    let (namespace, name) = (object.metadata.namespace, object.metadata.name);
    shared.metrics.orphaned_share();
    tracing::error!(reason = "ShareOrphaned", namespace, object = name, "{note}");
    if let Err(error) = left {
        tracing::warn!(event = "ShareOrphaned", "not left: {error}");
    }
}
