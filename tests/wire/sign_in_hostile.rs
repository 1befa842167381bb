//! IAM and STS as somebody would play them who wants the secret in the log, or the operator's time and
//! memory.

use std::sync::{Arc, Mutex};

use imageshare::cloud::SwrError;
use imageshare::reason::Reason::{
    AnswerTooLarge, AnswerUnreadable, ConnectionLost, ServerError, SignInRejected, Timeout,
};
use imageshare::telemetry::{LogFormat, LogLevel, subscriber};
use tokio::net::TcpStream;

use crate::echoes::{LOOKALIKES, STATUSES, bodies, headers, shows};
use crate::hostile::dripping;
use crate::raw::{Raw, http, say};
use crate::sign_in::Call;
use crate::support::{CALL, TOKEN, client};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// All that was logged since the last look.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// The failure in all the ways in which it is shown; in the log as the operator does it.
fn shown(error: &SwrError) -> String {
    let evidence = error.evidence("iam.example", "sign-in");
    tracing::debug!(target: "imageshare", request_id = error.request_id, %error, "call failed");
    tracing::trace!(target: "imageshare", ?error, evidence);
    format!("{error} {error:?} {error:#?} {evidence}")
}

#[tokio::test]
async fn what_iam_or_sts_send_back_of_a_secret_is_never_shown_nor_logged_at_trace() {
    let (log, client) = (Log::default(), client());
    let writer = log.clone();
    let subscriber =
        subscriber(&LogLevel::Trace.into(), LogFormat::Text, move || writer.clone(), None);
    let _guard = tracing::subscriber::set_default(subscriber);
    let answer = Arc::new(Mutex::new(String::new()));
    let saying = Arc::clone(&answer);
    let raw = Raw::start(move |mut stream: TcpStream| {
        let answer = saying.lock().unwrap().clone();
        async move { say(&mut stream, answer.as_bytes()).await }
    })
    .await;
    let (mut count, mut lines) = (0, 0);
    for secret in LOOKALIKES {
        for body in bodies(secret) {
            for status in [&STATUSES[..], &[401, 500]].concat() {
                let headers = format!("X-Subject-Token: {secret} again\r\n{}", headers(secret));
                *answer.lock().unwrap() = http(status, &headers, &body).replace("Whatever", secret);
                for call in Call::ALL {
                    let error = call.with(&client, &raw.url(), secret).await.unwrap_err();
                    let (shown, logged) = (shown(&error), log.take());
                    assert!(!shows(&shown, secret), "{call:?} {status} {body}: {shown}");
                    assert!(!shows(&logged, secret), "{call:?} {status} {body}: {logged}");
                    lines += logged.lines().count();
                    count += 1;
                }
            }
        }
    }
    println!("{count} answers, {lines} lines of log");
    assert_eq!(lines, 2 * count, "there is a log to look at");
}

/// Without this, the test above could pass because nothing is shown at all.
#[tokio::test]
async fn what_has_the_documented_form_is_shown() {
    let id = "1b7f0a3c9d2e4f5061728394a5b6c7d8";
    let body = r#"{"error_code":"IAM.0062","error_msg":"m"}"#;
    let raw = Raw::saying(http(401, &format!("X-Request-Id: {id}\r\n"), body)).await;
    for call in Call::ALL {
        let error = call.at(&raw.url()).await.unwrap_err();
        assert_eq!(error.request_id.as_deref(), Some(id), "{call:?}");
        assert_eq!(error.code.as_deref(), Some("IAM.0062"), "{call:?}");
    }
}

/// A good answer to each call.
fn good(call: Call) -> (&'static str, String) {
    let keys = r#"{"credentials":{"access_key_id":"AK","secret_access_key":"SK","security_token":"ST",
        "expiration":"2026-11-09T01:42:57.527363Z"}}"#;
    let token = r#"{"token":{"expires_at":"2026-11-09T01:42:57.527363Z"}}"#;
    match call {
        Call::SignIn | Call::IdToken => ("X-Subject-Token: issued\r\n", token.into()),
        Call::Assume => ("", keys.into()),
        Call::EndOf => ("", token.into()),
    }
}

