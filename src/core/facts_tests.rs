use super::super::fixtures::{at, confirmed, facts, noon, present, terms};
use super::*;

#[test]
fn a_share_that_nobody_of_us_made_is_foreign_from_its_first_look_on() {
    let (nothing, there) = (|| Recorded::Nothing, || present("forever", true));
    let offered = Role::Offered;
    let owner = Role::Owner { has_candidate: false };
    let duplicate = Role::Duplicate { owner_answers: true };
    for (recorded, role, wrote, cloud, expected) in [
        (nothing(), owner, None, there(), true),
        (nothing(), owner, Some(Write::CreateConflicted), there(), true),
        (nothing(), owner, Some(Write::Updated), there(), true),
        (nothing(), duplicate, None, there(), true),
        (nothing(), owner, Some(Write::Created), there(), false),
        (nothing(), owner, None, Cloud::Absent, false),
        (nothing(), offered, None, there(), false),
        (nothing(), Role::Taking, None, there(), false),
        (Recorded::InDoubt, owner, None, there(), false),
        (confirmed("forever"), owner, None, there(), false),
    ] {
        let mut facts = Facts { role, ..facts(recorded, Cloud::Unseen, wrote) };
        facts.saw(cloud.clone());
        assert_eq!((facts.is_foreign, &facts.cloud), (expected, &cloud), "{facts:?}");
    }
    let mut facts = facts(nothing(), Cloud::Unseen, None);
    facts.saw(there());
    facts.wrote = Some(Write::Created);
    facts.saw(there());
    assert!(facts.is_foreign, "and stays so");
}

#[test]
fn a_share_is_gone_only_if_nothing_can_make_it_show_later() {
    let gone = facts(confirmed("forever"), Cloud::Absent, None);
    assert!(gone.is_gone());
    for facts in [
        Facts { cloud: Cloud::Unseen, ..gone.clone() },
        Facts { cloud: Cloud::Listed(None), ..gone.clone() },
        Facts { cloud: present("forever", true), ..gone.clone() },
        Facts { is_fresh: true, ..gone.clone() },
        Facts { create_may_land: true, ..gone.clone() },
        Facts { may_have_written: true, ..gone },
    ] {
        assert!(!facts.is_gone(), "{facts:?}");
    }
}

#[test]
fn an_object_has_nothing_if_it_had_nothing_or_its_share_is_gone_and_it_sent_nothing() {
    let fresh = facts(Recorded::Nothing, Cloud::Unseen, None);
    let gone = facts(confirmed("forever"), Cloud::Absent, None);
    let met = facts(Recorded::Nothing, present("forever", true), None);
    for facts in [&fresh, &gone, &met] {
        assert!(facts.has_nothing(), "{facts:?}");
    }
    for facts in [
        Facts { may_have_written: true, ..fresh.clone() },
        Facts { create_may_land: true, ..fresh },
        Facts { may_have_written: true, ..gone.clone() },
        Facts { is_fresh: true, ..gone },
        facts(Recorded::InDoubt, Cloud::Unseen, None),
        facts(confirmed("forever"), present("forever", true), None),
    ] {
        assert!(!facts.has_nothing(), "{facts:?}");
    }
}

#[test]
fn only_who_wants_the_share_names_terms() {
    let desired = Desired { terms: terms("forever"), interval: None };
    let goal = Goal::Share(desired, AdoptionPolicy::Create);
    assert_eq!(goal.terms(), Some(&terms("forever")));
    assert_eq!((Goal::Revoke.terms(), Goal::Retain.terms()), (None, None));
}

#[test]
fn only_a_create_and_an_update_that_were_accepted_have_made_the_share() {
    use Write::{CreateConflicted, CreateInDoubt, Created, Deleted, Updated};
    for (write, is_made, text) in [
        (CreateConflicted, false, "adopted"),
        (CreateInDoubt, false, "create in doubt"),
        (Created, true, "created"),
        (Updated, true, "updated"),
        (Deleted, false, "deleted"),
    ] {
        assert_eq!((write.is_made(), write.as_str()), (is_made, text));
    }
}

#[test]
fn until_the_cloud_says_its_time_our_own_counts() {
    let now = Now { monotonic: Instant::now(), wall: noon(), cloud: None };
    assert_eq!(now.cloud(), noon());
    let midnight = at("2027-01-02T00:00:00Z");
    assert_eq!(Now { cloud: Some(midnight), ..now }.cloud(), midnight);
}

#[test]
fn jitter_is_at_least_zero_and_less_than_one() {
    assert_eq!(Jitter(0).unit().to_bits(), 0.0_f64.to_bits());
    assert_eq!(Jitter(1 << 31).unit().to_bits(), 0.5_f64.to_bits());
    assert_eq!(Jitter(1 << 30).unit().to_bits(), 0.25_f64.to_bits());
    assert!(Jitter(u32::MAX).unit() < 1.0);
}
