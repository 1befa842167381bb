//! Which object gets a pass next, and when: due times, and flows in turn. Pure: the time comes in, and
//! [`Gate`] says how many passes may run.
//!
//! A *flow* is what uses one reference to credentials. Flows take turns, as in Kubernetes' API Priority
//! and Fairness ("fair queuing"), so that one with many objects does not keep others waiting; a region
//! or a flow that may not start anything is out of the rotation until it may, and costs nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// How many objects with news go before one without, where both wait.
const NEWS_IN_A_ROW: u8 = 3;

/// Objects that refer to the same credentials in one region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The region; empty if the object names none.
    pub region: String,
    /// What they refer to, with its namespace.
    pub reference: String,
}

impl Flow {
    /// What the lanes know it by.
    pub fn lane(&self) -> String {
        format!("{}@{}", self.reference, self.region)
    }
}

/// How many passes may run at a time.
pub trait Gate {
    /// In a region.
    fn places(&self, region: &str) -> usize;
    /// In a flow, beside what its region allows.
    fn room(&self, flow: &Flow, now: Instant) -> Room;
}

/// What a flow may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many passes at a time.
    Places(usize),
    /// Nothing before this moment.
    NotBefore(Instant),
}

/// Why an object is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Its time has come, or the first list has brought it.
    Routine,
    /// Somebody changed something.
    News,
}

/// Where an object stands in the queue.
#[derive(Debug, Default)]
pub enum Turn {
    /// Nothing is to be done.
    #[default]
    Idle,
    /// It is due at this moment.
    Waiting(Instant),
    /// It is due.
    Ready(Urgency),
    /// A pass runs; and what has come up since.
    Running(Option<Urgency>),
}

/// The queue, over objects that are named by a `K`.
pub struct Queue<K> {
    due: BTreeSet<(Instant, K)>,
    /// Flows that may not start anything before a moment.
    paused: BTreeSet<(Instant, Arc<Flow>)>,
    flows: HashMap<Arc<Flow>, Waiting<K>>,
    regions: HashMap<String, Region>,
    /// Regions in turn.
    rotation: VecDeque<String>,
}

/// What of a flow waits, and runs.
struct Waiting<K> {
    /// Each since a moment.
    news: VecDeque<(K, Instant)>,
    routine: VecDeque<(K, Instant)>,
    news_in_a_row: u8,
    running: usize,
    in_rotation: bool,
}

