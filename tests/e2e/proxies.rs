//! The API server through a proxy, or past it: as kubectl does.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use crate::support::{Operator, Trial};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn with(trial: &Trial, kubeconfig: &std::path::Path, variables: &[(&str, &str)]) -> Operator {
    let flags = ["--namespace", &trial.namespace];
    trial.operator_in(kubeconfig, trial.simulator.url(), &flags, variables)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_no_proxy_lists_is_asked_directly_also_with_a_comma_too_many() {
    let trial = Trial::new("noproxy").await;
    trial.create("demo", json!({})).await;
    for (round, list) in
        ["127.0.0.1,.svc", "127.0.0.1,", " .svc, 127.0.0.0/8 ,,"].iter().enumerate()
    {
        let variables = [("HTTPS_PROXY", NOWHERE), ("https_proxy", NOWHERE), ("NO_PROXY", list)];
        let operator = with(&trial, &trial.operator_kubeconfig(), &variables);
        trial.change("demo", json!({"description": format!("round {round}")})).await;
        trial.until_reason("demo", "Shared").await;
        assert_eq!(operator.terminate().await, Some(0), "{list}");
    }
}

/// What the proxy that the operator is given is asked for first.
async fn asked_of_a_proxy(trial: &Trial, list: &str) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let kubeconfig = std::fs::read_to_string(trial.operator_kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&kubeconfig).unwrap();
    config["clusters"][0]["cluster"] = json!({"server": "https://control-plane.invalid:6443"});
    let file = trial.control_plane().scratch().join(format!("{}.proxied", trial.namespace));
    std::fs::write(&file, config.to_string()).unwrap();
    let _operator = with(trial, &file, &[("HTTPS_PROXY", &address), ("NO_PROXY", list)]);
    let accepted = tokio::time::timeout(std::time::Duration::from_mins(1), proxy.accept());
    let (stream, _) = accepted.await.expect("the proxy is asked").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_elsewhere_is_asked_through_the_proxy_wherever_that_is() {
    let trial = Trial::new("proxied").await;
    // The second names the proxy itself, which says nothing of the API server.
    for list in ["", "127.0.0.1"] {
        let asked = asked_of_a_proxy(&trial, list).await;
        assert_eq!(asked.trim(), "CONNECT control-plane.invalid:6443 HTTP/1.1", "{list}");
    }
}
