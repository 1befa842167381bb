//! Refusals that may heal for a while.

use super::*;

const PATIENCE: Duration = Duration::from_mins(2);

/// For two minutes a refusal may heal, by the settings of this walk.
fn patient(start: Start) -> Start {
    let settings = Settings { stalled_after: PATIENCE, ..settings() };
    Start { settings: Arc::new(settings), ..start }
}

fn in_seconds(seconds: u64) -> Now {
    let later = Duration::from_secs(seconds);
    let Now { monotonic, wall, cloud } = now();
    Now { monotonic: monotonic + later, wall: wall + later, cloud: cloud.map(|at| at + later) }
}

fn is_stalled(walked: &Walked) -> bool {
    status::is_true(walked.object.own_status().unwrap(), ConditionType::Stalled)
}

/// SWR is not asked again for that: the Secret with which it refused is as it was.
#[test]
fn a_refusal_is_called_final_in_its_time_with_one_write_and_without_a_call() {
    let steps = [
        ("credentials; add finalizer; crd; create forever", create_failed(Reason::Forbidden)),
        ("remove finalizer", Well),
        ("status Forbidden: nothing", Well),
    ];
    let first = walk(patient(start(fresh())), steps, "refused with 1, back in 18s");
    assert!(!is_stalled(&first));
    let refused =
        ("credentials, refused with 1", without_credentials(NoCredentials::Refused(secret("1"))));
    let soon = in_seconds(110);
    let steps = [refused.clone()];
    let second = walk_at(&soon, patient(first.next()), steps, "refused with 1, back in 10.2s");
    assert!(!is_stalled(&second), "nothing is written before");
    let steps = [refused, ("status Forbidden: nothing", Well)];
    let late = in_seconds(120);
    let third = walk_at(&late, patient(second.next()), steps, "refused with 1, back in 18s");
    assert!(is_stalled(&third));
}

#[test]
fn a_restart_of_the_operator_begins_no_time_anew_and_writes_nothing() {
    let no_secret = || ("credentials", no_secret());
    let said = ("status SecretNotFound: nothing", Well);
    let first = walk(patient(start(fresh())), [no_secret(), said.clone()], "back in 18s");
    let soon = in_seconds(60);
    let again = walk_at(&soon, patient(first.restarted()), [no_secret()], "back in 18s");
    let late = in_seconds(121);
    let last = walk_at(&late, patient(again.restarted()), [no_secret(), said], "back in 18s");
    assert!(!is_stalled(&again) && is_stalled(&last));
}

#[test]
fn what_only_the_object_can_heal_is_final_at_once() {
    let bad = with_spec(fresh(), |spec| spec.deadline = "one day".into());
    let steps = [("status InvalidSpec: nothing", Well)];
    assert!(is_stalled(&walk(patient(start(bad)), steps, "back in 18s")));
}
