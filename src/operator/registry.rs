//! What is known of all objects at once: who declares which share, who owns it, what is remembered of
//! each between its passes, and which of them gets a pass next. Keeps, and decides nothing: [`ObjectState`],
//! the contests of owners and the queue do.
//!
//! An object is kept small, packed, as the API server last gave it: to the watch or to a pass, whichever
//! is newer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use kube::core::ObjectMeta;
use tokio::sync::Notify;

use super::entry::Entry;
pub use super::entry::Key;
use super::objects::Objects;
use super::packed::Packed;
use super::queue::{Flow, Gate, Turn, Urgency};
use super::sources;
use crate::api::ImageShare;
use crate::cloud::ShareId;
use crate::core::object::Place;
use crate::core::ownership::Move;
use crate::core::schedule::ObjectState;
use crate::core::state::State;
use crate::core::step::Keep;
use crate::lock::lock;

/// All objects.
pub struct Registry {
    objects: Mutex<Objects>,
    default_region: Option<String>,
    /// Something has become due outside of the watch.
    changed: Notify,
}

/// An object whose turn it is.
pub struct Work {
    /// Which.
    pub key: Key,
    /// As which flow its pass counts.
    pub flow: Arc<Flow>,
    /// The object; `None` if it was never one that could be read.
    pub object: Option<Packed>,
    /// Set if it cannot be read as it is now: the little that is known.
    pub unreadable: Option<ObjectMeta>,
    /// What is remembered of it.
    pub state: Option<ObjectState>,
    /// How long it has been due.
    pub due_for: Duration,
    /// Since when it is known to be marked for deletion.
    pub deleting_since: Option<Instant>,
    /// Whether a write may have changed it that was not answered.
    pub is_outdated: bool,
}

/// What a pass leaves.
pub struct Left {
    /// The object, as the pass knows it last.
    pub object: Option<ImageShare>,
    /// What to remember.
    pub keep: Keep,
    /// When to come back; `None`: when the object changes.
    pub come_back: Option<Duration>,
    /// Whether a write may have taken effect that was not answered.
    pub is_unsure: bool,
    /// Whether it has taken the finalizer off, or tried to.
    pub has_let_go: bool,
    /// When its region was back from its last outage.
    pub back_at: Option<Instant>,
}

impl Registry {
    /// An empty one, for objects that are in `default_region` where they name none.
    pub fn new(default_region: Option<String>) -> Self {
        Self { objects: Mutex::default(), default_region, changed: Notify::new() }
    }

    /// The watch begins to list a namespace; `None`: all.
    pub fn relist(&self, namespace: Option<&str>) {
        let objects = &mut *self.lock();
        let listed = objects.entries.keys().filter(|key| key.is_in(namespace));
        objects.unseen.extend(listed.cloned());
    }

    /// The watch has listed it: who was not among it is gone.
    pub fn listed(&self, namespace: Option<&str>) {
        let mut objects = self.lock();
        let gone: Vec<_> = objects.unseen.extract_if(|key| key.is_in(namespace)).collect();
        objects.unseen.shrink_to_fit();
        let region = self.default_region.as_deref();
        let concerned: Vec<_> = gone.iter().flat_map(|key| objects.remove(key, region)).collect();
        objects.consider_all(concerned);
        objects.flows.retain(|flow| Arc::strong_count(flow) > 1);
    }

    /// Every object that can be known is known: passes may begin.
    pub fn complete(&self) {
        let objects = &mut *self.lock();
        if !std::mem::replace(&mut objects.is_complete, true) {
            objects.compact();
        }
    }

    /// The watch says this of an object: as news, or in a list.
    pub fn update(&self, object: &ImageShare, urgency: Urgency) {
        let key = Key::of(&object.metadata);
        let mut objects = self.lock();
        objects.mark_seen(&key);
        if objects.entries.get(&key).is_some_and(|entry| entry.is_newer_than(&object.metadata)) {
            return;
        }
        let now = Instant::now();
        // What a list brings may be as old as it likes.
        let generation = object.metadata.generation.unwrap_or_default();
        let is_known = objects.entries.get(&key).is_some_and(|it| it.generation() == generation);
        if urgency == Urgency::News && !is_known {
            objects.unready.insert(key.clone(), now);
        }
        objects.take_in(&key, object, self.default_region.as_deref(), now);
        objects.consider(&key, urgency);
    }

