//! What is known of all objects at once: who declares which share, who owns it, what is remembered of
//! each between its passes, and which of them gets a pass next. Keeps, and decides nothing: [`ObjectState`],
//! the contests of owners and the queue do.
//!
//! An object is kept small, packed, as the API server last gave it: to the watch or to a pass, whichever
//! is newer.

mod watched;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use kube::core::ObjectMeta;
use tokio::sync::Notify;

pub use super::entry::Key;
use super::objects::Objects;
use super::packed::Packed;
use super::queue::{Flow, Gate, Turn, Urgency};
use super::sources;
use crate::api::ImageShare;
use crate::cloud::ShareId;
use crate::core::object::Place;
use crate::core::object_state::ObjectState;
use crate::core::ownership::Move;
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
