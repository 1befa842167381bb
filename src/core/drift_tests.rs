use super::super::fixtures::{confirmed, facts, listed, present, terms};
use super::*;

#[test]
fn only_what_was_confirmed_on_these_very_terms_can_have_been_changed_by_another_hand() {
    let forever = terms("forever");
    let (moved, absent) = (|| present("2027-02-01", true), || Cloud::Absent);
    let deadline = || forever.changes_from(&terms("2027-02-01"));
    let existence = || vec![Change::of_existence()];
    for (case, recorded, cloud, wrote, expected) in [
        ("changed", confirmed("forever"), moved(), None, deadline()),
        ("removed", confirmed("forever"), absent(), None, existence()),
        ("as confirmed", confirmed("forever"), present("forever", true), None, vec![]),
        ("not seen", confirmed("forever"), Cloud::Unseen, None, vec![]),
        ("only listed", confirmed("forever"), listed("2027-02-01", true), None, vec![]),
        ("a changed spec is nobody's drift", confirmed("2027-02-01"), moved(), None, vec![]),
        ("a changed spec, and removed", confirmed("2027-02-01"), absent(), None, vec![]),
        ("in doubt", Recorded::InDoubt, moved(), None, vec![]),
        ("nothing", Recorded::Nothing, absent(), None, vec![]),
        ("after our own write", confirmed("forever"), moved(), Some(Write::Updated), vec![]),
    ] {
        assert_eq!(drift(&forever, &facts(recorded, cloud, wrote)), expected, "{case}");
    }
}

#[test]
fn what_sets_the_cloud_apart_is_named_by_the_field() {
    let wanted = Terms { description: "other".into(), ..terms("forever") };
    let changes = missing(&wanted, &present("2027-02-01", true));
    let fields: Vec<_> = changes.iter().map(|change| change.field).collect();
    assert_eq!(fields, ["deadline", "description"]);
    assert_eq!(missing(&wanted, &Cloud::Absent), [Change::of_existence()]);
    assert_eq!(missing(&wanted, &Cloud::Unseen), []);
    assert_eq!(missing(&wanted, &Cloud::Listed(None)), []);
}

#[test]
fn only_a_repair_that_was_made_counts_as_undone_and_only_a_look_that_all_is_well_ends_the_count() {
    let drifted = [Change::of_existence()];
    let after = |drift: &[Change], cloud, wrote, reason| {
        let facts = facts(confirmed("forever"), cloud, wrote);
        conflict_count_after(&Facts { conflict_count: 2, ..facts }, drift, reason)
    };
    let (unseen, there) = (|| Cloud::Unseen, || present("forever", true));
    for (drift, cloud, wrote, reason, expected) in [
        (&drifted[..], there(), Some(Write::Updated), Reason::Shared, 3),
        (&drifted, there(), Some(Write::Created), Reason::Shared, 3),
        (&drifted, unseen(), Some(Write::Updated), Reason::Timeout, 3),
        (&drifted, there(), Some(Write::CreateConflicted), Reason::Shared, 0),
        (&drifted, unseen(), Some(Write::CreateInDoubt), Reason::Timeout, 2),
        (&drifted, there(), None, Reason::Throttled, 2),
        (&[], there(), None, Reason::Shared, 0),
        (&[], present("2026-12-31", false), None, Reason::Expired, 0),
        (&[], listed("forever", true), None, Reason::Shared, 0),
        (&[], there(), Some(Write::Updated), Reason::Shared, 0),
        (&[], unseen(), None, Reason::SecretNotFound, 2),
        (&[], there(), None, Reason::ExternalConflict, 2),
        (&[], unseen(), None, Reason::Shared, 2),
    ] {
        assert_eq!(after(drift, cloud, wrote, reason), expected, "{wrote:?} {reason:?}");
    }
}

#[test]
fn a_repair_is_reported_once_it_is_certain_and_only_if_it_was_one() {
    let drift = [Change::of_existence()];
    let (ours, none) = (|| drift.to_vec(), Vec::new);
    let (updated, doubt) = (Some(Write::Updated), Some(Write::CreateInDoubt));
    let met = Some(Write::CreateConflicted);
    for (unreported, drift, wrote, reason, reported, later) in [
        (none(), &drift[..], updated, Reason::Shared, ours(), none()),
        (none(), &drift, updated, Reason::Expired, ours(), none()),
        (none(), &drift, updated, Reason::Timeout, none(), ours()),
        (none(), &drift, None, Reason::Timeout, none(), ours()),
        (none(), &drift, doubt, Reason::ConnectionLost, none(), ours()),
        (none(), &drift, None, Reason::Forbidden, none(), none()),
        (none(), &drift, None, Reason::Busy, none(), none()),
        (none(), &drift, None, Reason::ExternalConflict, none(), none()),
        (none(), &drift, None, Reason::ActionPending, none(), none()),
        (none(), &drift, met, Reason::Shared, none(), none()),
        (none(), &drift, met, Reason::NotApplied, none(), none()),
        (ours(), &[], None, Reason::Shared, ours(), none()),
        (ours(), &drift, updated, Reason::Shared, ours(), none()),
        (ours(), &[], None, Reason::SecretNotFound, none(), ours()),
    ] {
        let facts = facts(confirmed("forever"), Cloud::Unseen, wrote);
        let found = reported_after(unreported, &facts, drift, reason);
        assert_eq!(found, (reported, later), "{wrote:?} {reason:?}");
    }
}

#[test]
fn what_earlier_passes_left_to_report_is_joined_field_by_field() {
    let change = |field| Change { field, ..Change::of_existence() };
    let facts = facts(confirmed("forever"), Cloud::Unseen, Some(Write::Updated));
    let drift = [change("deadline"), change("description")];
    let (reported, later) =
        reported_after(vec![change("deadline")], &facts, &drift, Reason::Shared);
    assert_eq!((reported, later), (drift.to_vec(), vec![]));
}