#[derive(Default)]
struct Region {
    running: usize,
    rotation: VecDeque<Arc<Flow>>,
    in_rotation: bool,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            paused: BTreeSet::new(),
            flows: HashMap::new(),
            regions: HashMap::new(),
            rotation: VecDeque::new(),
        }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// The object is due now.
    pub fn ready(
        &mut self,
        key: &K,
        turn: &mut Turn,
        flow: &Arc<Flow>,
        (urgency, now): (Urgency, Instant),
    ) {
        match turn {
            Turn::Running(again) => *again = (*again).max(Some(urgency)),
            // Who waits as routine stays where it is, also with news: nothing waits twice.
            Turn::Ready(_) => {}
            Turn::Idle | Turn::Waiting(_) => {
                self.forget(key, turn);
                *turn = Turn::Ready(urgency);
                let waiting = self.flows.entry(flow.clone()).or_insert_with(Waiting::new);
                match urgency {
                    Urgency::News => waiting.news.push_back((key.clone(), now)),
                    Urgency::Routine => waiting.routine.push_back((key.clone(), now)),
                }
                self.rotate(flow);
            }
        }
    }

    /// The object is due at a moment. One that waits already has a new moment.
    pub fn wait(&mut self, key: &K, turn: &mut Turn, until: Instant) {
        self.forget(key, turn);
        self.due.insert((until, key.clone()));
        *turn = Turn::Waiting(until);
    }

    /// The object is due no more. What is ready stays in its flow, and is passed over by who takes it.
    pub fn forget(&mut self, key: &K, turn: &mut Turn) {
        if let Turn::Waiting(until) = std::mem::take(turn) {
            self.due.remove(&(until, key.clone()));
        }
    }

    /// An object whose moment has come.
    pub fn expired(&mut self, now: Instant) -> Option<K> {
        let first = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&first);
        Some(first.1)
    }

    /// The next moment at which something is due, or may go on.
    pub fn next_moment(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        let paused = self.paused.first().map(|(at, _)| *at);
        due.into_iter().chain(paused).min()
    }

    /// The next object that may have a pass, which counts as running in this flow from now on; and since when
    /// it has waited.
    pub fn take(&mut self, now: Instant, gate: &impl Gate) -> Option<(K, Arc<Flow>, Instant)> {
        while self.paused.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, flow)) = self.paused.pop_first() {
                self.rotate(&flow);
            }
        }
        while let Some(name) = self.rotation.pop_front() {
            let Some(region) = self.regions.get_mut(&name) else { continue };
            if region.running >= gate.places(&name) {
                region.in_rotation = false;
                continue;
            }
            let Some(flow) = region.rotation.pop_front() else {
                region.in_rotation = false;
                continue;
            };
            self.rotation.push_back(name);
            if let Some((key, since)) = self.take_from(&flow, now, gate) {
                return Some((key, flow, since));
            }
        }
        None
    }

    /// How many objects wait in each region.
    pub fn waiting(&self) -> BTreeMap<&str, usize> {
        let mut waiting = BTreeMap::new();
        for (flow, of_it) in &self.flows {
            let count: &mut usize = waiting.entry(flow.region.as_str()).or_default();
            *count += of_it.news.len() + of_it.routine.len();
        }
        waiting
    }

    fn take_from(
        &mut self,
        flow: &Arc<Flow>,
        now: Instant,
        gate: &impl Gate,
    ) -> Option<(K, Instant)> {
        let waiting = self.flows.get_mut(flow)?;
        waiting.in_rotation = false;
        match gate.room(flow, now) {
            Room::NotBefore(at) => {
                self.paused.insert((at, flow.clone()));
                return None;
            }
            // It comes back when one of its passes ends.
            Room::Places(places) if waiting.running >= places.max(1) => return None,
            Room::Places(_) => {}
        }
        let next = waiting.pop()?;
        waiting.running += 1;
        if let Some(region) = self.regions.get_mut(&flow.region) {
            region.running += 1;
        }
        self.rotate(flow);
        Some(next)
    }

    /// A pass of this flow has ended.
    pub fn ended(&mut self, flow: &Arc<Flow>) {
        if let Some(waiting) = self.flows.get_mut(flow) {
            waiting.running -= 1;
        }
        if let Some(region) = self.regions.get_mut(&flow.region) {
            region.running -= 1;
        }
        self.rotate(flow);
        self.rotate_region(&flow.region);
        self.drop_idle(flow);
    }

    /// Has the flow take its turn, if something of it waits.
    fn rotate(&mut self, flow: &Arc<Flow>) {
        let Some(waiting) = self.flows.get_mut(flow) else { return };
        if waiting.is_empty() || std::mem::replace(&mut waiting.in_rotation, true) {
            return;
        }
        let region = self.regions.entry(flow.region.clone()).or_default();
        region.rotation.push_back(flow.clone());
        self.rotate_region(&flow.region);
    }

    fn rotate_region(&mut self, name: &str) {
        let Some(region) = self.regions.get_mut(name) else { return };
        if !region.rotation.is_empty() && !std::mem::replace(&mut region.in_rotation, true) {
            self.rotation.push_back(name.to_owned());
        }
    }

    /// A flow and a region of which nothing waits or runs take no memory.
    fn drop_idle(&mut self, flow: &Arc<Flow>) {
        let is_idle = |waiting: &Waiting<K>| waiting.is_empty() && waiting.running == 0;
        if self.flows.get(flow).is_some_and(is_idle) {
            self.flows.remove(flow);
        }
        let is_idle = |region: &Region| region.rotation.is_empty() && region.running == 0;
        if self.regions.get(&flow.region).is_some_and(is_idle) {
            self.regions.remove(&flow.region);
        }
    }
}

impl<K> Waiting<K> {
    fn new() -> Self {
        Self {
            news: VecDeque::new(),
            routine: VecDeque::new(),
            news_in_a_row: 0,
            running: 0,
            in_rotation: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.news.is_empty() && self.routine.is_empty()
    }

    /// News first, but not always: what is due by its interval must not wait for ever.
    fn pop(&mut self) -> Option<(K, Instant)> {
        if self.news_in_a_row < NEWS_IN_A_ROW || self.routine.is_empty() {
            let news = self.news.pop_front();
            if news.is_some() {
                self.news_in_a_row = self.news_in_a_row.saturating_add(1);
                return news;
            }
        }
        self.news_in_a_row = 0;
        self.routine.pop_front()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