    /// The watch says of an object that it cannot be read. What it declared, it still does.
    pub fn update_unreadable(&self, metadata: &ObjectMeta, urgency: Urgency) {
        let key = Key::of(metadata);
        let objects = &mut *self.lock();
        objects.mark_seen(&key);
        let known = objects.entries.get(&key);
        let is_known = known.is_some_and(|entry| entry.is_unreadable_as(metadata));
        if let Some(mut object) = known.and_then(|entry| entry.object.as_ref()?.unpack(&key)) {
            // Who is deleted must be known to be, whatever its spec says by now.
            object.metadata = metadata.clone();
            objects.take_in(&key, &object, self.default_region.as_deref(), Instant::now());
        }
        if !objects.entries.contains_key(&key) {
            let entry = Entry::new(objects.flow(Flow::default()));
            objects.entries.insert(key.clone(), Box::new(entry));
        }
        if let Some(entry) = objects.entries.get_mut(&key) {
            entry.mark_unreadable(metadata);
        }
        if !is_known {
            objects.ready(&key, urgency);
        }
    }

    /// So much can be read of an object that cannot be read as it is: what it declares now.
    pub fn update_unreadable_as(&self, key: &Key, object: &ImageShare) {
        let objects = &mut *self.lock();
        if objects.entries.get(key).is_none_or(|entry| entry.is_gone) {
            return;
        }
        objects.take_in(key, object, self.default_region.as_deref(), Instant::now());
        if let Some(entry) = objects.entries.get_mut(key) {
            entry.mark_unreadable(&object.metadata);
        }
    }

    /// The object is gone.
    pub fn gone(&self, metadata: &ObjectMeta) {
        let mut objects = self.lock();
        let concerned = objects.remove(&Key::of(metadata), self.default_region.as_deref());
        objects.consider_all(concerned);
    }

    /// The objects that have vanished without us, each with what to tell of the share that it has left.
    pub fn vanished(&self) -> Vec<(ImageShare, String)> {
        std::mem::take(&mut self.lock().vanished)
    }

    /// Where an object stands among those that declare its share.
    pub fn place(&self, key: &Key, share: &ShareId) -> Place {
        self.lock().place(key, &contested(share))
    }

    /// Makes a move, and gives the object's place after it.
    pub fn transfer(&self, key: &Key, share: &ShareId, made: Move) -> Place {
        let share = contested(share);
        let mut objects = self.lock();
        let concerned = objects.make(key, &share, made);
        objects.consider_all(concerned);
        self.changed.notify_one();
        objects.place(key, &share)
    }

    /// The next object that gets a pass. None before the watch has brought all: until then nobody's
    /// place is certain.
    pub fn next(&self, now: Instant, gate: &impl Gate) -> Option<Work> {
        let objects = &mut *self.lock();
        while let Some(key) = objects.queue.expired(now) {
            objects.ready(&key, Urgency::Routine);
        }
        if !objects.is_complete {
            return None;
        }
        loop {
            let (key, flow, since) = objects.queue.take(now, gate)?;
            // Of an object that went while it was ready only the key has stayed behind.
            match objects.entries.get_mut(&key).filter(|entry| matches!(entry.turn, Turn::Ready(_)))
            {
                Some(entry) => {
                    entry.turn = Turn::Running(None);
                    let due_for = now.saturating_duration_since(since);
                    return Some(entry.work(key, flow, due_for));
                }
                None => objects.queue.ended(&flow),
            }
        }
    }

    /// The pass over an object has ended.
    pub fn ended(&self, key: &Key, flow: &Arc<Flow>, left: Left, now: Instant) {
        let objects = &mut *self.lock();
        objects.queue.ended(flow);
        let Some(entry) = objects.entries.get_mut(key) else { return };
        let Turn::Running(again) = std::mem::take(&mut entry.turn) else { return };
        if entry.is_gone {
            entry.answers &= !left.has_let_go;
            objects.forget(key, self.default_region.as_deref());
            objects.drop_flow(flow);
            return;
        }
        if let Some(object) = left.object.filter(|object| !entry.is_newer_than(&object.metadata)) {
            objects.take_in(key, &object, self.default_region.as_deref(), now);
        }
        let Some(entry) = objects.entries.get_mut(key) else { return };
        entry.answers &= !left.has_let_go;
        entry.keep(left.keep, left.is_unsure);
        if left.back_at.is_some_and(|back_at| entry.wake(back_at)) {
            objects.queue.ready(key, &mut entry.turn, &entry.flow, (Urgency::Routine, now));
            return;
        }
        if std::mem::take(&mut entry.is_mended) && entry.wake_stalled() {
            objects.queue.ready(key, &mut entry.turn, &entry.flow, (Urgency::Routine, now));
            return;
        }
        if let Some(until) = left.come_back.and_then(|delay| now.checked_add(delay)) {
            objects.queue.wait(key, &mut entry.turn, until);
        }
        if let Some(urgency) = again {
            objects.consider(key, urgency);
        }
    }

