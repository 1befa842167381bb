//! Passwords and identity tokens become tokens; tokens tell of themselves, end and are taken back.

use std::time::Duration;

use imageshare_simulator::{Kind, Options, RateLimit, UserState};
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::signing::Signer;
use crate::support::{
    NOON, SHARES, Simulator, TOKEN, code, options, read, simulator, simulator_with, with,
};

const TOKENS: &str = "/v3/auth/tokens";
const ID_TOKEN: &str = "/v3.0/OS-AUTH/id-token/tokens";

async fn with_user() -> Simulator {
    let users = vec!["acme/robot=right".parse().unwrap()];
    simulator_with(Options { users, ..options() }).await
}

fn by(password: &str) -> Value {
    let user = json!({"name": "robot", "password": password, "domain": {"name": "acme"}});
    json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "eu-west-101"}},
    }})
}

/// Status, token and body of an exchange.
async fn exchange(
    simulator: &Simulator,
    path: &str,
    provider: Option<&str>,
    body: &Value,
) -> (u16, String, Value) {
    let request = simulator.request("POST", path).json(body);
    let request = provider.into_iter().fold(request, |request, id| request.header("X-Idp-Id", id));
    let response = request.send().await.unwrap();
    let token = response.headers().get("x-subject-token").cloned();
    let token = token.map_or_else(String::new, |token| token.to_str().unwrap().to_owned());
    let (status, body) = read(response).await;
    (status, token, body)
}

async fn sign_in(simulator: &Simulator) -> String {
    let (status, token, body) = exchange(simulator, TOKENS, None, &by("right")).await;
    assert_eq!(status, 201, "{body}");
    token
}

/// What a sign-in with this password comes to.
async fn outcome(simulator: &Simulator, password: &str) -> (u16, String) {
    let (status, _, body) = exchange(simulator, TOKENS, None, &by(password)).await;
    (status, code(&body).to_owned())
}

/// Status and code of a call to SWR with this token.
async fn use_of(simulator: &Simulator, token: &str) -> (u16, String) {
    let request = simulator.request("GET", SHARES).header("X-Auth-Token", token);
    let (status, body) = read(request.send().await.unwrap()).await;
    (status, code(&body).to_owned())
}

