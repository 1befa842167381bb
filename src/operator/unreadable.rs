//! What is done for an object that does not fit the schema: nothing in the cloud, but for its deletion,
//! which goes by what can be read of it.

use std::time::Duration;

use jiff::Timestamp;
use kube::core::ObjectMeta;

use super::api_server::ApiError;
use super::driver::{nothing_to_keep, pass};
use super::registry::{Left, Work};
use super::shared::Shared;
use crate::core::status::{self, Outcome, Report};
use crate::reason::Reason;

/// When a status that could not be written is tried again. An API server refuses any for an object that
/// breaks the CRD's own rules.
const UNREADABLE_RETRY: Duration = Duration::from_mins(10);

/// When the deletion of an object is tried again of which nothing could be read.
const UNREADABLE_DELETED_RETRY: Duration = Duration::from_secs(30);

/// Reports the object, or does what its deletion needs.
pub(super) async fn work(metadata: &ObjectMeta, work: Work, shared: &Shared) -> Left {
    match metadata.deletion_timestamp {
        None => report(metadata, shared).await,
        Some(_) => pass_over(metadata, work, shared).await,
    }
}

/// Says in its status that an object cannot be read.
async fn report(metadata: &ObjectMeta, shared: &Shared) -> Left {
    let outcome = Outcome::advised(Reason::ObjectUnreadable);
    let generation = metadata.generation.unwrap_or_default();
    let said = status::project(None, generation, &outcome, Report::default(), Timestamp::now());
    let written = shared.api_server.report(metadata, &said).await;
    let come_back = written.is_err().then_some(UNREADABLE_RETRY);
    if let Err(error) = written {
        tracing::warn!("the status of an object that does not fit the schema: {error}");
    }
    Left { come_back, ..nothing_to_keep(None) }
}

/// A pass over what can be read of an object that is being deleted.
async fn pass_over(metadata: &ObjectMeta, work: Work, shared: &Shared) -> Left {
    match shared.api_server.read(metadata).await {
        Ok(object) => {
            shared.registry.update_unreadable_as(&work.key, &object);
            // What is known of it is not the object.
            Left { object: None, ..pass(object, work, shared).await }
        }
        Err(ApiError::NotFound) => nothing_to_keep(None),
        Err(error) => {
            tracing::warn!("an object that does not fit the schema is being deleted: {error}");
            Left { come_back: Some(UNREADABLE_DELETED_RETRY), ..nothing_to_keep(None) }
        }
    }
}
