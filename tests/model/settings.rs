//! Which worlds are explored: what may go wrong in each, and by which rules it runs.

use imageshare::api::{AdoptionPolicy, DeletionPolicy};

use crate::rules::{Rules, SHIPPED};
use crate::world::Budget;

/// One world to explore.
#[derive(Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub adoption: AdoptionPolicy,
    pub deletion: DeletionPolicy,
    /// Whether a deletion gives up waiting for credentials one day.
    pub orphans: bool,
    /// Whether another hand had made the share before.
    pub foreign: bool,
    /// Whether two objects declare the share.
    pub pair: bool,
    pub budget: Budget,
    pub rules: Rules,
}

const NONE: Budget = Budget {
    crashes: 0,
    lost: 0,
    late: 0,
    api: 0,
    edits: 0,
    deletes: 0,
    remakes: 0,
    drifts: 0,
    locks: 0,
};
/// The owner changes the spec once, and deletes the object.
const LIFE: Budget = Budget { edits: 1, deletes: 1, ..NONE };

const PLAIN: Setting = Setting {
    name: "plain",
    adoption: AdoptionPolicy::CreateOrAdopt,
    deletion: DeletionPolicy::Delete,
    orphans: false,
    foreign: false,
    pair: false,
    budget: LIFE,
    rules: SHIPPED,
};

/// The worlds in which the shipped rules must hold, the large ones first.
pub fn shipped() -> Vec<Setting> {
    use AdoptionPolicy::{Adopt, Create, CreateOrAdopt};
    let both = [CreateOrAdopt, Create];
    let all = [CreateOrAdopt, Create, Adopt];
    let mut settings = vec![];
    let mut add = |policies: &[AdoptionPolicy], setting: Setting| {
        settings.extend(policies.iter().map(|adoption| Setting { adoption: *adoption, ..setting }));
    };
    let pair = |name, budget| Setting { pair: true, name, budget, ..PLAIN };
    // One of the two is deleted, and one or two more things happen: with two, memory does not hold the
    // states. The largest comes first, so that nothing waits for it at the end.
    let leaves = Budget { deletes: 1, ..NONE };
    let crash = Budget { late: 1, crashes: 1, ..leaves };
    add(&[CreateOrAdopt], pair("two objects, a late create and a crash", crash));
    let late = Budget { late: 1, crashes: 1, ..LIFE };
    let named = |name, budget| Setting { name, budget, ..PLAIN };
    add(
        &[CreateOrAdopt],
        named("late creates, crashes, an API server that fails", Budget { api: 1, ..late }),
    );
    add(&[CreateOrAdopt], named("lost requests, crashes", Budget { lost: 2, crashes: 1, ..LIFE }));
    add(&all, named("another hand, lost requests", Budget { drifts: 1, lost: 1, ..LIFE }));
    add(&all, named("another hand, twice", Budget { drifts: 2, ..LIFE }));
    add(
        &[CreateOrAdopt, Adopt],
        named("another hand, and many lost requests", Budget { lost: 5, drifts: 1, ..NONE }),
    );
    add(&both, named("many edits", Budget { edits: 3, api: 1, ..LIFE }));
    let anew = Budget { remakes: 1, late: 1, api: 1, ..LIFE };
    add(&[CreateOrAdopt, Adopt], named("made again", anew));
    let locks = Budget { locks: 2, late: 1, crashes: 1, ..LIFE };
    add(&[CreateOrAdopt], Setting { orphans: true, ..named("credentials, not for ever", locks) });
    add(&[CreateOrAdopt, Adopt], named("credentials", Budget { locks: 2, lost: 1, ..LIFE }));
    let foreign = Budget { crashes: 1, lost: 1, api: 1, ..LIFE };
    add(&all, Setting { foreign: true, ..named("a share that was there before", foreign) });
    let foreign = Budget { drifts: 1, late: 1, api: 1, ..LIFE };
    add(&all, Setting { foreign: true, ..named("the same, and another hand", foreign) });
    let retain = Setting { deletion: DeletionPolicy::Retain, ..PLAIN };
    let budget = Budget { api: 1, ..late };
    add(&[CreateOrAdopt], Setting { name: "the share is to stay", budget, ..retain });
    add(&both, pair("two objects, both deleted", Budget { deletes: 2, ..NONE }));
    let mut add_one = |name, budget| add(&[CreateOrAdopt], pair(name, budget));
    add_one("two objects, an edit", Budget { edits: 1, ..leaves });
    add_one("two objects, a lost request", Budget { lost: 1, ..leaves });
    add_one("two objects, another hand", Budget { drifts: 1, ..leaves });
    add_one("two objects, an API server that fails", Budget { api: 1, ..leaves });
    add_one("two objects, credentials", Budget { locks: 1, ..leaves });
    // Minutes by itself: not in each run.
    if std::env::var("MODEL").is_ok_and(|which| which == "all") {
        settings.push(for_the_hardest_mutant());
        let two = Budget { crashes: 2, late: 1, ..LIFE };
        settings.push(named("late creates, two crashes", two));
        let hand = Budget { crashes: 1, drifts: 1, lost: 1, ..LIFE };
        settings.push(named("another hand, lost requests, crashes", hand));
    }
    settings
}

/// Small worlds in which bad rules show.
pub fn for_mutants() -> Vec<Setting> {
    let small = |name, budget| Setting { name, budget, ..PLAIN };
    let late = Budget { late: 1, ..LIFE };
    vec![
        small("plain", LIFE),
        small("late creates", late),
        small("late creates, crashes", Budget { crashes: 1, ..late }),
        small("lost requests", Budget { lost: 1, crashes: 1, ..LIFE }),
        small("an API server that fails", Budget { lost: 1, api: 1, ..LIFE }),
        small("late creates, another hand, crashes", Budget { crashes: 1, drifts: 1, ..late }),
        small("another hand, many lost requests", Budget { lost: 5, drifts: 1, ..NONE }),
        Setting {
            foreign: true,
            ..small("a share from before, another hand", Budget { crashes: 1, drifts: 1, ..LIFE })
        },
    ]
}

/// Small worlds of two objects in which bad rules show.
pub fn for_mutants_of_two() -> Vec<Setting> {
    let pair = |name, budget| Setting { pair: true, name, budget, ..PLAIN };
    vec![
        pair("two objects, both deleted", Budget { deletes: 2, ..NONE }),
        pair("two objects, an edit", Budget { deletes: 1, edits: 1, ..NONE }),
    ]
}

/// The smallest world in which the wait of one object excuses another's.
pub fn for_the_hardest_mutant() -> Setting {
    let budget = Budget { late: 1, crashes: 1, deletes: 2, ..NONE };
    Setting {
        pair: true,
        name: "two objects, both deleted, a late create and a crash",
        budget,
        ..PLAIN
    }
}