async fn tell_of(simulator: &Simulator, caller: &str, token: &str) -> (u16, Value) {
    let request = simulator.request("GET", TOKENS).header("X-Auth-Token", caller);
    read(request.header("X-Subject-Token", token).send().await.unwrap()).await
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_password_becomes_a_token_that_swr_takes_for_a_day() {
    let simulator = with_user().await;
    let (status, token, body) =
        exchange(&simulator, "/v3/auth/tokens?nocatalog=true", None, &by("right")).await;
    assert_eq!(status, 201);
    assert!(token.len() > 500);
    let told = &body["token"];
    assert_eq!(told["issued_at"], "2026-03-31T12:00:00.000000Z");
    assert_eq!(told["expires_at"], "2026-04-01T12:00:00.000000Z");
    assert_eq!(told["methods"], json!(["password"]));
    assert_eq!(told["project"]["name"], "eu-west-101");
    assert_eq!(told["project"]["id"].as_str().unwrap().len(), 32);
    assert_eq!(
        (&told["user"]["name"], &told["user"]["domain"]["name"]),
        (&json!("robot"), &json!("acme"))
    );
    assert_eq!(use_of(&simulator, &token).await.0, 200);
    simulator.running.advance_clock(Duration::from_hours(24)).unwrap();
    assert_eq!(use_of(&simulator, &token).await, refused(401, "APIGW.0307"));
    assert_eq!(use_of(&simulator, &sign_in(&simulator).await).await.0, 200);
}

#[tokio::test]
async fn a_project_is_found_by_its_name_or_id_or_not_asked_for() {
    let projects = vec!["eu-west-101".to_owned()];
    let users = vec!["acme/robot=right".parse().unwrap()];
    let simulator = simulator_with(Options { projects, users, ..options() }).await;
    let scoped = async |scope: Value| {
        let mut body = by("right");
        body["auth"] = with(body["auth"].clone(), "scope", scope);
        let (status, _, body) = exchange(&simulator, TOKENS, None, &body).await;
        (status, code(&body).to_owned(), body["token"]["project"].clone())
    };
    let (_, _, by_name) = scoped(json!({"project": {"name": "eu-west-101"}})).await;
    let (status, _, by_id) = scoped(json!({"project": {"id": by_name["id"]}})).await;
    assert_eq!((status, &by_id), (201, &by_name));
    for scope in [Value::Null, json!({}), json!({"domain": {"name": "acme"}})] {
        assert_eq!(scoped(scope.clone()).await, (201, String::new(), Value::Null), "{scope}");
    }
    for project in [json!({"name": "mars"}), json!({"id": "0"})] {
        let (status, code, _) = scoped(json!({"project": project})).await;
        assert_eq!((status, code.as_str()), (404, "IAM.0004"), "{project}");
    }
    assert_eq!(scoped(json!({"project": {}})).await.0, 400);
}

#[tokio::test]
async fn a_sign_in_that_is_not_one_is_a_400() {
    let simulator = with_user().await;
    let mut methods = by("right");
    methods["auth"]["identity"]["methods"] = json!(["token"]);
    let mut nameless = by("right");
    nameless["auth"]["identity"]["password"]["user"]["name"] = Value::Null;
    for body in [json!({}), json!([]), methods, nameless] {
        let (status, _, answer) = exchange(&simulator, TOKENS, None, &body).await;
        assert_eq!((status, code(&answer)), (400, "IAM.0011"), "{body}");
    }
}

#[tokio::test]
async fn wrong_passwords_lock_a_user_for_a_quarter_of_an_hour() {
    let simulator = with_user().await;
    for _ in 0..5 {
        assert_eq!(outcome(&simulator, "wrong").await, refused(401, "IAM.0062"));
    }
    assert_eq!(outcome(&simulator, "right").await, refused(401, "IAM.0061"));
    simulator.running.advance_clock(Duration::from_mins(15)).unwrap();
    assert_eq!(outcome(&simulator, "right").await.0, 201);
}

#[tokio::test]
async fn what_becomes_of_a_user_is_set_from_outside() {
    let simulator = with_user().await;
    for (state, status, code) in [
        ("disabled", 403, "IAM.0082"),
        ("consoleOnly", 403, "IAM.0081"),
        ("locked", 401, "IAM.0061"),
        ("active", 201, ""),
    ] {
        simulator.meddle("PUT", "/users/acme/robot", json!({"state": state})).await;
        assert_eq!(outcome(&simulator, "right").await, refused(status, code), "{state}");
    }
    simulator.meddle("PUT", "/users/acme/robot", json!({"password": "new"})).await;
    assert_eq!(outcome(&simulator, "right").await, refused(401, "IAM.0062"));
    simulator.running.set_user("acme", "robot", UserState::Active).unwrap();
    assert_eq!(outcome(&simulator, "new").await.0, 201);
    let nobody = simulator.knock("PUT", "/users/acme/nobody", json!({"state": "active"})).await;
    assert_eq!(nobody.0, 404);
    simulator.running.put_user("acme", "nobody", "p");
    simulator
        .meddle("PUT", "/users/acme/nobody", json!({"password": "q", "state": "active"}))
        .await;
}

#[tokio::test]
async fn issued_tokens_are_taken_back_and_given_ones_stay() {
    let simulator = with_user().await;
    let issued = sign_in(&simulator).await;
    let tokens = simulator.meddle("GET", "/tokens", Value::Null).await;
    assert_eq!(tokens.as_array().unwrap().len(), 2);
    simulator.meddle("DELETE", "/issued-tokens", Value::Null).await;
    assert_eq!(use_of(&simulator, &issued).await, refused(401, "APIGW.0307"));
    assert_eq!(use_of(&simulator, TOKEN).await.0, 200);
    let again = sign_in(&simulator).await;
    assert_eq!(use_of(&simulator, &again).await.0, 200);
    simulator.running.revoke_issued_tokens();
    assert_eq!(use_of(&simulator, &again).await.0, 401);
    assert_eq!(simulator.meddle("GET", "/tokens", Value::Null).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_tells_of_itself() {
    let simulator = with_user().await;
    let issued = sign_in(&simulator).await;
    let (status, body) = tell_of(&simulator, TOKEN, &issued).await;
    assert_eq!(
        (status, &body["token"]["expires_at"]),
        (200, &json!("2026-04-01T12:00:00.000000Z"))
    );
    assert_eq!(body["token"]["project"]["name"], "eu-west-101");
    let (status, body) = tell_of(&simulator, &issued, &issued).await;
    assert_eq!((status, &body["token"]["user"]["name"]), (200, &json!("robot")));
    let (status, body) = tell_of(&simulator, TOKEN, "unknown").await;
    assert_eq!((status, code(&body)), (404, "IAM.0004"));
    let (status, body) = tell_of(&simulator, "unknown", TOKEN).await;
    assert_eq!((status, code(&body)), (401, "IAM.0067"));
    let (status, body) = read(simulator.request("GET", TOKENS).send().await.unwrap()).await;
    assert_eq!((status, code(&body)), (401, "IAM.0001"));
    assert_eq!(body["errors"], Value::Null, "IAM's body, not SWR's");
    assert_eq!(simulator.get(TOKENS).await.0, 400, "no token is asked about");
}

#[tokio::test]
async fn whoever_asks_about_a_token_may_sign_as_well() {
    let simulator = simulator().await;
    simulator.running.add_access_key("AK1", "right", None, None);
    let ask = async |secret: &str| {
        let request = Signer::new("AK1", secret, NOON).get(&simulator, TOKENS);
        read(request.header("X-Subject-Token", TOKEN).send().await.unwrap()).await
    };
    assert_eq!(ask("right").await.0, 200);
    let (status, body) = ask("wrong").await;
    assert_eq!((status, code(&body)), (401, "APIGW.0301"));
}

#[tokio::test]
async fn a_token_that_was_taken_back_can_be_given_again() {
    let simulator = with_user().await;
    simulator.meddle("DELETE", "/tokens/a-token", Value::Null).await;
    assert_eq!(
        use_of(&simulator, TOKEN).await,
        refused(401, "APIGW.0301"),
        "as if it had never been"
    );
    simulator.running.accept_token(TOKEN, false);
    assert_eq!(use_of(&simulator, TOKEN).await.0, 200);
    let issued = sign_in(&simulator).await;
    simulator.running.revoke_token(&issued).unwrap();
    assert_eq!(use_of(&simulator, &issued).await, refused(401, "APIGW.0307"));
    assert!(simulator.running.revoke_token(&issued).is_err());
    simulator.running.accept_token(issued.clone(), false);
    assert_eq!(use_of(&simulator, &issued).await.0, 200);
}

#[tokio::test]
async fn a_given_token_ends_when_it_is_told_to() {
    let simulator = simulator().await;
    let end = async |token: &str| {
        let (_, body) = tell_of(&simulator, TOKEN, token).await;
        body["token"]["expires_at"].as_str().unwrap().to_owned()
    };
    assert_eq!(end(TOKEN).await, "2026-04-01T12:00:00.000000Z", "a day after the start");
    let second = json!({"token": "second", "expiresAt": "2026-03-31T12:30:00Z"});
    simulator.meddle("POST", "/tokens", second).await;
    assert_eq!(end("second").await, "2026-03-31T12:30:00.000000Z");
    simulator.running.advance_clock(Duration::from_mins(30)).unwrap();
    assert_eq!(use_of(&simulator, "second").await, refused(401, "APIGW.0307"));
    simulator.running.advance_clock(Duration::from_hours(48)).unwrap();
    assert_eq!(use_of(&simulator, TOKEN).await.0, 200, "its end was never told");
    simulator.running.set_token_expiry(TOKEN, NOON.parse().unwrap()).unwrap();
    assert_eq!(use_of(&simulator, TOKEN).await.0, 401);
    assert!(simulator.running.set_token_expiry("unknown", NOON.parse().unwrap()).is_err());
    let soon = json!({"token": "third", "expiresAt": "soon"});
    assert_eq!(simulator.knock("POST", "/tokens", soon).await.0, 400);
    assert_eq!(use_of(&simulator, "third").await, refused(401, "APIGW.0301"));
}

#[tokio::test]
async fn an_identity_token_becomes_a_token() {
    let (simulator, issuer) = (simulator().await, Issuer::new());
    simulator.running.add_provider(issuer.provider("cluster")).unwrap();
    let exchanged = async |provider: Option<&str>, token: String| {
        let scope = json!({"project": {"name": "eu-west-101"}});
        let body = json!({"auth": {"id_token": {"id": token}, "scope": scope}});
        exchange(&simulator, ID_TOKEN, provider, &body).await
    };
    let (status, token, body) = exchanged(Some("cluster"), issuer.token()).await;
    assert_eq!((status, &body["token"]["user"]["name"]), (201, &json!("robot")));
    assert_eq!(use_of(&simulator, &token).await.0, 200);
    let unscoped = json!({"auth": {"id_token": {"id": issuer.token()}}});
    assert_eq!(exchange(&simulator, ID_TOKEN, Some("cluster"), &unscoped).await.0, 201);
    for (provider, token, status, expected) in [
        (None, issuer.token(), 400, "IAM.0011"),
        (Some("other"), issuer.token(), 404, "IAM.0004"),
        (Some("cluster"), Issuer::new().token(), 401, "IAM.0067"),
        (Some("cluster"), issuer.token_with("exp", json!(1)), 401, "IAM.0067"),
        (Some("cluster"), "no-jwt".to_owned(), 401, "IAM.0067"),
    ] {
        let (got, _, body) = exchanged(provider, token).await;
        assert_eq!((got, code(&body)), (status, expected), "{body}");
    }
}

#[tokio::test]
async fn exchanges_have_kinds_and_keys_of_their_own_that_faults_can_name() {
    let simulator = with_user().await;
    let throttled = json!({"status": 429, "shape": "iam", "code": "IAM.0012", "message": "Threshold: 3 times per 60 seconds"});
    let rule = json!({"match": {"method": "POST", "key": "iam/tokens", "times": 1}, "do": {"answer": throttled}});
    simulator.running.plant_faults(rule).unwrap();
    assert_eq!(outcome(&simulator, "right").await, refused(429, "IAM.0012"));
    sign_in(&simulator).await;
    exchange(&simulator, ID_TOKEN, Some("x"), &json!({})).await;
    exchange(&simulator, "/v5/agencies/assume-with-oidc", None, &json!({})).await;
    tell_of(&simulator, TOKEN, TOKEN).await;
    let facts: Vec<_> = simulator
        .running
        .ledger(0)
        .into_iter()
        .map(|entry| (entry.kind, entry.key.unwrap(), entry.status.unwrap(), entry.applied))
        .collect();
    let entry = |kind, key: &str, status| (kind, key.to_owned(), status, false);
    assert_eq!(
        facts,
        [
            entry(Kind::SignIn, "iam/tokens", 429),
            entry(Kind::SignIn, "iam/tokens", 201),
            entry(Kind::SignIn, "iam/id-token", 400),
            entry(Kind::Assume, "sts/assume", 400),
            entry(Kind::Token, "iam/tokens", 200),
        ]
    );
    let entries = json!(simulator.ledger().await);
    assert_eq!((&entries[1]["kind"], &entries[3]["kind"]), (&json!("sign_in"), &json!("assume")));
    assert!(!entries.to_string().contains("right"));
}

#[tokio::test]
async fn the_rate_limit_counts_no_exchange_and_all_of_a_users_tokens_together() {
    let simulator = with_user().await;
    let window = Duration::from_hours(1);
    simulator.running.throttle(RateLimit { limit: 2, window, ..RateLimit::default() }).unwrap();
    let (first, second) = (sign_in(&simulator).await, sign_in(&simulator).await);
    for _ in 0..3 {
        sign_in(&simulator).await;
    }
    assert_eq!(
        (use_of(&simulator, &first).await.0, use_of(&simulator, &second).await.0),
        (200, 200)
    );
    assert_eq!(use_of(&simulator, &second).await.0, 429);
    assert_eq!(use_of(&simulator, TOKEN).await.0, 200, "somebody else");
}
