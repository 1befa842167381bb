//! The five verbs and the account-wide lists, with what is awkward about them.

use imageshare_simulator::Options;
use serde_json::{Value, json};

use crate::support::{
    NOON, SHARE, SHARES, code, forever, options, simulator, simulator_with, with,
};

#[tokio::test]
async fn create_and_update_answer_201_delete_204_all_without_a_body() {
    let simulator = simulator().await;
    assert_eq!(simulator.post(SHARES, &forever("demo")).await, (201, Value::Null));
    assert_eq!(simulator.patch(SHARE, &forever("demo")).await, (201, Value::Null));
    assert_eq!(simulator.delete(SHARE).await, (204, Value::Null));
}

#[tokio::test]
async fn a_share_shows_every_documented_field_with_real_slashes() {
    let simulator = simulator().await;
    let body = with(forever("demo"), "deadline", json!("2026-10-01T16:00:00.000Z"));
    simulator.post(SHARES, &body).await;
    let (status, share) = simulator.get(SHARE).await;
    assert_eq!(status, 200);
    let expected = json!({
        "exist": true, "namespace": "group", "repository": "tools/busybox", "access_domain": "demo",
        "permit": "read", "deadline": "2026-10-01T16:00:00Z", "description": "d",
        "creator_id": share["creator_id"], "creator_name": "api-user",
        "created": NOON, "updated": NOON, "status": true,
    });
    assert_eq!(share, expected);
    assert_eq!(share["creator_id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_list_is_a_bare_array_and_spells_deadlines_with_milliseconds() {
    let simulator = simulator().await;
    assert_eq!(simulator.get(SHARES).await, (200, json!([])));
    let body = with(forever("demo"), "deadline", json!("2026-10-01T16:00:00Z"));
    simulator.post(SHARES, &body).await;
    let (_, list) = simulator.get(SHARES).await;
    assert_eq!(list[0]["deadline"], "2026-10-01T16:00:00.000Z");
    assert!(list[0].get("exist").is_none());
}

#[tokio::test]
async fn an_unknown_share_of_a_known_repository_does_not_exist_with_200_and_is_4001090_to_writers()
{
    let simulator = simulator().await;
    assert_eq!(simulator.get(SHARE).await, (200, json!({"exist": false})));
    for (status, body) in
        [simulator.patch(SHARE, &forever("demo")).await, simulator.delete(SHARE).await]
    {
        assert_eq!((status, code(&body)), (400, "SVCSTG.SWR.4001090"));
    }
}

#[tokio::test]
async fn an_account_is_one_whatever_its_case() {
    let simulator = simulator().await;
    simulator.post(SHARES, &forever("demo")).await;
    let (status, body) = simulator.post(SHARES, &forever("DEMO")).await;
    assert_eq!((status, code(&body)), (409, "SVCSTG.SWR.4090089"));
    let (_, share) = simulator.get(&SHARE.replace("demo", "Demo")).await;
    assert_eq!(share["access_domain"], "demo");
}

#[tokio::test]
async fn an_account_is_percent_encoded_in_paths() {
    let simulator = simulator().await;
    simulator.post(SHARES, &forever("Other Account")).await;
    let (_, share) = simulator.get(&SHARE.replace("demo", "Other%20Account")).await;
    assert_eq!(share["exist"], true);
}

#[tokio::test]
async fn what_does_not_exist_has_its_own_code() {
    let simulator = simulator().await;
    let shares = |organization: &str, repository: &str| {
        format!("/v2/manage/namespaces/{organization}/repositories/{repository}/access-domains")
    };
    for (path, account, status, expected) in [
        (shares("nobody", "busybox"), "demo", 404, "SVCSTG.SWR.4040058"),
        (shares("group", "nothing"), "demo", 404, "SVCSTG.SWR.4040010"),
        (shares("Group", "busybox"), "demo", 400, "SVCSTG.SWR.4001028"),
        (shares("group", "tools$$busybox"), "demo", 400, "SVCSTG.SWR.4001029"),
        (shares("group", "tools$busybox"), "stranger", 400, "SVCSTG.SWR.4001041"),
    ] {
        let (got, body) = simulator.post(&path, &forever(account)).await;
        assert_eq!((got, code(&body)), (status, expected), "{path} {account}");
    }
}

#[tokio::test]
async fn an_open_simulator_knows_every_well_named_repository_and_account() {
    let simulator = simulator_with(Options { open: true, ..options() }).await;
    let path = "/v2/manage/namespaces/any/repositories/thing/access-domains";
    assert_eq!(simulator.post(path, &forever("anybody")).await.0, 201);
    simulator.running.remove_repository("any/thing").unwrap();
    assert_eq!(simulator.get(path).await.0, 404);
}

#[tokio::test]
async fn a_bad_body_is_refused_with_its_code() {
    let simulator = simulator().await;
    let invalid = (400, "SVCSTG.SWR.4000014");
    let missing = (400, "SVCSTG.SWR.4001014");
    for (field, value, expected) in [
        ("access_domain", Value::Null, missing),
        ("access_domain", json!(""), missing),
        ("permit", Value::Null, missing),
        ("deadline", Value::Null, missing),
        ("permit", json!("write"), (400, "SVCSTG.SWR.4001091")),
        ("permit", json!(1), invalid),
        ("deadline", json!("2026-10-01"), invalid),
        ("deadline", json!("2026-10-01T16:00:00+08:00"), invalid),
        ("deadline", json!("tomorrow"), invalid),
        ("description", json!("ü".repeat(1001)), (413, "SVCSTG.SWR.4131012")),
    ] {
        let (status, body) =
            simulator.post(SHARES, &with(forever("demo"), field, value.clone())).await;
        assert_eq!((status, code(&body)), expected, "{field}: {value}");
    }
    let (status, body) =
        crate::support::read(simulator.call("POST", SHARES).body("{").send().await.unwrap()).await;
    assert_eq!((status, code(&body)), invalid);
    let longest = with(forever("demo"), "description", json!("ü".repeat(1000)));
    assert_eq!(simulator.post(SHARES, &longest).await.0, 201);
}

#[tokio::test]
async fn a_patch_without_description_clears_it_and_moves_updated_alone() {
    let simulator = simulator().await;
    simulator.post(SHARES, &forever("demo")).await;
    simulator.running.set_clock("2026-04-01T08:14:42.566320Z".parse().unwrap());
    simulator.patch(SHARE, &json!({"permit": "read", "deadline": "forever"})).await;
    let (_, share) = simulator.get(SHARE).await;
    assert_eq!(share["description"], "");
    assert_eq!(share["created"], NOON);
    assert_eq!(share["updated"], "2026-04-01T08:14:42.56632Z");
}

#[tokio::test]
async fn a_list_stops_at_its_limit_and_a_share_beyond_it_can_still_be_shown() {
    let simulator = simulator_with(Options { open: true, ..options() }).await;
    for number in 0..101 {
        simulator.post(SHARES, &forever(&format!("account-{number:03}"))).await;
    }
    assert_eq!(simulator.get(SHARES).await.1.as_array().unwrap().len(), 100);
    assert_eq!(simulator.get(&SHARE.replace("demo", "account-100")).await.1["exist"], true);
}

#[tokio::test]
async fn a_share_expires_at_the_end_of_its_day_stays_listed_and_is_renewed_by_patch() {
    let simulator = simulator().await;
    let body = with(forever("demo"), "deadline", json!("2026-03-31T16:00:00Z"));
    simulator.post(SHARES, &body).await;
    for (now, valid) in [("2026-03-31T23:59:59Z", true), ("2026-04-01T00:00:00Z", false)] {
        simulator.running.set_clock(now.parse().unwrap());
        assert_eq!(simulator.get(SHARE).await.1["status"], valid, "{now}");
        assert_eq!(simulator.get(SHARES).await.1[0]["status"], valid, "{now}");
    }
    assert_eq!(simulator.post(SHARES, &body).await.0, 409);
    simulator.patch(SHARE, &forever("demo")).await;
    assert_eq!(simulator.get(SHARE).await.1["status"], true);
}

#[tokio::test]
async fn with_day_cut_a_deadline_comes_back_at_midnight_of_its_day_and_holds_as_long() {
    let simulator = simulator_with(Options { day_cut: true, ..options() }).await;
    simulator.post(SHARES, &with(forever("demo"), "deadline", json!("2026-03-31T16:00:00Z"))).await;
    let (_, share) = simulator.get(SHARE).await;
    assert_eq!(
        (share["deadline"].as_str(), &share["status"]),
        (Some("2026-03-31T00:00:00Z"), &json!(true))
    );
}
