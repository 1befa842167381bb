//! The four kinds of credentials, each against a cloud that checks it, and what becomes of them: their
//! end, their rejection in the middle of their life, their renewal, and those that the cloud refuses.

use imageshare_simulator::{Kind, Options, Provider, User, UserState};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::canary::{PASSWORD, SECRET_KEY, SECURITY_TOKEN};
use crate::support::{Operator, Trial, condition, until};

/// A cloud without any token that would do.
async fn trial(namespace: &str) -> Trial {
    trial_with(namespace, |_| {}).await
}

async fn trial_with(namespace: &str, adjust: impl FnOnce(&mut Options)) -> Trial {
    Trial::with(namespace, |options| {
        options.users =
            vec![User { account: "acme".into(), name: "robot".into(), password: PASSWORD.into() }];
        adjust(options);
    })
    .await
}

fn put_secret(trial: &Trial, name: &str, data: &Value) {
    trial.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": trial.namespace}, "stringData": data,
    }));
}

fn password(text: &str) -> Value {
    json!({"accountName": "acme", "username": "robot", "password": text})
}

/// The operator, with the simulator as IAM and STS as well.
fn operator(trial: &Trial, flags: &[&str]) -> Operator {
    let at = format!("sim-1={}", trial.simulator.url());
    let here = ["--iam-endpoint", &at, "--sts-endpoint", &at, "--admin-listen", "127.0.0.1:0"];
    trial.operator_as(&trial.operator_kubeconfig(), &[&here, flags].concat())
}

fn count(trial: &Trial, kind: Kind) -> usize {
    trial.ledger().iter().filter(|entry| entry.kind == kind).count()
}

fn message(object: &imageshare::api::ImageShare) -> String {
    condition(object, "Ready").unwrap().message.clone()
}

