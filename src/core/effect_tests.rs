use super::super::fixtures::terms;
use super::*;

#[test]
fn only_what_changes_a_share_needs_the_right_to_write() {
    let terms = Arc::new(terms("forever"));
    for effect in [Effect::Create(terms.clone()), Effect::Update(terms), Effect::Delete] {
        assert!(effect.writes_to_the_cloud(), "{effect:?}");
    }
    for effect in [
        Effect::Look,
        Effect::AddFinalizer,
        Effect::ReadCrd { live: true },
        Effect::Transfer(Move::Take),
    ] {
        assert!(!effect.writes_to_the_cloud(), "{effect:?}");
    }
}

#[test]
fn each_event_says_what_it_is_about() {
    let change = || Change { field: "deadline", current: "a".into(), desired: "b".into() };
    let repaired = Event::DriftRepaired(vec![change(), Change::of_existence()]);
    let note = r#"put right what another hand had changed: deadline: SWR has "a", the spec says "b"; share: SWR has "absent", the spec says "present""#;
    for (event, reason, note) in [
        (Event::Adopted("x".into()), "Adopted", "x"),
        (Event::ExpiringSoon("x".into()), "ExpiringSoon", "x"),
        (repaired, "DriftRepaired", note),
        (Event::WriteRefused("x".into()), "WriteRefused", "x"),
        (Event::Orphaned("x".into()), "ShareOrphaned", "x"),
    ] {
        assert_eq!((event.reason(), event.note().as_str()), (reason, note));
    }
}
