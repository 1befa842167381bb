//! Which worlds are explored: what may go wrong in each, and by which rules it runs.

use std::sync::Arc;
use std::time::Duration;

use imageshare::api::{AdoptionPolicy, DeletionPolicy};
use imageshare::core::facts::Settings;
use imageshare::core::ownership::Role;
use imageshare::core::rules::Rules;

use crate::small::Placed;
use crate::world::Budget;

/// How long a deletion waits for credentials, where it does not wait for ever.
pub const GRACE: Duration = Duration::from_mins(10);

/// How long a create may be under way.
pub const WINDOW: Duration = Duration::from_hours(1);

/// One world to explore.
#[allow(clippy::struct_excessive_bools, reason = "independent circumstances, each tried alone")]
#[derive(Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    pub adoption: AdoptionPolicy,
    pub deletion: DeletionPolicy,
    /// Whether a deletion gives up waiting for credentials one day.
    pub orphans: bool,
    /// Whether another hand had made the share before.
    pub foreign: bool,
    /// Whether the first object comes from a backup.
    pub restored: Option<Restored>,
    /// What a former life of the operator has left.
    pub former_life: Option<FormerLife>,
    /// Whether credentials that go have gone with their namespace.
    pub terminates: bool,
    /// Whether two objects declare the share.
    pub pair: bool,
    pub budget: Budget,
    pub rules: &'static Rules,
    pub habits: Habits,
}

/// What a backup brings back beside the spec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The finalizer.
    Finalizer,
    /// The finalizer, and a status that says that the share is there.
    Status,
}

/// How a former life of the operator has left the objects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FormerLife {
    /// All of them in doubt, and a create under way.
    InDoubt,
    /// The first shares, and the others say that it does.
    Settled,
}

/// What the driver and the registry do around the passes, where doing otherwise is a mistake worth
/// trying.
#[allow(clippy::struct_excessive_bools, reason = "independent habits, each tried alone")]
#[derive(Clone, Copy)]
pub struct Habits {
    /// A new life of the operator waits for what a former one may have sent.
    pub waits_after_start: bool,
    /// A pass that ends keeps what was remembered of creates in flight.
    pub keeps_window: bool,
    /// An object that may be out of date is read live before the first write to the cloud.
    pub verifies: bool,
    /// The window of each object ends by itself.
    pub has_its_own_window: bool,
    /// An owner is let go only once its successor's status says that it has taken the share.
    pub accepts_before_release: bool,
    /// One object owns the share.
    pub has_one_owner: bool,
    /// An offer gives no right to write before it is taken.
    pub offers_without_right: bool,
    /// A leader sends nothing to the cloud once another one may lead.
    pub fences: bool,
}

impl Habits {
    pub const GOOD: Self = Self {
        waits_after_start: true,
        keeps_window: true,
        verifies: true,
        has_its_own_window: true,
        accepts_before_release: true,
        has_one_owner: true,
        offers_without_right: true,
        fences: true,
    };

    /// The place of an object, as these habits have it.
    pub fn place(self, placed: Placed) -> Placed {
        let role = match placed.role {
            _ if !self.has_one_owner => Role::Owner { has_candidate: false },
            // Whoever was asked takes it, and so does who asked.
            Role::Offered if !self.offers_without_right => Role::Taking,
            Role::Offering { .. } if !self.offers_without_right => {
                Role::Owner { has_candidate: false }
            }
            role => role,
        };
        Placed { role, ..placed }
    }
}

impl Setting {
    /// How long a refusal may heal. With two objects, memory does not hold the states that it makes.
    pub fn patience(&self) -> Duration {
        if self.pair { Duration::ZERO } else { GRACE }
    }

    /// What the administrator has set.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::new(Settings {
            default_region: None,
            orphan_after: self.orphans.then_some(GRACE),
            request_window: WINDOW,
            expiring_soon: None,
            stalled_after: self.patience(),
        })
    }
}

const NONE: Budget = Budget {
    crashes: 0,
    takeovers: 0,
    drops: 0,
    lost: 0,
    late: 0,
    api: 0,
    edits: 0,
    deletes: 0,
    remakes: 0,
    restores: 0,
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
    restored: None,
    former_life: None,
    terminates: false,
    pair: false,
    budget: LIFE,
    rules: &Rules::SHIPPED,
    habits: Habits::GOOD,
};

