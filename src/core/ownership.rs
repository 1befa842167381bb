//! Who owns a share that several objects declare, and how it passes from one to the next. Pure; fed
//! by the watch and by the passes, under one lock in one process, so two objects never both have the
//! right to write.
//!
//! ```text
//!             Offer                     Take                   Complete
//! Own(owner) ──────▶ Offered(successor) ────▶ Taking(successor) ────────▶ Own(successor)
//!      ▲ Withdraw, Decline ──┘                   │ GiveBack
//!      └─────────────────────────────────────────┘
//! ```
//!
//! An object owns a share for as long as it claims it. A share without an owner goes to the object
//! that surely has it in the cloud, else to the oldest: what others did not make they do not answer
//! for. While the owner is deleted, each object acts for itself alone: the owner offers, the
//! successor takes, and the owner goes only when the successor's own status says that it has taken.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::record::Certainty;

/// What an object says of itself that its role depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim<K> {
    /// Which object; the last tie-break when an owner is chosen.
    pub who: K,
    /// Whether it may have a share in the cloud.
    pub record: Certainty,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Whether it carries our finalizer.
    pub has_finalizer: bool,
}

/// What an object may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It owns the share.
    Owner {
        /// Whether another object could be asked to take it over.
        has_candidate: bool,
    },
    /// It owns the share and has offered it.
    Offering {
        /// Whether the successor has taken the right to write.
        is_taken: bool,
    },
    /// The share is offered to it.
    Offered,
    /// It has the right to write and makes the share its own.
    Taking,
    /// Another object owns the share.
    Duplicate {
        /// Whether the owner's own record answers for the share.
        owner_answers: bool,
    },
}

impl Role {
    /// Whether it may write to the cloud.
    pub fn may_write(self) -> bool {
        matches!(self, Self::Owner { .. } | Self::Taking)
    }

    /// The move by which it gives up what it was asked to take over.
    pub fn refusal(self) -> Option<Move> {
        match self {
            Self::Offered => Some(Move::Decline),
            Self::Taking => Some(Move::GiveBack),
            Self::Owner { .. } | Self::Offering { .. } | Self::Duplicate { .. } => None,
        }
    }
}

/// A step of a transfer, made by the pass of the object that it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// The owner offers the share to the best candidate.
    Offer,
    /// The owner has waited long enough.
    Withdraw,
    /// The successor takes the right to write.
    Take,
    /// The successor cannot take it.
    Decline,
    /// The successor has the right and cannot use it.
    GiveBack,
    /// The successor's status says that the share is its own.
    Complete,
}

