//! Several objects that declare one share: one owns it, the others touch nothing, and the share is
//! passed on without a gap or revoked.

use std::collections::BTreeMap;

use imageshare::api::ImageShare;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::json;

use crate::support::{ControlPlane, Trial, condition, until};

const CREATED: &str = "POST 201 group/app/demo";
const CHANGED: &str = "PATCH 201 group/app/demo";
const DELETED: &str = "DELETE 204 group/app/demo";

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_second_names_the_owner_and_touches_nothing_also_not_when_deleted() {
    let trial = Trial::new("second").await;
    let operator = trial.operator();
    trial.create("first", json!({"description": "first"})).await;
    trial.until_reason("first", "Shared").await;
    trial.create("second", json!({"description": "second"})).await;
    let second = trial.until_reason("second", "DuplicateShare").await;
    let message = &condition(&second, "Stalled").unwrap().message;
    assert!(message.contains(&format!("{}/first", trial.namespace)), "{message}");
    assert_eq!(second.metadata.finalizers, None);
    assert_eq!(second.status.unwrap().share, None);
    let calls = trial.calls();

    trial.change("second", json!({"description": "changed"})).await;
    trial.until_reason("second", "DuplicateShare").await;
    trial.create("looks", json!({"managementPolicy": "Observe"})).await;
    trial.until_reason("looks", "DuplicateShare").await;
    trial.delete("second").await;
    trial.until_gone("second").await;
    assert_eq!(trial.calls(), calls);
    assert_eq!(trial.cloud_shares()[0].description, "first");

    // Nor at a restart.
    trial.create("third", json!({})).await;
    trial.until_reason("third", "DuplicateShare").await;
    let writes = trial.writes().len();
    operator.kill().await;
    let operator = trial.operator();
    trial.change("third", json!({"suspend": true})).await;
    trial.until_reason("third", "Suspended").await;
    assert_eq!(trial.cloud_writes(), [CREATED]);
    assert_eq!(trial.writes().len(), writes + 1, "{:?}", trial.writes());
    assert!(!operator.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_passes_to_the_next_without_a_gap_each_on_its_own_terms() {
    let trial = Trial::new("handover").await;
    let _operator = trial.operator();
    for name in ["a", "b", "c"] {
        trial.create(name, json!({"description": "same"})).await;
        let reason = if name == "a" { "Shared" } else { "DuplicateShare" };
        trial.until_reason(name, reason).await;
    }
    trial.change("c", json!({"description": "other"})).await;
    trial.delete("a").await;
    trial.until_gone("a").await;
    trial.until_reason("b", "Shared").await;
    assert_eq!(trial.cloud_writes(), [CREATED]);
    trial.delete("b").await;
    trial.until_gone("b").await;
    trial.until_reason("c", "Shared").await;
    assert_eq!(trial.cloud_writes(), [CREATED, CHANGED]);
    assert_eq!(trial.cloud_shares()[0].description, "other");
    trial.delete("c").await;
    trial.until_gone("c").await;
    assert_eq!(trial.cloud_writes(), [CREATED, CHANGED, DELETED]);
}

/// The owner of a share may have lost its credentials: its successor has some.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_without_a_secret_can_hand_over() {
    let trial = Trial::new("handoverbare").await;
    let _operator = trial.operator();
    trial.kubectl(&["create", "secret", "generic", "own", "--from-literal=token=token"]);
    let own = trial.kubectl(&["get", "secret", "swr", "-o", "jsonpath={.data}"]);
    trial.kubectl(&["patch", "secret", "own", "-p", &format!(r#"{{"data":{own}}}"#)]);
    trial.create("a", json!({"credentialsRef": {"name": "own"}})).await;
    trial.until_reason("a", "Shared").await;
    trial.create("b", json!({})).await;
    trial.until_reason("b", "DuplicateShare").await;
    trial.kubectl(&["delete", "secret", "own"]);
    trial.delete("a").await;
    trial.until_gone("a").await;
    trial.until_reason("b", "Shared").await;
    assert_eq!(trial.cloud_writes(), [CREATED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_could_not_have_made_the_share_does_not_keep_it_alive() {
    let trial = Trial::new("unfit").await;
    let _operator = trial.operator();
    trial.kubectl(&["create", "secret", "generic", "bad", "--from-literal=token=wrong"]);
    for (successor, ends_as, after) in [
        (json!({"credentialsRef": {"name": "bad"}}), "Unauthorized", vec![CREATED, DELETED]),
        (json!({"credentialsRef": {"name": "none"}}), "SecretNotFound", vec![CREATED, DELETED]),
        (json!({"suspend": true}), "Suspended", vec![CREATED, DELETED]),
        (json!({"deadline": "2020-01-01"}), "DeadlinePassed", vec![CREATED, DELETED]),
        (json!({"adoptionPolicy": "Adopt"}), "Shared", vec![CREATED]),
        (json!({"adoptionPolicy": "Create"}), "Shared", vec![CREATED, DELETED, CREATED]),
        (json!({"managementPolicy": "Observe"}), "ActionPending", vec![CREATED, DELETED]),
    ] {
        let before = trial.cloud_writes().len();
        trial.create("owner", json!({})).await;
        trial.until_reason("owner", "Shared").await;
        let waiting = if successor["suspend"] == true { "Suspended" } else { "DuplicateShare" };
        trial.create("successor", successor.clone()).await;
        trial.until_reason("successor", waiting).await;
        trial.delete("owner").await;
        trial.until_gone("owner").await;
        trial.until_reason("successor", ends_as).await;
        assert_eq!(trial.cloud_writes()[before..], after, "{successor}");
        trial.delete("successor").await;
        trial.until_gone("successor").await;
        assert!(trial.cloud_shares().is_empty(), "{successor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_further_back_takes_over_when_those_before_it_cannot() {
    let trial = Trial::new("further").await;
    let _operator = trial.operator();
    trial.create("owner", json!({})).await;
    trial.until_reason("owner", "Shared").await;
    for (name, spec) in [
        ("bare", json!({"credentialsRef": {"name": "none"}})),
        ("late", json!({"deadline": "2020-01-01"})),
        ("fit", json!({"description": "fit"})),
    ] {
        trial.create(name, spec).await;
        trial.until_reason(name, "DuplicateShare").await;
    }
    trial.delete("owner").await;
    trial.until_gone("owner").await;
    let fit = trial.until_reason("fit", "Shared").await;
    assert_eq!(fit.status.unwrap().adopted, Some(false), "it was never another hand's");
    for name in ["bare", "late"] {
        let object = until(&format!("{name} to wait for the successor"), async || {
            let object = trial.shares().get(name).await.ok()?;
            let message = &condition(&object, "Stalled")?.message;
            message.contains(&format!("{}/fit", trial.namespace)).then_some(object)
        })
        .await;
        assert_eq!(object.metadata.finalizers, None);
    }
    assert_eq!(trial.cloud_writes(), [CREATED, CHANGED]);
}

/// A successor that may look, and no more, is found out when it is held already. Nobody is asked behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_may_not_change_the_share_has_it_revoked() {
    let trial = Trial::new("weak").await;
    let _operator = trial.operator();
    trial.create("owner", json!({})).await;
    trial.until_reason("owner", "Shared").await;
    // Of one age, to the second, they stand by their names.
    for name in ["a-weak", "b-behind"] {
        trial.create(name, json!({"description": name})).await;
        trial.until_reason(name, "DuplicateShare").await;
    }
    let refused = json!({"match": {"method": "PATCH"}, "do": {"answer": {"status": 403}}});
    trial.simulator.plant_faults(refused).unwrap();
    trial.delete("owner").await;
    trial.until_gone("owner").await;
    trial.until_reason("a-weak", "Shared").await;
    let writes = trial.cloud_writes();
    assert_eq!(writes, [CREATED, "PATCH 403 group/app/demo", DELETED, CREATED]);
    for name in ["a-weak", "b-behind"] {
        trial.delete(name).await;
        trial.until_gone(name).await;
    }
    trial.simulator.clear_faults();
    assert!(trial.cloud_shares().is_empty());
}

/// Between the look with the successor's credentials and the finalizer that would hold it.
#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_vanishes_during_the_hand_over_does_not_keep_the_owner() {
    let trial = Trial::new("vanishes").await;
    let _operator = trial.operator();
    trial.create("owner", json!({})).await;
    trial.until_reason("owner", "Shared").await;
    trial.create("successor", json!({})).await;
    trial.until_reason("successor", "DuplicateShare").await;
    let slow = json!({"match": {"method": "GET"}, "do": {"delay": {"for": "2s"}}});
    trial.simulator.plant_faults(slow).unwrap();
    let looks = trial.count("GET");
    trial.delete("owner").await;
    until("the look at the share", async || (trial.count("GET") > looks).then_some(())).await;
    trial.delete("successor").await;
    trial.until_gone("successor").await;
    trial
        .shares()
        .get("owner")
        .await
        .expect("the owner goes only after its successor has answered");
    trial.until_gone("owner").await;
    assert_eq!(trial.cloud_writes(), [CREATED, DELETED]);
    assert!(trial.cloud_shares().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_namespaces_that_go_at_a_time_leave_nothing_behind() {
    let own = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap();
    own.kubectl(&["apply", "-f", "crds/imageshares.yaml"]);
    own.install();
    let trial = Trial::on(own, "tenants").await;
    let operator = trial.operator_of_all(&trial.operator_kubeconfig(), trial.simulator.url(), &[]);
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    for (kind, name) in [("secret", "swr"), ("imageshare", "demo")] {
        trial.copy(kind, name, "other", |_| {});
    }
    let others: Api<ImageShare> = Api::namespaced(trial.client.clone(), "other");
    until("the other namespace's object to wait", async || {
        let object = others.get("demo").await.ok()?;
        let ready = condition(&object, "Ready")?;
        let owner = format!("{}/demo", trial.namespace);
        (ready.reason == "DuplicateShare" && ready.message.contains(&owner)).then_some(())
    })
    .await;
    for namespace in [&trial.namespace, "other"] {
        trial.kubectl(&["delete", "namespace", namespace, "--wait=false"]);
    }
    until("both to be gone", async || {
        let all: Api<ImageShare> = Api::all(trial.client.clone());
        all.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;
    assert!(trial.cloud_shares().is_empty(), "{:?}\n{}", trial.calls(), operator.log());
}

/// A small generator: the same numbers in each run.
struct Draw(u64);

impl Draw {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth, The Art of Computer Programming, volume 2, section 3.3.4: MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Up to ten claimants come, change and go in an order that is drawn; now and then everything is
/// left to come to rest and is judged.
#[tokio::test(flavor = "multi_thread")]
async fn ten_claimants_in_any_order_have_one_owner_without_a_flap_and_without_a_leak() {
    let trial = Trial::new("ten").await;
    let _operator = trial.operator();
    let mut draw = Draw(20_260_101);
    let (mut specs, mut next) = (BTreeMap::<String, String>::new(), 0);
    // While anybody is left, the share passes on and is not made anew.
    let mut lives = 0;
    for round in 0..25 {
        for _ in 0..=draw.below(6) {
            let chosen = specs.keys().nth(usize::try_from(draw.below(10)).unwrap()).cloned();
            match (draw.below(3), chosen) {
                (0, Some(name)) => {
                    trial.delete(&name).await;
                    specs.remove(&name);
                }
                (1, Some(name)) => {
                    let description = format!("d{}", draw.below(2));
                    trial.change(&name, json!({"description": description})).await;
                    specs.insert(name, description);
                }
                _ if specs.len() < 10 => {
                    let (name, description) = (format!("c{next}"), format!("d{}", draw.below(2)));
                    next += 1;
                    trial.create(&name, json!({"description": description})).await;
                    lives += usize::from(specs.is_empty());
                    specs.insert(name, description);
                }
                _ => {}
            }
        }
        at_rest(&trial, &specs, round).await;
    }
    trial.kubectl(&["delete", "ims", "--all"]);
    assert!(trial.cloud_shares().is_empty());
    let log = trial.calls();
    let creates = log.iter().filter(|call| call.starts_with("POST")).count();
    let deletes = log.iter().filter(|call| call.starts_with("DELETE")).count();
    println!("{next} claimants, {lives} lives of the share: {creates} POST, {deletes} DELETE");
    assert!(creates <= lives && deletes <= lives, "a flap, in {lives} lives: {log:?}");
    assert!(!log.iter().any(|call| call.starts_with("POST 409")), "two writers: {log:?}");
}

async fn at_rest(trial: &Trial, specs: &BTreeMap<String, String>, round: u32) {
    until(&format!("round {round} to come to rest"), async || {
        let objects = trial.shares().list(&ListParams::default()).await.ok()?.items;
        let reasons: BTreeMap<_, _> = objects
            .iter()
            .filter_map(|object| {
                let current = object.metadata.generation
                    == object.status.as_ref().map(|status| status.observed_generation);
                let ready = condition(object, "Ready").filter(|_| current)?;
                Some((object.name_any(), ready.reason.clone()))
            })
            .collect();
        let (owners, others): (Vec<_>, Vec<_>) =
            reasons.iter().partition(|(_, reason)| *reason == "Shared");
        let everybody = reasons.keys().eq(specs.keys()) && objects.len() == specs.len();
        let waiting = others.iter().all(|(_, reason)| *reason == "DuplicateShare");
        let held: Vec<_> = trial.cloud_shares();
        let right = match (owners.as_slice(), held.as_slice()) {
            ([], []) => specs.is_empty(),
            ([(owner, _)], [share]) => specs[*owner] == share.description,
            _ => false,
        };
        (everybody && waiting && right).then_some(())
    })
    .await;
}
