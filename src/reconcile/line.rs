//! Who owns a share that several objects declare: one of them, the others stand in line. Pure; fed
//! by the watch alone, which is one stream in one process, so two objects never both own a share.
//!
//! An object keeps the seat for as long as it claims the share. A seat that is free goes to the
//! object that may have a share in the cloud already, else to the oldest: what others did not make
//! they do not answer for.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::plan::{Heir, Place, Recorded};
use crate::swr::ShareId;

/// An object, as people and the API server name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claimant {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What an object says of itself that its place depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The share that it declares.
    pub share: ShareId,
    /// Who it is.
    pub claimant: Claimant,
    /// Whether it may have a share in the cloud.
    pub standing: Standing,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub leaving: bool,
}

/// How sure it is that an object has a share in the cloud; the surest comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// SWR confirmed it.
    Confirmed,
    /// A create may have been sent, or the share was handed over.
    InDoubt,
    /// It has none.
    Nothing,
}

impl From<&Recorded> for Standing {
    fn from(recorded: &Recorded) -> Self {
        match recorded {
            Recorded::Confirmed(_) => Self::Confirmed,
            Recorded::InDoubt => Self::InDoubt,
            Recorded::Nothing => Self::Nothing,
        }
    }
}

/// Where an object stands in the line for its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It owns the share; one of `next` would be the owner after it.
    First {
        /// Who takes over, the first that can.
        next: Vec<Claimant>,
    },
    /// Another one owns the share.
    Behind {
        /// Which one.
        owner: Claimant,
        /// Whether the owner is being deleted.
        leaving: bool,
    },
}

impl Turn {
    /// The turn, as the plan takes it.
    pub fn place(&self) -> Place {
        match self {
            Self::First { next } if next.is_empty() => Place::Owner(Heir::Nobody),
            Self::First { .. } => Place::Owner(Heir::Unasked),
            Self::Behind { leaving, .. } => Place::Behind { leaving: *leaving },
        }
    }
}

/// Everybody who claims a share, by uid and by share.
#[derive(Debug, Default)]
pub struct Line {
    claims: HashMap<String, Claim>,
    shares: HashMap<ShareId, Queue>,
    /// While the watch lists anew: what it has not brought yet.
    unseen: Option<HashSet<String>>,
}

#[derive(Debug, Default)]
struct Queue {
    owner: Option<String>,
    uids: Vec<String>,
}

impl Line {
    /// The watch begins to list.
    pub fn relist(&mut self) {
        self.unseen = Some(self.claims.keys().cloned().collect());
    }

    /// The watch has listed everything: who was not among it is gone. Gives who moves up.
    pub fn listed(&mut self) -> Vec<Claimant> {
        let gone = self.unseen.take().unwrap_or_default();
        gone.iter().flat_map(|uid| self.leave(uid)).collect()
    }

    /// An object says where it stands; `None`: it claims nothing. Gives who moves up.
    pub fn hear(&mut self, uid: &str, claim: Option<Claim>) -> Vec<Claimant> {
        if let Some(unseen) = &mut self.unseen {
            unseen.remove(uid);
        }
        let Some(mut claim) = claim else { return self.leave(uid) };
        let share = key(&claim.share);
        let before = self.claims.get(uid);
        // News may come late; who is being deleted does not come back.
        claim.leaving |= before.is_some_and(|before| before.leaving);
        let moved = before.is_some_and(|before| key(&before.share) != share);
        let freed = if moved { self.leave(uid) } else { Vec::new() };
        let queue = self.shares.entry(share).or_default();
        if !queue.uids.iter().any(|other| other == uid) {
            queue.uids.push(uid.to_owned());
        }
        self.claims.insert(uid.to_owned(), claim);
        freed
    }

    /// An object is being deleted, whatever the watch says so far.
    pub fn leaves(&mut self, uid: &str) {
        if let Some(claim) = self.claims.get_mut(uid) {
            claim.leaving = true;
        }
    }

    /// An object claims nothing any more. Gives who moves up: all that stood in line behind it.
    pub fn leave(&mut self, uid: &str) -> Vec<Claimant> {
        let Some(claim) = self.claims.remove(uid) else { return Vec::new() };
        let share = key(&claim.share);
        let Some(queue) = self.shares.get_mut(&share) else { return Vec::new() };
        queue.uids.retain(|other| other != uid);
        let freed = queue.owner.take_if(|owner| owner == uid).is_some();
        let waiting = if freed { queue.uids.clone() } else { Vec::new() };
        if queue.uids.is_empty() {
            self.shares.remove(&share);
        }
        waiting.iter().filter_map(|uid| Some(self.claims.get(uid)?.claimant.clone())).collect()
    }

