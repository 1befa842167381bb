//! What the API server says about a Secret stays out of the log and out of every error, at every
//! level. kube's client writes an answer that it cannot decode to the log, whole, as a warning; for a
//! Secret that is the token. The API server is played by a bare TCP server, because a real one never
//! says such things.

// All functions here belong to tests; the exception in clippy.toml sees only those that are marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/raw.rs"]
mod raw;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imageshare::access::credentials::Credential;
use imageshare::api::ImageShare;
use imageshare::operator::api_clock::ApiClock;
use imageshare::operator::api_server::{ApiServer, CALL};
use imageshare::operator::sources::{Allowed, Found, Missing, Source};
use imageshare::reason::Reason;
use imageshare::telemetry::{LogFormat, LogLevel, subscriber};
use kube::api::ObjectMeta;
use raw::{Raw, http};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

const CANARY: &str = "MIIFcanary0123456789";
/// The same, as it stands in a Secret.
const CANARY_IN_BASE64: &str = "TUlJRmNhbmFyeTAxMjM0NTY3ODk=";

const LEVELS: [LogLevel; 5] =
    [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
const FORMATS: [LogFormat; 2] = [LogFormat::Text, LogFormat::Json];

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn cluster(api_server: &Raw) -> ApiServer {
    // The second test in this process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::new(api_server.url().parse().unwrap());
    ApiServer::new(kube::Client::try_from(config).unwrap(), ApiClock::default(), CALL)
}

async fn find(api_server: &Raw) -> Result<Found, Missing> {
    let source = Source::Secret("swr".into(), None);
    cluster(api_server).find("team", &source, &Allowed::default()).await
}

async fn error_of_secret(api_server: &Raw) -> Missing {
    find(api_server).await.err().unwrap()
}

fn must_not_show_the_canary(text: &str, what: &str) {
    assert!(!text.contains("canary") && !text.contains(CANARY_IN_BASE64), "{what}: {text}");
}

/// Answers that make no Secret.
fn undecodable() -> Vec<String> {
    vec![
        CANARY.to_owned(),
        format!("{{\"data\":{{\"token\":\"{CANARY_IN_BASE64}\"}}"),
        json!(CANARY).to_string(),
        json!([{"data": {"token": CANARY_IN_BASE64}}]).to_string(),
        json!({"metadata": CANARY, "data": {"token": CANARY_IN_BASE64}}).to_string(),
        json!({"metadata": {"name": [CANARY]}, "data": {"token": CANARY_IN_BASE64}}).to_string(),
        format!("<html>{CANARY}</html>"),
    ]
}

/// Without this, every other test here could pass for want of anything to hide.
#[tokio::test]
async fn kubes_client_does_log_what_it_cannot_decode() {
    let api_server = Raw::saying(http(200, "", CANARY)).await;
    let log = Log::default();
    let talkative = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(talkative);
    error_of_secret(&api_server).await;
    assert!(log.text().contains(CANARY), "kube has mended its ways: {}", log.text());
}

#[tokio::test]
async fn an_answer_that_cannot_be_decoded_is_neither_in_the_log_nor_in_the_error() {
    for body in undecodable() {
        let api_server = Raw::saying(http(200, "", &body)).await;
        for level in LEVELS {
            for format in FORMATS {
                let log = Log::default();
                let _guard = tracing::subscriber::set_default(subscriber(
                    &level.into(),
                    format,
                    log.clone(),
                    None,
                ));
                let error = error_of_secret(&api_server).await;
                assert_eq!(error, Missing::Unread);
                must_not_show_the_canary(&format!("{error:?} {error:#?}"), "error");
                must_not_show_the_canary(&log.text(), "log");
            }
        }
    }
}

/// The same for the object itself, which can carry a token by mistake.
#[tokio::test]
async fn an_object_that_cannot_be_decoded_is_neither_in_the_log_nor_in_the_error() {
    let object = ImageShare {
        metadata: ObjectMeta {
            name: Some("demo".into()),
            namespace: Some("team".into()),
            ..ObjectMeta::default()
        },
        spec: serde_json::from_value(json!({
            "organization": "group",
            "repository": "busybox",
            "account": "demo",
            "credentialsRef": {"name": "swr"},
        }))
        .unwrap(),
        status: None,
    };
    let body = json!({"metadata": {}, "spec": {"organization": [CANARY], "deadline": CANARY}});
    let api_server = Raw::saying(http(200, "", &body.to_string())).await;
    for level in LEVELS {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(subscriber(
            &level.into(),
            LogFormat::Json,
            log.clone(),
            None,
        ));
        let cluster = cluster(&api_server);
        for error in [
            cluster.read(&object.metadata).await.unwrap_err(),
            cluster.add_finalizer(&object).await.unwrap_err(),
            cluster.remove_finalizer(&object).await.unwrap_err(),
        ] {
            must_not_show_the_canary(&format!("{error:?}"), "error");
        }
        must_not_show_the_canary(&log.text(), "log");
    }
}

#[tokio::test]
async fn a_secret_that_is_read_well_leaves_no_trace_either() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "swr", "uid": "u-1", "resourceVersion": "7"},
        "data": {"token": CANARY_IN_BASE64},
    });
    let api_server = Raw::saying(http(200, "", &secret.to_string())).await;
    for level in LEVELS {
        for format in FORMATS {
            let log = Log::default();
            let _guard = tracing::subscriber::set_default(subscriber(
                &level.into(),
                format,
                log.clone(),
                None,
            ));
            let secret = find(&api_server).await.ok().unwrap();
            let Ok(Credential::Token(token)) = secret.credential else { panic!("no token") };
            assert_eq!(token.header().unwrap().as_bytes(), CANARY.as_bytes());
            assert_eq!((&*secret.version, &*secret.words), ("u-1/7", "Secret swr"));
            must_not_show_the_canary(&log.text(), "log");
        }
    }
    for request in api_server.heard() {
        assert!(
            request.starts_with("GET /api/v1/namespaces/team/secrets/swr HTTP/1.1"),
            "{request}"
        );
    }
}

