//! The API server through a proxy, or past it: as kubectl does. And SWR, IAM and STS, all three alike.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::kinds::service_account;
use crate::support::canary::PASSWORD;
use crate::support::identity::put_secret;
use crate::support::{Operator, Trial, until};

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
        ["127.0.0.1,.svc", "127.0.0.1,", " .svc, 127.0.0.0/8 ,,", "*.svc"].iter().enumerate()
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

/// A proxy that refuses everybody, and remembers the first line of each request.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let hearing = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut stream, mut line) = (BufReader::new(stream), String::new());
                let _ = stream.read_line(&mut line).await;
                hearing.lock().unwrap().push(line.trim().to_owned());
                let _ = stream.write_all(b"HTTP/1.1 502 No\r\nConnection: close\r\n\r\n").await;
            }
        });
        Self { url, asked }
    }

    fn has_heard(&self, start: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|line| line.starts_with(start))
    }
}

/// The operator, with a cloud that lives elsewhere, and these variables for the proxy and for what goes past it.
fn abroad(trial: &Trial, scheme: &str, proxy: &Proxy, list: &str) -> Operator {
    let at = |service: &str| format!("{scheme}://{service}.cloud.invalid");
    let [iam, sts] = ["iam", "sts"].map(|service| format!("sim-1={}", at(service)));
    let flags = [
        &["--namespace", &trial.namespace, "--allow-http", "--allow-service-accounts"][..],
        &["--iam-endpoint", &iam, "--sts-endpoint", &sts],
    ];
    let names = [format!("{scheme}_proxy"), format!("{scheme}_proxy").to_uppercase()];
    let mut variables: Vec<_> = names.iter().map(|name| (name.as_str(), &*proxy.url)).collect();
    variables.extend([("NO_PROXY", list), ("no_proxy", list)]);
    let kubeconfig = trial.operator_kubeconfig();
    trial.operator_in(&kubeconfig, &at("swr"), &flags.concat(), &variables)
}

const OBJECTS: [&str; 3] = ["token", "password", "account"];

/// A cloud that lives elsewhere, and an object for each service that is called.
async fn abroad_trial(namespace: &str) -> Trial {
    let trial = Trial::new(namespace).await;
    trial.grant("deploy/service-accounts.yaml", "imageshare-operator-service-accounts");
    let user = json!({"accountName": "acme", "username": "robot", "password": PASSWORD});
    put_secret(&trial, "user", &user);
    let annotations = json!({"imageshare.dev/provider": "p", "imageshare.dev/agency": "a"});
    service_account(&trial, "swr", &annotations);
    let [token, password, account] = OBJECTS;
    trial.create(token, json!({})).await;
    trial.create(password, json!({"account": "b", "credentialsRef": {"name": "user"}})).await;
    let reference = json!({"serviceAccountName": "swr"});
    trial.create(account, json!({"account": "c", "credentialsRef": reference})).await;
    trial
}

#[tokio::test(flavor = "multi_thread")]
async fn swr_iam_and_sts_are_called_through_the_proxy_for_their_scheme() {
    let trial = abroad_trial("abroad").await;
    for (scheme, list) in [("https", "10.0.0.0/8, swr.invalid,"), ("http", ".other,,127.0.0.1")] {
        let proxy = Proxy::start().await;
        let _operator = abroad(&trial, scheme, &proxy, list);
        let starts = match scheme {
            "https" => {
                ["swr", "iam", "sts"].map(|host| format!("CONNECT {host}.cloud.invalid:443 "))
            }
            _ => [
                // By now the create is in doubt, and a look comes first.
                "GET http://swr.cloud.invalid/v2/manage/",
                "POST http://iam.cloud.invalid/v3/auth/tokens",
                "POST http://sts.cloud.invalid/v5/agencies/assume-with-oidc",
            ]
            .map(str::to_owned),
        };
        for start in starts {
            until(&format!("the proxy to hear {start}"), async || {
                proxy.has_heard(&start).then_some(())
            })
            .await;
        }
    }
}

/// No such host has an address, so whoever goes past the proxy finds nobody.
#[tokio::test(flavor = "multi_thread")]
async fn swr_iam_and_sts_are_called_past_the_proxy_where_no_proxy_lists_them() {
    let trial = abroad_trial("past-proxies").await;
    for (round, list) in [
        "cloud.invalid",
        " .cloud.invalid ,",
        "other,sts.cloud.invalid,, iam.cloud.invalid,swr.cloud.invalid",
        "*.cloud.invalid",
        "*",
    ]
    .iter()
    .enumerate()
    {
        let (scheme, proxy) = (["http", "https"][round % 2], Proxy::start().await);
        let operator = abroad(&trial, scheme, &proxy, list);
        for name in OBJECTS {
            trial.change(name, json!({"description": format!("round {round}")})).await;
        }
        for name in OBJECTS {
            trial.until_reason(name, "HostNotFound").await;
        }
        let asked = proxy.asked.lock().unwrap().clone();
        assert_eq!(asked, [""; 0], "{scheme} {list:?}");
        assert_eq!(operator.terminate().await, Some(0));
    }
}