    /// Where `uid` stands in the line for `share`. A seat that is free is taken first.
    pub fn turn(&mut self, uid: &str, share: &ShareId) -> Turn {
        let nobody_else = || Turn::First { next: Vec::new() };
        let Some(queue) = self.shares.get_mut(&key(share)) else { return nobody_else() };
        let claims = || queue.uids.iter().filter_map(|uid| self.claims.get(uid));
        let owner = queue.owner.as_ref().and_then(|uid| self.claims.get(uid));
        let Some(owner) = owner.or_else(|| claims().min_by(|a, b| rank(a, b))) else {
            return nobody_else();
        };
        let (claimant, leaving) = (owner.claimant.clone(), owner.leaving);
        let turn = if claimant.uid == uid {
            let mut next: Vec<_> = claims().filter(|claim| claim.claimant.uid != uid).collect();
            next.sort_by(|a, b| rank(a, b));
            Turn::First { next: next.into_iter().map(|claim| claim.claimant.clone()).collect() }
        } else {
            Turn::Behind { owner: claimant.clone(), leaving }
        };
        queue.owner = Some(claimant.uid);
        turn
    }
}

fn rank(a: &Claim, b: &Claim) -> Ordering {
    let by = |claim: &Claim| (claim.standing, claim.created);
    let named = |claim: &Claim| (claim.claimant.namespace.clone(), claim.claimant.name.clone());
    by(a).cmp(&by(b)).then_with(|| named(a).cmp(&named(b)))
}

