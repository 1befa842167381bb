//! Granted equals used: in each way in which `deploy/` installs the operator, its service account may do
//! what the tables of the code list; and in a life that needs all of it, it does all of it and is denied
//! nothing. As the API server says, and its audit log.

use std::collections::BTreeSet;
use std::path::Path;

use imageshare::operator::api_server::PERMISSIONS;
use imageshare::operator::sources::{SERVICE_ACCOUNT_PERMISSIONS, WATCH_PERMISSIONS};
use imageshare_simulator::Provider;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::kinds::{jwks, service_account};
use crate::support::{
    ControlPlane, OPERATOR_USER, Operator, Request, TOKEN, Trial, client, terms, until,
};

type Table = [(&'static str, &'static str, &'static [&'static str])];
/// `get secrets`, `create events.k8s.io/events`.
type Rights = BTreeSet<String>;

const VERBS: [&str; 8] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const CRDS: (&str, &str) = ("apiextensions.k8s.io", "customresourcedefinitions");
/// Its own CRD alone, which is not in a namespace.
const OWN_CRD: &Table = &[(CRDS.0, CRDS.1, &["get", "list", "watch"])];

fn right(verb: &str, group: &str, resource: &str) -> String {
    let slash = if group.is_empty() { "" } else { "/" };
    format!("{verb} {group}{slash}{resource}")
}

/// What tables of the code list.
fn listed(tables: &[&Table]) -> Rights {
    let rows = tables.iter().copied().flatten();
    rows.flat_map(|(group, resource, verbs)| verbs.iter().map(|verb| right(verb, group, resource)))
        .collect()
}

/// What the API server lets an account do in a namespace, verb by verb, with all that the code knows of.
async fn allowed(client: &kube::Client, namespace: &str) -> Rights {
    let tables = [PERMISSIONS, WATCH_PERMISSIONS, SERVICE_ACCOUNT_PERMISSIONS];
    let resources =
        tables.into_iter().flatten().map(|(group, resource, _)| (*group, *resource, ""));
    let own_crd = (CRDS.0, CRDS.1, "imageshares.imageshare.dev");
    let mut allowed = Rights::new();
    for (group, resource, name) in resources.chain([own_crd]).collect::<BTreeSet<_>>() {
        for verb in VERBS {
            let (kind, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let review: SelfSubjectAccessReview = serde_json::from_value(json!({
                "metadata": {},
                "spec": {"resourceAttributes": {
                    "group": group, "resource": kind, "subresource": subresource, "verb": verb,
                    "namespace": namespace, "name": name,
                }},
            }))
            .unwrap();
            let reviews = Api::all(client.clone());
            let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
            if answer.status.unwrap().allowed {
                // Of CRDs nothing without a name.
                assert!((group, resource) != CRDS || !name.is_empty(), "{verb} {resource}");
                allowed.insert(right(verb, group, resource));
            }
        }
    }
    allowed
}

/// All that the rules say that reach an account in a namespace, but for what everybody may.
async fn ruled(client: &kube::Client, namespace: &str) -> Rights {
    let spec = json!({"metadata": {}, "spec": {"namespace": namespace}});
    let review: SelfSubjectRulesReview = serde_json::from_value(spec).unwrap();
    let reviews = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    let mut ruled = Rights::new();
    for rule in answer.status.unwrap().resource_rules {
        let resources = rule.resources.unwrap_or_default();
        for group in rule.api_groups.unwrap_or_default() {
            for resource in resources.iter().filter(|name| !name.starts_with("selfsubject")) {
                ruled.extend(rule.verbs.iter().map(|verb| right(verb, &group, resource)));
            }
        }
    }
    ruled
}

fn used<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Rights {
    let of = |request: &Request| right(&request.verb, &request.group, &request.resource);
    requests.into_iter().map(of).collect()
}

/// What an account has done, and what was denied it.
fn used_and_denied(requests: &[Request]) -> (Rights, Rights) {
    let (denied, used_): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request.code == 403);
    (used(used_), used(denied))
}

async fn until_event(trial: &Trial, reason: &str) {
    until(&format!("an event {reason}"), async || {
        let path = "jsonpath={.items[*].reason}";
        trial.kubectl(&["get", "events.events.k8s.io", "-o", path]).contains(reason).then_some(())
    })
    .await;
}

/// Everything that an operator does without the administrator's leave: it creates, takes over, repairs, warns,
/// asks the namespace which Secret is meant, and revokes.
async fn live(trial: &Trial) {
    let theirs = || terms("forever", "theirs");
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    trial.create("taken", json!({"description": "ours", "interval": "1s"})).await;
    trial.until_reason("taken", "Shared").await;
    until_event(trial, "Adopted").await;
    trial.simulator.put_share("group/app", "demo", theirs()).unwrap();
    until_event(trial, "DriftRepaired").await;

    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let day = tomorrow.strftime("%Y-%m-%d").to_string();
    trial.create("ending", json!({"repository": "tools/busybox", "deadline": day})).await;
    until_event(trial, "ExpiringSoon").await;

    let annotation = "imageshare.dev/credentials=swr";
    trial.kubectl(&["annotate", "namespace", &trial.namespace, annotation]);
    trial.simulator.add_account("usual").unwrap();
    trial.create("usual", json!({"account": "usual", "credentialsRef": null})).await;
    trial.until_reason("usual", "Shared").await;
    for name in ["taken", "ending", "usual"] {
        trial.delete(name).await;
        trial.until_gone(name).await;
    }
    assert_eq!(trial.cloud_shares(), []);
}

