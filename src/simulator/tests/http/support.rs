//! A simulator with one repository and two accounts, and short ways to call it.

use std::time::Duration;

use imageshare_simulator::{Clock, Entry, Options, Running, start};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const TOKEN: &str = "a-token";
pub const NOON: &str = "2026-03-31T12:00:00Z";
/// The path of the shares of `group/tools/busybox`.
pub const SHARES: &str = "/v2/manage/namespaces/group/repositories/tools$busybox/access-domains";
/// And of one of them.
pub const SHARE: &str =
    "/v2/manage/namespaces/group/repositories/tools$busybox/access-domains/demo";

pub struct Simulator {
    pub running: Running,
    http: reqwest::Client,
}

/// What most tests start from: the clock stands at noon.
pub fn options() -> Options {
    Options {
        tokens: vec![TOKEN.into()],
        repositories: vec!["group/tools/busybox".to_owned()],
        accounts: vec!["demo".to_owned(), "Other Account".to_owned()],
        clock: Clock::StandingAt(NOON.parse().unwrap()),
        ..Options::default()
    }
}

pub async fn simulator() -> Simulator {
    simulator_with(options()).await
}

pub async fn simulator_with(options: Options) -> Simulator {
    // The second test in this process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    Simulator { running: start(options).await.unwrap(), http }
}

/// Status and JSON body (`null` when there is none).
pub type Answer = (u16, Value);

pub async fn read(response: Response) -> Answer {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

impl Simulator {
    /// A request without credential.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// A request of the API with the token.
    pub fn call(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).header("X-Auth-Token", TOKEN)
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.call("GET", path).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        read(self.call("DELETE", path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        read(self.call("POST", path).json(body).send().await.unwrap()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        read(self.call("PATCH", path).json(body).send().await.unwrap()).await
    }

    /// Through the side door; it must be let through.
    pub async fn meddle(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, body) = self.knock(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
        body
    }

    /// Through the side door, whatever it says.
    pub async fn knock(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, &format!("/_sim{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request.send().await.unwrap()).await
    }

    /// Through the side door as well.
    pub async fn ledger(&self) -> Vec<Value> {
        let entries = self.meddle("GET", "/ledger", Value::Null).await;
        entries.as_array().unwrap().clone()
    }

    /// Waits, for a bounded time, until an entry of the ledger is as wanted.
    pub async fn entry_where(&self, wanted: impl Fn(&Entry) -> bool) -> Entry {
        for _ in 0..500 {
            if let Some(entry) = self.running.ledger(0).into_iter().find(&wanted) {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the ledger never came to it: {:?}", self.running.ledger(0));
    }
}

/// The body of a POST that shares with this account for ever.
pub fn forever(account: &str) -> Value {
    json!({"access_domain": account, "permit": "read", "deadline": "forever", "description": "d"})
}

/// `body` with one field replaced, or removed by `null`.
pub fn with(mut body: Value, field: &str, value: Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    if value.is_null() {
        fields.remove(field)
    } else {
        fields.insert(field.to_owned(), value)
    };
    body
}

/// The code in the shape in which SWR sends errors today, or the gateway.
pub fn code(body: &Value) -> &str {
    body["error_code"].as_str().unwrap_or_default()
}
