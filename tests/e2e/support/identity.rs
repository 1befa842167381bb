//! A cloud with users, identity providers and access keys, and an operator that knows where its IAM and STS
//! are.

use imageshare::api::ImageShare;
use imageshare_simulator::{Kind, Options, User};
use serde_json::{Value, json};

use super::canary::PASSWORD;
use super::{Operator, Trial, condition};

/// A cloud without any token that would do.
pub async fn trial(namespace: &str) -> Trial {
    trial_with(namespace, |_| {}).await
}

pub async fn trial_with(namespace: &str, adjust: impl FnOnce(&mut Options)) -> Trial {
    Trial::with(namespace, |options| {
        options.users =
            vec![User { account: "acme".into(), name: "robot".into(), password: PASSWORD.into() }];
        adjust(options);
    })
    .await
}

pub fn put_secret(trial: &Trial, name: &str, data: &Value) {
    trial.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": trial.namespace}, "stringData": data,
    }));
}

pub fn password(text: &str) -> Value {
    json!({"accountName": "acme", "username": "robot", "password": text})
}

/// The operator, with the simulator as IAM and STS as well.
pub fn operator(trial: &Trial, flags: &[&str]) -> Operator {
    let at = format!("sim-1={}", trial.simulator.url());
    let here = ["--iam-endpoint", &at, "--sts-endpoint", &at, "--admin-listen", "127.0.0.1:0"];
    trial.operator_as(&trial.operator_kubeconfig(), &[&here, flags].concat())
}

pub fn count(trial: &Trial, kind: Kind) -> usize {
    trial.ledger().iter().filter(|entry| entry.kind == kind).count()
}

pub fn message(object: &ImageShare) -> String {
    condition(object, "Ready").unwrap().message.clone()
}

pub fn expires_at(object: &ImageShare) -> Option<String> {
    object.status.as_ref()?.credentials_expire_at.clone()
}
