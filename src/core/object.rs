//! The object as decisions see it, and what of it is worth a pass. Reads values, decides nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::Timestamp;

use super::desired::{self, Unusable};
use super::facts::Goal;
use super::ownership::{Claim, Role};
use super::record::{self, Recorded};
use crate::access::credentials::SecretVersion;
use crate::api::{
    CREATE_INTENT, DeletionPolicy, FINALIZER, ImageShare, ImageShareSpec, ImageShareStatus,
    ManagementPolicy, RECONCILE_REQUESTED_AT,
};
use crate::cloud::ShareId;

/// An object as decisions see it. Its resourceVersion stays with who talks to the API server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    /// The uid.
    pub uid: String,
    /// The generation of the spec.
    pub generation: i64,
    /// The spec.
    pub spec: Arc<ImageShareSpec>,
    /// The status as it stands, whoever wrote it.
    pub status: Option<Arc<ImageShareStatus>>,
    /// Whether it carries our finalizer.
    pub has_finalizer: bool,
    /// Whether the annotation says that this very object was about to create its share.
    pub has_intent: bool,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// The annotation that asks for a pass.
    pub requested_at: Option<String>,
}

impl Object {
    /// The object as the API server has it.
    pub fn of(object: &ImageShare) -> Self {
        let metadata = &object.metadata;
        let uid = metadata.uid.clone().unwrap_or_default();
        let annotation = |name| metadata.annotations.as_ref()?.get(name).cloned();
        let finalizers = metadata.finalizers.iter().flatten();
        Self {
            has_intent: annotation(CREATE_INTENT).as_ref() == Some(&uid),
            uid,
            generation: metadata.generation.unwrap_or_default(),
            spec: Arc::new(object.spec.clone()),
            status: object.status.clone().map(Arc::new),
            has_finalizer: finalizers.into_iter().any(|finalizer| finalizer == FINALIZER),
            is_deleting: metadata.deletion_timestamp.is_some(),
            requested_at: annotation(RECONCILE_REQUESTED_AT),
        }
    }

    /// The status, if it speaks of this object. A backup can bring back the status of another life.
    pub fn own_status(&self) -> Option<&ImageShareStatus> {
        let status = self.status.as_deref()?;
        let is_own = status.object_uid.as_ref().is_none_or(|uid| *uid == self.uid);
        is_own.then_some(status)
    }

    /// The pass that somebody asked for and that was not made yet: the annotation's value.
    pub fn requested(&self) -> Option<&String> {
        let value = self.requested_at.as_ref().filter(|value| !value.is_empty())?;
        // Nobody asks for the first pass.
        let handled = self.own_status()?.last_handled_reconcile_at.as_ref();
        (handled != Some(value)).then_some(value)
    }

    /// What it says of its share.
    pub fn recorded(&self) -> Recorded {
        record::recorded(self)
    }

    /// The share that it declares.
    ///
    /// # Errors
    ///
    /// The spec and the operator's settings do not name one.
    pub fn share_id(&self, default_region: Option<&str>) -> Result<ShareId, Unusable> {
        let recorded = self.own_status().and_then(|status| status.share.as_ref());
        let region = recorded.map(|share| share.region.as_str());
        desired::share_id(&self.spec, region, default_region)
    }

    /// What it wants of the cloud.
    ///
    /// # Errors
    ///
    /// The spec cannot be served as it is.
    pub fn goal(&self) -> Result<Goal, Unusable> {
        match (self.is_deleting, self.spec.deletion_policy) {
            (false, _) => Ok(Goal::Share(desired::desired(&self.spec)?, self.spec.adoption_policy)),
            // Who only observes never revokes.
            (true, _) if self.is_observing() => Ok(Goal::Retain),
            (true, DeletionPolicy::Delete) => Ok(Goal::Revoke),
            (true, DeletionPolicy::Retain) => Ok(Goal::Retain),
        }
    }

    /// Whether it never writes to the cloud.
    pub fn is_observing(&self) -> bool {
        self.spec.management_policy == ManagementPolicy::Observe
    }

    /// Whether SWR is not to be called for it.
    pub fn is_suspended(&self) -> bool {
        self.spec.suspend && !self.is_deleting
    }

    /// Its claim on the share that it declares, as `who`; `None` if it never writes to the cloud.
    pub fn claim<K>(&self, who: K, created: Timestamp) -> Option<Claim<K>> {
        let is_leaving = self.is_deleting && !self.has_finalizer;
        (!self.is_observing() && !is_leaving).then(|| Claim {
            who,
            record: (&self.recorded()).into(),
            created,
            is_deleting: self.is_deleting,
            has_finalizer: self.has_finalizer,
        })
    }
}

/// What of an object, when it changes, makes a pass worth while at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Changes with the spec, and when the object is marked for deletion.
    pub generation: i64,
    /// Whether it carries our finalizer.
    pub has_finalizer: bool,
    /// The hash of the annotation that asks for a pass.
    pub requested: u64,
    /// The hash of its place among the objects that declare the same share.
    pub place: u64,
}

impl Fingerprint {
    /// The fingerprint of an object in its place.
    pub fn of(object: &Object, place: &Place) -> Self {
        Self {
            generation: object.generation,
            has_finalizer: object.has_finalizer,
            requested: hashed(&object.requested_at),
            place: hashed(place),
        }
    }

    /// The same object in another place.
    #[must_use]
    pub fn at(self, place: &Place) -> Self {
        Self { place: hashed(place), ..self }
    }

    /// Whether nobody has asked for anything else in between.
    pub fn is_same_request(self, other: Self) -> bool {
        (self.generation, self.requested) == (other.generation, other.requested)
    }
}

/// What tells a Secret that has shown a share from others.
pub(super) fn identity(secret: &SecretVersion) -> Option<NonZeroU64> {
    NonZeroU64::new(hashed(secret))
}

/// A hash that is compared within one life of the operator.
fn hashed(value: &impl Hash) -> u64 {
    // The same value in each life of the operator: it is compared within one only.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where an object stands among those that declare the same share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// What it may do.
    pub role: Role,
    /// `namespace/name` of the other object: of the owner, or of the successor.
    pub other: Option<String>,
}

impl Place {
    /// The place of an object that nobody else competes with.
    pub const ALONE: Self = Self { role: Role::Owner { has_candidate: false }, other: None };
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
