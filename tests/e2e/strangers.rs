//! A thousand objects that name what belongs to other tenants, in every field that takes a text: nothing is
//! ever read but in an object's own namespace, and there only what it names. The operator's account may read
//! everything; that it does not is its own doing, and the API server's audit log is the witness.

use std::collections::{BTreeMap, BTreeSet};

use imageshare::api::ImageShare;
use imageshare_simulator::Provider;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::kinds::jwks;
use crate::support::{BOUND, Request, TOKEN, Trial, condition, until_within};

const NAMESPACES: usize = 20;
const OBJECTS: usize = 50;
const URN: &str = "iam::1234:oidcProvider:cluster";
const AGENCY: &str = "iam::1234:agency:share";

/// A namespace and a name in it.
type Place = (String, String);

/// A tenant: its namespace and what it has, under names that no other has.
struct Tenant {
    namespace: String,
    secret: String,
    account: String,
    /// What its namespace says in the annotation for objects that name nothing.
    default: Option<String>,
}

fn tenants(trial: &Trial) -> Vec<Tenant> {
    let namespace = |index: usize| format!("{}-{index}", trial.namespace);
    let secret = |index: usize| format!("key-{index}");
    let tenant = |index: usize| {
        let other = (index + 7) % NAMESPACES;
        let default = match index % 4 {
            0 => Some(secret(index)),
            1 => Some(secret(other)),
            2 => Some(format!("{}/{}", namespace(other), secret(other))),
            _ => None,
        };
        let account = format!("robot-{index}");
        Tenant { namespace: namespace(index), secret: secret(index), account, default }
    };
    (0..NAMESPACES).map(tenant).collect()
}

fn set_up(trial: &Trial, tenants: &[Tenant]) {
    let annotated = json!({"imageshare.dev/provider": URN, "imageshare.dev/agency": AGENCY});
    let items = tenants.iter().flat_map(|tenant| {
        let namespace = tenant.namespace.as_str();
        let secret = |name: &str| {
            json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace}, "stringData": {"token": TOKEN},
            })
        };
        let account = |name: &str| {
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": namespace, "annotations": annotated},
            })
        };
        let default: BTreeMap<_, _> =
            tenant.default.iter().map(|name| ("imageshare.dev/credentials", name)).collect();
        [
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": namespace, "annotations": default},
            }),
            secret(&tenant.secret),
            secret("nobodys"),
            account(&tenant.account),
            account("nobodys"),
        ]
    });
    let items: Vec<_> = items.collect();
    trial.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
}

/// What an object names as its credentials, where that leads to, and what it comes to.
struct Named {
    reference: Value,
    secret: Option<String>,
    account: Option<String>,
    reason: &'static str,
}

fn named(tenant: &Tenant, other: &Tenant, index: usize) -> Named {
    let secret = |name: &str, reason| Named {
        reference: json!({"name": name}),
        secret: Some(name.to_owned()),
        account: None,
        reason,
    };
    let account = |name: &str, reason| Named {
        reference: json!({"serviceAccountName": name}),
        secret: None,
        account: Some(name.to_owned()),
        reason,
    };
    match index % 5 {
        0 => secret(&tenant.secret, "Shared"),
        1 => Named {
            reference: json!({"name": other.secret, "key": other.secret}),
            ..secret(&other.secret, "SecretNotFound")
        },
        2 => account(&tenant.account, "Shared"),
        3 => account(&other.account, "ServiceAccountNotFound"),
        _ => {
            let default = tenant.default.clone().filter(|name| !name.contains('/'));
            let reason = match &default {
                Some(name) if *name == tenant.secret => "Shared",
                Some(_) => "SecretNotFound",
                None => "CredentialsMissing",
            };
            Named { reference: Value::Null, secret: default, account: None, reason }
        }
    }
}

/// An object with another tenant's names wherever a text can stand.
fn object(trial: &Trial, tenant: &Tenant, other: &Tenant, index: usize, named: &Named) -> Value {
    let theirs = format!("{}/{}", other.namespace, other.secret);
    json!({
        "apiVersion": "imageshare.dev/v1alpha1", "kind": "ImageShare",
        "metadata": {
            "name": format!("{}-{index}", other.secret), "namespace": tenant.namespace,
            "labels": {"trial": trial.namespace, "imageshare.dev/credentials": other.secret},
            "annotations": {
                "imageshare.dev/credentials": theirs, "imageshare.dev/provider": theirs,
                "imageshare.dev/agency": theirs, "imageshare.dev/create-intent": theirs,
                "imageshare.dev/reconcile-requested-at": theirs,
            },
        },
        "spec": {
            "region": other.namespace, "organization": other.namespace,
            "repository": format!("{theirs}/{}", other.account),
            "account": format!("{} of {} {index}", other.account, tenant.namespace),
            "description": theirs, "credentialsRef": named.reference,
        },
    })
}

