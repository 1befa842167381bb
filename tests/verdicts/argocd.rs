//! Argo CD's health and actions, by the scripts in `deploy/argocd`.

use imageshare::api::RECONCILE_REQUESTED_AT;
use imageshare::reason::Reason;
use serde_json::{Value, json};

use crate::statuses::Share;
use crate::tool::Tool;
use crate::{catalogue, table};

const FOLDER: &str = "deploy/argocd";

fn argocd() -> Tool {
    Tool::new("argocd", "argocd")
}

fn run(command: &str, script: &str, objects: impl Iterator<Item = Value>) -> Vec<Value> {
    let answers = argocd().answers(&[command, &format!("{FOLDER}/{script}.lua")], objects);
    answers.iter().map(|answer| serde_json::from_str(answer).unwrap()).collect()
}

/// How healthy Argo CD calls each of these.
pub fn health(objects: impl Iterator<Item = Value>) -> Vec<String> {
    let answers = run("health", "health", objects);
    let word = |answer: &Value| answer["status"].as_str().unwrap().to_owned();
    answers.iter().map(word).collect()
}

#[test]
fn argo_cd_makes_of_each_reason_what_the_documentation_says() {
    let catalogue = catalogue();
    let found = health(catalogue.iter().flat_map(|(_, shares)| shares.iter().map(Share::json)));
    for ((reason, _), found) in catalogue.iter().zip(found.chunks(2)) {
        assert_eq!(found, table::row(*reason).argocd, "{}", reason.as_str());
    }
}

#[test]
fn an_object_whose_newest_version_was_not_looked_at_yet_is_in_progress_for_argo_cd() {
    let mut edited = Share::new().passes(Reason::Shared, 0);
    edited.generation += 1;
    let without_status =
        json!({"metadata": {"generation": 1}, "spec": {}, "apiVersion": "v1", "kind": "X"});
    let found = health([edited.json(), without_status].into_iter());
    assert_eq!(found, ["Progressing", "Progressing"]);
}

#[test]
fn what_the_operator_says_of_an_object_is_what_argo_cd_shows() {
    let share = Share::new().passes(Reason::RepositoryNotFound, 0);
    let found = run("health", "health", [share.json()].into_iter());
    assert_eq!(found[0]["message"], share.status.conditions[0].message);
}

#[test]
fn an_action_changes_what_it_is_for_and_nothing_else() {
    let share = Share::new().passes(Reason::Shared, 0).json();
    for (action, path, expected) in
        [("suspend", "/spec/suspend", Some(true)), ("resume", "/spec/suspend", None)]
    {
        let patch = &run("action", action, [share.clone()].into_iter())[0];
        let wanted = expected.map(Value::from);
        assert_eq!(patch.pointer(path), wanted.as_ref(), "{action}: {patch}");
        assert_eq!(*patch == json!({}), wanted.is_none(), "{action}: {patch}");
    }
    let patch = &run("action", "reconcile", [share].into_iter())[0];
    let at = patch["metadata"]["annotations"][RECONCILE_REQUESTED_AT].as_str().unwrap();
    assert!(at.parse::<jiff::Timestamp>().is_ok(), "{patch}");
    assert_eq!(*patch, json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: at}}}));
}

#[test]
fn only_actions_that_do_something_are_offered() {
    let running = Share::new().passes(Reason::Shared, 0).json();
    let suspended = Share::new().passes(Reason::Suspended, 0).json();
    let offered = run("discover", "discovery", [running, suspended].into_iter());
    let is_off = |action: &str| [0, 1].map(|i: usize| offered[i][action]["disabled"] == true);
    assert_eq!(is_off("reconcile"), [false, true]);
    assert_eq!(is_off("suspend"), [false, true]);
    assert_eq!(is_off("resume"), [true, false]);
}

#[test]
fn the_config_map_holds_the_scripts_as_they_are() {
    let map = std::fs::read_to_string(format!("{FOLDER}/argocd-cm.yaml")).unwrap();
    for (script, indent) in
        [("health", 4), ("discovery", 6), ("reconcile", 10), ("suspend", 10), ("resume", 10)]
    {
        let text = std::fs::read_to_string(format!("{FOLDER}/{script}.lua")).unwrap();
        let line =
            |line: &str| if line.is_empty() { String::new() } else { " ".repeat(indent) + line };
        let lines: Vec<_> = text.lines().map(line).collect();
        assert!(map.contains(&format!(": |\n{}\n", lines.join("\n"))), "{script}.lua");
    }
}
