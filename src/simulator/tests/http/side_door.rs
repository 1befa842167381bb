//! Another hand in the console, the ledger, the clock.

use imageshare_simulator::Options;
use serde_json::{Value, json};

use crate::support::{SHARE, SHARES, forever, options, simulator, simulator_with, with};

#[tokio::test]
async fn another_hand_makes_changes_and_removes_shares_with_real_slashes_and_encoded_accounts() {
    let simulator = simulator().await;
    let path = "/shares/team/a/b/c/New%20Account";
    let terms =
        json!({"permit": "write", "deadline": "2026-12-31T00:00:00Z", "description": "by hand"});
    simulator.meddle("PUT", path, terms).await;
    let shares = simulator.meddle("GET", "/shares", Value::Null).await;
    assert_eq!(shares.as_array().unwrap().len(), 1);
    for (field, value) in [
        ("namespace", "team"),
        ("repository", "a/b/c"),
        ("access_domain", "New Account"),
        ("permit", "write"),
        ("deadline", "2026-12-31T00:00:00Z"),
        ("description", "by hand"),
        ("creator_name", "console-user"),
    ] {
        assert_eq!(shares[0][field], value, "{field}");
    }
    let api_path = "/v2/manage/namespaces/team/repositories/a$b$c/access-domains/new%20account";
    assert_eq!(simulator.get(api_path).await.1["exist"], true);
    simulator.meddle("PUT", path, Value::Null).await;
    let (_, share) = simulator.get(api_path).await;
    assert_eq!((&share["permit"], &share["deadline"]), (&json!("read"), &json!("forever")));
    simulator.meddle("DELETE", path, Value::Null).await;
    assert_eq!(simulator.get(api_path).await.1["exist"], false);
    assert_eq!(simulator.knock("DELETE", path, Value::Null).await.0, 404);
}

#[tokio::test]
async fn many_shares_are_made_and_replaced_at_once() {
    let simulator = simulator().await;
    simulator.post(SHARES, &forever("demo")).await;
    let many: Vec<Value> = (0..10_000)
        .map(|number| {
            let repository = format!("a/{}", number / 100);
            json!({"namespace": "team", "repository": repository, "access_domain": format!("Account {number}")})
        })
        .chain([json!({
            "namespace": "group", "repository": "tools/busybox", "access_domain": "DEMO",
            "permit": "write", "deadline": "2026-12-31T00:00:00Z", "description": "by hand",
        })])
        .collect();
    simulator.meddle("PUT", "/shares", json!(many)).await;
    let shares = simulator.meddle("GET", "/shares", Value::Null).await;
    assert_eq!(shares.as_array().unwrap().len(), 10_001);
    let (_, share) = simulator.get(SHARE).await;
    assert_eq!(
        (&share["permit"], &share["deadline"], &share["description"]),
        (&json!("write"), &json!("2026-12-31T00:00:00Z"), &json!("by hand"))
    );
    let path = "/v2/manage/namespaces/team/repositories/a$99/access-domains";
    assert_eq!(simulator.get(path).await.1.as_array().unwrap().len(), 100);
    assert_eq!(simulator.post(path, &forever("account 0")).await.0, 201, "the account exists");
}

#[tokio::test]
async fn none_of_many_shares_is_made_when_one_is_wrong() {
    let simulator = simulator().await;
    let good = json!({"namespace": "team", "repository": "a/b", "access_domain": "demo"});
    for (field, value) in [
        ("namespace", json!("Team")),
        ("namespace", json!("team/a")),
        ("namespace", Value::Null),
        ("repository", json!("a//b")),
        ("access_domain", json!("")),
        ("deadline", json!("2026-12-31")),
        ("dedline", json!("forever")),
    ] {
        let wrong = with(good.clone(), field, value.clone());
        let (status, body) = simulator.knock("PUT", "/shares", json!([good, wrong])).await;
        assert_eq!(status, 400, "{field}: {value}");
        assert!(body["error"].is_string(), "{field}: {value}");
    }
    let (_, body) = simulator
        .knock("PUT", "/shares", json!([good, with(good.clone(), "deadline", json!(""))]))
        .await;
    assert_eq!(body["error"], "share 1 of the array: `` is no deadline");
    assert_eq!(simulator.meddle("GET", "/shares", Value::Null).await, json!([]));
    assert_eq!(
        simulator.meddle("GET", "/repositories", Value::Null).await,
        json!(["group/tools/busybox"])
    );
}

