//! Many lives of objects, each drawn by chance: whatever came before, a verdict depends on how the object is
//! now and since when it is refused.

use imageshare::reason::{Cure, Kind, Reason};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::statuses::{PATIENCE, Share};
use crate::tool::Tool;

const HISTORIES: usize = 100_000;

/// A step of a life: whether the spec changes first, how the pass ends, how many seconds later.
type Step = (bool, usize, i64);

/// What the verdict must be, kept beside the status and without its code.
#[derive(Default)]
struct Expected {
    verdict: Option<&'static str>,
    refused_since: Option<i64>,
    /// Whether the last word came from outside of a pass.
    is_from_outside: bool,
}

impl Expected {
    fn passes(&mut self, reason: Reason, now: i64) {
        // What a pass has said of it stays; if none did, there is nothing to wait for.
        let is_over = std::mem::take(&mut self.is_from_outside);
        if reason == Reason::Suspended {
            self.verdict.take_if(|_| is_over);
            self.verdict.get_or_insert("Current");
            self.refused_since = None;
            return;
        }
        self.is_from_outside = matches!(reason, Reason::CrdOutdated | Reason::ObjectUnreadable);
        match reason.kind() {
            Kind::Steady => self.refused_since = None,
            Kind::Waiting | Kind::Transient => {}
            Kind::Terminal => self.refused_since = self.refused_since.or(Some(now)),
        }
        let is_old = self.refused_since.is_some_and(|since| now - since >= PATIENCE);
        let has_failed = match reason.cure() {
            Some(Cure::Object) => true,
            Some(Cure::Outside) => is_old,
            None => reason == Reason::Expired,
        };
        self.verdict = Some(match reason {
            Reason::Shared => "Current",
            _ if has_failed => "Failed",
            _ => "InProgress",
        });
    }
}

/// A life, and the verdict that it must end with.
fn lived(history: &[Step]) -> (Share, &'static str) {
    let (mut share, mut expected, mut now) = (Share::new(), Expected::default(), 0);
    let mut was_suspended = false;
    for (is_edited, reason, seconds) in history {
        now += seconds;
        let reason = Reason::ALL[*reason];
        let is_suspended = reason == Reason::Suspended;
        if *is_edited || is_suspended != was_suspended {
            share.generation += 1;
            expected.refused_since = None;
        }
        was_suspended = is_suspended;
        if reason == Reason::NotReconciled {
            // The pass is still to come.
            continue;
        }
        share = share.passes(reason, now);
        expected.passes(reason, now);
    }
    let is_seen = share.status.observed_generation == share.generation;
    (share, expected.verdict.filter(|_| is_seen).unwrap_or("InProgress"))
}

#[test]
fn no_history_of_an_object_leads_kstatus_astray() {
    let step = (proptest::bool::weighted(0.2), 0..Reason::ALL.len(), 0..PATIENCE);
    let history = proptest::collection::vec(step, 1..7);
    let mut runner = TestRunner::deterministic();
    let lives: Vec<_> = (0..HISTORIES)
        .map(|_| {
            let history = history.new_tree(&mut runner).unwrap().current();
            let (share, expected) = lived(&history);
            (history, share, expected)
        })
        .collect();
    let objects = lives.iter().map(|(_, share, _)| share.json());
    let verdicts = Tool::new("kstatus", "kstatus").answers(&[], objects);
    for ((history, share, expected), found) in lives.iter().zip(&verdicts) {
        let history: Vec<_> =
            history.iter().map(|(edit, at, s)| (*edit, Reason::ALL[*at], *s)).collect();
        assert_eq!(found, expected, "{history:?} leads to {:?}", share.status);
    }
    for word in ["Current", "InProgress", "Failed"] {
        let count = verdicts.iter().filter(|found| *found == word).count();
        println!("{word}: {count} of {HISTORIES}");
        assert!(count > HISTORIES / 100, "too few are {word} to mean much");
    }
}
