//! Visits every state of a model, breadth first, and judges how its runs end.
//!
//! Safety: no reachable state is wrong. Liveness: once faults stop, every run comes to stay among the
//! good states. The good states that no faultless step leaves for a bad one are the *core*; every
//! bottom component of the faultless graph lies in it if and only if every state can reach it.

use std::fmt::Debug;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::ops::Index;
use std::time::{Duration, Instant};

/// A world that can be explored.
pub trait Model {
    /// All there is to know of it at a moment.
    type State: Clone + Debug;
    /// The same, small: what is kept of it.
    type Packed: Clone + Eq + Hash;
    /// Makes it small.
    fn pack(state: &Self::State) -> Self::Packed;
    /// And back.
    fn unpack(packed: &Self::Packed) -> Self::State;
    /// Where it begins.
    fn initial(&self) -> Self::State;
    /// All that can happen next.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Step<Self::State>>);
    /// What must never be so.
    fn wrong(&self, state: &Self::State) -> Option<&'static str>;
    /// Whether the world may stay like this.
    fn is_good(&self, state: &Self::State) -> bool;
}

/// Something that can happen.
pub struct Step<S> {
    /// What it leads to.
    pub to: S,
    /// Whether it counts as a fault, an order, or another whim: these stop at some time.
    pub whim: bool,
    /// What it is, for the history of a violation.
    pub name: &'static str,
}

/// What a search found.
pub struct Report {
    /// How many states there are.
    pub states: usize,
    /// How many steps between them.
    pub transitions: usize,
    /// How long it took.
    pub time: Duration,
    /// The first violation, with the shortest history that leads to it.
    pub violation: Option<String>,
}

/// Multiply and rotate: good enough for states, and much faster than a hash against attackers.
#[derive(Default)]
pub struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        // The last steps of MurmurHash3: what is written last must reach the low bits as well.
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

/// A vector that never moves what is in it: while one of gigabytes grows, it is there twice.
struct Chunks<S>(Vec<Vec<S>>);

const CHUNK: usize = 1 << 20;

impl<S> Chunks<S> {
    fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    fn push(&mut self, value: S) {
        match self.0.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(value),
            None => self.0.push(vec![value]),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &S> {
        self.0.iter().flatten()
    }
}

impl<S> Index<usize> for Chunks<S> {
    type Output = S;
    fn index(&self, number: usize) -> &S {
        &self.0[number / CHUNK][number % CHUNK]
    }
}

/// The states by number, and their numbers by state: each is kept once.
struct Known<S> {
    states: Chunks<S>,
    /// Open addressing: the upper half of a state's hash, then its number plus one; or zero.
    table: Vec<u64>,
}

const NUMBER: u64 = u32::MAX as u64;

impl<S: Eq + Hash> Known<S> {
    fn hash(state: &S) -> u64 {
        BuildHasherDefault::<Quick>::default().hash_one(state)
    }