fn expires_at(object: &imageshare::api::ImageShare) -> Option<String> {
    object.status.as_ref()?.credentials_expire_at.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_signs_its_requests_and_a_temporary_one_comes_with_its_token() {
    let trial = trial("keys").await;
    trial.simulator.add_access_key("AK1", SECRET_KEY, None, None);
    let token = SECURITY_TOKEN;
    trial.simulator.add_access_key("AK2", SECRET_KEY, Some(token.into()), None);
    put_secret(&trial, "long", &json!({"accessKey": "AK1", "secretKey": SECRET_KEY}));
    let temporary = json!({"accessKey": "AK2", "secretKey": SECRET_KEY, "securityToken": token});
    put_secret(&trial, "short", &temporary);
    put_secret(&trial, "wrong", &json!({"accessKey": "AK1", "secretKey": "wrong"}));
    let _operator = operator(&trial, &[]);
    for (name, account) in [("long", "demo"), ("short", "team two"), ("wrong", "three")] {
        trial.simulator.add_account(account).unwrap();
        let spec = json!({"account": account, "repository": "tools/busybox", "credentialsRef": {"name": name}});
        trial.create(name, spec).await;
    }
    trial.until_reason("long", "Shared").await;
    trial.until_reason("short", "Shared").await;
    let wrong = trial.until_reason("wrong", "Unauthorized").await;
    assert!(message(&wrong).contains("(Secret wrong)"), "{}", message(&wrong));
    // Five would lock the key, for the others as well.
    let rejected = trial.ledger().iter().filter(|entry| entry.status == Some(401)).count();
    assert_eq!(rejected, 1);
    // What a look and a delete sign is right as well.
    trial.delete("long").await;
    trial.until_gone("long").await;
    assert_eq!(trial.cloud_shares().len(), 1);
}

/// The cloud allows 15 minutes, and nodes have been hours off.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_goes_by_the_clouds_clock_however_wrong_our_own_is() {
    let trial = trial("skewed").await;
    trial.simulator.set_clock(jiff::Timestamp::now() - 23.hours());
    trial.simulator.add_access_key("AK1", SECRET_KEY, None, None);
    put_secret(&trial, "key", &json!({"accessKey": "AK1", "secretKey": SECRET_KEY}));
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"credentialsRef": {"name": "key"}})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.calls(), ["POST 401 group/app/demo", "POST 201 group/app/demo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_exchanged_once_for_all_and_again_when_its_token_is_rejected() {
    let trial = trial("password").await;
    put_secret(&trial, "user", &password(PASSWORD));
    let operator = operator(&trial, &[]);
    for index in 0..20 {
        let account = format!("a{index}");
        trial.simulator.add_account(&account).unwrap();
        let spec = json!({"account": account, "credentialsRef": {"name": "user"}});
        trial.create(&format!("o{index}"), spec).await;
    }
    for index in 0..20 {
        let object = trial.until_reason(&format!("o{index}"), "Shared").await;
        let end: jiff::Timestamp = expires_at(&object).unwrap().parse().unwrap();
        let left = end.duration_since(jiff::Timestamp::now()).as_hours();
        assert!((23..=24).contains(&left), "{left} hours");
    }
    assert_eq!(count(&trial, Kind::SignIn), 1, "one exchange for all");
    let metrics = operator.metrics().await;
    assert!(metrics.contains("imageshare_credentials_expire_timestamp_seconds{"), "{metrics}");

    // As when somebody has changed the user's rights.
    trial.simulator.revoke_issued_tokens();
    trial.change("o0", json!({"description": "changed"})).await;
    trial.until_reason("o0", "Shared").await;
    until("the change", async || {
        let shares = trial.cloud_shares();
        shares.iter().any(|share| share.description == "changed").then_some(())
    })
    .await;
    assert_eq!(count(&trial, Kind::SignIn), 2);
    let rejected = trial.ledger().iter().filter(|entry| entry.status == Some(401)).count();
    assert!(rejected <= 2, "{:?}", trial.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_costs_one_attempt_however_many_objects_and_secrets_have_it() {
    let trial = trial("wrong-password").await;
    for secret in ["one", "two"] {
        put_secret(&trial, secret, &password("not the password"));
    }
    let _operator = operator(&trial, &[]);
    for index in 0..10 {
        let (account, secret) = (format!("a{index}"), if index % 2 == 0 { "one" } else { "two" });
        trial.simulator.add_account(&account).unwrap();
        let spec = json!({"account": account, "credentialsRef": {"name": secret}});
        trial.create(&format!("o{index}"), spec).await;
    }
    for index in 0..10 {
        let object = trial.until_reason(&format!("o{index}"), "SignInRejected").await;
        assert!(
            message(&object).contains("HTTP 401, IAM.0062, on sign-in"),
            "{}",
            message(&object)
        );
    }
    assert_eq!(count(&trial, Kind::SignIn), 1, "the second attempt comes in a quarter of an hour");
    put_secret(&trial, "one", &password(PASSWORD));
    for index in [0, 2, 4, 6, 8] {
        trial.until_reason(&format!("o{index}"), "Shared").await;
    }
    assert_eq!(count(&trial, Kind::SignIn), 2);
}

/// Five regions at once would lock the user out.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_once_by_all_regions_together() {
    let trial = trial_with("wrong-everywhere", |options| options.open = true).await;
    put_secret(&trial, "own", &password("not the password"));
    let mut sub_project = password("not the password");
    sub_project["projectName"] = "sim-1_sub".into();
    put_secret(&trial, "sub", &sub_project);
    let at: Vec<_> = (2..=6).map(|n| format!("sim-{n}={}", trial.simulator.url())).collect();
    let flags: Vec<_> = at
        .iter()
        .flat_map(|at| ["--endpoint", at.as_str(), "--iam-endpoint", at.as_str()])
        .collect();
    let names: Vec<_> = (1..=6).map(|n| format!("o{n}")).collect();
    trial.create_many(
        &names,
        |n| json!({"region": format!("sim-{}", n + 1), "credentialsRef": {"name": "own"}}),
    );
    trial.create_many(
        &["sub".to_owned()],
        |_| json!({"credentialsRef": {"name": "sub"}, "account": "sub"}),
    );
    let _operator = operator(&trial, &flags);
    until("all to say so", async || (trial.having("SignInRejected").await == 7).then_some(()))
        .await;
    assert_eq!(count(&trial, Kind::SignIn), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_while_iam_is_out_of_order_makes_no_bad_credentials() {
    let trial = trial("midlife").await;
    put_secret(&trial, "user", &password(PASSWORD));
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"credentialsRef": {"name": "user"}})).await;
    trial.until_reason("demo", "Shared").await;
    let rule = json!({"match": {"method": "POST", "key": "iam/tokens", "times": 2}, "do": {"answer": {"status": 503}}});
    trial.simulator.plant_faults(rule).unwrap();
    trial.simulator.revoke_issued_tokens();
    trial.change("demo", json!({"description": "changed"})).await;
    let object = trial.until_reason("demo", "SignInFailed").await;
    assert_eq!(condition(&object, "Reconciling").unwrap().status, "True");
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_shares()[0].description, "changed");
    let rejected = trial.ledger().iter().filter(|entry| entry.status == Some(401)).count();
    assert_eq!(rejected, 1, "{:?}", trial.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_sign_in_and_a_project_that_is_not_there_are_named() {
    let trial = trial_with("refused-users", |options| {
        options.projects = vec!["sim-1".into()];
        for name in ["locked", "disabled", "console"] {
            options.users.push(User {
                account: "acme".into(),
                name: name.into(),
                password: PASSWORD.into(),
            });
        }
    })
    .await;
    for (user, state) in [
        ("locked", UserState::Locked),
        ("disabled", UserState::Disabled),
        ("console", UserState::ConsoleOnly),
    ] {
        trial.simulator.set_user("acme", user, state).unwrap();
    }
    let _operator = operator(&trial, &[]);
    let mut cases = vec![
        ("locked", "SignInForbidden", "IAM.0061"),
        ("disabled", "SignInForbidden", "IAM.0082"),
        ("console", "SignInForbidden", "IAM.0081"),
    ];
    for (user, ..) in &cases {
        let mut secret = password(PASSWORD);
        secret["username"] = (*user).into();
        put_secret(&trial, user, &secret);
    }
    let mut elsewhere = password(PASSWORD);
    elsewhere["projectName"] = "nowhere".into();
    put_secret(&trial, "elsewhere", &elsewhere);
    cases.push(("elsewhere", "ProjectNotFound", "IAM.0004"));
    for (name, reason, code) in cases {
        trial.simulator.add_account(name).unwrap();
        trial.create(name, json!({"account": name, "credentialsRef": {"name": name}})).await;
        let object = trial.until_reason(name, reason).await;
        assert!(message(&object).contains(code), "{}", message(&object));
        assert_eq!(condition(&object, "Stalled").unwrap().status, "True");
    }
    assert_eq!(count(&trial, Kind::SignIn), 4);
    assert_eq!(trial.cloud_shares(), []);
}

/// While IAM is out of order nothing is said to be wrong with the Secret, and nothing is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn an_iam_that_fails_is_tried_again_and_the_create_is_not_in_doubt() {
    let trial = trial("iam-down").await;
    put_secret(&trial, "user", &password(PASSWORD));
    let rule =
        json!({"match": {"key": "iam/tokens", "times": 2}, "do": {"answer": {"status": 503}}});
    trial.simulator.plant_faults(rule).unwrap();
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"credentialsRef": {"name": "user"}})).await;
    let object = trial.until_reason("demo", "GatewayError").await;
    assert!(message(&object).contains("on sign-in"), "{}", message(&object));
    assert_eq!(object.metadata.finalizers, None, "nothing was sent");
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.count("POST"), 4, "two refused exchanges, one that was not, and one create");
}

