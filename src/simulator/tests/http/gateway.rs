//! What stands before SWR: unknown paths, credentials, request ids, the rate limit.

use std::time::Duration;

use imageshare_simulator::{Options, RateLimit};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    SHARE, SHARES, TOKEN, code, forever, options, read, simulator, simulator_with,
};

#[tokio::test]
async fn an_unknown_path_is_the_gateways_404_even_without_a_credential() {
    let simulator = simulator().await;
    for (method, path) in [
        ("GET", SHARES.replace('$', "/")),
        ("GET", SHARES.replace('$', "%2F")),
        ("PUT", SHARES.to_owned()),
        ("POST", SHARE.to_owned()),
        ("GET", "/".to_owned()),
    ] {
        let (status, body) = read(simulator.request(method, &path).send().await.unwrap()).await;
        assert_eq!((status, code(&body)), (404, "APIGW.0101"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_dollar_may_be_percent_encoded() {
    let simulator = simulator().await;
    assert_eq!(simulator.get(&SHARES.replace('$', "%24")).await.0, 200);
}

#[tokio::test]
async fn no_call_passes_without_a_good_credential() {
    let simulator = simulator().await;
    for (name, value) in [
        ("X-Other", "x"),
        ("X-Auth-Token", ""),
        ("X-Auth-Token", "another-token"),
        ("Authorization", "SDK-HMAC-SHA256 Access=unknown, SignedHeaders=host, Signature=00"),
    ] {
        let (status, body) =
            read(simulator.request("GET", SHARES).header(name, value).send().await.unwrap()).await;
        assert_eq!((status, code(&body)), (401, "APIGW.0301"), "{name}: {value}");
        assert!(body["request_id"].is_string());
    }
}

#[tokio::test]
async fn tokens_can_be_rotated_while_it_runs() {
    let simulator = simulator().await;
    let status = async |token: &str| {
        simulator
            .request("GET", SHARES)
            .header("X-Auth-Token", token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    simulator.meddle("POST", "/tokens", json!({"token": "second"})).await;
    assert_eq!((status(TOKEN).await, status("second").await), (200, 200));
    simulator.meddle("POST", "/tokens", json!({"token": "third", "only": true})).await;
    assert_eq!(
        (status(TOKEN).await, status("second").await, status("third").await),
        (401, 401, 200)
    );
    simulator.meddle("DELETE", "/tokens/third", Value::Null).await;
    assert_eq!(status("third").await, 401);
    assert_eq!(simulator.meddle("GET", "/tokens", Value::Null).await, json!([]));
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_the_simulated_date() {
    let simulator = simulator().await;
    for (method, path) in [("GET", SHARES), ("DELETE", SHARE), ("GET", "/nowhere")] {
        let response = simulator.call(method, path).send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"].len(), 32, "{method} {path}");
        assert_eq!(response.headers()["date"], "Tue, 31 Mar 2026 12:00:00 GMT", "{method} {path}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_in_the_refusal_and_ends_when_it_is_lifted() {
    for (policy, status, expected, text) in [
        (
            json!({"limit": 1, "window": "1h"}),
            429,
            "APIGW.0308",
            "policy user over ratelimit,limit:1,time:60 minute",
        ),
        (
            json!({"limit": 1, "window": "1h", "by": "ip", "status": 403}),
            403,
            "SVCSTG.SWR.4031032",
            "policy ip over ratelimit,limit:1",
        ),
        (
            json!({"limit": 1, "window": "1h", "status": 403, "code": "SVCSTG.SWR.4031042", "retry_after": 3}),
            403,
            "SVCSTG.SWR.4031042",
            "limit:1",
        ),
    ] {
        let simulator = simulator().await;
        simulator.meddle("POST", "/throttle", policy.clone()).await;
        assert_eq!(simulator.post(SHARES, &forever("demo")).await.0, 201);
        let response = simulator.call("DELETE", SHARE).send().await.unwrap();
        let wait = response.headers().get("retry-after").cloned();
        assert_eq!(wait.is_some(), policy.get("retry_after").is_some());
        let (got, body) = read(response).await;
        assert_eq!((got, code(&body)), (status, expected));
        assert!(body["error_msg"].as_str().unwrap().contains(text), "{body}");
        simulator.meddle("DELETE", "/throttle", Value::Null).await;
        assert_eq!(simulator.delete(SHARE).await.0, 204, "the refused call had no effect");
    }
}

/// Whatever the calls do, and whoever sets it: the options, this process, or the side door.
#[tokio::test]
async fn a_standing_limit_counts_all_calls_of_its_bucket_and_the_ledger_shows_the_refused_ones() {
    let limit = Some("user:3/1h".parse().unwrap());
    let simulator = simulator_with(Options { limit, ..options() }).await;
    simulator.running.accept_token("second".to_owned(), false);
    assert_eq!(simulator.post(SHARES, &forever("demo")).await.0, 201);
    assert_eq!(simulator.get("/nowhere").await.0, 404);
    assert_eq!((simulator.get(SHARES).await.0, simulator.get(SHARE).await.0), (200, 200));
    assert_eq!((simulator.delete(SHARE).await.0, simulator.get(SHARES).await.0), (429, 429));
    let other = simulator.request("GET", SHARES).header("X-Auth-Token", "second");
    assert_eq!(read(other.send().await.unwrap()).await.0, 200, "another user's bucket");

    let entries = simulator.running.ledger(0);
    let seen: Vec<_> = entries.iter().map(|entry| (entry.status, entry.applied)).collect();
    let (ok, refused) = ((Some(200), false), (Some(429), false));
    let created = (Some(201), true);
    assert_eq!(seen, [created, (Some(404), false), ok, ok, refused, refused, ok]);
    assert!(entries.iter().all(|entry| entry.credential.is_some() && entry.ended.is_some()));

    for by in ["ip", "api"] {
        let limit = json!({"limit": 1, "window": "1h", "by": by});
        simulator.meddle("POST", "/throttle", limit).await;
        assert_eq!(simulator.get(SHARES).await.0, 200, "{by}");
        let other = simulator.request("GET", SHARES).header("X-Auth-Token", "second");
        assert_eq!(read(other.send().await.unwrap()).await.0, 429, "{by}: one bucket for both");
    }
}

#[tokio::test]
async fn when_to_come_back_is_told_in_seconds_or_as_a_date_by_the_answers_own_clock() {
    let simulator = simulator().await;
    for (status, as_date, expected) in [
        (429, false, "90"),
        (503, false, "90"),
        (429, true, "Tue, 31 Mar 2026 12:01:30 GMT"),
        (503, true, "Tue, 31 Mar 2026 12:01:30 GMT"),
    ] {
        let limit = RateLimit {
            window: Duration::from_mins(1),
            status: Some(status),
            retry_after: Some(90),
            retry_after_as_date: as_date,
            ..RateLimit::default()
        };
        simulator.running.throttle(limit).unwrap();
        let response = simulator.call("GET", SHARES).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], expected);
        assert_eq!(response.headers()["date"], "Tue, 31 Mar 2026 12:00:00 GMT");
        let (got, body) = read(response).await;
        assert_eq!((got, code(&body)), (status, "APIGW.0308"));
        let text = "policy user over ratelimit,limit:0,time:1 minute";
        assert!(body["error_msg"].as_str().unwrap().ends_with(text), "{body}");
    }
}

#[tokio::test]
async fn every_call_takes_the_latency_and_the_side_door_does_not() {
    let latency = Duration::from_millis(50);
    let simulator = simulator_with(Options { latency, ..options() }).await;
    simulator.get(SHARES).await;
    let entry = simulator.ledger().await.remove(0);
    let time = |field: &str| entry[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time("ended").duration_since(time("started")) >= latency.try_into().unwrap());
    assert_eq!(simulator.ledger().await.len(), 1);
}
