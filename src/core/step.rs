//! What goes into a pass, what it asks for, and what is left of it. Values alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::effect::{Effect, Refusal};
use super::facts::{Jitter, Settings, Write};
use super::object::{Object, Place};
use super::object_state::ObjectState;
use super::status::Outcome;

/// What a pass begins with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Start {
    /// The object; while the pass runs, as its last write left it.
    pub object: Object,
    /// Whether a newer version of the object is known than this one.
    pub is_outdated: bool,
    /// How long ago it was marked for deletion, by the API server's clock: no restart of the operator and
    /// no annotation makes that less.
    pub deleted_for: Duration,
    /// Where it stands among the objects that declare the same share.
    pub place: Place,
    /// What is remembered of it.
    pub state: Option<ObjectState>,
    /// What the administrator has set.
    pub settings: Arc<Settings>,
    /// Since when this operator leads: what another one, or a former life of this one, has sent before may
    /// still take effect.
    pub leads_since: Instant,
    /// A number of this pass.
    pub jitter: Jitter,
    /// A number of this life of the operator and the object's repository.
    pub repository_jitter: Jitter,
}

/// What a pass wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This, and then the answer.
    Do(Effect),
    /// Nothing more.
    Done(Box<End>),
}

/// What is left of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct End {
    /// What to remember of the object.
    pub keep: Keep,
    /// When to come back; `None`: when the object changes.
    pub come_back: Option<Duration>,
    /// Whether a write may have taken effect that was not answered: the object is to be read live.
    pub is_unsure: bool,
    /// For the log and the counters.
    pub summary: Summary,
}

/// What to remember of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Keep {
    /// This.
    State(Box<ObjectState>),
    /// What was remembered before.
    AsItWas,
    /// Nothing: the object is gone, or holds nothing any more.
    Nothing,
}

/// What a pass did, for the log and the counters.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Summary {
    /// What the status says, if the pass came to that.
    pub outcome: Option<Outcome>,
    /// Whether the status has changed by it.
    pub is_news: bool,
    /// What was written to the cloud last.
    pub wrote: Option<Write>,
    /// The last failed request, as the cloud calls it.
    pub request_id: Option<String>,
    /// Whether the object was let go.
    pub is_released: bool,
    /// A share that is left behind, and was not named before.
    pub orphan: Option<String>,
    /// Whether a settled object of a former life of the operator was taken up without a look.
    pub is_resumed: bool,
    /// Why the API server ended the pass.
    pub refusal: Option<Refusal>,
    /// Whether the CRD is being deleted, and the shares stay as they are.
    pub is_uninstalling: bool,
    /// Whether another object owns the share by now, and nothing was sent.
    pub has_lost_write_right: bool,
}
