//! What an object sets out for: the share that it names, what it claims, what it wishes, and whether
//! it would take a share over. Reads the object alone, calls nobody.

use jiff::Timestamp;
use kube::ResourceExt;

use super::desired::{self, Desired, Unusable};
use super::line::{Claim, Claimant, Standing};
use super::plan::Wish;
use super::status;
use crate::api::{
    AdoptionPolicy, DeletionPolicy, FINALIZER, ImageShare, ManagementPolicy, RECONCILE_REQUESTED_AT,
};
use crate::swr::ShareId;

/// What an object claims: nothing if it writes nothing to the cloud, or cannot name its share.
pub fn claim(object: &ImageShare, default_region: Option<&str>) -> Option<Claim> {
    let (held, leaving) = (is_held(object), is_being_deleted(object));
    let only_looks = object.spec.management_policy == ManagementPolicy::Observe;
    if only_looks || (leaving && !held) {
        return None;
    }
    let claimant = Claimant {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    };
    Some(Claim {
        share: share_id(object, default_region).ok()?,
        claimant,
        standing: Standing::from(&status::recorded_of(object.status.as_ref(), held)),
        created: object.creation_timestamp().map(|time| time.0).unwrap_or_default(),
        leaving,
    })
}

/// The share that an object declares.
///
/// # Errors
///
/// `spec` and the operator's settings do not name one.
pub fn share_id(object: &ImageShare, default_region: Option<&str>) -> Result<ShareId, Unusable> {
    let recorded = object.status.as_ref().and_then(|status| status.share.as_ref());
    let recorded_region = recorded.map(|share| share.region.as_str());
    desired::share_id(&object.spec, recorded_region, default_region)
}

/// What a pass over one object sets out with.
pub struct Goal {
    /// The share that it is about.
    pub id: ShareId,
    /// `None` while the object is being deleted.
    pub desired: Option<Desired>,
    /// What is done with a share that is there already.
    pub adoption: AdoptionPolicy,
    /// What becomes of the share when the object is deleted.
    pub deletion: DeletionPolicy,
}

impl Goal {
    /// The goal of an object.
    ///
    /// # Errors
    ///
    /// `spec` cannot be served as it is.
    pub fn of(object: &ImageShare, default_region: Option<&str>) -> Result<Self, Unusable> {
        let id = share_id(object, default_region)?;
        let desired =
            if is_being_deleted(object) { None } else { Some(desired::desired(&object.spec)?) };
        // Who only looks never revokes.
        let deletion = match object.spec.management_policy {
            ManagementPolicy::Full => object.spec.deletion_policy,
            ManagementPolicy::Observe => DeletionPolicy::Retain,
        };
        Ok(Self { id, desired, adoption: object.spec.adoption_policy, deletion })
    }

    /// The goal of the object that a share could be handed over to; `None` if it would not take it.
    /// `now` is the cloud's time.
    pub fn of_heir(
        object: &ImageShare,
        heir: &Claimant,
        default_region: Option<&str>,
        now: Timestamp,
    ) -> Option<Self> {
        let spec = &object.spec;
        let goal = Self::of(object, default_region).ok()?;
        let lasts = goal.desired.as_ref().is_some_and(|desired| {
            let deadline = desired.terms.deadline;
            !deadline.has_passed(now)
        });
        let willing = object.uid().as_ref() == Some(&heir.uid)
            && lasts
            && !is_being_deleted(object)
            && !spec.suspend
            && spec.management_policy == ManagementPolicy::Full
            && spec.adoption_policy != AdoptionPolicy::Create;
        willing.then_some(goal)
    }

    /// The wish that the plan serves.
    pub fn wish(&self) -> Wish<'_> {
        match (&self.desired, self.deletion) {
            (Some(desired), _) => Wish::Share(&desired.terms, self.adoption),
            (None, DeletionPolicy::Delete) => Wish::Revoke,
            (None, DeletionPolicy::Retain) => Wish::LetGo,
        }
    }
}

/// Whether it has our finalizer.
pub fn is_held(object: &ImageShare) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// The pass that somebody asked for and that was not made yet: the annotation's value.
pub fn requested(object: &ImageShare) -> Option<String> {
    let value = object.annotations().get(RECONCILE_REQUESTED_AT)?;
    let handled = object.status.as_ref()?.last_handled_reconcile_at.as_ref();
    (!value.is_empty() && handled != Some(value)).then(|| value.clone())
}

/// Whether it is being deleted.
pub fn is_being_deleted(object: &ImageShare) -> bool {
    object.metadata.deletion_timestamp.is_some()
}
