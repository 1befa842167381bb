//! What a plan goes by: the goal, what is known of the share, the settings, the time. Reads values,
//! decides nothing.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::desired::Desired;
use super::ownership::Role;
use super::record::{Certainty, Recorded};
use crate::api::AdoptionPolicy;
use crate::cloud::{RemoteShare, Terms};

/// What an object wants of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The share, on these terms.
    Share(Desired, AdoptionPolicy),
    /// No share: the object is being deleted.
    Revoke,
    /// Whatever there is may stay: the object is being deleted and retains its share.
    Retain,
}

impl Goal {
    /// The terms of the wanted share.
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Share(desired, _) => Some(&desired.terms),
            Self::Revoke | Self::Retain => None,
        }
    }
}

/// What a pass knows at a moment.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Whether the object carries our finalizer.
    pub has_finalizer: bool,
    /// What it may do among the objects that declare the same share.
    pub role: Role,
    /// What the object said of the share when the pass began.
    pub recorded: Recorded,
    /// What it says now: a pass may have written into it that a write is under way.
    pub says: Certainty,
    /// Whether a create that was sent before may still take effect.
    pub create_may_land: bool,
    /// Whether what was written to the cloud may not show yet: it may say that a share is not there
    /// which is.
    pub is_fresh: bool,
    /// Whether to look before anything else: somebody asked for it, or only looking is allowed.
    pub look_first: bool,
    /// How often in a row another hand undid what we wrote.
    pub conflict_count: u32,
    /// What the cloud said in this pass.
    pub cloud: Cloud,
    /// Whether the credentials of this pass have shown or made this very share before: a repository that
    /// they do not find any more is gone. With any others it may only be out of their sight.
    pub has_shown_the_share: bool,
    /// Whether the cloud showed a share that nobody of us had made.
    pub is_foreign: bool,
    /// What this pass wrote to the cloud last.
    pub wrote: Option<Write>,
    /// Whether something that this pass sent may have made or changed the share.
    pub may_have_written: bool,
}

impl Facts {
    /// Notes what a look showed.
    pub fn saw(&mut self, cloud: Cloud) {
        // What is offered was made for the object that offers it.
        let is_ours = self.recorded != Recorded::Nothing
            || self.wrote == Some(Write::Created)
            || self.role.refusal().is_some();
        self.is_foreign |= matches!(cloud, Cloud::Present(_)) && !is_ours;
        self.cloud = cloud;
    }

    /// Whether there is certainly no share of ours: what comes later is another hand's.
    pub fn is_gone(&self) -> bool {
        self.cloud == Cloud::Absent
            && !self.is_fresh
            && !self.create_may_land
            && !self.may_have_written
    }

    /// Whether the share of an object that is being deleted was seen to be gone, and cannot come back.
    pub fn is_gone_for_good(&self) -> bool {
        self.cloud == Cloud::Absent && !self.create_may_land
    }

    /// Whether the object has nothing in the cloud, and this pass sent nothing that could change that.
    pub fn has_nothing(&self) -> bool {
        let had_nothing = self.recorded == Recorded::Nothing || self.is_gone();
        had_nothing && !self.may_have_written && !self.create_may_land
    }
}

/// What the cloud said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Nothing yet, or nothing since the last write.
    Unseen,
    /// There is no such share.
    Absent,
    /// There is this share.
    Present(RemoteShare),
    /// A list of the repository shows this, or nothing. Lists end early and may be late, so one only
    /// confirms that all is well; anything else is looked at alone.
    Listed(Option<RemoteShare>),
}

impl Cloud {
    /// What is known after a create that SWR accepted at `now`, by its own clock: the share as it was
    /// written. Of one that is over already only a look can show whether it grants anything.
    pub fn created(terms: &Terms, now: Timestamp) -> Self {
        if terms.deadline.has_passed(now) {
            Self::Unseen
        } else {
            Self::Present(RemoteShare::as_written(terms.clone()))
        }
    }
}

/// A write to the cloud, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// A create that met an existing share.
    CreateConflicted,
    /// A create that SWR may or may not have carried out.
    CreateInDoubt,
    /// A create that SWR accepted.
    Created,
    /// An update that SWR accepted.
    Updated,
    /// A delete that SWR accepted.
    Deleted,
    /// A delete that SWR may or may not have carried out.
    DeleteInDoubt,
}

impl Write {
    /// Whether SWR said that it has made the share as it should be.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }

    /// The write as the log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateConflicted => "adopted",
            Self::CreateInDoubt => "create in doubt",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::DeleteInDoubt => "delete in doubt",
        }
    }
}

/// What the administrator has set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The region of objects that name none.
    pub default_region: Option<String>,
    /// How long a deletion waits for credentials; `None` is for ever.
    pub orphan_after: Option<Duration>,
    /// How long a create that got no answer may still take effect.
    pub request_window: Duration,
    /// How long before the end of a share its end counts as near; `None` is never.
    pub expiring_soon: Option<Duration>,
    /// How long a refusal that something outside of the object can heal may stand before it counts as one
    /// that a person must see to.
    pub stalled_after: Duration,
}

/// The time, by three clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By which waits are measured.
    pub monotonic: Instant,
    /// By which conditions change: our own wall clock.
    pub wall: Timestamp,
    /// By which shares end: the clock of the region's SWR, once it has answered.
    pub cloud: Option<Timestamp>,
}

impl Now {
    /// The cloud's time; before any answer our own counts.
    pub fn cloud(&self) -> Timestamp {
        self.cloud.unwrap_or(self.wall)
    }
}

/// A number in `0.0..1.0`, as 32 bits: drawn anew for each pass, so that objects made together do
/// not stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Jitter(pub u32);

impl Jitter {
    /// The number.
    pub fn unit(self) -> f64 {
        f64::from(self.0) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