/// The worlds in which the shipped rules must hold, the large ones first.
#[allow(clippy::too_many_lines, reason = "a table")]
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
    let namespace =
        named("a namespace whose Secret goes first", Budget { locks: 2, late: 1, ..LIFE });
    add(&[CreateOrAdopt], Setting { terminates: true, ..namespace });
    let foreign = Budget { crashes: 1, lost: 1, api: 1, ..LIFE };
    add(&all, Setting { foreign: true, ..named("a share that was there before", foreign) });
    let foreign = Budget { drifts: 1, late: 1, api: 1, ..LIFE };
    add(&all, Setting { foreign: true, ..named("the same, and another hand", foreign) });
    let retain = Setting { deletion: DeletionPolicy::Retain, ..PLAIN };
    let budget = Budget { api: 1, ..late };
    add(&[CreateOrAdopt], Setting { name: "the share is to stay", budget, ..retain });
    add(&both, pair("two objects, both deleted", Budget { deletes: 2, ..NONE }));
    let mut add_one = |name, budget| add(&[CreateOrAdopt], pair(name, budget));
    add_one("two objects, another hand", Budget { drifts: 1, ..leaves });
    add_one("two objects, an API server that fails", Budget { api: 1, ..leaves });
    add_one("two objects, credentials", Budget { locks: 1, ..leaves });
    // With a deletion from the very start, an edit or a lost request takes minutes.
    let stay = Budget { edits: 1, lost: 1, ..NONE };
    add_one("two objects that stay, an edit and a lost request", stay);
    for settled in two_settled() {
        add(&[CreateOrAdopt], settled);
    }
    for from in [Restored::Finalizer, Restored::Status] {
        let budget = Budget { crashes: 1, drifts: 1, api: 1, ..LIFE };
        let restored = Setting { restored: Some(from), foreign: true, ..PLAIN };
        add(&all, Setting { name: "a restored object and another's share", budget, ..restored });
    }
    let again = Budget { deletes: 2, restores: 1, drifts: 1, ..NONE };
    add(&[CreateOrAdopt, Create], named("deleted, and restored", again));
    let drops = Budget { drops: 1, late: 1, api: 1, ..LIFE };
    add(&[CreateOrAdopt, Adopt], named("a pass is dropped", drops));
    let other = Budget { takeovers: 1, late: 1, api: 1, ..LIFE };
    add(&all, named("another operator leads, late creates", other));
    let other = Budget { takeovers: 2, drifts: 1, ..LIFE };
    // With `Create`, two writes of former leaders that come after their limit would be one too many.
    add(&[CreateOrAdopt], named("another operator leads, twice, another hand", other));
    let other = Budget { takeovers: 1, deletes: 1, ..NONE };
    add(&[CreateOrAdopt], pair("two objects, another operator leads", other));
    let twice = Budget { crashes: 2, late: 1, ..LIFE };
    add(&[CreateOrAdopt], named("late creates, two crashes", twice));
    settings
}

/// Worlds that take minutes by themselves, and gigabytes: not in each run, and one at a time.
pub fn large() -> Vec<Setting> {
    let named = |name, budget| Setting { name, budget, ..PLAIN };
    let pair = |name, budget| Setting { pair: true, ..named(name, budget) };
    let one = Budget { deletes: 1, ..NONE };
    vec![
        pair("two objects, both deleted, a late create", Budget { late: 1, deletes: 2, ..NONE }),
        for_the_hardest_mutant(),
        pair("two objects, an edit", Budget { edits: 1, ..one }),
        pair("two objects, a lost request", Budget { lost: 1, ..one }),
        named(
            "another hand, lost requests, crashes",
            Budget { crashes: 1, drifts: 1, lost: 1, ..LIFE },
        ),
        named(
            "late creates, two crashes, an API server that fails",
            Budget { crashes: 2, late: 1, api: 1, ..LIFE },
        ),
    ]
}

/// Two objects of which one has shared for long, and the other waits: with an edit, and with a lost
/// request.
fn two_settled() -> [Setting; 2] {
    let deletes = 1;
    let settled = Setting { pair: true, former_life: Some(FormerLife::Settled), ..PLAIN };
    let edit = Budget { edits: 1, deletes, ..NONE };
    let lost = Budget { lost: 1, deletes, ..NONE };
    [
        Setting { name: "two settled objects, an edit", budget: edit, ..settled },
        Setting { name: "two settled objects, a lost request", budget: lost, ..settled },
    ]
}

/// Small worlds in which bad rules show.
pub fn for_mutants() -> Vec<Setting> {
    let small = |name, budget| Setting { name, budget, ..PLAIN };
    let late = Budget { late: 1, ..LIFE };
    vec![
        small("plain", LIFE),
        small("late creates", late),
        small("late creates, crashes", Budget { crashes: 1, ..late }),
        small("another operator leads", Budget { takeovers: 1, ..LIFE }),
        small("lost requests", Budget { lost: 1, crashes: 1, ..LIFE }),
        small("an API server that fails", Budget { lost: 1, api: 1, ..LIFE }),
        small("late creates, another hand, crashes", Budget { crashes: 1, drifts: 1, ..late }),
        small("another hand, many lost requests", Budget { lost: 5, drifts: 1, ..NONE }),
        Setting {
            foreign: true,
            ..small("a share from before, another hand", Budget { crashes: 1, drifts: 1, ..LIFE })
        },
        Setting { restored: Some(Restored::Finalizer), foreign: true, ..small("restored", LIFE) },
        Setting {
            restored: Some(Restored::Status),
            foreign: true,
            ..small("restored, with a status", LIFE)
        },
    ]
}

/// Small worlds of two objects in which bad rules show.
pub fn for_mutants_of_two() -> Vec<Setting> {
    let budget = Budget { deletes: 2, ..NONE };
    let new = Setting { pair: true, name: "two objects, both deleted", budget, ..PLAIN };
    [new].into_iter().chain(two_settled()).collect()
}

/// Two objects that both may have a share, one of them a create under way: what a former life of the
/// operator has left. The smallest world in which the wait of one object excuses another's.
pub fn for_the_hardest_mutant() -> Setting {
    let budget = Budget { deletes: 2, ..NONE };
    let name = "two objects in doubt, both deleted, a late create";
    Setting { pair: true, former_life: Some(FormerLife::InDoubt), name, budget, ..PLAIN }
}
