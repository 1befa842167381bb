//! Every state of a little world: one or two objects, one share, and all that may go wrong, with the
//! shipped functions deciding. What must hold stands in `model/whims.rs`; how the search judges, in
//! `model/search.rs`.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "model/heirs.rs"]
mod heirs;
#[path = "model/mutants.rs"]
mod mutants;
#[path = "model/packed.rs"]
mod packed;
#[path = "model/pass.rs"]
mod pass;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/search.rs"]
mod search;
#[path = "model/settings.rs"]
mod settings;
#[path = "model/whims.rs"]
mod whims;
#[path = "model/world.rs"]
mod world;

use std::sync::Mutex;
use std::time::Instant;

use imageshare::api::AdoptionPolicy;
use search::{Report, explore};
use settings::Setting;
use whims::Worlds;

fn explore_one(setting: &Setting) -> Report {
    if setting.pair { explore(&Worlds::<2>(*setting)) } else { explore(&Worlds::<1>(*setting)) }
}

/// Does all the work, two pieces at a time.
fn side_by_side<T: Send, R: Send>(work: Vec<T>, piece: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (left, done) = (Mutex::new(work.into_iter()), Mutex::new(vec![]));
    let worker = || {
        while let Some(next) = { left.lock().unwrap().next() } {
            let result = piece(next);
            done.lock().unwrap().push(result);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(worker);
        scope.spawn(worker);
    });
    done.into_inner().unwrap()
}

fn explore_all(settings: Vec<Setting>) -> Vec<(Setting, Report)> {
    side_by_side(settings, |setting| (setting, explore_one(&setting)))
}

fn row(name: &str, report: &Report) {
    let Report { states, transitions, time, .. } = report;
    let seconds = time.as_secs_f64();
    println!("{name:<58} {states:>9} states {transitions:>9} transitions {seconds:>5.1} s");
}

#[test]
fn once_faults_stop_every_run_comes_to_a_good_end() {
    let begun = Instant::now();
    let reports = explore_all(settings::shipped());
    let (mut states, mut transitions) = (0, 0);
    for (setting, report) in &reports {
        row(&format!("{} ({:?})", setting.name, setting.adoption), report);
        states += report.states;
        transitions += report.transitions;
    }
    println!("{states} states, {transitions} transitions, {:?}", begun.elapsed());
    for (setting, report) in &reports {
        let Some(violation) = &report.violation else { continue };
        panic!("{} ({:?}): {violation}", setting.name, setting.adoption);
    }
    assert!(states >= 5_000_000, "the world has become too small to mean much");
}

/// What the shipped rules do not keep either shows nothing of a bad one. (The worlds of two are among
/// those of the test above.)
#[test]
fn the_worlds_in_which_bad_rules_show_are_good_by_the_shipped_ones() {
    use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
    let under =
        |adoption| settings::for_mutants().into_iter().map(move |s| Setting { adoption, ..s });
    let worlds = [CreateOrAdopt, Create, Adopt].into_iter().flat_map(under);
    for (setting, report) in explore_all(worlds.collect()) {
        let Setting { name, adoption, .. } = setting;
        assert_eq!(report.violation, None, "{name} ({adoption:?})");
    }
}

#[test]
fn each_rule_that_is_known_to_be_bad_is_found_out() {
    let of_one = mutants::all().into_iter().map(|mutant| (mutant, settings::for_mutants()));
    let of_two =
        mutants::of_two().into_iter().map(|mutant| (mutant, settings::for_mutants_of_two()));
    let of_many = mutants::of_two_and_much_else()
        .into_iter()
        .map(|mutant| (mutant, vec![settings::for_the_hardest_mutant()]));
    // The longest first.
    let mutants = of_many.chain(of_two).chain(of_one).collect();
    let survivors = side_by_side(mutants, |((name, adoption, rules), settings)| {
        let caught = settings.into_iter().find_map(|setting| {
            let report = explore_one(&Setting { adoption, rules, ..setting });
            Some((setting.name, report.violation?))
        });
        let Some((setting, violation)) = caught else { return Some(name) };
        let (what, history) = violation.split_once(':').unwrap();
        let steps = history.split("leads to").next().unwrap().lines().count() - 1;
        println!("{name}: {what}, after {steps} steps ({setting})");
        None
    });
    let survivors: Vec<_> = survivors.into_iter().flatten().collect();
    assert!(survivors.is_empty(), "not found out: {survivors:?}");
}