#[tokio::test]
async fn a_success_that_is_not_what_is_documented_is_unreadable() {
    for call in Call::ALL {
        let (header, body) = good(call);
        let answered = async |status: u16, header: &str, body: &str| {
            let raw = Raw::saying(http(status, header, body)).await;
            call.at(&raw.url()).await.map_err(|error| (error.reason, error.status))
        };
        assert_eq!(answered(201, header, &body).await, Ok(()), "{call:?}");
        let unreadable = |status| Err((AnswerUnreadable, Some(status)));
        for bad in
            ["", "{", "{}", "[]", "null", "<html>200</html>", r#"{"token":{},"credentials":{}}"#]
        {
            assert_eq!(answered(201, header, bad).await, unreadable(201), "{call:?} {bad}");
        }
        let later = body.replace("2026-11-09T01:42:57.527363Z", "tomorrow");
        assert_eq!(answered(200, header, &later).await, unreadable(200), "{call:?}");
        assert_eq!(answered(204, "", "").await, unreadable(204), "{call:?}");
        let deep = format!(r#"{{"token":{}"#, "[".repeat(900_000));
        assert_eq!(answered(200, header, &deep).await, unreadable(200), "{call:?}");
    }
}

#[tokio::test]
async fn what_cannot_stand_in_a_header_is_no_token_and_no_key() {
    let long = "x".repeat(33 * 1024);
    for call in [Call::SignIn, Call::IdToken] {
        let (_, body) = good(call);
        for token in ["", " ", "a b", "t\u{f6}ken", "a\tb", &long] {
            let raw = Raw::saying(http(201, &format!("X-Subject-Token: {token}\r\n"), &body)).await;
            let error = call.at(&raw.url()).await.unwrap_err();
            assert_eq!(error.reason, AnswerUnreadable, "{call:?} {}", &token[..token.len().min(9)]);
        }
        let raw = Raw::saying(http(201, "", &body)).await;
        assert_eq!(call.at(&raw.url()).await.unwrap_err().reason, AnswerUnreadable, "no header");
    }
    let (_, body) = good(Call::Assume);
    for part in ["\"AK\"", "\"SK\"", "\"ST\""] {
        for bad in [r#""""#, r#""a b""#, r#""a\r\nX-Evil: 1""#, "\"\u{e4}\"", "7", "null"] {
            let raw = Raw::saying(http(200, "", &body.replace(part, bad))).await;
            let error = Call::Assume.at(&raw.url()).await.unwrap_err();
            assert_eq!(error.reason, AnswerUnreadable, "{part} {bad}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_hung_up_on() {
    for (status, by_password, by_account) in [
        (201, AnswerTooLarge, AnswerTooLarge),
        (401, SignInRejected, AnswerUnreadable),
        (500, ServerError, ServerError),
    ] {
        for call in Call::ALL {
            let raw = Raw::start(move |mut stream: TcpStream| async move {
                use tokio::io::AsyncWriteExt;
                let head = format!("HTTP/1.1 {status} Whatever\r\nX-Subject-Token: t\r\n\r\n");
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&[b' '; 8192]).await.is_ok() {}
            })
            .await;
            let error = call.at(&raw.url()).await.unwrap_err();
            let is_own = matches!(call, Call::SignIn | Call::EndOf);
            let expected = if is_own { by_password } else { by_account };
            assert_eq!((error.reason, error.status), (expected, Some(status)), "{call:?}");
        }
    }
    let raw = Raw::saying(http(201, &"X-More: x\r\n".repeat(10_000), "")).await;
    for call in Call::ALL {
        assert_eq!(call.at(&raw.url()).await.unwrap_err().reason, ConnectionLost, "{call:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_drop_by_drop_ends_with_the_time_of_the_call() {
    for (beginning, drop, by_password, by_account) in [
        ("HTTP/1.1 201 O", "O", Timeout, Timeout),
        ("HTTP/1.1 201 OK\r\nX-Subject-Token: ", "x", Timeout, Timeout),
        (
            "HTTP/1.1 201 OK\r\nX-Subject-Token: t\r\nContent-Length: 9999\r\n\r\n",
            "[",
            Timeout,
            Timeout,
        ),
        ("HTTP/1.1 401 No\r\nContent-Length: 9999\r\n\r\n", "[", SignInRejected, AnswerUnreadable),
        ("HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n", "[", ServerError, ServerError),
    ] {
        for call in Call::ALL {
            let (raw, client) = (dripping(beginning, drop).await, client());
            let url = raw.url();
            let ended = tokio::time::timeout(2 * CALL, call.with(&client, &url, TOKEN)).await;
            let error = ended.expect("the call has no bound").unwrap_err();
            let is_own = matches!(call, Call::SignIn | Call::EndOf);
            let expected = if is_own { by_password } else { by_account };
            assert_eq!(error.reason, expected, "{call:?} {beginning:?}");
            tokio::time::resume();
        }
    }
}