/// Each of many objects would wait in vain, one after the other, and hold a place of its region meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_iam_is_waited_for_once_by_all_and_not_by_each_in_turn() {
    const OBJECTS: usize = 30;
    let trial = trial_with("iam-silent", |options| options.open = true).await;
    put_secret(&trial, "user", &password(PASSWORD));
    let rule = json!({"match": {"key": "iam/tokens", "times": 1}, "do": {"hang": {}}});
    trial.simulator.plant_faults(rule).unwrap();
    let names: Vec<_> = (0..OBJECTS).map(|index| format!("o{index}")).collect();
    trial.create_many(&names, |_| json!({"credentialsRef": {"name": "user"}}));
    let _operator = operator(&trial, &["--call-timeout", "2s"]);
    until("all to say so", async || (trial.having("Timeout").await == OBJECTS).then_some(())).await;
    let exchanges = count(&trial, Kind::SignIn);
    assert!(exchanges <= 2, "{exchanges}");
    until("all to be shared", async || (trial.having("Shared").await == OBJECTS).then_some(()))
        .await;
}

/// Who vouches for the cluster's tokens, and the keys to check that with.
pub fn jwks(trial: &Trial) -> (String, Value) {
    let read = |path: &str| {
        serde_json::from_str::<Value>(&trial.control_plane().kubectl(&["get", "--raw", path]))
            .unwrap()
    };
    let issuer = read("/.well-known/openid-configuration")["issuer"].as_str().unwrap().to_owned();
    (issuer, read("/openid/v1/jwks"))
}

