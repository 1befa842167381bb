//! All objects under the registry's lock: their entries, their claims and their turns. Locks nothing
//! and waits for nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use kube::ResourceExt;

use super::entry::{Entry, Key};
use super::queue::{Flow, Queue, Turn, Urgency};
use super::registry::contested;
use crate::api::ImageShare;
use crate::core::object::{Object, Place};
use crate::core::orphan;
use crate::core::ownership::{Claim, Contest, Move};

/// All objects.
#[derive(Default)]
pub(super) struct Objects {
    /// Every object that the watch knows.
    // Trees, since a table that grows leaves holes of its former sizes in the memory.
    pub(super) entries: BTreeMap<Key, Box<Entry>>,
    /// Who declares a share, by the share.
    pub(super) claimed: BTreeMap<Arc<str>, Claimed>,
    pub(super) flows: HashSet<Arc<Flow>>,
    pub(super) queue: Queue<Key>,
    /// Objects of which a new generation was seen that is not Ready, and since when.
    pub(super) unready: HashMap<Key, Instant>,
    /// Objects that have vanished without us, and what to tell of each.
    pub(super) vanished: Vec<(ImageShare, String)>,
    /// While a namespace is listed anew: what that has not brought yet.
    pub(super) unseen: HashSet<Key>,
    /// Whether the watch has brought every object that exists.
    pub(super) is_complete: bool,
}

/// Who declares a share. Most have one object, and then there is nothing to contest.
pub(super) enum Claimed {
    ByOne(Key),
    ByMany(Box<Contest<Key>>),
}

impl Objects {
    /// Builds the trees anew: a list comes in order, and a tree that grows in order is half empty.
    pub(super) fn compact(&mut self) {
        self.entries = std::mem::take(&mut self.entries).into_iter().collect();
        self.claimed = std::mem::take(&mut self.claimed).into_iter().collect();
    }

    pub(super) fn mark_seen(&mut self, key: &Key) {
        self.unseen.remove(key);
    }

    /// Takes in an object as it is now, with its claim.
    pub(super) fn take_in(
        &mut self,
        key: &Key,
        object: &ImageShare,
        default_region: Option<&str>,
        now: Instant,
    ) {
        let seen = Object::of(object);
        let id = seen.share_id(default_region).ok();
        let share = id.as_ref().map(contested);
        let claim = claim_of(object, key).filter(|_| share.is_some());
        let flow = self.flow(Flow::of(object, id.map(|id| id.region)));
        let entry =
            self.entries.entry(key.clone()).or_insert_with(|| Box::new(Entry::new(flow.clone())));
        let before = entry.share.take();
        let left_flow = std::mem::replace(&mut entry.flow, flow);
        entry.take_in(key, object, &seen, now);
        entry.share = claim.as_ref().and(share);
        let share = entry.share.clone();
        self.drop_flow(&left_flow);
        let left = before.filter(|before| Some(before) != share.as_ref());
        let mut concerned = left.map(|left| self.leave(key, &left)).unwrap_or_default();
        if let Some((share, claim)) = share.zip(claim) {
            concerned.extend(self.claim(share, claim));
        }
        concerned.retain(|concerned| concerned != key);
        self.consider_all(concerned);
    }

    fn claim(&mut self, share: Arc<str>, claim: Claim<Key>) -> Vec<Key> {
        let is_the_only_one = match self.claimed.get(&share) {
            None => true,
            Some(Claimed::ByOne(one)) => *one == claim.who,
            Some(Claimed::ByMany(_)) => false,
        };
        if is_the_only_one {
            self.claimed.insert(share, Claimed::ByOne(claim.who));
            return Vec::new();
        }
        self.contest(&share).map(|contest| contest.update(claim)).unwrap_or_default()
    }

    fn leave(&mut self, key: &Key, share: &Arc<str>) -> Vec<Key> {
        match self.claimed.get_mut(share) {
            Some(Claimed::ByMany(contest)) => {
                let concerned = contest.leave(key);
                if contest.is_empty() {
                    self.claimed.remove(share);
                }
                concerned
            }
            Some(Claimed::ByOne(one)) if one == key => {
                self.claimed.remove(share);
                Vec::new()
            }
            Some(Claimed::ByOne(_)) | None => Vec::new(),
        }
    }

