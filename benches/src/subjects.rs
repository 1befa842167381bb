//! The subjects that are part of this program, and what they share. A subject finds its API server
//! by `KUBECONFIG` and the rest in `BENCH_NAMESPACE`, `BENCH_CLOUD` and `BENCH_TOKEN`, as the peers
//! in `benches/peers` do.

mod bare;
mod cloud;
mod stock;

use imageshare::api::{FINALIZER, ImageShare};
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};

use crate::Outcome;
use cloud::Cloud;

/// How many objects are served at a time, by every subject.
const CONCURRENCY: u16 = 16;

/// Where a subject works.
#[derive(Clone)]
struct Place {
    client: kube::Client,
    objects: Api<ImageShare>,
    cloud: Cloud,
}

/// Runs the subject of this name. It does not end by itself: it is killed when it has been measured.
pub async fn run(name: &str) -> Outcome<()> {
    let place = Place::from_environment().await?;
    match name {
        "bare" => bare::create(&place).await?,
        "undo" => bare::undo(&place).await?,
        "stock" => stock::run(place).await,
        _ => return Err(format!("there is no subject {name}").into()),
    }
    std::future::pending().await
}

impl Place {
    async fn from_environment() -> Outcome<Self> {
        let client = kube::Client::try_default().await?;
        let objects = Api::namespaced(client.clone(), &variable("BENCH_NAMESPACE")?);
        let cloud = Cloud::new(&variable("BENCH_CLOUD")?, &variable("BENCH_TOKEN")?)?;
        Ok(Self { client, objects, cloud })
    }
}

fn variable(name: &str) -> Outcome<String> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

/// What puts the finalizer on, or takes it off.
fn finalizers(held: bool) -> Value {
    let names: &[&str] = if held { &[FINALIZER] } else { &[] };
    json!({"metadata": {"finalizers": names}})
}

/// A status that says that the object is shared; about as long as the operator's own. It is the same
/// each time for the same object, so that writing it again changes nothing.
fn shared(object: &ImageShare) -> Value {
    let spec = &object.spec;
    let generation = object.metadata.generation.unwrap_or_default();
    let since = object.creation_timestamp().map(|time| time.0.to_string());
    let condition = |kind: &str, status: &str| {
        json!({
            "type": kind, "status": status, "reason": "Shared",
            "message": "SWR holds the share as the spec declares it",
            "observedGeneration": generation, "lastTransitionTime": since,
        })
    };
    json!({"status": {
        "observedGeneration": generation,
        "conditions": [condition("Ready", "True"), condition("Error", "False")],
        "share": {
            "region": spec.region, "organization": spec.organization,
            "repository": spec.repository, "account": spec.account,
            "permission": "read", "deadline": spec.deadline, "valid": true,
        },
    }})
}
