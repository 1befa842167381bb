use proptest::prelude::*;

use super::*;

fn claim(who: &'static str, created: i64, record: Certainty) -> Claim<&'static str> {
    Claim {
        who,
        record,
        created: Timestamp::from_second(created).unwrap(),
        is_deleting: false,
        has_finalizer: record != Certainty::Nothing,
    }
}

fn contest(claims: &[(&'static str, i64, Certainty)]) -> Contest<&'static str> {
    let mut contest = Contest::default();
    for (who, created, record) in claims {
        contest.update(claim(who, *created, *record));
    }
    contest
}

fn deleted(who: &'static str, record: Certainty) -> Claim<&'static str> {
    Claim { is_deleting: true, ..claim(who, 1, record) }
}

fn owner(contest: &mut Contest<&'static str>, asking: &'static str) -> &'static str {
    contest.role(&asking);
    contest.other(&asking).copied().unwrap_or(asking)
}

const OWNER: Role = Role::Owner { has_candidate: true };
const LAST: Role = Role::Owner { has_candidate: false };
const DUPLICATE: Role = Role::Duplicate { owner_answers: true };

/// `a` owns the share and is deleted; `b` and `c` declare it too.
fn leaving() -> Contest<&'static str> {
    let mut contest = contest(&[
        ("a", 1, Certainty::Confirmed),
        ("b", 2, Certainty::Nothing),
        ("c", 3, Certainty::Nothing),
    ]);
    assert_eq!(contest.role(&"a"), OWNER);
    contest.update(deleted("a", Certainty::Confirmed));
    contest
}

#[test]
fn a_share_without_an_owner_goes_to_who_surely_has_it_else_to_the_oldest_else_by_name() {
    use Certainty::{Confirmed, InDoubt, Nothing};
    for (claims, expected) in [
        ([("a", 2, Nothing), ("b", 1, Nothing), ("c", 3, Nothing)], "b"),
        ([("a", 2, Nothing), ("b", 1, Nothing), ("c", 3, InDoubt)], "c"),
        ([("a", 2, InDoubt), ("b", 1, InDoubt), ("c", 3, Confirmed)], "c"),
        ([("b", 1, Nothing), ("a", 1, Nothing), ("c", 1, Nothing)], "a"),
    ] {
        for asking in ["a", "b", "c"] {
            assert_eq!(owner(&mut contest(&claims), asking), expected, "{claims:?}");
        }
    }
}

#[test]
fn after_a_crash_a_living_object_that_has_taken_the_share_comes_before_the_one_that_goes() {
    let of = |successor| {
        let mut contest = contest(&[("b", 2, successor)]);
        contest.update(deleted("a", Certainty::Confirmed));
        owner(&mut contest, "b")
    };
    assert_eq!(of(Certainty::Confirmed), "b");
    assert_eq!(of(Certainty::InDoubt), "a", "it had not taken it yet");
    assert_eq!(of(Certainty::Nothing), "a");
}

#[test]
fn an_owner_stays_the_owner_until_it_leaves_and_then_all_others_are_told() {
    let mut contest = contest(&[("b", 2, Certainty::Nothing)]);
    assert_eq!(contest.role(&"b"), LAST);
    contest.update(claim("a", 1, Certainty::Nothing));
    contest.update(claim("c", 3, Certainty::Confirmed));
    assert_eq!(contest.role(&"a"), Role::Duplicate { owner_answers: false });
    assert!(contest.leave(&"a").is_empty(), "nobody waited for it");
    assert_eq!(contest.leave(&"b"), ["c"]);
    assert_eq!(contest.role(&"c"), LAST);
}

#[test]
fn a_transfer_goes_from_the_offer_to_the_successors_own_status() {
    let mut contest = leaving();
    assert_eq!(contest.make(&"a", Move::Offer), ["b"]);
    assert_eq!(contest.role(&"a"), Role::Offering { is_taken: false });
    assert_eq!(contest.role(&"b"), Role::Offered);
    assert_eq!(contest.role(&"c"), DUPLICATE);
    assert!(!contest.role(&"a").may_write() && !contest.role(&"b").may_write());
    contest.make(&"b", Move::Take);
    assert_eq!(contest.role(&"a"), Role::Offering { is_taken: true });
    assert!(contest.role(&"b").may_write());
    assert_eq!(contest.make(&"b", Move::Complete), ["a", "c"]);
    assert_eq!(contest.role(&"b"), OWNER);
    assert_eq!(contest.role(&"a"), Role::Duplicate { owner_answers: false });
}

#[test]
fn who_declines_or_is_late_is_passed_over_and_a_late_take_fails() {
    let mut contest = leaving();
    contest.make(&"a", Move::Offer);
    assert_eq!(contest.make(&"b", Move::Decline), ["a"]);
    assert_eq!(contest.make(&"a", Move::Offer), ["c"]);
    assert_eq!(contest.make(&"a", Move::Withdraw), ["c"]);
    contest.make(&"c", Move::Take);
    assert_eq!(contest.role(&"c"), DUPLICATE, "too late");
    assert_eq!(contest.role(&"a"), LAST, "nobody is left: it revokes");
    assert!(contest.make(&"a", Move::Offer).is_empty());
}

#[test]
fn what_a_successor_gives_back_is_offered_to_nobody_else() {
    let mut contest = leaving();
    contest.make(&"a", Move::Offer);
    contest.make(&"b", Move::Take);
    assert_eq!(contest.make(&"b", Move::GiveBack), ["a"]);
    assert_eq!(contest.role(&"a"), LAST);
}

#[test]
fn a_successor_that_goes_gives_the_share_back_and_one_that_has_the_right_revokes_first() {
    let mut offered = leaving();
    offered.make(&"a", Move::Offer);
    assert_eq!(offered.update(deleted("b", Certainty::Nothing)), ["a"]);
    assert_eq!(offered.role(&"a"), OWNER, "c is left");
    let mut taking = leaving();
    taking.make(&"a", Move::Offer);
    taking.make(&"b", Move::Take);
    assert!(taking.update(deleted("b", Certainty::InDoubt)).is_empty());
    assert_eq!(taking.role(&"b"), Role::Taking);
    assert_eq!(taking.leave(&"b"), ["a", "c"]);
    assert!(taking.role(&"a").may_write(), "it looks once more");
}

#[test]
fn an_owner_that_is_gone_leaves_the_share_to_who_is_taking_it() {
    let mut contest = leaving();
    contest.make(&"a", Move::Offer);
    contest.make(&"b", Move::Take);
    contest.leave(&"a");
    assert_eq!(contest.role(&"b"), OWNER);
}

#[test]
fn who_is_being_deleted_stays_so_whatever_late_news_say() {
    let mut contest = contest(&[("a", 1, Certainty::Confirmed), ("b", 2, Certainty::Nothing)]);
    contest.role(&"a");
    contest.update(Claim { is_deleting: true, ..claim("b", 2, Certainty::Nothing) });
    contest.update(claim("b", 2, Certainty::Nothing));
    assert_eq!(contest.role(&"a"), LAST, "b is no candidate");
}

#[test]
fn a_move_that_is_not_an_objects_own_to_make_changes_nothing() {
    let own = leaving();
    let mut offered = own.clone();
    offered.make(&"a", Move::Offer);
    let mut taking = offered.clone();
    taking.make(&"b", Move::Take);
    let its_own = [
        ("own", "a", Move::Offer),
        ("offered", "a", Move::Withdraw),
        ("offered", "b", Move::Take),
        ("offered", "b", Move::Decline),
        ("taking", "b", Move::GiveBack),
        ("taking", "b", Move::Complete),
    ];
    let moves = its_own.map(|(_, _, made)| made);
    for (phase, before) in [("own", own), ("offered", offered), ("taking", taking)] {
        for who in ["a", "b", "c", "unknown"] {
            for made in moves {
                let mut after = before.clone();
                let concerned = after.make(&who, made);
                let has_moved = its_own.contains(&(phase, who, made));
                assert_eq!(after != before, has_moved, "{phase}: {who} makes {made:?}");
                assert_eq!(!concerned.is_empty(), has_moved && made != Move::Take);
            }
        }
    }
    let mut nobodys = Contest::<&str>::default();
    assert!(nobodys.make(&"a", Move::Offer).is_empty());
    assert_eq!(nobodys, Contest::default());
}

#[test]
fn the_owner_is_named_to_all_others_and_its_successor_to_the_owner() {
    let mut contest = leaving();
    assert_eq!(
        ["a", "b", "c"].map(|who| contest.other(&who).copied()),
        [None, Some("a"), Some("a")]
    );
    contest.make(&"a", Move::Offer);
    for _ in 0..2 {
        let others = ["a", "b", "c"].map(|who| contest.other(&who).copied());
        assert_eq!(others, [Some("b"), Some("a"), Some("a")]);
        contest.make(&"b", Move::Take);
    }
    assert_eq!(Contest::default().other(&"a"), None);
}

#[test]
fn an_owner_that_is_gone_leaves_the_share_to_who_is_taking_it_whoever_would_come_first() {
    let mut contest = leaving();
    contest.make(&"a", Move::Offer);
    contest.make(&"b", Move::Take);
    contest.update(claim("c", 3, Certainty::Confirmed));
    assert_eq!(contest.leave(&"a"), ["b", "c"]);
    assert_eq!(contest.role(&"b"), OWNER);
}

#[test]
fn a_successor_that_is_gone_does_not_bring_back_who_was_passed_over() {
    let mut contest = leaving();
    contest.make(&"a", Move::Offer);
    contest.make(&"b", Move::Decline);
    contest.make(&"a", Move::Offer);
    assert_eq!(contest.leave(&"c"), ["a", "b"]);
    assert_eq!(contest.role(&"a"), LAST);
}

#[test]
fn a_share_is_nobodys_before_the_first_claim_and_after_the_last() {
    let mut contest = contest(&[]);
    assert!(contest.is_empty());
    assert_eq!(contest.role(&"a"), LAST);
    contest.update(claim("a", 1, Certainty::Nothing));
    assert!(!contest.is_empty());
    contest.leave(&"a");
    assert!(contest.is_empty());
    assert!(contest.leave(&"a").is_empty());
}

#[derive(Debug, Clone)]
enum Happens {
    Update(usize, i64, Certainty, bool),
    Leave(usize),
    Make(usize, Move),
}

fn happens() -> impl Strategy<Value = Happens> {
    let record =
        prop_oneof![Just(Certainty::Confirmed), Just(Certainty::InDoubt), Just(Certainty::Nothing)];
    let made = prop_oneof![
        Just(Move::Offer),
        Just(Move::Withdraw),
        Just(Move::Take),
        Just(Move::Decline),
        Just(Move::GiveBack),
        Just(Move::Complete)
    ];
    prop_oneof![
        (0..10usize, 0..4i64, record, any::<bool>())
            .prop_map(|(who, at, record, goes)| Happens::Update(who, at, record, goes)),
        (0..10usize).prop_map(Happens::Leave),
        (0..10usize, made).prop_map(|(who, made)| Happens::Make(who, made)),
    ]
}

const WHO: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

proptest! {
    #[test]
    fn ten_objects_in_any_order_have_at_most_one_that_may_write_and_exactly_one_owner(
        history in proptest::collection::vec(happens(), 1..80)
    ) {
        let mut contest = Contest::default();
        let mut writer = None;
        for step in history {
            let is_news = matches!(step, Happens::Update(..));
            match step {
                Happens::Update(who, at, record, is_deleting) => {
                    contest.update(Claim { is_deleting, ..claim(WHO[who], at, record) });
                }
                Happens::Leave(who) => { contest.leave(&WHO[who]); }
                Happens::Make(who, made) => { contest.make(&WHO[who], made); }
            }
            let claimed: Vec<_> = contest.claims.iter().map(|claim| claim.who).collect();
            let roles: Vec<_> = claimed.iter().map(|who| contest.role(who)).collect();
            let owners = |role: &&Role| matches!(role, Role::Owner { .. } | Role::Offering { .. });
            let writers = claimed.iter().zip(&roles).filter(|(_, role)| role.may_write());
            let writers: Vec<_> = writers.map(|(who, _)| *who).collect();
            prop_assert_eq!(roles.iter().filter(owners).count(), usize::from(!claimed.is_empty()));
            prop_assert!(writers.len() <= 1, "{:?}", writers);
            let now = writers.first().copied();
            // News of an object never moves the right to write from one object to another.
            prop_assert!(!is_news || writer.is_none() || now == writer);
            writer = now;
        }
    }
}