/// Compares what was granted with what was used, when the operator has ended.
async fn compare(trial: &Trial, account: &str, kubeconfig: &Path, expected: &Rights) -> Rights {
    let (used, denied) = used_and_denied(&trial.requests_of(account));
    let client = client(kubeconfig).await;
    let granted = allowed(&client, &trial.namespace).await;
    println!("{} granted, {} used, denied: {denied:?}", granted.len(), used.len());
    assert_eq!(granted, *expected, "granted, and what the code lists");
    assert_eq!(ruled(&client, &trial.namespace).await, *expected, "the rules, and what it lists");
    assert_eq!(used, granted, "used, and granted");
    denied
}

/// On a control plane of its own, as the shipped service account, for all namespaces.
struct Installed {
    trial: Trial,
    tables: Vec<&'static Table>,
}

impl Installed {
    /// With `deploy/install.yaml`, and further manifests, as they are.
    async fn with(namespace: &str, further: &[(&str, &'static Table)]) -> Self {
        let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
        own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
        own.install();
        for (manifest, _) in further {
            own.kubectl(&["apply", "-f", manifest]);
        }
        let mut tables = vec![PERMISSIONS, OWN_CRD];
        tables.extend(further.iter().map(|(_, table)| *table));
        Self { trial: Trial::on(own, namespace).await, tables }
    }

    fn operator(&self, flags: &[&str]) -> Operator {
        let (url, kubeconfig) = (self.trial.simulator.url(), self.trial.operator_kubeconfig());
        let at = format!("sim-1={url}");
        let here = ["--iam-endpoint", &at, "--sts-endpoint", &at];
        self.trial.operator_of_all(&kubeconfig, url, &[&here, flags].concat())
    }

    async fn compare(&self, operator: Operator) {
        assert_eq!(operator.terminate().await, Some(0));
        let expected = listed(&self.tables);
        let kubeconfig = self.trial.operator_kubeconfig();
        let denied = compare(&self.trial, OPERATOR_USER, &kubeconfig, &expected).await;
        assert_eq!(denied, Rights::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_rights_are_what_the_code_lists_and_what_a_life_needs() {
    let installed = Installed::with("rights", &[]).await;
    let operator = installed.operator(&[]);
    live(&installed.trial).await;
    installed.compare(operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_watch_secrets_is_used_where_it_is_granted_and_adds_nothing_else() {
    let further: (&str, &'static Table) = ("deploy/watch-secrets.yaml", WATCH_PERMISSIONS);
    let installed = Installed::with("rights-watch", &[further]).await;
    let (trial, operator) = (&installed.trial, installed.operator(&["--watch-secrets"]));
    trial.simulator.add_account("later").unwrap();
    trial.create("later", json!({"account": "later", "credentialsRef": {"name": "later"}})).await;
    trial.until_reason("later", "SecretNotFound").await;
    trial.secret("later", TOKEN);
    trial.until_reason("later", "Shared").await;
    trial.delete("later").await;
    trial.until_gone("later").await;
    live(trial).await;
    installed.compare(operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_on_service_accounts_are_used_where_they_are_granted_and_add_nothing_else() {
    let further: (&str, &'static Table) =
        ("deploy/service-accounts.yaml", SERVICE_ACCOUNT_PERMISSIONS);
    let installed = Installed::with("rights-accounts", &[further]).await;
    let (trial, operator) = (&installed.trial, installed.operator(&["--allow-service-accounts"]));
    let ((issuer, jwks), agency) = (jwks(trial), "iam::1:agency:share");
    let (name, audience) = ("urn".to_owned(), "urn".to_owned());
    let agencies = vec![agency.to_owned()];
    let provider = Provider { name, issuer, audience, jwks, agencies };
    trial.simulator.add_provider(provider).unwrap();
    let annotations = json!({"imageshare.dev/provider": "urn", "imageshare.dev/agency": agency});
    service_account(trial, "swr", &annotations);
    trial.simulator.add_account("own").unwrap();
    let reference = json!({"serviceAccountName": "swr"});
    trial.create("own", json!({"account": "own", "credentialsRef": reference})).await;
    trial.until_reason("own", "Shared").await;
    trial.delete("own").await;
    trial.until_gone("own").await;
    live(trial).await;
    installed.compare(operator).await;
}

/// Applies a manifest in the test's namespace, for another service account than the shipped one.
fn apply_for(trial: &Trial, manifest: &str, account: &str) {
    let dry = ["create", "--dry-run=client", "-o", "json", "-f", manifest];
    let text = trial.kubectl(&dry);
    let parts = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    for mut part in parts.map(Result::unwrap) {
        if let Some(subject) = part.pointer_mut("/subjects/0/name") {
            *subject = account.into();
        }
        trial.apply(&part);
    }
}

/// With Roles alone: no `ClusterRole` is bound to this account at all.
#[tokio::test(flavor = "multi_thread")]
async fn in_single_namespaces_roles_alone_are_enough_and_reach_nowhere_else() {
    let trial = Trial::new("rights-roles").await;
    let account = trial.namespace.as_str();
    let kubeconfig = trial.account_with(&[]);
    apply_for(&trial, "deploy/namespaced.yaml", account);
    let operator = trial.operator_as(&kubeconfig, &[]);
    live(&trial).await;
    assert_eq!(operator.terminate().await, Some(0));
    let user = format!("system:serviceaccount:imageshare-system:{account}");
    let denied = compare(&trial, &user, &kubeconfig, &listed(&[PERMISSIONS])).await;
    // What docs/install.md says of this mode: it cannot see that its CRD is being deleted.
    let crd = |verb| right(verb, CRDS.0, CRDS.1);
    assert_eq!(denied, Rights::from([crd("get"), crd("list")]));
    let client = client(&kubeconfig).await;
    for elsewhere in ["default", "imageshare-system"] {
        assert_eq!(ruled(&client, elsewhere).await, Rights::new(), "{elsewhere}");
    }
}
