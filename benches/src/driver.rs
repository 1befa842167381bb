//! Runs the subjects one after the other, on one control plane, and tells what they cost.

mod audit;
mod figures;
mod load;
mod machine;
mod measure;
mod neighbours;
mod plan;
mod process;
mod progress;
mod report;
mod stage;
mod subject;
mod world;

use crate::Outcome;
use figures::{Figure, Figures};
use measure::Measuring;
use plan::Plan;
use subject::Subject;
use world::World;

/// How many objects a bare loop serves before anything is measured.
const WARM_UP: usize = 2_000;

/// Everything: prepares, measures, prints, writes.
pub async fn run() -> Outcome<()> {
    let plan = Plan::from_environment()?;
    let baseline = Figures::read(report::BASELINE)?;
    let subjects = subject::prepare(&plan.subjects);
    let world = World::start()?;
    eprintln!("bench: {plan}");
    let mut measured = Vec::new();
    warm_up(&world, &plan, &subjects).await?;
    for round in 1..=plan.rounds {
        let figures = one_round(&world, &plan, &subjects, round).await?;
        if plan.rounds > 1 {
            eprintln!("bench: round {round} of {} is done", plan.rounds);
        }
        measured.push(figures);
    }
    let figures = Figures::now(figures::medians(measured));
    let unavailable = subject::unavailable(&subjects);
    report::write(&baseline, &figures, &unavailable)
}

/// A control plane that has just started is faster than later: who comes first must not gain by that.
async fn warm_up(
    world: &World,
    plan: &Plan,
    subjects: &[(Subject, Outcome<subject::Recipe>)],
) -> Outcome<()> {
    let mut uncounted = Measuring::new(world, plan.patience, 0).await?;
    for (subject, recipe) in subjects {
        if let (Subject::Bare, Ok(recipe)) = (subject, recipe) {
            uncounted.subject(Subject::Bare, recipe, WARM_UP).await?;
        }
    }
    Ok(())
}

async fn one_round(
    world: &World,
    plan: &Plan,
    subjects: &[(Subject, Outcome<subject::Recipe>)],
    round: usize,
) -> Outcome<Vec<Figure>> {
    let mut measuring = Measuring::new(world, plan.patience, round).await?;
    for size in plan.sizes_of_all() {
        for (subject, recipe) in subjects {
            let Ok(recipe) = recipe else { continue };
            if plan.takes(*subject, size) {
                measuring.subject(*subject, recipe, size).await?;
            }
        }
    }
    Ok(measuring.figures)
}