    /// The contest for a share; one object alone becomes the first in it, and its owner, if it has
    /// been told so.
    fn contest(&mut self, share: &Arc<str>) -> Option<&mut Contest<Key>> {
        let claimed = self.claimed.get_mut(share)?;
        if let Claimed::ByOne(one) = claimed {
            let mut contest = Contest::default();
            let object = self.entries.get(one).and_then(|entry| entry.object.as_ref()?.unpack(one));
            if let Some(claim) = object.and_then(|object| claim_of(&object, one)) {
                contest.update(claim);
                if self.is_complete {
                    contest.role(one);
                }
            }
            *claimed = Claimed::ByMany(Box::new(contest));
        }
        match claimed {
            Claimed::ByMany(contest) => Some(contest),
            Claimed::ByOne(_) => None,
        }
    }

    /// Makes a move, and gives whom it concerns. One object alone has none to make.
    pub(super) fn make(&mut self, key: &Key, share: &Arc<str>, made: Move) -> Vec<Key> {
        match self.claimed.get_mut(share) {
            Some(Claimed::ByMany(contest)) => contest.make(key, made),
            Some(Claimed::ByOne(_)) | None => Vec::new(),
        }
    }

    /// Forgets an object, and gives whom that concerns. One whose pass still runs is forgotten at its
    /// end: until then, no second pass over it may begin.
    pub(super) fn remove(&mut self, key: &Key, region: Option<&str>) -> Vec<Key> {
        let Some(entry) = self.entries.get_mut(key) else { return Vec::new() };
        let share = entry.share.take();
        let is_running = matches!(entry.turn, Turn::Running(_));
        if is_running {
            entry.is_gone = true;
        } else {
            self.queue.forget(key, &mut entry.turn);
        }
        let concerned = share.map(|share| self.leave(key, &share)).unwrap_or_default();
        if !is_running {
            self.forget(key, region);
        }
        concerned
    }

    /// Forgets an object that is gone, and notes a share that it has left behind.
    pub(super) fn forget(&mut self, key: &Key, region: Option<&str>) {
        self.unready.remove(key);
        let Some(entry) = self.entries.remove(key) else { return };
        self.drop_flow(&entry.flow);
        let object =
            entry.object.as_ref().filter(|_| entry.answers).and_then(|packed| packed.unpack(key));
        let Some(object) = object else { return };
        let seen = Object::of(&object);
        // Who else declares the share answers for it from now on.
        let share = seen.share_id(region).ok().map(|id| contested(&id));
        let is_answered_for = share.is_some_and(|share| self.claimed.contains_key(&share));
        if let Some(note) = orphan::of_vanished(&seen, region).filter(|_| !is_answered_for) {
            self.vanished.push((object, note));
        }
    }

    /// An object is due.
    pub(super) fn ready(&mut self, key: &Key, urgency: Urgency) {
        if let Some(entry) = self.entries.get_mut(key) {
            let Entry { turn, flow, .. } = &mut **entry;
            self.queue.ready(key, turn, flow, (urgency, Instant::now()));
        }
    }

    /// An object gets a pass if it, or its place, is not as its last pass left it.
    pub(super) fn consider(&mut self, key: &Key, urgency: Urgency) {
        // Until all objects are known nobody's place is, and an owner once chosen stays.
        let share = self.entries.get(key).and_then(|entry| entry.share.clone());
        let share = share.filter(|_| self.is_complete);
        let place = share.map_or(Place::ALONE, |share| self.place(key, &share));
        if self.entries.get(key).is_some_and(|entry| entry.is_news(&place)) {
            self.ready(key, urgency);
        }
    }

    pub(super) fn consider_all(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.consider(&key, Urgency::News);
        }
    }

    pub(super) fn place(&mut self, key: &Key, share: &Arc<str>) -> Place {
        if matches!(self.claimed.get(share), Some(Claimed::ByOne(one)) if one == key) {
            return Place::ALONE;
        }
        match self.contest(share) {
            Some(contest) => {
                let role = contest.role(key);
                Place { role, other: contest.other(key).map(|other| other.full_name().to_owned()) }
            }
            None => Place::ALONE,
        }
    }

    /// Each flow is kept once.
    pub(super) fn flow(&mut self, flow: Flow) -> Arc<Flow> {
        if let Some(known) = self.flows.get(&flow) {
            return known.clone();
        }
        let flow = Arc::new(flow);
        self.flows.insert(flow.clone());
        flow
    }

    /// Forgets a flow of which no object is left, but for the set and the caller.
    pub(super) fn drop_flow(&mut self, flow: &Arc<Flow>) {
        if Arc::strong_count(flow) <= 2 {
            self.flows.remove(flow);
        }
    }
}

/// An object's claim on the share that it declares.
fn claim_of(object: &ImageShare, key: &Key) -> Option<Claim<Key>> {
    let created = object.creation_timestamp().map(|time| time.0).unwrap_or_default();
    Object::of(object).claim(key.clone(), created)
}