#[tokio::test]
async fn repositories_and_accounts_come_and_go_while_it_runs() {
    let simulator = simulator().await;
    simulator.meddle("PUT", "/accounts/newcomer", Value::Null).await;
    assert_eq!(simulator.post(SHARES, &forever("newcomer")).await.0, 201);
    simulator.meddle("DELETE", "/accounts/newcomer", Value::Null).await;
    simulator.meddle("DELETE", "/repositories/group/tools/busybox", Value::Null).await;
    assert_eq!(simulator.get(SHARES).await.0, 404);
    simulator.meddle("PUT", "/repositories/group/tools/busybox", Value::Null).await;
    assert_eq!(simulator.get(SHARES).await, (200, json!([])), "its shares went with it");
    assert_eq!(simulator.post(SHARES, &forever("newcomer")).await.0, 400);
    let repositories = simulator.meddle("GET", "/repositories", Value::Null).await;
    assert_eq!(repositories, json!(["group/tools/busybox"]));
    assert_eq!(
        simulator.meddle("GET", "/accounts", Value::Null).await,
        json!(["demo", "other account"])
    );
}

#[tokio::test]
async fn the_ledger_holds_every_request_of_the_api_and_nothing_else() {
    let simulator = simulator().await;
    simulator.post(SHARES, &forever("demo")).await;
    simulator.get(SHARES).await;
    simulator.request("DELETE", SHARE).send().await.unwrap();
    simulator.get("/v2/manage/shared-repositories?center=self").await;
    let entries = simulator.ledger().await;
    let facts: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!([
                entry["seq"],
                entry["method"],
                entry["path"],
                entry["key"],
                entry["status"],
                entry["applied"]
            ])
        })
        .collect();
    let expected = json!([
        [1, "POST", SHARES, "group/tools/busybox/demo", 201, true],
        [2, "GET", SHARES, "group/tools/busybox", 200, false],
        [3, "DELETE", SHARE, "group/tools/busybox/demo", 401, false],
        [4, "GET", "/v2/manage/shared-repositories?center=self", null, 200, false],
    ]);
    assert_eq!(json!(facts), expected);
    assert!(entries.iter().all(|entry| entry["started"].as_str() <= entry["ended"].as_str()));
    let later = simulator.meddle("GET", "/ledger?since=3", Value::Null).await;
    assert_eq!((later.as_array().unwrap().len(), &later[0]["seq"]), (1, &json!(4)));
}

#[tokio::test]
async fn the_ledger_is_summed_up_by_method_kind_and_status() {
    let simulator = simulator().await;
    simulator.get(SHARES).await;
    simulator.post(SHARES, &forever("demo")).await;
    simulator.post(SHARES, &forever("demo")).await;
    simulator.post(SHARES, &forever("Other Account")).await;
    simulator.get(SHARE).await;
    simulator.get("/v2/manage/shared-repositories?center=self").await;
    simulator.get("/nowhere").await;
    simulator.meddle("POST", "/faults", json!({"do": {"drop": {}}})).await;
    assert!(simulator.call("DELETE", SHARE).send().await.is_err());
    let count = |method: &str, kind: &str, status: Value, count: u64| json!({"method": method, "kind": kind, "status": status, "count": count});
    let expected = json!([
        count("DELETE", "share", Value::Null, 1),
        count("GET", "share", json!(200), 1),
        count("GET", "list", json!(200), 1),
        count("GET", "shared", json!(200), 1),
        count("GET", "unknown", json!(404), 1),
        count("POST", "share", json!(201), 2),
        count("POST", "share", json!(409), 1),
    ]);
    assert_eq!(simulator.meddle("GET", "/ledger/summary", Value::Null).await, expected);
    let later = simulator.meddle("GET", "/ledger/summary?since=7", Value::Null).await;
    assert_eq!(later, json!([expected[0]]));
    for beyond in ["/ledger/summary?since=8", "/ledger?since=8", "/ledger?since=1000"] {
        assert_eq!(simulator.meddle("GET", beyond, Value::Null).await, json!([]), "{beyond}");
    }
}

