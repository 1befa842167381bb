//! Every documented answer, as a person sees it: its own reason, the right kind of waiting, a short
//! message that says what to do, and a share once the trouble is over.

use std::time::Duration;

use imageshare::reason::{Kind, Reason};
use imageshare_simulator::RateLimit;
use serde_json::{Value, json};

use crate::support::{Trial, condition};

/// What the cloud does to a create, and the reason that comes of it.
fn cases() -> Vec<(Value, Reason)> {
    let swr = |status: u16, code: &str| json!({"answer": {"status": status, "code": format!("SVCSTG.SWR.{code}")}});
    let shaped = |status: u16, shape: &str, code: &str| json!({"answer": {"status": status, "shape": shape, "code": code}});
    vec![
        (swr(400, "4000014"), Reason::InvalidRequest),
        (swr(400, "4001028"), Reason::InvalidName),
        (swr(400, "4001041"), Reason::InvalidAccount),
        (swr(400, "4001091"), Reason::InvalidPermission),
        (swr(403, "4030170"), Reason::Forbidden),
        (swr(403, "4031032"), Reason::Throttled),
        (swr(403, "4031042"), Reason::Throttled),
        (swr(404, "4040058"), Reason::OrganizationNotFound),
        (swr(404, "4040010"), Reason::RepositoryNotFound),
        (shaped(404, "gateway", "APIGW.0101"), Reason::PathUnknown),
        (swr(409, "4090023"), Reason::Busy),
        (swr(413, "4131012"), Reason::DescriptionTooLong),
        (shaped(413, "gateway", "APIGW.0201"), Reason::RequestTooLarge),
        (shaped(429, "gateway", "APIGW.0308"), Reason::Throttled),
        (swr(500, "5000001"), Reason::ServerError),
        (shaped(502, "gateway", "APIGW.0202"), Reason::GatewayError),
        (shaped(503, "html", ""), Reason::GatewayError),
        (shaped(403, "iam", "IAM.0002"), Reason::Forbidden),
        (shaped(418, "text", ""), Reason::RequestRefused),
        (json!({"redirect": {"location": "http://127.0.0.1:9/"}}), Reason::RedirectRefused),
        (json!({"drop": {}}), Reason::ConnectionLost),
        (json!({"reset": {}}), Reason::ConnectionLost),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_answer_has_its_reason_and_heals() {
    let cases = cases();
    let tokens = (0..cases.len()).map(|index| format!("r{index}").into());
    let trial = Trial::with("answers", |options| {
        options.open = true;
        options.tokens.extend(tokens);
    })
    .await;
    for (index, (fault, _)) in cases.iter().enumerate() {
        let rule = json!({"match": {"method": "POST", "key": format!("group/r{index}/demo")}, "do": fault});
        trial.simulator.plant_faults(rule).unwrap();
    }
    let _operator = trial.operator();
    for index in 0..cases.len() {
        // Each has a token of its own: a pause holds back all that share one.
        let name = format!("r{index}");
        trial.secret(&name, &name);
        let spec = json!({"repository": name, "credentialsRef": {"name": name}});
        trial.create(&name, spec).await;
    }
    for (index, (fault, reason)) in cases.iter().enumerate() {
        let object = trial.until_reason(&format!("r{index}"), reason.as_str()).await;
        let status =
            |kind: &str| condition(&object, kind).map(|condition| condition.status.as_str());
        let refused = reason.kind() == Kind::Terminal;
        assert_eq!((status("Ready"), status("Error")), (Some("False"), Some("True")), "{fault}");
        assert_eq!(status("Stalled"), refused.then_some("True"), "{fault}");
        assert_eq!(status("Reconciling"), (!refused).then_some("True"), "{fault}");
        let message = &condition(&object, "Error").unwrap().message;
        assert!(message.contains(reason.advice()), "{message}");
        assert!(message.chars().count() <= 256 && !message.contains(['{', '<', '\n']), "{message}");
    }

    trial.simulator.clear_faults();
    for (index, (fault, reason)) in cases.iter().enumerate() {
        let name = format!("r{index}");
        // What only a person can mend is tried again at once when the person changes the object.
        if reason.kind() == Kind::Terminal {
            trial.change(&name, json!({"description": "again"})).await;
        }
        println!("{name}: {fault} -> {}", reason.as_str());
    }
    for index in 0..cases.len() {
        trial.until_reason(&format!("r{index}"), "Shared").await;
    }
    assert_eq!(trial.cloud_shares().len(), cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_cannot_be_read_is_not_taken_for_an_absent_share() {
    let trial = Trial::with("looks", |options| options.open = true).await;
    let cases = [
        (
            json!({"answer": {"status": 200, "shape": "text", "message": "hello"}}),
            Reason::AnswerUnreadable,
        ),
        (json!({"truncate": {}}), Reason::AnswerUnreadable),
        (json!({"huge": {"bytes": 10_485_760}}), Reason::AnswerTooLarge),
        (json!({"answer": {"status": 404, "shape": "html"}}), Reason::PathUnknown),
        (
            json!({"answer": {"status": 401, "shape": "keystone", "code": "401"}}),
            Reason::Unauthorized,
        ),
    ];
    let _operator = trial.operator();
    for index in 0..cases.len() {
        trial
            .create(
                &format!("r{index}"),
                json!({"repository": format!("r{index}"), "interval": "1s"}),
            )
            .await;
    }
    for index in 0..cases.len() {
        trial.until_reason(&format!("r{index}"), "Shared").await;
    }
    for (index, (fault, reason)) in cases.iter().enumerate() {
        let rule =
            json!({"match": {"method": "GET", "key": format!("group/r{index}*")}, "do": fault});
        trial.simulator.plant_faults(rule).unwrap();
        trial.until_reason(&format!("r{index}"), reason.as_str()).await;
    }
    let calls = trial.calls();
    assert_eq!(
        calls.iter().filter(|call| call.starts_with("POST")).count(),
        cases.len(),
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_there_is_told_apart_and_holds_no_object() {
    let trial = Trial::new("endpoints").await;
    let kubeconfig = trial.operator_kubeconfig();
    let flags =
        ["--endpoint", "closed=http://127.0.0.1:1", "--endpoint", "nowhere=https://swr.invalid"];
    let _operator = trial.operator_as(&kubeconfig, &flags);
    for (region, reason) in [("closed", "EndpointUnreachable"), ("nowhere", "HostNotFound")] {
        trial.create(region, json!({"region": region})).await;
        let object = trial.until_reason(region, reason).await;
        assert!(condition(&object, "Error").unwrap().message.contains("--endpoint"));
        trial.delete(region).await;
        trial.until_gone(region).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_object_comes_back_after_the_pause_that_the_cloud_names() {
    let trial = Trial::new("throttle").await;
    let limit = RateLimit { limit: 1, window: Duration::from_secs(2), ..RateLimit::default() };
    trial.simulator.throttle(limit).unwrap();
    let _operator = trial.operator();
    for index in 0..4 {
        trial.simulator.add_account(&format!("a{index}")).unwrap();
        trial.create(&format!("a{index}"), json!({"account": format!("a{index}")})).await;
    }
    for index in 0..4 {
        trial.until_reason(&format!("a{index}"), "Shared").await;
    }
    assert_eq!(trial.cloud_shares().len(), 4);
}

/// Rights are given by repository, so a refusal speaks of one, and not of the credential.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_one_repository_holds_up_no_other_with_the_same_credential() {
    let trial = Trial::new("one-refused").await;
    let rule = json!({
        "match": {"key": "group/app/*"},
        "do": {"answer": {"status": 403, "code": "SVCSTG.SWR.4030170"}},
    });
    trial.simulator.plant_faults(rule).unwrap();
    let _operator = trial.operator();
    trial.create("refused", json!({"interval": "1s"})).await;
    trial.until_reason("refused", "Forbidden").await;
    for (name, account) in [("other", "demo"), ("another", "second")] {
        trial.simulator.add_account(account).unwrap();
        trial.create(name, json!({"repository": "tools/busybox", "account": account})).await;
        trial.until_reason(name, "Shared").await;
    }
    let calls = trial.calls();
    let of_others: Vec<_> = calls.iter().filter(|call| call.contains("busybox")).collect();
    assert_eq!(
        of_others,
        ["POST 201 group/tools/busybox/demo", "POST 201 group/tools/busybox/second"]
    );
    // Nobody repeats what was refused: it is looked at again in a quarter of an hour, or when it is changed.
    assert_eq!(calls.len(), 3, "{calls:?}");
    trial.change("other", json!({"description": "changed"})).await;
    trial.until_reason("other", "Shared").await;
    assert_eq!(trial.calls().iter().filter(|call| call.contains("group/app")).count(), 1);
}