/// Account names that differ in case alone may be one account (the Open Telekom Cloud's Terraform
/// provider compares them so): better one owner too few than two.
fn key(share: &ShareId) -> ShareId {
    ShareId { account: share.account.to_lowercase(), ..share.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share() -> ShareId {
        ShareId {
            region: "r".into(),
            organization: "o".into(),
            repository: "p".into(),
            account: "a".into(),
        }
    }

    fn claim(uid: &str, created: i64, standing: Standing) -> Claim {
        Claim {
            share: share(),
            claimant: Claimant { namespace: "ns".into(), name: uid.into(), uid: uid.into() },
            standing,
            created: Timestamp::from_second(created).unwrap(),
            leaving: false,
        }
    }

    fn line(claims: &[(&str, i64, Standing)]) -> Line {
        let mut line = Line::default();
        for (uid, created, standing) in claims {
            line.hear(uid, Some(claim(uid, *created, *standing)));
        }
        line
    }

    fn owner(line: &mut Line, asking: &str) -> String {
        match line.turn(asking, &share()) {
            Turn::First { .. } => asking.to_owned(),
            Turn::Behind { owner, .. } => owner.uid,
        }
    }

    #[test]
    fn a_free_seat_goes_to_who_has_a_share_already_else_to_the_oldest_else_by_name() {
        use Standing::{Confirmed, InDoubt, Nothing};
        for (claims, expected) in [
            ([("a", 2, Nothing), ("b", 1, Nothing), ("c", 3, Nothing)], "b"),
            ([("a", 2, Nothing), ("b", 1, Nothing), ("c", 3, InDoubt)], "c"),
            ([("a", 2, InDoubt), ("b", 1, InDoubt), ("c", 3, Confirmed)], "c"),
            ([("b", 1, Nothing), ("a", 1, Nothing), ("c", 1, Nothing)], "a"),
        ] {
            for asking in ["a", "b", "c"] {
                assert_eq!(owner(&mut line(&claims), asking), expected, "{claims:?}");
            }
        }
    }

    #[test]
    fn the_seat_is_kept_until_its_owner_leaves_and_then_all_others_are_told() {
        let mut line = line(&[("b", 2, Standing::Nothing)]);
        assert_eq!(owner(&mut line, "b"), "b");
        line.hear("a", Some(claim("a", 1, Standing::Nothing)));
        line.hear("c", Some(claim("c", 3, Standing::Confirmed)));
        assert_eq!(owner(&mut line, "a"), "b", "the younger was first in the cloud");
        assert!(line.leave("a").is_empty(), "nobody waited for it");
        let mut told: Vec<_> = line.leave("b").into_iter().map(|claimant| claimant.uid).collect();
        told.sort();
        assert_eq!(told, ["c"]);
        assert_eq!(owner(&mut line, "c"), "c");
    }

    #[test]
    fn the_heirs_stand_in_the_order_in_which_the_seat_would_fall_to_them() {
        let of = |uid, at, standing| (uid, at, standing);
        let mut line = line(&[
            of("a", 1, Standing::Confirmed),
            of("b", 3, Standing::Nothing),
            of("c", 2, Standing::Nothing),
            of("d", 4, Standing::InDoubt),
        ]);
        let Turn::First { next } = line.turn("a", &share()) else { panic!("a owns it") };
        let next: Vec<_> = next.into_iter().map(|claimant| claimant.uid).collect();
        assert_eq!(next, ["d", "c", "b"]);
    }

    #[test]
    fn who_is_being_deleted_stays_so_whatever_late_news_say() {
        let mut line = line(&[("a", 1, Standing::Confirmed), ("b", 2, Standing::Nothing)]);
        line.leaves("a");
        line.hear("a", Some(claim("a", 1, Standing::Confirmed)));
        assert!(matches!(line.turn("b", &share()), Turn::Behind { leaving: true, .. }));
    }

    #[test]
    fn what_a_new_list_does_not_bring_is_gone() {
        let mut line = line(&[("a", 1, Standing::Nothing), ("b", 2, Standing::Nothing)]);
        assert_eq!(owner(&mut line, "b"), "a");
        line.relist();
        line.hear("b", Some(claim("b", 2, Standing::Nothing)));
        assert_eq!(owner(&mut line, "b"), "a", "the list is not at its end");
        assert_eq!(line.listed().len(), 1);
        assert_eq!(owner(&mut line, "b"), "b");
    }

    #[test]
    fn accounts_that_differ_in_case_are_one() {
        let mut line = line(&[("a", 1, Standing::Nothing)]);
        let mut other = claim("b", 2, Standing::Nothing);
        other.share.account = "A".into();
        line.hear("b", Some(other.clone()));
        assert!(matches!(line.turn("b", &other.share), Turn::Behind { .. }));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Hear(usize, i64, Standing, bool),
        Leave(usize),
        Ask(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let standing = prop_oneof![
            Just(Standing::Confirmed),
            Just(Standing::InDoubt),
            Just(Standing::Nothing)
        ];
        prop_oneof![
            (0..10usize, 0..4i64, standing, any::<bool>())
                .prop_map(|(who, at, standing, leaving)| Step::Hear(who, at, standing, leaving)),
            (0..10usize).prop_map(Step::Leave),
            (0..10usize).prop_map(Step::Ask),
        ]
    }

    proptest! {
        #[test]
        fn ten_claimants_in_any_order_have_one_owner_who_changes_only_by_leaving(
            steps in proptest::collection::vec(step(), 1..60)
        ) {
            let uids: Vec<String> = (0..10).map(|who| format!("u{who}")).collect();
            let (mut line, mut seated) = (Line::default(), None::<String>);
            for step in steps {
                match step {
                    Step::Hear(who, at, standing, leaving) => {
                        let claim = Claim { leaving, ..claim(&uids[who], at, standing) };
                        line.hear(&uids[who], Some(claim));
                    }
                    Step::Leave(who) => {
                        let told = line.leave(&uids[who]);
                        if seated.as_ref() == Some(&uids[who]) {
                            prop_assert_eq!(told.len(), line.claims.len(), "all others move up");
                            seated = None;
                        } else {
                            prop_assert!(told.is_empty());
                        }
                    }
                    Step::Ask(who) if line.claims.contains_key(&uids[who]) => {
                        let all = uids.iter().filter(|uid| line.claims.contains_key(*uid));
                        let all: Vec<_> = all.cloned().collect();
                        let owners: HashSet<_> =
                            all.iter().map(|uid| owner(&mut line, uid)).collect();
                        prop_assert_eq!(owners.len(), 1, "one owner, whoever asks");
                        let now = owners.into_iter().next();
                        prop_assert!(seated.is_none() || seated == now, "no flap");
                        seated = now;
                    }
                    Step::Ask(_) => {}
                }
            }
        }
    }
}