#[tokio::test]
async fn the_ledger_tells_credentials_apart_without_holding_them() {
    let simulator = simulator().await;
    simulator.meddle("POST", "/tokens", json!({"token": "second-token"})).await;
    for token in [Some("a-token"), Some("second-token"), Some("a-token"), None] {
        let request = simulator.request("GET", SHARES);
        let request =
            token.into_iter().fold(request, |request, token| request.header("X-Auth-Token", token));
        request.send().await.unwrap();
    }
    let credentials: Vec<Value> =
        simulator.ledger().await.iter().map(|entry| entry["credential"].clone()).collect();
    assert_eq!(credentials[0], credentials[2]);
    assert_ne!(credentials[0], credentials[1]);
    assert_eq!(credentials[3], Value::Null);
    assert!(!json!(simulator.ledger().await).to_string().contains("token"));
    assert_eq!(
        simulator.meddle("GET", "/tokens", Value::Null).await,
        json!([credentials[0], credentials[1]])
    );
}

#[tokio::test]
async fn the_clock_is_set_and_advanced() {
    let simulator = simulator().await;
    for (turn, now) in [
        (json!({"advance": "72h"}), "2026-04-03T12:00:00Z"),
        (json!({"set": "2027-01-01T00:00:00Z"}), "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(simulator.meddle("POST", "/clock", turn).await, json!({"now": now}));
        assert_eq!(simulator.meddle("GET", "/clock", Value::Null).await, json!({"now": now}));
    }
    for wrong in
        [json!({"set": "noon"}), json!({"advance": "-1h"}), json!({}), json!({"add": "1h"})]
    {
        assert_eq!(simulator.knock("POST", "/clock", wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong_with_it() {
    let simulator = simulator().await;
    for (method, path, body, status) in [
        ("GET", "/nothing", Value::Null, 404),
        ("PUT", "/ledger", Value::Null, 404),
        ("GET", "/ledger/total", Value::Null, 404),
        ("GET", "/ledger?since=x", Value::Null, 400),
        ("PUT", "/shares/group/demo", Value::Null, 400),
        ("PUT", "/shares/Group/a/demo", Value::Null, 400),
        ("PUT", "/shares/group/a/demo", json!({"dedline": "forever"}), 400),
        ("PUT", "/shares/group/a/demo", json!({"deadline": "2026-12-31"}), 400),
        ("DELETE", "/repositories/group/unknown", Value::Null, 404),
        ("POST", "/throttle", json!({"limit": 1, "window": "1s", "status": 500}), 400),
        ("POST", "/throttle", json!({"limit": 1}), 400),
    ] {
        let (got, answer) = simulator.knock(method, path, body.clone()).await;
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        assert!(answer["error"].is_string(), "{method} {path} {body}");
    }
}

#[tokio::test]
async fn a_state_file_carries_everything_over_a_restart() {
    let directory =
        std::env::temp_dir().join(format!("imageshare-simulator-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let state_file = Some(directory.join("state.json"));
    let first = simulator_with(Options { state_file: state_file.clone(), ..options() }).await;
    first
        .meddle("PUT", "/shares/team/a/b/Newcomer", json!({"deadline": "2026-12-31T00:00:00Z"}))
        .await;
    first.post(SHARES, &forever("demo")).await;
    let shares = first.meddle("GET", "/shares", Value::Null).await;
    first.running.stop().await;
    let tokens = options().tokens;
    let second = simulator_with(Options {
        state_file,
        tokens,
        clock: options().clock,
        ..Default::default()
    })
    .await;
    assert_eq!(second.meddle("GET", "/shares", Value::Null).await, shares);
    assert_eq!(
        second.post(SHARES, &forever("newcomer")).await.0,
        201,
        "accounts are remembered too"
    );
    std::fs::remove_dir_all(&directory).unwrap();
}