    /// The slot of the first entry from where the hash points to that `is_it`, or the empty one behind.
    fn slot(table: &[u64], hash: u64, is_it: impl Fn(usize) -> bool) -> usize {
        let mask = table.len() - 1;
        let mut slot = usize::try_from(hash).unwrap() & mask;
        while table[slot] != 0 {
            // Most others are distinguished without a look at them.
            let is_alike = (table[slot] ^ hash) & !NUMBER == 0;
            if is_alike && is_it(usize::try_from(table[slot] & NUMBER).unwrap() - 1) {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        let mut table = vec![0; self.table.len() * 2];
        for (number, state) in (1..).zip(self.states.iter()) {
            let hash = Self::hash(state);
            let slot = Self::slot(&table, hash, |_| false);
            table[slot] = (hash & !NUMBER) | number;
        }
        self.table = table;
    }

    /// The number of a state, and whether it is new.
    fn number(&mut self, state: S) -> (u32, bool) {
        if self.states.len() * 2 >= self.table.len() {
            self.grow();
        }
        let hash = Self::hash(&state);
        let slot = Self::slot(&self.table, hash, |number| self.states[number] == state);
        let is_new = self.table[slot] == 0;
        if is_new {
            self.states.push(state);
            self.table[slot] = (hash & !NUMBER) | u64::try_from(self.states.len()).unwrap();
        }
        (u32::try_from((self.table[slot] & NUMBER) - 1).unwrap(), is_new)
    }
}

/// Visits every state; stops at the first that is wrong.
pub fn explore<M: Model>(model: &M) -> Report {
    let begun = Instant::now();
    let mut known = Known { states: Chunks(vec![]), table: vec![0; 1 << 16] };
    known.number(M::pack(&model.initial()));
    let mut parents = vec![0_u32];
    let (mut transitions, mut steps) = (0, vec![]);
    // The faultless steps: those of state `n` are `targets[starts[n]..starts[n + 1]]`.
    let (mut starts, mut targets) = (vec![0_u32], vec![]);
    let mut violation = None;
    let mut current = 0;
    while current < known.states.len() && violation.is_none() {
        let from = M::unpack(&known.states[current]);
        steps.clear();
        model.steps(&from, &mut steps);
        transitions += steps.len();
        for step in steps.drain(..) {
            let (number, is_new) = known.number(M::pack(&step.to));
            if is_new {
                parents.push(u32::try_from(current).unwrap());
            }
            // Also where it leads to a state that was met before: the step itself may be wrong.
            let wrong = model.wrong(&step.to);
            let from = u32::try_from(current).unwrap();
            violation = violation.or(wrong.map(|wrong| (wrong, from, Some(step.name))));
            if !step.whim {
                targets.push(number);
            }
        }
        starts.push(u32::try_from(targets.len()).unwrap());
        current += 1;
    }
    let lost = || stray(model, &known.states, &starts, &targets);
    let violation = violation.or_else(|| Some(("runs do not come to a good end", lost()?, None)));
    Report {
        states: known.states.len(),
        transitions,
        violation: violation.map(|(what, state, step)| {
            format!("{what}:{}", history(model, &known.states, &parents, (state, step)))
        }),
        time: begun.elapsed(),
    }
}

/// The first bad state from which no faultless run comes to the core; `None` if all runs do.
fn stray<M: Model>(
    model: &M,
    states: &Chunks<M::Packed>,
    starts: &[u32],
    targets: &[u32],
) -> Option<u32> {
    let (origins, sources) = reversed(states.len(), starts, targets);
    let into = |state: u32| {
        let state = state as usize;
        &sources[origins[state] as usize..origins[state + 1] as usize]
    };
    let good: Vec<bool> = states.iter().map(|state| model.is_good(&M::unpack(state))).collect();
    // What leads out of the good states is not in the core, nor is what leads there.
    let mut core = good.clone();
    let bad = |state: &u32| !good[*state as usize];
    let mut queue: Vec<u32> = (0..u32::try_from(states.len()).unwrap()).filter(bad).collect();
    while let Some(state) = queue.pop() {
        for source in into(state) {
            if std::mem::take(&mut core[*source as usize]) {
                queue.push(*source);
            }
        }
    }
    let mut arrives = core;
    let mut queue: Vec<u32> = (0..).zip(&arrives).filter_map(|(n, is)| is.then_some(n)).collect();
    while let Some(state) = queue.pop() {
        for source in into(state) {
            if !std::mem::replace(&mut arrives[*source as usize], true) {
                queue.push(*source);
            }
        }
    }
    let strays = (0..).zip(&arrives).filter_map(|(n, arrives)| (!arrives).then_some(n));
    strays.clone().find(bad).or_else(|| strays.clone().next())
}

fn reversed(count: usize, starts: &[u32], targets: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut origins = vec![0_u32; count + 1];
    for target in targets {
        origins[*target as usize + 1] += 1;
    }
    for state in 0..count {
        origins[state + 1] += origins[state];
    }
    let (mut next, mut sources) = (origins.clone(), vec![0_u32; targets.len()]);
    for source in 0..count {
        for target in &targets[starts[source] as usize..starts[source + 1] as usize] {
            let place = &mut next[*target as usize];
            sources[*place as usize] = u32::try_from(source).unwrap();
            *place += 1;
        }
    }
    (origins, sources)
}

/// How the world came to a state: the names of the steps, then the state itself; and the step from it that is
/// wrong, if one is.
fn history<M: Model>(
    model: &M,
    states: &Chunks<M::Packed>,
    parents: &[u32],
    (last, step): (u32, Option<&'static str>),
) -> String {
    let mut path = vec![last];
    while let Some(state) = path.last().filter(|state| **state != 0) {
        path.push(parents[*state as usize]);
    }
    path.reverse();
    let mut text = String::new();
    for pair in path.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|number| &states[number as usize]);
        let mut steps = vec![];
        model.steps(&M::unpack(from), &mut steps);
        let name = steps.iter().find(|step| M::pack(&step.to) == *to).map_or("?", |step| step.name);
        text.push_str("\n  ");
        text.push_str(name);
    }
    if let Some(step) = step {
        text.push_str("\n  ");
        text.push_str(step);
    }
    format!("{text}\nleads to {:#?}", M::unpack(&states[last as usize]))
}
