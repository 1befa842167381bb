//! One object in the registry: as it is, what is remembered of it, and where it stands in the queue.
//! Pure.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::core::ObjectMeta;

use super::packed::Packed;
use super::queue::{Flow, Turn};
use super::registry::Work;
use super::sources::Source;
use crate::api::ImageShare;
use crate::core::object::{Fingerprint, Object, Place};
use crate::core::object_state::ObjectState;
use crate::core::state::State;
use crate::core::step::Keep;

/// An object, as people and the API server name it: its namespace, name and uid, in one text, since
/// there is one for each object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of an object.
    pub fn of(metadata: &ObjectMeta) -> Self {
        let text = |part: &Option<String>| part.as_deref().unwrap_or_default().to_owned();
        let ObjectMeta { namespace, name, uid, .. } = metadata;
        // None of them can contain a slash.
        Self(format!("{}/{}/{}", text(namespace), text(name), text(uid)).into())
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// Its uid.
    pub fn uid(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `namespace/name`.
    pub fn full_name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(name, _)| name)
    }

    /// Whether it is in this namespace; `None` is any.
    pub fn is_in(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|namespace| self.namespace() == namespace)
    }
}

impl Flow {
    /// The flow of an object whose share is in this region.
    pub fn of(object: &ImageShare, region: Option<String>) -> Self {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        Self {
            region: region.unwrap_or_default(),
            reference: Source::of(&object.spec).reference(namespace),
        }
    }
}

/// What is known of an object: about 250 bytes, and the packed object.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
pub struct Entry {
    /// The object; `None` if it was never one that could be read.
    pub object: Option<Packed>,
    /// Set while it cannot be read: the little that is known of it.
    unreadable: Option<Box<ObjectMeta>>,
    /// The object's resourceVersion.
    version: Option<NonZeroU64>,
    /// Since when it is known to be marked for deletion.
    deleting_since: Option<Instant>,
    /// The object, as far as a change of it calls for a pass.
    seen: Fingerprint,
    /// Between its passes.
    pub state: Option<ObjectState>,
    /// The share that it claims.
    pub share: Option<Arc<str>>,
    /// The credentials that it names.
    pub flow: Arc<Flow>,
    /// Where it stands in the queue.
    pub turn: Turn,
    /// What people would say of it.
    pub shown: State,
    /// Whether it was seen with our finalizer, and we have not taken that off.
    pub answers: bool,
    /// Whether a write may have changed it that was not answered.
    is_unsure: bool,
    /// Whether what it refers to has changed while a pass over it ran.
    pub is_mended: bool,
    /// Whether it is gone, and only its pass is left.
    pub is_gone: bool,
}

impl Entry {
    /// An object of which nothing is known yet.
    pub fn new(flow: Arc<Flow>) -> Self {
        Self {
            object: None,
            unreadable: None,
            version: None,
            deleting_since: None,
            seen: Fingerprint { generation: 0, has_finalizer: false, requested: 0, place: 0 },
            state: None,
            share: None,
            flow,
            turn: Turn::Idle,
            shown: State::Reconciling,
            answers: false,
            is_unsure: false,
            is_mended: false,
            is_gone: false,
        }
    }

    /// The object's generation, as it was seen last.
    pub fn generation(&self) -> i64 {
        self.seen.generation
    }

    /// Whether this version of the object, or a later one, is known already.
    pub fn is_newer_than(&self, metadata: &ObjectMeta) -> bool {
        let known = self.version.zip(version(metadata));
        !self.is_gone && known.is_some_and(|(known, version)| known >= version)
    }

    /// Takes in the object as it is now.
    pub fn take_in(&mut self, key: &Key, object: &ImageShare, seen: &Object, now: Instant) {
        self.object = Packed::of(object, key);
        self.deleting_since = self.deleting_since.or(seen.is_deleting.then_some(now));
        self.version = version(&object.metadata);
        self.answers |= seen.has_finalizer;
        self.seen = Fingerprint::of(seen, &Place::ALONE);
        self.shown = State::of(seen);
        (self.unreadable, self.is_gone) = (None, false);
    }

    /// Whether it is known already that the object cannot be read as it is now.
    pub fn is_unreadable_as(&self, metadata: &ObjectMeta) -> bool {
        self.unreadable.as_deref().is_some_and(|before| before.generation == metadata.generation)
    }

    /// Notes that the object cannot be read.
    pub fn mark_unreadable(&mut self, metadata: &ObjectMeta) {
        let metadata = ObjectMeta { managed_fields: None, ..metadata.clone() };
        (self.version, self.is_gone) = (version(&metadata), false);
        self.shown =
            if metadata.deletion_timestamp.is_some() { State::Deleting } else { State::Stalled };
        self.unreadable = Some(Box::new(metadata));
    }

    /// Whether the object in this place is not as its last pass left it.
    pub fn is_news(&self, place: &Place) -> bool {
        let is_as_left = |state: &ObjectState| state.fingerprint == self.seen.at(place);
        self.unreadable.is_some() || !self.state.as_ref().is_some_and(is_as_left)
    }

    /// What its pass begins with.
    pub fn work(&self, key: Key, flow: Arc<Flow>, due_for: Duration) -> Work {
        Work {
            key,
            flow,
            object: self.object.clone(),
            unreadable: self.unreadable.as_deref().cloned(),
            state: self.state.clone(),
            due_for,
            deleting_since: self.deleting_since,
            is_outdated: self.is_unsure,
        }
    }

    /// Remembers what a pass says.
    pub fn keep(&mut self, keep: Keep, is_unsure: bool) {
        match keep {
            Keep::State(state) => self.state = Some(*state),
            Keep::AsItWas => {}
            Keep::Nothing => self.state = None,
        }
        self.is_unsure = is_unsure;
    }

    /// What it refers to has changed. Gives whether it waits for that; a pass that runs does so at its end.
    pub fn wake_stalled(&mut self) -> bool {
        self.is_mended = matches!(self.turn, Turn::Running(_));
        self.state.as_mut().is_some_and(ObjectState::wake_stalled)
    }

    /// The cloud is back from an outage: who failed in it starts over. Gives whether that is so.
    pub fn wake(&mut self, back_at: Instant) -> bool {
        self.state.as_mut().is_some_and(|state| state.wake(back_at))
    }
}

/// Resource versions of one object can be compared as numbers (Kubernetes API concepts, 1.35).
pub fn version(metadata: &ObjectMeta) -> Option<NonZeroU64> {
    metadata.resource_version.as_deref()?.parse().ok()
}
