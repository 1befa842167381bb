//! The model's small values as the shipped functions take them, and back.

use imageshare::api::{AdoptionPolicy, ImageShareStatus, ShareStatus};
use imageshare::reconcile::plan;
use imageshare::swr::{Deadline, RemoteShare, ShareId, Terms as ShippedTerms};

use crate::world::{Cloud, Known, Recorded, Status, Terms, Wish, Write};

/// The one share.
pub fn share_id() -> ShareId {
    let [region, organization, repository, account] = [const { String::new() }; 4];
    ShareId { region, organization, repository, account }
}

impl Terms {
    pub fn open(self) -> ShippedTerms {
        let description = match self {
            Self::A => String::new(),
            Self::B => "b".to_owned(),
        };
        ShippedTerms { permission: String::new(), deadline: Deadline::Forever, description }
    }

    fn of(terms: &ShippedTerms) -> Self {
        Self::named(&terms.description)
    }

    fn named(description: &str) -> Self {
        if description.is_empty() { Self::A } else { Self::B }
    }
}

impl Wish {
    /// Does something with the wish as the plan takes it.
    pub fn open<T>(self, adoption: AdoptionPolicy, with: impl FnOnce(plan::Wish<'_>) -> T) -> T {
        match self {
            Self::Share(terms) => with(plan::Wish::Share(&terms.open(), adoption)),
            Self::Revoke => with(plan::Wish::Revoke),
            Self::LetGo => with(plan::Wish::LetGo),
        }
    }
}

impl Known {
    pub fn open(self) -> plan::Known {
        plan::Known {
            held: self.held,
            place: self.place,
            recorded: match self.recorded {
                Recorded::Nothing => plan::Recorded::Nothing,
                Recorded::InDoubt => plan::Recorded::InDoubt,
                Recorded::Confirmed(terms) => plan::Recorded::Confirmed(terms.open()),
            },
            in_flight: self.in_flight,
            is_fresh: false,
            look_first: false,
            undone: self.undone.into(),
            cloud: self.cloud.open(),
            found: self.found,
            wrote: self.wrote.map(|write| match write {
                Write::CreateConflicted => plan::Write::CreateConflicted,
                Write::CreateInDoubt => plan::Write::CreateInDoubt,
                Write::Created => plan::Write::Created,
                Write::Updated => plan::Write::Updated,
                Write::Deleted => plan::Write::Deleted,
            }),
        }
    }
}

impl Recorded {
    pub fn of(recorded: &plan::Recorded) -> Self {
        match recorded {
            plan::Recorded::Nothing => Self::Nothing,
            plan::Recorded::InDoubt => Self::InDoubt,
            plan::Recorded::Confirmed(terms) => Self::Confirmed(Terms::of(terms)),
        }
    }
}

impl Cloud {
    pub fn open(self) -> plan::Cloud {
        let share = |terms: Terms| RemoteShare::as_written(terms.open());
        match self {
            Self::Unseen => plan::Cloud::Unseen,
            Self::Absent => plan::Cloud::Absent,
            Self::Present(terms) => plan::Cloud::Present(share(terms)),
            Self::Listed(terms) => plan::Cloud::Listed(terms.map(share)),
        }
    }
}

impl Status {
    pub fn open(self) -> ImageShareStatus {
        ImageShareStatus {
            observed_generation: self.generation.into(),
            conditions: vec![],
            share: self.share.map(recorded),
            adopted: self.adopted,
            effective_until: None,
            pending_action: None,
            last_handled_reconcile_at: None,
        }
    }
}

/// A recorded share as the status holds it.
pub fn recorded((terms, valid): (Terms, Option<bool>)) -> ShareStatus {
    let ShippedTerms { permission, deadline, description } = terms.open();
    let deadline = deadline.on_the_wire();
    ShareStatus { permission, deadline, description, valid, ..ShareStatus::default() }
}

/// And back.
pub fn packed(share: &ShareStatus) -> (Terms, Option<bool>) {
    (Terms::named(&share.description), share.valid)
}
