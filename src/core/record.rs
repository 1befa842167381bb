//! The record: what an object's own status says of the share it may have in the cloud. Whose share
//! it is, and what a deletion must revoke, is decided by it alone. Pure.
//!
//! The finalizer alone proves nothing, since backups restore it, nor does the status of another
//! life. A record is dropped only by evidence about this share.

use super::facts::{Cloud, Facts, Write};
use super::object::Object;
use crate::api::{AdoptionPolicy, ImageShareSpec, ImageShareStatus, ShareStatus};
use crate::cloud::{Deadline, RemoteShare, ShareId, Terms};

/// What an object says of its share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// Nothing of ours is in the cloud.
    Nothing,
    /// A write may have been sent: a share that is found is ours.
    InDoubt,
    /// SWR confirmed the share on these terms.
    Confirmed(Terms),
}

/// How sure it is that an object has a share in the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// SWR confirmed it.
    Confirmed,
    /// A write may have been sent.
    InDoubt,
    /// It has none.
    Nothing,
}

impl From<&Recorded> for Certainty {
    fn from(recorded: &Recorded) -> Self {
        match recorded {
            Recorded::Confirmed(_) => Self::Confirmed,
            Recorded::InDoubt => Self::InDoubt,
            Recorded::Nothing => Self::Nothing,
        }
    }
}

/// What an object says of its share: by its own status, else by the annotation that the finalizer
/// came with.
pub fn recorded(object: &Object) -> Recorded {
    match object.own_status() {
        // A record without a uid comes from an older version of the operator, and is believed.
        Some(status) if status.object_uid.is_some() || status.adopted.is_some() => said(status),
        _ if object.has_finalizer && object.has_intent => Recorded::InDoubt,
        _ => Recorded::Nothing,
    }
}

fn said(status: &ImageShareStatus) -> Recorded {
    match (status.adopted, &status.share) {
        // A share that was only looked at.
        (None, _) => Recorded::Nothing,
        (Some(_), Some(share)) if share.valid.is_some() => {
            // A record that cannot be read is as good as one in doubt: a look will show.
            terms_of(share).map_or(Recorded::InDoubt, Recorded::Confirmed)
        }
        (Some(_), _) => Recorded::InDoubt,
    }
}

/// Whether the status speaks of a share that is not the object's own: one that was only looked at.
pub fn is_only_seen(status: Option<&ImageShareStatus>) -> bool {
    status.is_some_and(|status| status.share.is_some() && status.adopted.is_none())
}

/// The share and whether it was there before the object took it over, as a status says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The share, as far as SWR has said.
    pub share: Option<ShareStatus>,
    /// `None` while the object has no share of its own.
    pub adopted: Option<bool>,
}

impl Record {
    /// What a status says.
    pub fn of(status: Option<&ImageShareStatus>) -> Self {
        status.map_or_else(Self::default, |status| Self {
            share: status.share.clone(),
            adopted: status.adopted,
        })
    }

    /// The record of a share that the object created, and SWR confirmed on these terms.
    pub fn confirmed(id: &ShareId, terms: &Terms) -> Self {
        let share = RemoteShare::as_written(terms.clone());
        Self { share: Some(share_status(id, &share)), adopted: Some(false) }
    }

    /// The record that says that a write may be under way; `adopted` is what was said before.
    pub fn of_intent(
        facts: &Facts,
        adopted: Option<bool>,
        id: &ShareId,
        spec: &ImageShareSpec,
    ) -> Self {
        let deadline = spec.deadline.parse::<Deadline>();
        let share = ShareStatus {
            region: id.region.clone(),
            organization: id.organization.clone(),
            repository: id.repository.clone(),
            account: id.account.clone(),
            permission: spec.permission.as_str().to_owned(),
            deadline: deadline.map_or_else(|_| spec.deadline.clone(), Deadline::on_the_wire),
            description: spec.description.clone(),
            ..ShareStatus::default()
        };
        Self { share: Some(share), adopted: Some(adopted.unwrap_or(facts.is_foreign)) }
    }
}

/// What to record after a pass: what the cloud said, else a write in doubt, else what was recorded
/// before. While a create may still take effect, nothing counts as confirmed.
pub fn share_after(
    facts: &Facts,
    id: &ShareId,
    wanted: Option<&Terms>,
    before: Option<&ShareStatus>,
) -> Option<ShareStatus> {
    match (&facts.cloud, facts.wrote, wanted) {
        (_, Some(Write::CreateInDoubt), Some(terms)) => Some(in_doubt(id, terms)),
        (Cloud::Present(share) | Cloud::Listed(Some(share)), _, _) => {
            let mut share = share_status(id, share);
            if facts.create_may_land {
                share.valid = None;
            }
            match before {
                // Nothing of weight has changed: what is not worth a write is not touched either.
                Some(before) if facts.wrote.is_none() && means_the_same(before, &share) => {
                    Some(before.clone())
                }
                _ => Some(share),
            }
        }
        (Cloud::Absent, _, _) if facts.is_gone() => None,
        // It may not show yet, or land later.
        (Cloud::Absent, _, _) => before.map(|share| ShareStatus { valid: None, ..share.clone() }),
        (Cloud::Unseen | Cloud::Listed(None), _, _) => before.cloned(),
    }
}

/// Whether the share was there before the object took it over; `None` while it has none.
pub fn adopted_after(
    facts: &Facts,
    adoption: AdoptionPolicy,
    before: Option<bool>,
) -> Option<bool> {
    match (&facts.cloud, facts.wrote) {
        (_, Some(Write::Created | Write::CreateInDoubt)) => Some(false),
        (Cloud::Absent, _) if facts.is_gone() => None,
        _ if facts.is_foreign => (adoption != AdoptionPolicy::Create).then_some(true),
        (Cloud::Present(_), _) => before.or(Some(false)),
        (Cloud::Unseen | Cloud::Absent | Cloud::Listed(_), _) => before,
    }
}

/// Which share a record names.
pub fn share_id(share: &ShareStatus) -> ShareId {
    ShareId {
        region: share.region.clone(),
        organization: share.organization.clone(),
        repository: share.repository.clone(),
        account: share.account.clone(),
    }
}

fn in_doubt(id: &ShareId, terms: &Terms) -> ShareStatus {
    ShareStatus { valid: None, ..share_status(id, &RemoteShare::as_written(terms.clone())) }
}

fn share_status(id: &ShareId, share: &RemoteShare) -> ShareStatus {
    ShareStatus {
        region: id.region.clone(),
        organization: id.organization.clone(),
        repository: id.repository.clone(),
        account: id.account.clone(),
        permission: share.terms.permission.clone(),
        deadline: share.terms.deadline.on_the_wire(),
        description: share.terms.description.clone(),
        created_at: share.created.clone(),
        updated_at: share.updated.clone(),
        creator: share.creator.clone(),
        valid: Some(share.valid),
    }
}

/// Whether two records of a share differ at most in when and by whom it was made, or in how the
/// cloud spells its deadline.
fn means_the_same(before: &ShareStatus, after: &ShareStatus) -> bool {
    share_id(before) == share_id(after)
        && before.valid == after.valid
        && match (terms_of(before), terms_of(after)) {
            (Some(before), Some(after)) => before.are_met_by(&after),
            _ => false,
        }
}

fn terms_of(share: &ShareStatus) -> Option<Terms> {
    Some(Terms {
        permission: share.permission.clone(),
        deadline: share.deadline.parse().ok()?,
        description: share.description.clone(),
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