/// Another tenant's things cannot even be written down with their namespace.
fn count_refused(trial: &Trial, tenant: &Tenant, other: &Tenant) -> usize {
    let mut refused = 0;
    for name in [
        format!("{}/{}", other.namespace, other.secret),
        format!("../{}/{}", other.namespace, other.secret),
        format!("{}%2f{}", other.namespace, other.secret),
        format!("{}:{}", other.namespace, other.account),
        format!("{}\n", other.secret),
        String::new(),
    ] {
        for reference in [
            json!({"name": name}),
            json!({"serviceAccountName": name}),
            json!({"name": tenant.secret, "key": name}),
            json!({"name": tenant.secret, "namespace": other.namespace, "description": name}),
            json!({"name": tenant.secret, "serviceAccountName": other.account, "key": name}),
        ] {
            let named = Named { reference, ..named(tenant, other, 0) };
            let object = object(trial, tenant, other, 0, &named);
            let error = trial.try_apply(&object).expect_err("it is refused");
            assert!(error.contains("credentialsRef"), "{error}");
            refused += 1;
        }
    }
    refused
}

/// How many objects came to each reason, once all have come to one.
async fn until_settled(trial: &Trial, expected: &BTreeMap<&str, usize>) {
    let shares: Api<ImageShare> = Api::all(trial.client.clone());
    let ours = ListParams::default().labels(&format!("trial={}", trial.namespace));
    until_within(2 * BOUND, &format!("the objects to be {expected:?}"), async || {
        let list = shares.list(&ours).await.ok()?;
        let mut reasons = BTreeMap::new();
        for object in &list.items {
            *reasons.entry(condition(object, "Ready")?.reason.as_str()).or_default() += 1;
        }
        (reasons == *expected).then_some(())
    })
    .await;
}

/// Whatever was asked of a resource, by verb.
fn asked(requests: &[Request], resource: &str) -> BTreeMap<String, BTreeSet<Place>> {
    let mut asked = BTreeMap::<_, BTreeSet<_>>::new();
    for request in requests.iter().filter(|request| request.resource == resource) {
        let place = (request.namespace.clone(), request.name.clone());
        asked.entry(request.verb.clone()).or_default().insert(place);
    }
    asked
}

/// The operator serves these namespaces alone, each in a region of its own.
fn flags(trial: &Trial, tenants: &[Tenant]) -> Vec<String> {
    let mut flags = vec!["--allow-service-accounts".to_owned()];
    for tenant in tenants {
        let at = format!("{}={}", tenant.namespace, trial.simulator.url());
        for service in ["--endpoint", "--iam-endpoint", "--sts-endpoint"] {
            flags.extend([service.to_owned(), at.clone()]);
        }
        flags.extend(["--namespace".to_owned(), tenant.namespace.clone()]);
    }
    flags
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_but_what_an_object_or_its_namespace_names_and_only_there() {
    let trial = Trial::with("strangers", |options| options.open = true).await;
    let (issuer, jwks) = jwks(&trial);
    let (name, audience, agencies) = (URN.to_owned(), URN.to_owned(), vec![AGENCY.to_owned()]);
    let provider = Provider { name, issuer, audience, jwks, agencies };
    trial.simulator.add_provider(provider).unwrap();
    trial.grant("deploy/service-accounts.yaml", "imageshare-operator-service-accounts");
    let roles =
        ["", "-secrets", "-service-accounts"].map(|end| format!("imageshare-operator{end}"));
    let bindings: Vec<_> = roles.iter().map(|role| ("ClusterRoleBinding", role.as_str())).collect();
    let kubeconfig = trial.account_with(&bindings);
    let tenants = tenants(&trial);
    set_up(&trial, &tenants);

    let (mut secrets, mut accounts, mut exchanged) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut expected = BTreeMap::<_, usize>::new();
    for (place, tenant) in tenants.iter().enumerate() {
        let mut items = vec![];
        for index in 0..OBJECTS {
            let other = &tenants[(place + 1 + index % (NAMESPACES - 1)) % NAMESPACES];
            let named = named(tenant, other, index);
            items.push(object(&trial, tenant, other, index, &named));
            let at = |name: String| (tenant.namespace.clone(), name);
            secrets.extend(named.secret.map(at));
            if named.reason == "Shared" {
                exchanged.extend(named.account.clone().map(at));
            }
            accounts.extend(named.account.map(at));
            *expected.entry(named.reason).or_default() += 1;
        }
        trial.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
    }
    let refused = count_refused(&trial, &tenants[0], &tenants[1]);

    let flags = flags(&trial, &tenants);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let operator = trial.operator_of_all(&kubeconfig, trial.simulator.url(), &flags);
    until_settled(&trial, &expected).await;
    assert_eq!(operator.terminate().await, Some(0));

    let user = format!("system:serviceaccount:imageshare-system:{}", trial.namespace);
    let requests = trial.requests_of(&user);
    let count = |resource: &str| requests.iter().filter(|asked| asked.resource == resource).count();
    println!(
        "{} objects in {NAMESPACES} namespaces, {refused} more refused: {expected:?}; {} reads of {} Secrets, \
         {} of {} ServiceAccounts, {} tokens of {}",
        NAMESPACES * OBJECTS,
        count("secrets"),
        secrets.len(),
        count("serviceaccounts"),
        accounts.len(),
        count("serviceaccounts/token"),
        exchanged.len(),
    );
    let only = |verb: &str, places| BTreeMap::from([(verb.to_owned(), places)]);
    assert_eq!(asked(&requests, "secrets"), only("get", secrets));
    assert_eq!(asked(&requests, "serviceaccounts"), only("get", accounts));
    assert_eq!(asked(&requests, "serviceaccounts/token"), only("create", exchanged));
    assert!(requests.iter().all(|request| request.code != 403 && request.name != "nobodys"));
}
