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

use search::{Report, explore};
use settings::Setting;
use whims::Worlds;

fn explore_one(setting: &Setting) -> Report {
    if setting.pair { explore(&Worlds::<2>(*setting)) } else { explore(&Worlds::<1>(*setting)) }
}

/// Explores all settings, two at a time, and tells of each.
fn explore_all(settings: &[Setting]) -> Vec<(Setting, Report)> {
    let (left, done) = (Mutex::new(settings.iter()), Mutex::new(vec![]));
    let work = || {
        while let Some(setting) = { left.lock().unwrap().next() } {
            let report = explore_one(setting);
            done.lock().unwrap().push((*setting, report));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    done.into_inner().unwrap()
}

fn row(name: &str, report: &Report) {
    let Report { states, transitions, time, .. } = report;
    let seconds = time.as_secs_f64();
    println!("{name:<58} {states:>9} states {transitions:>9} transitions {seconds:>5.1} s");
}

#[test]
fn once_faults_stop_every_run_comes_to_a_good_end() {
    let begun = Instant::now();
    let reports =
        explore_all(&settings::shipped().into_iter().filter(|s| s.pair).collect::<Vec<_>>());
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

#[test]
fn each_rule_that_is_known_to_be_bad_is_found_out() {
    let of_one = mutants::all().into_iter().map(|mutant| (mutant, settings::for_mutants()));
    let of_two =
        mutants::of_two().into_iter().map(|mutant| (mutant, settings::for_mutants_of_two()));
    let mut survivors = vec![];
    for ((name, adoption, rules), settings) in of_one.chain(of_two) {
        let caught = settings.into_iter().find_map(|setting| {
            let report = explore_one(&Setting { adoption, rules, ..setting });
            Some((setting.name, report.violation?))
        });
        match caught {
            Some((setting, violation)) => {
                let (what, history) = violation.split_once(':').unwrap();
                let steps = history.split("leads to").next().unwrap().lines().count() - 1;
                println!("{name}: {what}, after {steps} steps ({setting})");
            }
            None => survivors.push(name),
        }
    }
    assert!(survivors.is_empty(), "not found out: {survivors:?}");
}
