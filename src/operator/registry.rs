//! What is known of all objects at once: who declares which share, who owns it, and what is
//! remembered of each between its passes. Keeps, and decides nothing: [`Contest`] and
//! [`ObjectState`] do.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::ResourceExt;

use crate::api::ImageShare;
use crate::cloud::ShareId;
use crate::core::object::{Object, Place};
use crate::core::ownership::{Contest, Move};
use crate::core::schedule::ObjectState;
use crate::core::step::Keep;

/// An object, as people and the API server name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl Key {
    /// The key of an object.
    pub fn of(object: &ImageShare) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
        }
    }
}

/// All objects.
pub struct Registry {
    inner: Mutex<Inner>,
    default_region: Option<String>,
    /// Whom a pass is due because of what others did.
    wakes: UnboundedSender<Key>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    contests: HashMap<ShareId, Contest<Key>>,
    /// Every object that the watch knows, and which share it claims.
    objects: HashMap<Key, Option<ShareId>>,
    /// While the watch lists anew: what it has not brought yet.
    unseen: Option<HashSet<Key>>,
}

/// What is remembered of an object.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Between its passes.
    pub state: Option<ObjectState>,
    /// The newest resourceVersion that was read live or written: an older one in the cache is out of
    /// date. `None` if it is known from the cache alone.
    pub version: Option<u64>,
}

impl Registry {
    /// An empty one, and whom a pass is due because of what others did.
    pub fn new(default_region: Option<String>) -> (Self, UnboundedReceiver<Key>) {
        let (wakes, woken) = unbounded();
        (Self { inner: Mutex::default(), default_region, wakes }, woken)
    }

    /// The watch begins to list.
    pub fn relist(&self) {
        let mut inner = self.lock();
        inner.unseen = Some(inner.objects.keys().cloned().collect());
    }

    /// The watch has listed everything: who was not among it is gone.
    pub fn listed(&self) {
        let mut inner = self.lock();
        let gone = inner.unseen.take().unwrap_or_default();
        let concerned: Vec<_> = gone.iter().flat_map(|key| inner.forget(key)).collect();
        self.wake_all(concerned);
    }

    /// The watch says this of an object.
    pub fn update(&self, object: &ImageShare) {
        let (key, seen) = (Key::of(object), Object::of(object));
        let created = object.creation_timestamp().map(|time| time.0).unwrap_or_default();
        let share = seen.share_id(self.default_region.as_deref()).ok().map(contested);
        let claim = seen.claim(key.clone(), created).zip(share);
        let mut inner = self.lock();
        if let Some(unseen) = &mut inner.unseen {
            unseen.remove(&key);
        }
        let share = claim.as_ref().map(|(_, share)| share.clone());
        let has_moved = inner.objects.get(&key).is_some_and(|before| *before != share);
        let mut concerned = if has_moved { inner.leave(&key) } else { Vec::new() };
        inner.entries.entry(key.uid.clone()).or_default();
        inner.objects.insert(key, share);
        if let Some((claim, share)) = claim {
            concerned.extend(inner.contests.entry(share).or_default().update(claim));
        }
        self.wake_all(concerned);
    }

    /// The object is gone.
    pub fn gone(&self, object: &ImageShare) {
        let key = Key::of(object);
        let mut inner = self.lock();
        let concerned = inner.forget(&key);
        self.wake_all(concerned);
    }

    /// Where an object stands among those that declare its share.
    pub fn place(&self, key: &Key, share: &ShareId) -> Place {
        self.lock().place(key, share)
    }

    /// Makes a move, and gives the object's place after it.
    pub fn transfer(&self, key: &Key, share: &ShareId, made: Move) -> Place {
        let mut inner = self.lock();
        let contest = inner.contests.get_mut(&contested(share.clone()));
        let concerned = contest.map(|contest| contest.make(key, made)).unwrap_or_default();
        self.wake_all(concerned);
        inner.place(key, share)
    }

    /// What is remembered of an object.
    pub fn entry(&self, uid: &str) -> Entry {
        self.lock().entries.get(uid).cloned().unwrap_or_default()
    }

    /// Remembers what a pass says, and the object's newest known version.
    pub fn keep(&self, uid: &str, keep: Keep, version: Option<u64>) {
        let mut inner = self.lock();
        // A pass may outlive its object, and nobody would ever forget what it found out.
        let Some(entry) = inner.entries.get_mut(uid) else { return };
        match keep {
            Keep::State(state) => *entry = Entry { state: Some(*state), version },
            Keep::AsItWas => {}
            Keep::Nothing => *entry = Entry::default(),
        }
    }

    /// A write to the cloud is about to be sent, a create that may take effect until `create_until`.
    /// A pass that is dropped must not take that knowledge with it.
    pub fn note_write(&self, uid: &str, state: ObjectState, create_until: Option<Instant>) {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(uid) else { return };
        let state = entry.state.get_or_insert(state);
        state.history.nothing_sent = false;
        if let Some(until) = create_until {
            state.history.note_create(until);
        }
    }

    /// The cloud is back from an outage since `back_at`: an object that failed in it starts over.
    pub fn wake(&self, uid: &str, back_at: Instant) {
        let mut inner = self.lock();
        if let Some(state) = inner.entries.get_mut(uid).and_then(|entry| entry.state.as_mut()) {
            state.wake(back_at);
        }
    }

    fn wake_all(&self, concerned: Vec<Key>) {
        for key in concerned {
            // Fails only if nobody runs passes any more.
            let _ = self.wakes.unbounded_send(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, key: &Key) -> Vec<Key> {
        self.entries.remove(&key.uid);
        self.leave(key)
    }

    fn leave(&mut self, key: &Key) -> Vec<Key> {
        let Some(share) = self.objects.remove(key).flatten() else { return Vec::new() };
        let Some(contest) = self.contests.get_mut(&share) else { return Vec::new() };
        let concerned = contest.leave(key);
        if contest.is_empty() {
            self.contests.remove(&share);
        }
        concerned
    }

    fn place(&mut self, key: &Key, share: &ShareId) -> Place {
        match self.contests.get_mut(&contested(share.clone())) {
            Some(contest) => {
                let role = contest.role(key);
                let named = |other: &Key| format!("{}/{}", other.namespace, other.name);
                Place { role, other: contest.other(key).map(named) }
            }
            None => Place::ALONE,
        }
    }
}

/// Account names that differ in case alone may be one account (the Open Telekom Cloud's Terraform
/// provider compares them so): better one owner too few than two.
fn contested(share: ShareId) -> ShareId {
    ShareId { account: share.account.to_lowercase(), ..share }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
