//! Several replicas as processes, of which one acts: the holder of the Lease.

use std::path::{Path, PathBuf};
use std::time::Instant;

use imageshare::leader::lease::PERMISSIONS;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{Operator, Trial, until};

const LEASE: &str = imageshare::cli::LEASE_NAME;
/// Nobody waits so long here: who takes over within the bound of a test did not wait for the Lease's end.
const LONG: [&str; 2] = ["--lease-duration", "600s"];
const SHORT: [&str; 2] = ["--lease-duration", "3s"];

/// Who holds the Lease; empty if nobody does.
async fn holder(trial: &Trial) -> String {
    let leases: Api<Lease> = Api::namespaced(trial.client.clone(), &trial.namespace);
    let lease = leases.get_opt(LEASE).await.unwrap();
    let spec = lease.and_then(|lease| lease.spec);
    spec.and_then(|spec| spec.holder_identity).unwrap_or_default()
}

async fn until_leads(trial: &Trial, name: &str) {
    let what = format!("{name} to lead");
    let start = format!("{name}_");
    until(&what, async || holder(trial).await.starts_with(&start).then_some(())).await;
}

async fn until_says(operator: &Operator, words: &str, times: usize) {
    until(words, async || (operator.log().matches(words).count() >= times).then_some(())).await;
}