/// Data that is no base64, or no map of texts: the object is fine, the key has no value.
#[tokio::test]
async fn a_secret_whose_data_makes_no_sense_has_no_value() {
    for data in [
        json!({"token": CANARY.to_owned() + "!"}),
        json!({"token": [CANARY]}),
        json!([CANARY]),
        json!({"other": CANARY_IN_BASE64}),
        json!({}),
        json!(null),
    ] {
        let secret = json!({"metadata": {"name": "swr"}, "data": data});
        let api_server = Raw::saying(http(200, "", &secret.to_string())).await;
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(subscriber(
            &LogLevel::Trace.into(),
            LogFormat::Text,
            log.clone(),
            None,
        ));
        let secret = find(&api_server).await.ok().unwrap();
        let unusable = secret.credential.err().unwrap();
        assert_eq!(unusable.reason, Reason::SecretKeyNotFound, "{data}");
        must_not_show_the_canary(&log.text(), "log");
    }
}

#[tokio::test]
async fn refusals_have_their_kind_and_do_not_repeat_what_was_said() {
    let status = |code: u16, reason: &str| {
        let body = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure",
            "message": CANARY, "reason": reason, "code": code});
        http(code, "", &body.to_string())
    };
    let page = |code| http(code, "", &format!("<html>{CANARY}</html>"));
    let unusable = |reason| Missing::Unusable(reason, "Secret swr".to_owned());
    let terminating = |reason| Missing::Terminating(reason, "Secret swr".to_owned());
    for (answer, missing, shown) in [
        (status(403, "Forbidden"), unusable(Reason::SecretForbidden), ""),
        (page(403), Missing::Unread, "HTTP 403 for get this Secret"),
        (page(404), Missing::Unread, "HTTP 404 for get this Secret"),
        // It says so of the namespace as well.
        (status(404, "NotFound"), terminating(Reason::SecretNotFound), ""),
        (status(409, "Conflict"), Missing::Unread, "the object has changed meanwhile"),
        (status(401, "Unauthorized"), Missing::Unread, "HTTP 401 for get this Secret"),
        (status(500, "InternalError"), Missing::Unread, "HTTP 500 for get this Secret"),
        (page(400), Missing::Unread, "HTTP 400 for get this Secret"),
        (page(502), Missing::Unread, "HTTP 502 for get this Secret"),
    ] {
        let api_server = Raw::saying(answer.clone()).await;
        for level in LEVELS {
            for format in FORMATS {
                let log = Log::default();
                let _guard = tracing::subscriber::set_default(subscriber(
                    &level.into(),
                    format,
                    log.clone(),
                    None,
                ));
                let error = error_of_secret(&api_server).await;
                assert_eq!(error, missing, "{answer}");
                let is_logged = !matches!(level, LogLevel::Error);
                assert!(!is_logged || log.text().contains(shown), "{shown}: {}", log.text());
                must_not_show_the_canary(&format!("{error:?}"), "error");
                must_not_show_the_canary(&log.text(), "log");
            }
        }
    }
}

