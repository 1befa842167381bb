//! Every state of a little world: one object, one share, and all that may go wrong, with the shipped
//! functions deciding. What must hold stands in `model/whims.rs`; how the search judges, in
//! `model/search.rs`.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "model/packed.rs"]
mod packed;
#[path = "model/pass.rs"]
mod pass;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/search.rs"]
mod search;
#[path = "model/whims.rs"]
mod whims;
#[path = "model/world.rs"]
mod world;

use imageshare::api::{AdoptionPolicy, DeletionPolicy};

use rules::SHIPPED;
use search::{Report, explore};
use whims::Worlds;
use world::{Budget, Setting};

const PLAIN: Setting = Setting {
    name: "plain",
    adoption: AdoptionPolicy::CreateOrAdopt,
    deletion: DeletionPolicy::Delete,
    orphans: false,
    foreign: false,
    budget: Budget {
        crashes: 0,
        lost: 0,
        late: 0,
        api: 0,
        edits: 1,
        deletes: 1,
        remakes: 0,
        drifts: 0,
        locks: 0,
    },
    rules: SHIPPED,
};

fn show(setting: &Setting, report: &Report) {
    let Report { states, transitions, time, .. } = report;
    let seconds = time.as_secs_f64();
    println!(
        "{:<40} {states:>9} states {transitions:>10} transitions {seconds:>6.1} s",
        setting.name
    );
}

#[test]
fn scratch() {
    let b = PLAIN.budget;
    let mut rules = SHIPPED;
    if let Ok(x) = std::env::var("OLD") {
        rules.habits.waits_after_start = !x.contains('s');
        rules.habits.keeps_window = !x.contains('w');
        rules.habits.reads_again = !x.contains('v');
        rules.habits.verifies = !x.contains('r');
        rules.habits.counts_repairs = !x.contains('c');
    }
    for (name, budget) in [
        ("plain", b),
        ("crash", Budget { crashes: 1, ..b }),
        ("lost", Budget { lost: 2, ..b }),
        ("api", Budget { api: 1, ..b }),
        ("late", Budget { late: 1, ..b }),
        ("late crash", Budget { late: 1, crashes: 1, ..b }),
        ("late crash api", Budget { late: 1, crashes: 1, api: 1, ..b }),
        ("drifts", Budget { drifts: 2, ..b }),
        ("locks", Budget { locks: 1, ..b }),
        ("edits", Budget { edits: 3, ..b }),
        ("lost 5", Budget { edits: 0, deletes: 0, lost: 5, drifts: 1, ..b }),
        (
            "all",
            Budget {
                crashes: 1,
                lost: 1,
                late: 1,
                api: 1,
                edits: 1,
                deletes: 1,
                remakes: 0,
                drifts: 0,
                locks: 0,
            },
        ),
    ] {
        for adoption in
            [AdoptionPolicy::CreateOrAdopt, AdoptionPolicy::Create, AdoptionPolicy::Adopt]
        {
            let setting = Setting { name, budget, adoption, rules, ..PLAIN };
            let report = explore(&Worlds::<1>(setting));
            show(&setting, &report);
            if let Some(violation) = report.violation {
                println!("VIOLATION {adoption:?} {}", violation.split("leads to").next().unwrap());
                if std::env::var("FULL").is_ok() {
                    println!("{violation}");
                };
            }
        }
    }
}
