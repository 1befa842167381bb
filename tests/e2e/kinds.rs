//! The kinds of credentials, each against a cloud that checks it, those that a namespace names for its objects,
//! and their end. Passwords have a file of their own.

use imageshare_simulator::{Kind, Provider};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::canary::{SECRET_KEY, SECURITY_TOKEN};
use crate::support::identity::{count, expires_at, message, operator, put_secret, trial};
use crate::support::{Trial, until};

/// Every sample is taken by the API server as it is shipped.
#[test]
fn the_shipped_samples_of_credentials_are_accepted() {
    let control_plane = crate::support::world();
    let _ = control_plane.try_kubectl(&["create", "namespace", "platform"], "");
    let samples = ["deploy/samples", "deploy/samples/credentials"];
    let (mut count, strict) = (0, ["apply", "--dry-run=server", "--validate=strict", "-f"]);
    for sample in samples.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = sample.unwrap().path();
        if path.is_file() {
            control_plane.kubectl(&[&strict[..], &[path.to_str().unwrap()]].concat());
            count += 1;
        }
    }
    assert!(count >= 7, "{count} samples");
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

/// Where a namespace goes, no token of its ServiceAccounts is made any more, and they may go first.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_operator_has_keys_in_time_for_a_deletion_without_the_service_account() {
    let trial = trial("accounts-gone").await;
    trial.grant("deploy/service-accounts.yaml", "imageshare-operator-service-accounts");
    let (issuer, jwks) = jwks(&trial);
    let (name, audience) = ("cluster".to_owned(), "cluster".to_owned());
    let provider = Provider { name, issuer, audience, jwks, agencies: vec![] };
    trial.simulator.add_provider(provider).unwrap();
    let annotations = [("provider", "cluster"), ("agency", "a")];
    let annotations = annotations.map(|(name, value)| (service_account_annotation(name), value));
    service_account(&trial, "sts", &json!(std::collections::BTreeMap::from(annotations)));
    let first = operator(&trial, &["--allow-service-accounts"]);
    // Never compared, so that nobody uses the account again.
    let spec = json!({"interval": "0s", "credentialsRef": {"serviceAccountName": "sts"}});
    trial.create("demo", spec).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(first.terminate().await, Some(0));
    let _second = operator(&trial, &["--allow-service-accounts"]);
    until("keys of its own", async || (count(&trial, Kind::Assume) == 2).then_some(())).await;
    trial.kubectl(&["delete", "serviceaccount", "sts"]);
    trial.delete("demo").await;
    trial.until_gone("demo").await;
    assert_eq!(trial.cloud_shares(), []);
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