/// What is not even text has an error of its own in kube, which holds every byte.
#[tokio::test]
async fn an_answer_that_is_not_utf_8_is_not_in_the_error() {
    for status in ["200 OK", "500 Internal Server Error"] {
        let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").into_bytes();
        answer.extend_from_slice(CANARY.as_bytes());
        answer.push(0xff);
        let api_server = Raw::saying(answer).await;
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(subscriber(
            &LogLevel::Trace.into(),
            LogFormat::Text,
            log.clone(),
            None,
        ));
        let error = error_of_secret(&api_server).await;
        must_not_show_the_canary(&format!("{error:?}"), "error");
        must_not_show_the_canary(&log.text(), "log");
    }
}

#[tokio::test]
async fn an_api_server_that_says_nothing_is_given_up() {
    let cut_short = format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{CANARY}");
    for part in ["", "HTTP/1.1 200 OK\r\n", &cut_short] {
        let api_server = Raw::falling_silent_after(part).await;
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(subscriber(
            &LogLevel::Trace.into(),
            LogFormat::Text,
            log.clone(),
            None,
        ));
        let bound = Duration::from_mins(1);
        let call = tokio::time::timeout(bound, error_of_secret(&api_server));
        let error = call.await.expect("the call has no bound");
        assert_eq!(error, Missing::Unread, "{part}");
        must_not_show_the_canary(&log.text(), "log");
        tokio::time::resume();
    }
}

/// The filter that keeps kube quiet must not keep the operator quiet.
#[test]
fn the_operators_own_lines_are_logged_from_their_level_on() {
    let speak = || {
        tracing::error!(target: "imageshare::wire", "at error");
        tracing::warn!(target: "imageshare::wire", "at warn");
        tracing::info!(target: "imageshare::wire", "at info");
        tracing::debug!(target: "imageshare::wire", "at debug");
        tracing::trace!(target: "imageshare::wire", "at trace");
    };
    for (level, count) in LEVELS.into_iter().zip(1..) {
        for format in FORMATS {
            let log = Log::default();
            tracing::subscriber::with_default(
                subscriber(&level.into(), format, log.clone(), None),
                speak,
            );
            assert_eq!(log.text().lines().count(), count, "{level:?}: {}", log.text());
        }
    }
}

#[test]
fn a_json_line_is_one_object_whatever_stands_in_it() {
    let message = "one\n{\"two\":\"\u{1b}[31m\"}";
    let log = Log::default();
    let json = subscriber(&LogLevel::Info.into(), LogFormat::Json, log.clone(), None);
    tracing::subscriber::with_default(json, || {
        tracing::info!(target: "imageshare::wire", name = "a\nb", "{message}");
    });
    let text = log.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["name"], "a\nb");
    assert_eq!(line["message"], message);
}
