//! The figures, and what must be said of them.

use std::time::Instant;

use crate::effect::Effect;
use crate::judge::Fault;
use crate::points::{Point, Selection, WAYS};
use crate::run::{Outcome, Trials};

/// What was promised to be crashed at.
const PROMISED: [Effect; 8] = [
    Effect::AddFinalizer,
    Effect::Create,
    Effect::List,
    Effect::Look,
    Effect::Update,
    Effect::Delete,
    Effect::Status,
    Effect::RemoveFinalizer,
];

/// All that was found out.
pub struct Figures {
    trials: Vec<Trials>,
    began: Instant,
}

impl Figures {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { trials: Vec::new(), began: Instant::now() }
    }

    /// Adds a start state.
    pub fn add(&mut self, trials: Trials) {
        self.trials.push(trials);
        self.trials.sort_by_key(|trials| trials.start);
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.trials.iter().flat_map(|trials| &trials.outcomes)
    }

    fn crashes(&self) -> impl Iterator<Item = (&Point, &Outcome)> {
        self.outcomes().filter_map(|outcome| Some((outcome.point.as_ref()?, outcome)))
    }

    fn count(&self, fault: Fault) -> usize {
        self.outcomes().filter(|outcome| outcome.faults.contains(&fault)).count()
    }

    /// Prints a line for each start state, what went wrong, and the sum.
    pub fn print(&self) {
        for trials in &self.trials {
            let crashes = trials.outcomes.iter().filter(|outcome| outcome.point.is_some()).count();
            let effects: Vec<_> = trials.effects.iter().map(ToString::to_string).collect();
            let (start, took) = (trials.start, trials.took.as_secs());
            println!("{start}: {crashes} points in {took} s: {}", effects.join(", "));
        }
        for (point, _) in self.crashes().filter(|(_, outcome)| !outcome.reached) {
            println!("not reached: {point}");
        }
        for outcome in self.outcomes().filter(|outcome| !outcome.faults.is_empty()) {
            let name = outcome.point.map_or("without a crash".into(), |point| point.to_string());
            println!("{:?}: {name}\n{}", outcome.faults, outcome.log);
        }
        println!("{}", self.sum());
    }

    fn sum(&self) -> String {
        let reached = self.crashes().filter(|(_, outcome)| outcome.reached).count();
        let missed = self.crashes().count() - reached;
        let repeated: usize = self.outcomes().map(|outcome| outcome.repeated).sum();
        let named = self.outcomes().filter(|outcome| outcome.named).count();
        format!(
            "crash points: {reached} run, {missed} not reached; {} lost, {} duplicate, {} leaked, \
             {} needing a human, {} late effects, {} bad ends; {repeated} PATCHes sent again with the same content, \
             {named} shares without a Secret named; {} s",
            self.count(Fault::Lost),
            self.count(Fault::Duplicate),
            self.count(Fault::Leaked),
            self.count(Fault::NeedsHuman),
            self.count(Fault::LateEffect),
            self.count(Fault::BadEnd),
            self.began.elapsed().as_secs(),
        )
    }

    /// Fails if anything is wrong, or if something that was promised was not tried.
    pub fn must_be_clean(&self, selection: &Selection) {
        assert!(self.outcomes().all(|outcome| outcome.faults.is_empty()), "{}", self.sum());
        assert!(self.crashes().all(|(_, outcome)| outcome.reached), "{}", self.sum());
        for effect in PROMISED {
            match selection {
                Selection::All => self.must_be_tried_in_every_way(effect),
                Selection::Few => assert!(self.is_tried(effect, |_| true), "{effect:?}"),
                Selection::Named(_) => {}
            }
        }
    }

    fn must_be_tried_in_every_way(&self, effect: Effect) {
        for way in WAYS {
            let tried = self.is_tried(effect, |point| (point.moment, point.signal) == way);
            assert!(tried, "no crash at {effect:?}: {way:?}");
        }
    }

    fn is_tried(&self, effect: Effect, which: impl Fn(&Point) -> bool) -> bool {
        self.crashes()
            .any(|(point, outcome)| outcome.reached && point.at.effect == effect && which(point))
    }
}