/// Makes a `ServiceAccount` with these annotations.
pub fn service_account(trial: &Trial, name: &str, annotations: &Value) {
    trial.apply(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": trial.namespace, "annotations": annotations},
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_accounts_token_is_exchanged_at_sts_or_at_iam() {
    let trial = trial("accounts").await;
    trial.grant("deploy/service-accounts.yaml", "imageshare-operator-service-accounts");
    let (issuer, jwks) = jwks(&trial);
    let (urn, agency) = ("iam::1234:oidcProvider:cluster", "iam::1234:agency:share");
    for (name, audience, agencies) in
        [(urn, urn, vec![agency.to_owned()]), ("cluster", "other", vec![])]
    {
        let (name, audience) = (name.to_owned(), audience.to_owned());
        let (issuer, jwks) = (issuer.clone(), jwks.clone());
        let provider = Provider { name, issuer, audience, jwks, agencies };
        trial.simulator.add_provider(provider).unwrap();
    }
    let provider = service_account_annotation("provider");
    let (agency_key, audience) =
        (service_account_annotation("agency"), service_account_annotation("audience"));
    service_account(&trial, "sts", &json!({&provider: urn, &agency_key: agency}));
    service_account(&trial, "iam", &json!({&provider: "cluster", &audience: "other"}));
    service_account(
        &trial,
        "stranger",
        &json!({&provider: urn, &agency_key: "iam::1234:agency:other"}),
    );
    service_account(&trial, "bare", &json!({}));
    let _operator = operator(&trial, &["--allow-service-accounts"]);
    for name in ["sts", "iam", "stranger", "bare", "absent"] {
        trial.simulator.add_account(name).unwrap();
        let spec = json!({"account": name, "credentialsRef": {"serviceAccountName": name}});
        trial.create(name, spec).await;
    }
    let by_sts = trial.until_reason("sts", "Shared").await;
    let by_iam = trial.until_reason("iam", "Shared").await;
    let hours = |object| {
        let end: jiff::Timestamp = expires_at(object).unwrap().parse().unwrap();
        end.duration_since(jiff::Timestamp::now()).as_secs_f64() / 3600.0
    };
    assert!(hours(&by_sts) <= 1.0 && hours(&by_iam) > 23.0);
    let stranger = trial.until_reason("stranger", "AgencyRefused").await;
    assert!(message(&stranger).contains("ServiceAccount stranger"), "{}", message(&stranger));
    let bare = trial.until_reason("bare", "ServiceAccountInvalid").await;
    assert!(message(&bare).contains(&format!("annotation {provider} is missing")));
    trial.until_reason("absent", "ServiceAccountNotFound").await;
    assert_eq!((count(&trial, Kind::Assume), count(&trial, Kind::SignIn)), (2, 1));
    trial.delete("sts").await;
    trial.until_gone("sts").await;
}

fn service_account_annotation(name: &str) -> String {
    format!("imageshare.dev/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn service_accounts_are_no_credentials_unless_the_administrator_allows_it() {
    let trial = trial("accounts-off").await;
    service_account(&trial, "sts", &json!({"imageshare.dev/provider": "p"}));
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"credentialsRef": {"serviceAccountName": "sts"}})).await;
    let object = trial.until_reason("demo", "ServiceAccountsOff").await;
    assert!(message(&object).contains("--allow-service-accounts"), "{}", message(&object));
    assert_eq!(trial.requests("get serviceaccounts"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_credentials_uses_its_namespaces_own_and_no_other_namespaces() {
    let trial = trial("default-secret").await;
    let _operator = operator(&trial, &["--default-credentials-name", "usual"]);
    trial.create("demo", json!({"credentialsRef": null})).await;
    trial.until_reason("demo", "SecretNotFound").await;
    trial.secret("usual", crate::support::TOKEN);
    trial.until_reason("demo", "Shared").await;
    let namespace = trial.namespace.as_str();
    let annotate = |value: &str| {
        let annotation = format!("imageshare.dev/credentials={value}");
        trial.kubectl(&["annotate", "--overwrite", "namespace", namespace, &annotation]);
        // Nobody watches namespaces, so somebody asks for a pass.
        let request = format!("imageshare.dev/reconcile-requested-at={value}");
        trial.kubectl(&["annotate", "--overwrite", "imageshare", "demo", &request]);
    };
    annotate("special");
    let object = trial.until_reason("demo", "SecretNotFound").await;
    assert!(message(&object).contains("(Secret special)"), "{}", message(&object));
    for bad in ["other/secret", "../x"] {
        annotate(bad);
        let object = trial.until_reason("demo", "CredentialsMissing").await;
        assert!(message(&object).contains("is not the name of a Secret"), "{}", message(&object));
        annotate("special");
        trial.until_reason("demo", "SecretNotFound").await;
    }
    annotate("swr");
    trial.until_reason("demo", "Shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_credentials_an_object_says_where_they_could_be_named() {
    let trial = trial("no-default").await;
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"credentialsRef": null})).await;
    let object = trial.until_reason("demo", "CredentialsMissing").await;
    assert!(message(&object).contains("imageshare.dev/credentials"), "{}", message(&object));
    assert_eq!(trial.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_token_is_learnt_from_iam_and_an_event_warns_of_it_once() {
    let trial = trial("forecast").await;
    let end = jiff::Timestamp::now() + 90.minutes();
    trial.simulator.set_token_expiry(crate::support::TOKEN, end).unwrap();
    let _operator = operator(&trial, &[]);
    trial.create("demo", json!({"interval": "1s"})).await;
    let object = trial.until_reason("demo", "Shared").await;
    let shown: jiff::Timestamp = expires_at(&object).unwrap().parse().unwrap();
    assert_eq!(shown.as_second(), end.as_second());
    let events =
        || trial.kubectl(&["get", "events.events.k8s.io", "-o", "jsonpath={.items[*].reason}"]);
    until("the warning", async || events().contains("CredentialsExpiring").then_some(())).await;
    let looks = trial.count("GET");
    until("some more passes", async || (trial.count("GET") > looks + 2).then_some(())).await;
    assert_eq!(events().matches("CredentialsExpiring").count(), 1, "{}", events());
    assert_eq!(trial.requests("create events"), 1, "and nothing is sent again");
    assert_eq!(count(&trial, Kind::Token), 1, "IAM is asked once");
}

/// A region that lives elsewhere: nothing is sent to Huawei's own IAM by a guess.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_nowhere_where_the_regions_iam_is_not_known() {
    let trial = trial("no-iam").await;
    put_secret(&trial, "user", &password(PASSWORD));
    let _operator = trial.operator();
    trial.create("demo", json!({"credentialsRef": {"name": "user"}})).await;
    let object = trial.until_reason("demo", "EndpointInvalid").await;
    assert!(message(&object).contains("sim-1, --iam-endpoint"), "{}", message(&object));
    assert_eq!(trial.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_secret_is_noticed_at_once_where_secrets_may_be_watched() {
    let trial = trial("watched").await;
    trial.grant("deploy/watch-secrets.yaml", "imageshare-operator-watch-secrets");
    put_secret(&trial, "own", &json!({"token": "wrong"}));
    let _operator = operator(&trial, &["--watch-secrets"]);
    trial.create("demo", json!({"credentialsRef": {"name": "own"}})).await;
    trial.create("later", json!({"account": "other", "credentialsRef": {"name": "later"}})).await;
    trial.simulator.add_account("other").unwrap();
    trial.until_reason("demo", "Unauthorized").await;
    trial.until_reason("later", "SecretNotFound").await;
    let (creates, writes) = (trial.count("POST"), trial.writes().len());
    // Touched, and still the same: it is looked at, and that is all.
    let reads = trial.requests("get secrets");
    trial.kubectl(&["annotate", "secret", "own", "touched=yes"]);
    until("a look at it", async || (trial.requests("get secrets") > reads).then_some(())).await;
    let start = std::time::Instant::now();
    put_secret(&trial, "own", &json!({"token": crate::support::TOKEN}));
    put_secret(&trial, "later", &json!({"token": crate::support::TOKEN}));
    trial.until_reason("demo", "Shared").await;
    trial.until_reason("later", "Shared").await;
    println!("both are shared {:?} after their Secrets were written", start.elapsed());
    assert_eq!(trial.count("POST"), creates + 2, "{:?}", trial.calls());
    let written = &trial.writes()[writes..];
    // They had a status already, so what they are about to create stands in it first.
    assert_eq!(written.len(), 2 * 3, "a finalizer, the record and a status each: {written:?}");
}
