//! What another hand has changed of a share: what is put right, how often it was undone, and when it
//! can be reported. Pure.

use super::facts::{Cloud, Facts, Write};
use super::record::Recorded;
use crate::cloud::{Change, Terms};
use crate::reason::{Kind, Reason};

/// What another hand has changed since the share was confirmed on these very terms; empty if
/// nobody did.
pub fn drift(terms: &Terms, facts: &Facts) -> Vec<Change> {
    match &facts.recorded {
        Recorded::Confirmed(recorded) if facts.wrote.is_none() && terms.are_met_by(recorded) => {
            missing(terms, &facts.cloud)
        }
        _ => Vec::new(),
    }
}

/// What sets the cloud apart from the terms, a field each.
pub fn missing(terms: &Terms, cloud: &Cloud) -> Vec<Change> {
    match cloud {
        Cloud::Unseen | Cloud::Listed(_) => Vec::new(),
        Cloud::Absent => vec![Change::of_existence()],
        Cloud::Present(share) => terms.changes_from(&share.terms),
    }
}

/// How often in a row another hand has now undone what we wrote, after a pass that began with this
/// drift. What SWR did not let us repair was not undone.
pub fn conflict_count_after(facts: &Facts, drift: &[Change], reason: Reason) -> u32 {
    match reason {
        _ if !drift.is_empty() && facts.wrote.is_some_and(Write::is_made) => {
            facts.conflict_count.saturating_add(1)
        }
        // It did not take: SWR keeps something else, or another hand was quicker than the look.
        Reason::NotApplied if facts.wrote == Some(Write::Updated) => {
            facts.conflict_count.saturating_add(1)
        }
        Reason::Shared | Reason::Expired if facts.cloud != Cloud::Unseen => 0,
        _ => facts.conflict_count,
    }
}

/// What another hand had changed, after a pass that began with this drift: what can be reported now
/// as put right, and what is to be reported later. `unreported` is what earlier passes have left.
pub fn reported_after(
    mut unreported: Vec<Change>,
    facts: &Facts,
    drift: &[Change],
    reason: Reason,
) -> (Vec<Change>, Vec<Change>) {
    let is_made = facts.wrote.is_some_and(Write::is_made);
    // The write may have landed, or the look behind it failed. A create that met a share repaired nothing.
    let in_doubt = facts.wrote != Some(Write::CreateConflicted)
        && reason.kind() == Kind::Transient
        && !reason.is_certain_refusal();
    if is_made || in_doubt {
        for change in drift {
            if !unreported.iter().any(|known| known.field == change.field) {
                unreported.push(change.clone());
            }
        }
    }
    match reason {
        Reason::Shared | Reason::Expired => (unreported, Vec::new()),
        _ => (Vec::new(), unreported),
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
