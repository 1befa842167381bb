//! The two account-wide lists.

use imageshare_simulator::Terms;
use serde_json::{Value, json};

use crate::support::simulator;

#[tokio::test]
async fn the_v2_list_of_shared_repositories_pages_by_limit_and_offset_together() {
    let simulator = simulator().await;
    for place in ["group/a", "group/b/c", "team/a"] {
        simulator.running.put_share(place, "demo", Terms::default()).unwrap();
    }
    let path = |query: &str| format!("/v2/manage/shared-repositories?{query}");
    for (query, names, range) in [
        ("center=self", vec!["a", "b/c", "a"], "0-3/3"),
        ("center=self&limit=2&offset=0", vec!["a", "b/c"], "0-2/3"),
        ("center=self&limit=2&offset=2", vec!["a"], "2-1/3"),
        ("center=self&namespace=team", vec!["a"], "0-1/1"),
        ("center=self&name=b$c", vec!["b/c"], "0-1/1"),
        ("filter=center::self|name::b/c", vec!["b/c"], "0-1/1"),
        ("center=thirdparty", vec![], "0-0/0"),
    ] {
        let response = simulator.call("GET", &path(query)).send().await.unwrap();
        assert_eq!(response.headers()["content-range"], range, "{query}");
        let list: Vec<Value> = response.json().await.unwrap();
        let listed: Vec<_> = list.iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(listed, names, "{query}");
        assert!(list.iter().all(|item| item["status"] == false), "meaningless, and always false");
    }
    for query in [
        "",
        "center=all",
        "center=self&limit=2",
        "center=self&offset=0",
        "center=self&limit=1001&offset=0",
    ] {
        assert_eq!(simulator.get(&path(query)).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn the_v3_list_of_shared_repositories_goes_on_at_its_marker() {
    let simulator = simulator().await;
    for place in ["group/a", "group/b", "group/c"] {
        simulator.running.put_share(place, "demo", Terms::default()).unwrap();
    }
    let (mut names, mut marker) = (Vec::new(), json!(0));
    while !marker.is_null() {
        let path = format!("/v3/manage/shared-repositories?shared_by=self&limit=2&marker={marker}");
        let (_, page) = simulator.get(&path).await;
        names.extend(page["repos"].as_array().unwrap().iter().map(|item| item["name"].clone()));
        marker = page["nextMarker"].clone();
    }
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(simulator.get("/v3/manage/shared-repositories").await.0, 400);
}
