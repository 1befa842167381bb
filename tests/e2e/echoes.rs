//! An endpoint that sends back what it was sent: no part of the token is in a log, an event, a status or a
//! metric.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Trial, condition, until};

/// A token that looks like a request id.
const TOKEN: &str = "c0ffee0123456789abcdefc0ffee9876";

/// Answers every request so; gives its URL.
async fn saying(status: u16, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status} {TOKEN}\r\nX-Request-Id: {TOKEN}\r\nRetry-After: {TOKEN}\r\nServer: {TOKEN}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer_with(stream, answer.clone()));
        }
    });
    url
}

/// The body of a request is one of ours, and comes with its head.
async fn answer_with(mut stream: TcpStream, answer: String) {
    let mut request = vec![];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let heard = String::from_utf8_lossy(&request);
    assert!(heard.contains(TOKEN), "there is something to repeat: {heard}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn shows(text: &str) -> bool {
    let text = text.to_lowercase();
    (0..=TOKEN.len() - 8).any(|start| text.contains(&TOKEN[start..start + 8]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_repeats_the_token_puts_it_nowhere_where_people_look() {
    let trial = Trial::new("echoes").await;
    trial.secret("hex", TOKEN);
    let refuses = saying(403, format!(r#"{{"error_code":"{TOKEN}","error_msg":"{TOKEN}"}}"#)).await;
    let share = format!(
        r#"{{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","description":"of {TOKEN}",
            "creator_name":"{TOKEN}","created":"2021-06-10T08:14:42Z[{TOKEN}]","updated":"2021-06-10T08:14:42Z","status":true}}"#
    );
    let holds = saying(200, share).await;
    let endpoints = [format!("refuses={refuses}"), format!("holds={holds}")];
    let flags =
        ["--endpoint", &endpoints[0], "--endpoint", &endpoints[1], "--admin-listen", "127.0.0.1:0"];
    let operator = trial.operator_as(&trial.operator_kubeconfig(), &flags);

    let reference = json!({"name": "hex"});
    trial.create("refused", json!({"region": "refuses", "credentialsRef": reference})).await;
    let observed =
        json!({"region": "holds", "managementPolicy": "Observe", "credentialsRef": reference});
    trial.create("observed", observed).await;
    let object = trial.until_reason("refused", "Forbidden").await;
    assert!(condition(&object, "Error").unwrap().message.contains("HTTP 403, on create"));
    let shares = trial.shares();
    let pending = until("what would be done", async || {
        shares.get("observed").await.ok()?.status?.pending_action
    })
    .await;
    assert_eq!(pending.changes[0].field, "description");

    let objects = trial.kubectl(&["get", "imageshares", "-o", "json"]);
    let events = trial.kubectl(&["get", "events.events.k8s.io", "-o", "json"]);
    let (log, metrics) = (operator.log(), operator.metrics().await);
    assert!(objects.contains("2021-06-10T08:14:42Z") && log.contains("call failed"), "{log}");
    for text in [objects, events, log, metrics] {
        assert!(!shows(&text), "{text}");
    }
}