    /// A write to the cloud is about to be sent, a create that may take effect until `create_until`.
    /// A pass that is dropped must not take that knowledge with it.
    pub fn note_write(&self, key: &Key, state: ObjectState, create_until: Option<Instant>) {
        let mut objects = self.lock();
        let Some(entry) = objects.entries.get_mut(key) else { return };
        entry.state.get_or_insert(state).note_write(create_until);
    }

    /// What is remembered of an object.
    pub fn state(&self, key: &Key) -> Option<ObjectState> {
        self.lock().entries.get(key)?.state.clone()
    }

    /// A region is back from an outage since `back_at`: what failed in it starts over.
    pub fn wake_region(&self, region: &str, back_at: Instant) {
        let (objects, now) = (&mut *self.lock(), Instant::now());
        for (key, entry) in &mut objects.entries {
            if entry.flow.region == region && entry.wake(back_at) {
                objects.queue.ready(key, &mut entry.turn, &entry.flow, (Urgency::Routine, now));
            }
        }
    }

    /// A Secret has changed: what waits for it looks at it at once.
    pub fn wake_users_of(&self, namespace: &str, secret: &str) {
        let (objects, now) = (&mut *self.lock(), Instant::now());
        let is_user = |flow: &Flow| sources::may_be(&flow.reference, namespace, secret);
        // Of most Secrets of a cluster nobody here is a user.
        if !objects.flows.iter().any(|flow| is_user(flow)) {
            return;
        }
        for (key, entry) in &mut objects.entries {
            if is_user(&entry.flow) && entry.wake_stalled() {
                objects.queue.ready(key, &mut entry.turn, &entry.flow, (Urgency::Routine, now));
            }
        }
    }

    /// Something has changed that concerns all objects.
    pub fn wake_all(&self) {
        let (objects, now) = (&mut *self.lock(), Instant::now());
        for (key, entry) in &mut objects.entries {
            objects.queue.ready(key, &mut entry.turn, &entry.flow, (Urgency::Routine, now));
        }
    }

    /// An object is Ready. Gives since when its generation is known, if that is news.
    pub fn became_ready(&self, key: &Key, generation: i64) -> Option<Instant> {
        let objects = &mut *self.lock();
        // The watch may have brought another one meanwhile.
        objects.entries.get(key).filter(|entry| entry.generation() == generation)?;
        objects.unready.remove(key)
    }

    /// What objects refer to for their credentials, each with the region that they are used in.
    pub fn references(&self) -> BTreeSet<String> {
        let objects = self.lock();
        let flows = objects.flows.iter().filter(|flow| !flow.region.is_empty());
        flows.map(|flow| flow.lane()).collect()
    }

    /// How many objects wait in each region.
    pub fn waiting(&self) -> Vec<(String, usize)> {
        let objects = self.lock();
        let waiting = objects.queue.waiting().into_iter();
        waiting.map(|(region, count)| (region.to_owned(), count)).collect()
    }

    /// How many objects are in each state.
    pub fn states(&self) -> Vec<(&'static str, usize)> {
        let objects = self.lock();
        let mut states = State::ALL.map(|state| (state.as_str(), 0));
        for entry in objects.entries.values() {
            states[entry.shown as usize].1 += 1;
        }
        states.to_vec()
    }

    /// The next moment at which something is due.
    pub fn next_moment(&self) -> Option<Instant> {
        self.lock().queue.next_moment()
    }

    /// Waits until something has become due that the watch did not bring.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        lock(&self.objects)
    }
}

/// A share as the key of its contest. Account names that differ in case alone may be one account (the
/// Open Telekom Cloud's Terraform provider compares them so): better one owner too few than two.
pub(super) fn contested(share: &ShareId) -> Arc<str> {
    let ShareId { region, organization, repository, account } = share;
    // None of them can contain a line break.
    format!("{region}\n{organization}\n{repository}\n{}", account.to_lowercase()).into()
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
