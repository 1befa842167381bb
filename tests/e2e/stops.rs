//! SIGTERM: no effect begins after it, and the process ends well whatever hangs.

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Trial, until};

/// Takes connections and never answers.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut open = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_while_the_cloud_hangs_and_begins_nothing_after_the_call_it_is_in() {
    let trial = Trial::with("stop-cloud", |options| options.open = true).await;
    let names: Vec<_> = (0..100).map(|index| format!("o-{index}")).collect();
    trial.create_many(&names, |_| json!({}));
    let hang = json!({"match": {"method": "POST"}, "do": {"hang": {}}});
    trial.simulator.plant_faults(hang).unwrap();
    let flags = ["--call-timeout", "5s"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);
    until("a call to hang", async || (!trial.ledger().is_empty()).then_some(())).await;
    let calls = trial.ledger().len();
    let exit = operator.terminate().await;
    assert_eq!(exit, Some(0));
    assert_eq!(trial.ledger().len(), calls, "no call began after the one that hung");
    assert_eq!(trial.having("Timeout").await, 0, "and no status was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_before_the_first_list_and_while_the_api_server_is_away() {
    let trial = Trial::new("stop-api").await;
    for (number, address) in (1..).zip([silent().await, "127.0.0.1:1".to_owned()]) {
        let kubeconfig = std::fs::read_to_string(trial.operator_kubeconfig()).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&kubeconfig).unwrap();
        config["clusters"][0]["cluster"] = json!({"server": format!("http://{address}")});
        let file = trial.control_plane().scratch().join(format!("{}.away", trial.namespace));
        std::fs::write(&file, config.to_string()).unwrap();
        let operator = trial.operator_as(&file, &[]);
        let has_started = || operator.log().matches("started").count() == number;
        until("it to have started", async || has_started().then_some(())).await;
        assert_eq!(operator.terminate().await, Some(0), "{address}");
    }
}