/// All objects that declare one share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Contest<K> {
    /// In the order of their keys.
    claims: Vec<Claim<K>>,
    owner: Option<K>,
    /// How the owner gives the share up; most never do.
    handover: Option<Box<Handover<K>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Handover<K> {
    transfer: Transfer<K>,
    /// Who was asked already, in this owner's deletion.
    passed_over: Vec<K>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum Transfer<K> {
    #[default]
    None,
    Offered(K),
    Taking(K),
}

impl<K> Default for Contest<K> {
    fn default() -> Self {
        Self { claims: Vec::new(), owner: None, handover: None }
    }
}

impl<K: Clone + Ord> Contest<K> {
    /// Whether nobody claims the share.
    pub fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// The watch says this of an object. Gives whom that concerns.
    pub fn update(&mut self, mut claim: Claim<K>) -> Vec<K> {
        match self.claims.binary_search_by(|other| other.who.cmp(&claim.who)) {
            Ok(at) => {
                // News may come late; who is being deleted does not come back.
                claim.is_deleting |= self.claims[at].is_deleting;
                let who = claim.who.clone();
                let is_deleting = claim.is_deleting;
                self.claims[at] = claim;
                // An object that goes takes nothing over. One that has the right revokes first.
                if is_deleting { self.make(&who, Move::Decline) } else { Vec::new() }
            }
            Err(at) => {
                // Most shares have one claim, for as long as they are there.
                self.claims.reserve_exact(1);
                self.claims.insert(at, claim);
                Vec::new()
            }
        }
    }

    /// An object claims nothing any more. Gives whom that concerns.
    pub fn leave(&mut self, who: &K) -> Vec<K> {
        let Ok(at) = self.claims.binary_search_by(|other| other.who.cmp(who)) else {
            return Vec::new();
        };
        self.claims.remove(at);
        let is_owner = self.owner.as_ref() == Some(who);
        if !is_owner && self.transfer().successor() != Some(who) {
            return Vec::new();
        }
        let mut handover = self.take_handover();
        match std::mem::take(&mut handover.transfer) {
            Transfer::Taking(successor) if is_owner => self.owner = Some(successor),
            _ if is_owner => self.owner = None,
            _ => self.put_handover(handover),
        }
        self.others(None)
    }

    /// The role of an object. A share without an owner gets one first.
    pub fn role(&mut self, who: &K) -> Role {
        if self.owner.is_none() {
            let best = self.claims.iter().min_by(|a, b| rank(a, b));
            self.owner = best.map(|claim| claim.who.clone());
        }
        let Some(owner) = &self.owner else { return Role::Owner { has_candidate: false } };
        let is_owner = owner == who;
        match self.transfer() {
            Transfer::None if is_owner => Role::Owner { has_candidate: self.candidate().is_some() },
            Transfer::Offered(_) if is_owner => Role::Offering { is_taken: false },
            Transfer::Taking(_) if is_owner => Role::Offering { is_taken: true },
            Transfer::Offered(successor) if successor == who => Role::Offered,
            Transfer::Taking(successor) if successor == who => Role::Taking,
            _ => {
                let owner = self.claims.iter().find(|claim| claim.who == *owner);
                let answers = |claim: &Claim<K>| claim.record != Certainty::Nothing;
                Role::Duplicate { owner_answers: owner.is_some_and(answers) }
            }
        }
    }

    /// Who is named to an object that is not alone: the owner, to the owner its successor.
    pub fn other(&self, who: &K) -> Option<&K> {
        let owner = self.owner.as_ref()?;
        if owner == who { self.transfer().successor() } else { Some(owner) }
    }

    /// An object makes a move; one that is not its own to make changes nothing. Gives whom else that
    /// concerns.
    pub fn make(&mut self, who: &K, made: Move) -> Vec<K> {
        let Some(owner) = self.owner.clone() else { return Vec::new() };
        let is_owner = owner == *who;
        let mut handover = self.take_handover();
        let (next, concerned) = match (made, std::mem::take(&mut handover.transfer)) {
            (Move::Offer, Transfer::None) if is_owner => {
                match self.candidate_but(&handover.passed_over).cloned() {
                    Some(successor) => (Transfer::Offered(successor.clone()), vec![successor]),
                    None => (Transfer::None, vec![]),
                }
            }
            (Move::Withdraw, Transfer::Offered(successor)) if is_owner => {
                handover.passed_over.push(successor.clone());
                (Transfer::None, vec![successor])
            }
            (Move::Take, Transfer::Offered(successor)) if successor == *who => {
                (Transfer::Taking(successor), vec![])
            }
            (Move::Decline, Transfer::Offered(successor)) if successor == *who => {
                handover.passed_over.push(successor);
                (Transfer::None, vec![owner])
            }
            // What this one could not do with the share, nobody else is asked to do.
            (Move::GiveBack, Transfer::Taking(successor)) if successor == *who => {
                handover.passed_over = self.claims.iter().map(|claim| claim.who.clone()).collect();
                (Transfer::None, vec![owner])
            }
            (Move::Complete, Transfer::Taking(successor)) if successor == *who => {
                self.owner = Some(successor);
                return self.others(Some(who));
            }
            (_, transfer) => (transfer, vec![]),
        };
        handover.transfer = next;
        self.put_handover(handover);
        concerned
    }

    fn take_handover(&mut self) -> Handover<K> {
        self.handover.take().map_or_else(Handover::default, |handover| *handover)
    }

    fn put_handover(&mut self, handover: Handover<K>) {
        self.handover = (handover != Handover::default()).then(|| Box::new(handover));
    }

    fn transfer(&self) -> &Transfer<K> {
        self.handover.as_ref().map_or(&Transfer::None, |handover| &handover.transfer)
    }

    /// Who would take the share over from the owner.
    fn candidate(&self) -> Option<&K> {
        let passed_over = self.handover.as_ref().map(|handover| &*handover.passed_over);
        self.candidate_but(passed_over.unwrap_or_default())
    }

    /// The best that lives and was not asked yet.
    fn candidate_but(&self, passed_over: &[K]) -> Option<&K> {
        let is_candidate = |claim: &&Claim<K>| {
            self.owner.as_ref() != Some(&claim.who)
                && !claim.is_deleting
                && !passed_over.contains(&claim.who)
        };
        let best = self.claims.iter().filter(is_candidate).min_by(|a, b| rank(a, b));
        best.map(|claim| &claim.who)
    }

    fn others(&self, but: Option<&K>) -> Vec<K> {
        let others = self.claims.iter().filter(|claim| but != Some(&claim.who));
        others.map(|claim| claim.who.clone()).collect()
    }
}

impl<K> Transfer<K> {
    fn successor(&self) -> Option<&K> {
        match self {
            Self::None => None,
            Self::Offered(successor) | Self::Taking(successor) => Some(successor),
        }
    }
}

impl<K> Default for Handover<K> {
    fn default() -> Self {
        Self { transfer: Transfer::None, passed_over: Vec::new() }
    }
}

/// Whoever comes first owns the share: a living object that answers for it, then one that is being
/// deleted and still answers for it, then one that may have it, then the oldest.
fn rank<K: Ord>(a: &Claim<K>, b: &Claim<K>) -> Ordering {
    let by = |claim: &Claim<K>| {
        let is_settled = !claim.is_deleting && claim.has_finalizer;
        (claim.record, claim.record == Certainty::Confirmed && !is_settled, claim.created)
    };
    by(a).cmp(&by(b)).then_with(|| a.who.cmp(&b.who))
}

#[cfg(test)]
#[path = "ownership_tests.rs"]
mod tests;
