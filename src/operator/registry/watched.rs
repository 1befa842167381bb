//! What the watch says of objects, and how the registry takes it in.

use std::sync::Arc;
use std::time::Instant;

use kube::core::ObjectMeta;

use super::{Key, Registry};
use crate::api::ImageShare;
use crate::operator::entry::Entry;
use crate::operator::queue::{Flow, Urgency};

impl Registry {
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
}
