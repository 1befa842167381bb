//! What tools that wait for an object make of its status: kstatus, by which Flux and Helm 4 go, and Argo CD,
//! by the scripts in `deploy/argocd`. The tools are the real ones, built from `tests/tools`; the statuses are
//! those of the shipped code. `docs/gitops.md` has the table that all of it is compared with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod argocd;
mod histories;
mod statuses;
mod table;
#[path = "../support/tool.rs"]
mod tool;

use imageshare::reason::{Cure, Reason};
use tool::Tool;

use statuses::Share;

/// Each reason, in the order of the catalogue, and how an object with it looks: when it has just come to it,
/// and after `--stalled-after`.
fn catalogue() -> Vec<(Reason, [Share; 2])> {
    let shares = Reason::ALL.iter().map(|reason| {
        let new = Share::new().passes(*reason, 0);
        let old = new.clone().passes(*reason, statuses::PATIENCE);
        (*reason, [new, old])
    });
    shares.collect()
}

#[test]
fn kstatus_makes_of_each_reason_what_the_documentation_says() {
    let kstatus = Tool::new("kstatus", "kstatus");
    let catalogue = catalogue();
    let objects = catalogue.iter().flat_map(|(_, shares)| shares.iter().map(Share::json));
    let verdicts = kstatus.answers(&[], objects);
    for ((reason, _), found) in catalogue.iter().zip(verdicts.chunks(2)) {
        assert_eq!(found, table::row(*reason).kstatus, "{}", reason.as_str());
    }
}

/// The table may not say what would mislead those who wait, whatever the code does.
#[test]
fn no_row_of_the_table_calls_well_what_is_not_nor_failed_what_may_still_heal() {
    for reason in Reason::ALL {
        let table::Row { kstatus, argocd } = table::row(*reason);
        let name = reason.as_str();
        for word in &kstatus {
            let is_well = matches!(reason, Reason::Shared | Reason::Suspended);
            assert_eq!(word == "Current", is_well, "{name}");
        }
        let fails = kstatus.each_ref().map(|word| word == "Failed");
        let expected = match reason.cure() {
            Some(Cure::Object) => [true, true],
            Some(Cure::Outside) => [false, true],
            None => [*reason == Reason::Expired; 2],
        };
        assert_eq!(fails, expected, "{name}");
        let alike = kstatus.each_ref().map(|word| match word.as_str() {
            "Current" if *reason == Reason::Suspended => "Suspended",
            "Current" => "Healthy",
            "InProgress" => "Progressing",
            "Failed" => "Degraded",
            other => panic!("{name}: {other} is no verdict"),
        });
        assert_eq!(argocd, alike, "{name}");
    }
}

/// The table, to paste into the documentation: `cargo test --test verdicts rows -- --ignored --nocapture`.
#[test]
#[ignore = "prints the table of docs/gitops.md"]
fn print_the_rows_of_the_table() {
    let kstatus = Tool::new("kstatus", "kstatus");
    for (reason, shares) in catalogue() {
        let [new, old] = &kstatus.answers(&[], shares.iter().map(Share::json))[..] else {
            panic!()
        };
        let health = argocd::health(shares.iter().map(Share::json));
        let [new_health, old_health] = &health[..] else { panic!() };
        println!("| `{}` | {new} | {old} | {new_health} | {old_health} |", reason.as_str());
    }
}
