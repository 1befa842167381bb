//! The alerts by promtool, and that alerts, dashboard and the page about them go together.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::tools::{folder, stdout, tool};

const ALERTS: &str = "deploy/chart/alerts.yaml";
const TESTS: &str = "tests/delivery/alerts_test.yaml";
const DASHBOARD: &str = "deploy/chart/dashboard.json";
const RUNBOOKS: &str = "https://imageshare.dev/docs/operations.md#";

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn alerts() -> Vec<Value> {
    let alerts = yaml(ALERTS)["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(alerts.len() >= 8);
    alerts
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

#[test]
fn promtool_accepts_the_rules_and_its_tests_pass() {
    let promtool = tool("promtool");
    stdout(Command::new(&promtool).args(["check", "rules", "--lint=all", "--lint-fatal", ALERTS]));
    println!("{}", stdout(Command::new(&promtool).args(["test", "rules", TESTS])));
}

#[test]
fn each_alert_is_seen_to_fire_and_seen_not_to() {
    let tests = yaml(TESTS);
    let tests = tests["tests"].as_array().unwrap();
    let tested = |alert: &str, is_firing: bool| {
        let cases = tests.iter().filter_map(|test| test["alert_rule_test"].as_array()).flatten();
        cases.filter(|case| case["alertname"] == alert).any(|case| {
            case["exp_alerts"].as_array().is_some_and(|fired| fired.is_empty() != is_firing)
        })
    };
    for alert in alerts() {
        let name = name(&alert);
        assert!(tested(name, true), "no test sees {name} fire");
        assert!(tested(name, false), "no test sees {name} not fire");
    }
}

/// As GitHub and others make the anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn each_alert_leads_to_its_own_heading_and_each_heading_has_its_alert() {
    let page = std::fs::read_to_string("docs/operations.md").unwrap();
    let section = page.split("\n## Alerts\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let headings: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    let names: Vec<_> = alerts.iter().map(name).collect();
    assert_eq!(headings, names);
    for alert in &alerts {
        let url = alert["annotations"]["runbook_url"].as_str().unwrap();
        assert_eq!(url, format!("{RUNBOOKS}{}", anchor(name(alert))));
        assert!(alert["annotations"]["summary"].is_string(), "{}", name(alert));
        assert!(alert["labels"]["severity"].is_string(), "{}", name(alert));
    }
    let says = |part: &str| section.matches(part).count();
    assert_eq!((says("**Meaning.**"), says("**What to do.**")), (names.len(), names.len()));
}

/// Every name of a metric of ours in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices("imageshare_");
    let starts = starts.filter(|(at, _)| !text[..*at].ends_with(is_part));
    starts.map(|(at, _)| text[at..].chars().take_while(|c| is_part(*c)).collect()).collect()
}

fn is_known(metric: &str) -> bool {
    let endings = ["_bucket", "_count", "_sum", ""];
    endings.iter().any(|ending| {
        let base = metric.strip_suffix(ending).unwrap_or("");
        let known = imageshare::metrics::ALL.iter().find(|known| known.full_name() == base);
        known.is_some_and(|known| ending.is_empty() || known.kind == "histogram")
    })
}

#[test]
fn alerts_and_dashboard_use_only_metrics_that_there_are() {
    for file in [ALERTS, DASHBOARD, TESTS] {
        let used = metrics(&std::fs::read_to_string(file).unwrap());
        assert!(used.len() >= 8, "{file} uses only {used:?}");
        for metric in used {
            assert!(is_known(&metric), "{file} uses {metric}, which there is not");
        }
    }
    for (metric, expected) in [
        ("imageshare_passes", false),
        ("imageshare_leader_count", false),
        ("imageshare_pass_duration_seconds_bucket", true),
    ] {
        assert_eq!(is_known(metric), expected, "{metric}");
    }
}

/// No Grafana is here to load it; this is what it would stumble over.
#[test]
fn the_dashboard_is_one_that_grafana_can_show() {
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    for field in ["title", "uid", "schemaVersion", "templating", "time"] {
        assert!(!dashboard[field].is_null(), "{field} is missing");
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut places: Vec<[u64; 4]> = vec![];
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has another panel's id");
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let [x, y, w, h] = place;
        assert!(x + w <= 24 && w > 0 && h > 0, "{title} is wider than the page");
        let meets =
            |[x2, y2, w2, h2]: &[u64; 4]| x < x2 + w2 && *x2 < x + w && y < y2 + h2 && *y2 < y + h;
        assert!(!places.iter().any(meets), "{title} lies on another panel");
        places.push(place);
        if panel["type"] == "row" {
            continue;
        }
        assert!(["timeseries", "stat"].iter().any(|kind| panel["type"] == *kind), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(panel["targets"].as_array().is_some_and(|asked| !asked.is_empty()), "{title}");
    }
}

#[test]
fn promtool_understands_every_question_of_the_dashboard() {
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(DASHBOARD).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let mut rules = vec![];
    for target in panels.filter_map(|panel| panel["targets"].as_array()).flatten() {
        let query = target["expr"].as_str().unwrap();
        let query = query.replace("$__rate_interval", "5m").replace("$job", ".+");
        assert!(!query.contains('$'), "an unknown variable: {query}");
        rules.push(json!({"record": format!("panel:{}", rules.len()), "expr": query}));
    }
    let file = folder("dashboard").join("rules.yaml");
    let group = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    std::fs::write(&file, group.to_string()).unwrap();
    let said = stdout(Command::new(tool("promtool")).args(["check", "rules"]).arg(&file));
    assert!(said.contains(&format!("{} rules found", rules.len())), "{said}");
}
