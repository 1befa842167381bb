//! Identity tokens become temporary access keys.

use std::time::Duration;

use imageshare_simulator::{Options, Provider};
use serde_json::{Value, json};

use crate::issuer::{ISSUER, Issuer};
use crate::signing::Signer;
use crate::support::{
    Answer, SHARES, Simulator, code, options, read, simulator, simulator_with, with,
};

const URN: &str = "iam::acme:oidc-provider:cluster";
const AGENCY: &str = "iam::acme:agency:sharing";

fn asking(token: &str) -> Value {
    json!({"provider_urn": URN, "agency_urn": AGENCY, "agency_session_name": "operator", "id_token": token})
}

async fn assume(simulator: &Simulator, body: &Value) -> Answer {
    let request = simulator.request("POST", "/v5/agencies/assume-with-oidc");
    read(request.json(body).send().await.unwrap()).await
}

/// A signer with what STS handed out.
fn signer(simulator: &Simulator, answer: &Value) -> Signer {
    let field = |name: &str| answer["credentials"][name].as_str().unwrap().to_owned();
    Signer {
        id: field("access_key_id"),
        secret: field("secret_access_key"),
        security_token: Some(field("security_token")),
        at: simulator.running.now(),
    }
}

async fn trusting(issuer: &Issuer) -> Simulator {
    let simulator = simulator().await;
    simulator.running.add_provider(issuer.provider(URN)).unwrap();
    simulator
}

#[tokio::test]
async fn an_identity_token_becomes_a_key_that_ends() {
    let issuer = Issuer::new();
    let simulator = trusting(&issuer).await;
    let (status, answer) = assume(&simulator, &asking(&issuer.token())).await;
    assert_eq!((status, &answer["subject_from_id_token"]), (200, &json!("robot")));
    assert_eq!(answer["credentials"]["expiration"], "2026-03-31T13:00:00.000Z");
    assert_eq!(answer["assumed_agency"]["urn"], "iam::acme:assumed-agency:sharing/operator");
    let signed = signer(&simulator, &answer);
    assert_eq!(signed.status(&simulator, SHARES).await, 200);
    let bare = Signer { security_token: None, ..signed.clone() };
    assert_eq!(bare.status(&simulator, SHARES).await, 401);
    simulator.running.advance_clock(Duration::from_hours(1)).unwrap();
    let later = Signer { at: simulator.running.now(), ..signed };
    assert_eq!(later.status(&simulator, SHARES).await, 401);
    let (_, answer) = assume(&simulator, &asking(&issuer.token())).await;
    assert_eq!(signer(&simulator, &answer).status(&simulator, SHARES).await, 200);
}

#[tokio::test]
async fn a_key_lives_between_a_quarter_of_an_hour_and_half_a_day() {
    let issuer = Issuer::new();
    let simulator = trusting(&issuer).await;
    for (seconds, status) in [
        (json!(899), 400),
        (json!(900), 200),
        (json!(43_200), 200),
        (json!(43_201), 400),
        (json!("900"), 400),
    ] {
        let body = with(asking(&issuer.token()), "duration_seconds", seconds.clone());
        assert_eq!(assume(&simulator, &body).await.0, status, "{seconds}");
    }
}

#[tokio::test]
async fn whoever_is_not_trusted_gets_no_key() {
    let issuer = Issuer::new();
    let simulator = trusting(&issuer).await;
    let good = asking(&issuer.token());
    for (field, value, status, expected) in [
        ("provider_urn", json!("iam::acme:oidc-provider:other"), 404, "STS.0004"),
        ("id_token", json!(Issuer::new().token()), 401, "STS.0002"),
        ("id_token", json!(issuer.token_with("aud", json!("other"))), 401, "STS.0002"),
        ("id_token", json!(issuer.token_with("iss", json!("https://other"))), 401, "STS.0002"),
        ("id_token", json!(issuer.token_with("exp", json!(1))), 401, "STS.0002"),
        ("id_token", json!("abc"), 400, "STS.0001"),
        ("agency_session_name", json!(""), 400, "STS.0001"),
        ("agency_urn", Value::Null, 400, "STS.0001"),
    ] {
        let (got, body) = assume(&simulator, &with(good.clone(), field, value)).await;
        assert_eq!((got, code(&body)), (status, expected), "{field}: {body}");
    }
    assert_eq!(simulator.running.access_keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_provider_may_lend_some_agencies_only_and_comes_and_goes_while_it_runs() {
    let (simulator, issuer) = (simulator().await, Issuer::new());
    let path = format!("/providers/{URN}");
    let given = |agencies: Value| json!({"issuer": ISSUER, "audience": "swr", "jwks": issuer.jwks(), "agencies": agencies});
    simulator.meddle("PUT", &path, given(json!(["iam::acme:agency:other"]))).await;
    let (status, body) = assume(&simulator, &asking(&issuer.token())).await;
    assert_eq!((status, code(&body)), (403, "STS.0003"));
    simulator.meddle("PUT", &path, given(json!([AGENCY]))).await;
    assert_eq!(assume(&simulator, &asking(&issuer.token())).await.0, 200);
    simulator.meddle("DELETE", &path, Value::Null).await;
    assert_eq!(assume(&simulator, &asking(&issuer.token())).await.0, 404);
    let keyless = with(given(json!([])), "jwks", json!({"keys": []}));
    for wrong in [json!({}), keyless, with(given(json!([])), "isuer", json!("x"))] {
        assert_eq!(simulator.knock("PUT", &path, wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_provider_is_credential_enough_to_start_with_and_is_read_from_a_file() {
    let issuer = Issuer::new();
    let file = std::env::temp_dir().join(format!("imageshare-provider-{}", std::process::id()));
    let given = json!({"issuer": ISSUER, "audience": "swr", "jwks": issuer.jwks()});
    std::fs::write(&file, given.to_string()).unwrap();
    let provider: Provider = format!("{URN}={}", file.display()).parse().unwrap();
    assert_eq!(provider, issuer.provider(URN));
    std::fs::write(&file, "{}").unwrap();
    let error = format!("{URN}={}", file.display()).parse::<Provider>().unwrap_err();
    assert!(error.contains("missing field `issuer`"), "{error}");
    std::fs::remove_file(&file).unwrap();
    for wrong in ["", "name", "=file", "name=/nowhere/at/all"] {
        assert!(wrong.parse::<Provider>().is_err(), "{wrong}");
    }
    let tokens = Vec::new();
    let options = Options { tokens, providers: vec![provider], ..options() };
    let simulator = simulator_with(options).await;
    let (_, answer) = assume(&simulator, &asking(&issuer.token())).await;
    assert_eq!(signer(&simulator, &answer).status(&simulator, SHARES).await, 200);
}