/// One that leads and one that stands by.
async fn pair(trial: &Trial, kubeconfig: &Path, flags: &[&str]) -> (Operator, Operator) {
    let first = trial.replica("first", kubeconfig, flags);
    until_leads(trial, "first").await;
    let second = trial.replica("second", kubeconfig, flags);
    until_says(&second, "stands by", 1).await;
    (first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_acts_and_the_other_is_ready_to() {
    let trial = Trial::new("leaders-two").await;
    let (first, second) = pair(&trial, &trial.replicas_kubeconfig(), &LONG).await;
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
    assert_eq!(trial.cloud_writes().len(), 1, "{:?}", trial.calls());
    assert_eq!(trial.writes().len(), 2, "finalizer and status: {:?}", trial.writes());
    until("both to be ready", async || {
        let trouble = (first.not_ready().await, second.not_ready().await);
        (trouble == (None, None)).then_some(())
    })
    .await;
    assert!(!second.log().contains("pass{"), "the second has begun no pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_asked_to_stop_gives_the_lease_back_and_the_standby_leads() {
    let trial = Trial::new("leaders-term").await;
    let (first, second) = pair(&trial, &trial.replicas_kubeconfig(), &LONG).await;
    trial.create("before", json!({})).await;
    trial.until_reason("before", "Shared").await;
    let began = Instant::now();
    assert_eq!(first.terminate().await, Some(0));
    let ended = began.elapsed();
    until_leads(&trial, "second").await;
    println!("SIGTERM: ended after {ended:?}, the standby led after {:?}", began.elapsed());
    // A restart over settled objects writes nothing, and a change of leaders is one.
    let (calls, writes) = (trial.cloud_writes().len(), trial.writes().len());
    trial.change("before", json!({"description": "changed"})).await;
    trial.until_reason("before", "Shared").await;
    until("the change", async || (trial.cloud_writes().len() == calls + 1).then_some(())).await;
    until("its status", async || (trial.writes().len() == writes + 1).then_some(())).await;
    assert_eq!(second.terminate().await, Some(0));
    assert_eq!(holder(&trial).await, "", "released");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_once_its_lease_has_run_out() {
    let trial = Trial::new("leaders-kill").await;
    let (first, _second) = pair(&trial, &trial.replicas_kubeconfig(), &SHORT).await;
    let began = Instant::now();
    first.kill().await;
    until_leads(&trial, "second").await;
    println!("SIGKILL with a Lease of 3 s: the standby led after {:?}", began.elapsed());
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_on_the_lease_or_a_lease_that_is_deleted_costs_nobody_more_than_a_moment() {
    let trial = Trial::new("leaders-hand").await;
    let operator = trial.replica("first", &trial.replicas_kubeconfig(), &SHORT);
    until_leads(&trial, "first").await;
    trial.kubectl(&["label", "lease", LEASE, "a=b"]);
    let renewed = async || {
        let lease = trial.kubectl(&["get", "lease", LEASE, "-o", "jsonpath={.spec.renewTime}"]);
        Some(lease)
    };
    let before = renewed().await.unwrap();
    until("a renewal", async || (renewed().await.unwrap() != before).then_some(())).await;
    assert_eq!(operator.log().matches("leads").count(), 1, "{}", operator.log());
    trial.kubectl(&["delete", "lease", LEASE]);
    until_leads(&trial, "first").await;
    until_says(&operator, " leads", 2).await;
    trial.create("demo", json!({})).await;
    trial.until_reason("demo", "Shared").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_the_lease_nothing_is_done_and_readyz_says_why() {
    let trial = Trial::new("leaders-right").await;
    let operator = trial.replica("first", &trial.account_with(&[]), &SHORT);
    let why = until("trouble", async || {
        operator.log().contains("admin endpoint").then_some(())?;
        operator.not_ready().await.filter(|why| why.contains("Lease"))
    })
    .await;
    assert!(why.contains("may not create, get or update it"), "{why}");
    assert_eq!(operator.live().await, None);
}

/// Between an operator and the API server: passes everything on, until it is told not to.
struct Wire {
    kubeconfig: PathBuf,
    state: watch::Sender<Line>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Connections stay, and nothing comes through.
    Silent,
    /// Connections are closed, and none is taken.
    Gone,
}

impl Wire {
    async fn to_the_api_server(trial: &Trial, kubeconfig: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
        let there = server.strip_prefix("https://").unwrap().to_owned();
        config["clusters"][0]["cluster"]["server"] = json!(format!("https://{here}"));
        let file = trial.control_plane().scratch().join(format!("{}-wire", trial.namespace));
        std::fs::write(&file, config.to_string()).unwrap();
        let state = watch::Sender::new(Line::Open);
        let state_of_each = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (state, there) = (state_of_each.subscribe(), there.clone());
                tokio::spawn(async move {
                    if *state.borrow() == Line::Gone {
                        return;
                    }
                    let far = TcpStream::connect(there).await.unwrap();
                    let ((a, b), (c, d)) = (near.into_split(), far.into_split());
                    tokio::join!(pump(a, d, state.clone()), pump(c, b, state));
                });
            }
        });
        Self { kubeconfig: file, state }
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; 65536];
    loop {
        let read = tokio::select! {
            biased;
            _ = state.wait_for(|line| *line == Line::Gone) => return,
            read = from.read(&mut buffer) => read,
        };
        let Ok(length @ 1..) = read else { return };
        let _ = state.wait_for(|line| *line != Line::Silent).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_an_api_server_stops_before_its_lease_ends_and_comes_back_by_itself() {
    let trial = Trial::new("leaders-away").await;
    let kubeconfig = trial.replicas_kubeconfig();
    let wire = Wire::to_the_api_server(&trial, &kubeconfig).await;
    let first = trial.replica("first", &wire.kubeconfig, &SHORT);
    until_leads(&trial, "first").await;
    trial.create("demo", json!({"interval": "1s"})).await;
    trial.until_reason("demo", "Shared").await;
    let mut second = None;
    for (times, line) in [(1, Line::Silent), (2, Line::Gone)] {
        wire.state.send_replace(line);
        until_says(&first, "does not lead any more", times).await;
        let calls = trial.calls().len();
        // It has stopped before the other could begin.
        second = Some(trial.replica(&format!("second{times}"), &kubeconfig, &SHORT));
        until_leads(&trial, &format!("second{times}")).await;
        until("a look", async || (trial.calls().len() > calls).then_some(())).await;
        wire.state.send_replace(Line::Open);
        until_says(&first, "stands by", times).await;
        assert_eq!(second.take().unwrap().terminate().await, Some(0));
        until_leads(&trial, "first").await;
    }
    assert!(second.is_none());
    trial.change("demo", json!({"description": "changed"})).await;
    until("the change", async || {
        trial.cloud_shares().iter().any(|share| share.description == "changed").then_some(())
    })
    .await;
    assert_eq!(first.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_in_time_whatever_hangs_and_what_was_cut_off_keeps_the_lease() {
    let trial = Trial::new("leaders-hang").await;
    let kubeconfig = trial.replicas_kubeconfig();
    let slow = ["--call-timeout", "70s"];
    let hang = json!({"match": {"method": "POST"}, "do": {"hang": {}}});
    trial.simulator.plant_faults(hang).unwrap();
    let first = trial.replica("first", &kubeconfig, &[slow.as_slice(), &SHORT].concat());
    until_leads(&trial, "first").await;
    trial.create("demo", json!({})).await;
    until("a call to hang", async || (!trial.ledger().is_empty()).then_some(())).await;
    let began = Instant::now();
    let log = first.log_file();
    assert_eq!(first.terminate().await, Some(0));
    println!("SIGTERM with a call that hangs: ended after {:?}", began.elapsed());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("the Lease runs out by itself") && !log.contains("released"), "{log}");
    assert!(holder(&trial).await.starts_with("first"), "it is not given back");
    // The next one leads once it has run out, and counts the create as one that may still land.
    trial.simulator.clear_faults();
    let second = trial.replica("second", &kubeconfig, &SHORT);
    until_leads(&trial, "second").await;
    trial.until_reason("demo", "Shared").await;
    let wire = Wire::to_the_api_server(&trial, &kubeconfig).await;
    drop(second);
    let third = trial.replica("third", &wire.kubeconfig, &SHORT);
    until_leads(&trial, "third").await;
    wire.state.send_replace(Line::Silent);
    let began = Instant::now();
    assert_eq!(third.terminate().await, Some(0));
    println!("SIGTERM with an API server that hangs: ended after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_right_to_the_lease_is_what_the_code_lists() {
    let trial = Trial::new("leaders-rights").await;
    let account = "--as=system:serviceaccount:imageshare-system:imageshare-operator";
    let may = |verb: &str, what: &str| {
        let question = ["auth", "can-i", verb, what, "-n", "imageshare-system", account];
        trial.control_plane().try_kubectl(&question, "").is_ok()
    };
    let [("coordination.k8s.io", "leases", listed)] = PERMISSIONS else {
        panic!("{PERMISSIONS:?}")
    };
    let (all, own) = ("leases.coordination.k8s.io", format!("leases.coordination.k8s.io/{LEASE}"));
    for verb in ["get", "list", "watch", "create", "update", "patch", "delete"] {
        assert_eq!(may(verb, &own), listed.contains(&verb), "{verb}");
        // Nobody else's, but that a right to create cannot be bound to a name.
        assert_eq!(may(verb, all), verb == "create", "{verb}");
        let elsewhere = ["auth", "can-i", verb, all, "-n", &trial.namespace, account];
        assert!(trial.control_plane().try_kubectl(&elsewhere, "").is_err(), "{verb}");
    }
}
