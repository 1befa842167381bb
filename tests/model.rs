//! Every state of a little world: one or two objects, one share, and all that may go wrong, driven by the
//! shipped passes. What must hold stands in `model/worlds.rs`; how the search judges, in
//! `model/search.rs`.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "model/automaton.rs"]
mod automaton;
#[path = "model/changes.rs"]
mod changes;
#[path = "model/kubernetes.rs"]
mod kubernetes;
#[path = "model/leaders.rs"]
mod leaders;
#[path = "model/mutants.rs"]
mod mutants;
#[path = "model/packed.rs"]
mod packed;
#[path = "model/passing.rs"]
mod passing;
#[path = "model/search.rs"]
mod search;
#[path = "model/settings.rs"]
mod settings;
#[path = "model/sharing.rs"]
mod sharing;
#[path = "model/small.rs"]
mod small;
#[path = "model/turns.rs"]
mod turns;
#[path = "model/whims.rs"]
mod whims;
#[path = "model/world.rs"]
mod world;
#[path = "model/worlds.rs"]
mod worlds;

use std::sync::Mutex;
use std::time::Instant;

use imageshare::api::AdoptionPolicy;
use mutants::Mutant;
use search::{Report, explore};
use settings::Setting;
use worlds::Worlds;

/// Explores a world; gives also how many passes stand behind it.
fn explore_one(setting: &Setting) -> (Report, usize) {
    fn explored<const N: usize>(worlds: &Worlds<N>) -> (Report, usize) {
        let report = explore(worlds);
        let passes = worlds.automaton.borrow().passes();
        (report, passes)
    }
    if setting.pair {
        explored(&Worlds::<2>::new(*setting))
    } else {
        explored(&Worlds::<1>::new(*setting))
    }
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
    side_by_side(settings, |setting| {
        let (report, passes) = explore_one(&setting);
        row(&format!("{} ({:?})", setting.name, setting.adoption), &report, passes);
        (setting, report)
    })
}

fn row(name: &str, report: &Report, passes: usize) {
    let Report { states, transitions, time, .. } = report;
    let seconds = time.as_secs_f64();
    println!(
        "{name:<58} {states:>9} states {transitions:>9} transitions {passes:>6} passes {seconds:>5.1} s"
    );
}

#[test]
fn once_faults_stop_every_run_comes_to_a_good_end() {
    let begun = Instant::now();
    let mut reports = explore_all(settings::shipped());
    if std::env::var("MODEL").is_ok_and(|which| which == "all") {
        for setting in settings::large() {
            reports.extend(explore_all(vec![setting]));
        }
    }
    let (mut states, mut transitions) = (0, 0);
    for (_, report) in &reports {
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
    let of_one = mutants::ALL.iter().map(|mutant| (*mutant, settings::for_mutants()));
    let of_two = mutants::OF_TWO.iter().map(|mutant| (*mutant, settings::for_mutants_of_two()));
    let of_many = mutants::OF_TWO_AND_MUCH_ELSE
        .iter()
        .map(|mutant| (*mutant, vec![settings::for_the_hardest_mutant()]));
    // The longest first.
    let mutants = of_many.chain(of_two).chain(of_one).collect();
    let survivors = side_by_side(mutants, |(mutant, settings)| {
        let Mutant { name, adoption, rules, habits } = mutant;
        let caught = settings.into_iter().find_map(|setting| {
            let (report, _) = explore_one(&Setting { adoption, rules, habits, ..setting });
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

/// The registry and its queue, in every order of events.
#[test]
fn whoever_has_news_or_is_due_gets_one_pass_in_turn_and_nobody_else_does() {
    use turns::Common::{Flow, Nothing, Region, Share};
    let depth = if std::env::var("MODEL").is_ok_and(|which| which == "all") { 8 } else { 7 };
    let orders = side_by_side(vec![Flow, Region, Nothing, Share], |common| {
        let (begun, orders) = (Instant::now(), turns::explore(common, depth));
        println!("{common:?}: {orders} orders of up to {depth} events, {:?}", begun.elapsed());
        orders
    });
    assert!(orders.iter().sum::<u64>() > 10_000, "too few to mean much");
}

/// One world alone: `MODEL_WORLD=<part of its name> cargo test … one_world -- --ignored`; by the bad
/// rules of `MODEL_MUTANT=<its name>`, if that is set.
#[test]
#[ignore = "for whoever looks into one world"]
fn one_world() {
    let wanted = std::env::var("MODEL_WORLD").unwrap();
    let mutant = std::env::var("MODEL_MUTANT").ok();
    let of_two = [settings::for_mutants_of_two(), vec![settings::for_the_hardest_mutant()]];
    let small = settings::for_mutants().into_iter().chain(of_two.into_iter().flatten());
    for mut setting in settings::shipped().into_iter().chain(small) {
        let known = [mutants::ALL, mutants::OF_TWO, mutants::OF_TWO_AND_MUCH_ELSE].concat();
        if let Some(bad) = known.iter().find(|bad| Some(bad.name) == mutant.as_deref()) {
            (setting.rules, setting.habits) = (bad.rules, bad.habits);
            setting.adoption = bad.adoption;
        }
        if setting.name.contains(&wanted) {
            let (report, passes) = explore_one(&setting);
            row(&format!("{} ({:?})", setting.name, setting.adoption), &report, passes);
            println!("{}", report.violation.unwrap_or_default());
        }
    }
}
