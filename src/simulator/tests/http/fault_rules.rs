//! Which calls a fault rule meets, and which rules are none.

use serde_json::{Value, json};

use crate::support::{SHARES, forever, read, simulator};

#[tokio::test]
async fn a_rule_picks_its_calls_by_method_key_and_number() {
    let simulator = simulator().await;
    let rules = json!([
        {"match": {"method": "POST", "key": "group/tools/busybox/demo", "call": 2}, "do": {"answer": {"status": 500}}},
        {"match": {"key": "group/tools/busybox", "from": 2, "times": 1}, "do": {"answer": {"status": 502}}},
    ]);
    simulator.meddle("POST", "/faults", rules).await;
    let (mut posts, mut lists) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        posts.push(simulator.post(SHARES, &forever("demo")).await.0);
        lists.push(simulator.get(SHARES).await.0);
    }
    assert_eq!((posts, lists), (vec![201, 500, 409], vec![200, 502, 200]));
    let rules = simulator.meddle("GET", "/faults", Value::Null).await;
    assert_eq!((&rules[0]["seen"], &rules[0]["fired"]), (&json!(3), &json!(1)));
    assert_eq!(rules[0]["match"]["call"], 2);
    simulator.meddle("DELETE", "/faults", Value::Null).await;
    assert_eq!(simulator.meddle("GET", "/faults", Value::Null).await, json!([]));
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_one_line() {
    let simulator = simulator().await;
    let (status, body) = simulator.knock("POST", "/faults", json!({"do": {"explode": {}}})).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("explode"), "{body}");
    let response = simulator.request("POST", "/_sim/faults").body("[").send().await.unwrap();
    assert_eq!(read(response).await.0, 400);
}
