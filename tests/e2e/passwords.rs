//! Passwords: exchanged at IAM once for all, anew when their token is rejected, and with care where they are
//! wrong or IAM does not answer.

use imageshare_simulator::{Kind, User, UserState};
use serde_json::json;

use crate::support::canary::{PASSWORD, look_through};
use crate::support::identity::{
    count, expires_at, message, operator, password, put_secret, trial, trial_with,
};
use crate::support::{condition, until};

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
    look_through(&metrics, "the metrics");
    // What is renewed by itself has no end that somebody must know.
    assert!(!metrics.contains("imageshare_credentials_expire_timestamp_seconds{"), "{metrics}");

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

/// Early enough that nobody notices, also when IAM fails just then.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_its_end_and_used_to_its_end_where_that_fails() {
    let life = std::time::Duration::from_secs(24);
    let trial = trial_with("renewed", |options| options.token_lifetime = life).await;
    put_secret(&trial, "user", &password(PASSWORD));
    let rule = json!({"match": {"method": "POST", "key": "iam/tokens", "call": 2},
                      "do": {"answer": {"status": 503}}});
    trial.simulator.plant_faults(rule).unwrap();
    let _operator = operator(&trial, &[]);
    let spec = json!({"interval": "1s", "credentialsRef": {"name": "user"}});
    trial.create("demo", spec).await;
    trial.until_reason("demo", "Shared").await;
    until("a renewal that fails", async || (count(&trial, Kind::SignIn) >= 2).then_some(())).await;
    let looks = trial.count("GET");
    until("a compare after it", async || (trial.count("GET") > looks).then_some(())).await;
    assert_eq!(count(&trial, Kind::SignIn), 2, "the token still works");
    until("an exchange in time", async || (count(&trial, Kind::SignIn) >= 3).then_some(())).await;
    let looks = trial.count("GET");
    until("a compare after it", async || (trial.count("GET") > looks + 1).then_some(())).await;
    // Its end is in the status, so that changes with it; nothing else has.
    let is_trouble = |entry: &&imageshare_simulator::Entry| entry.status == Some(401);
    assert_eq!(trial.ledger().iter().filter(is_trouble).count(), 0, "{:?}", trial.calls());
    let statuses = trial.writes().iter().filter(|write| write.ends_with("/status")).count();
    assert!(statuses <= 2, "{:?}", trial.writes());
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
