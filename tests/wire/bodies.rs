//! What stands, or does not stand, in a 2xx.

use imageshare::reason::Reason::{AnswerTooLarge, AnswerUnreadable, Timeout};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::raw::{Raw, http, say};
use crate::support::{Cloud, Outcome, REQUEST_ID, Verb, session};

const HELD: &str =
    r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","status":true}"#;
/// The most that is read of an answer.
const MOST: usize = 1024 * 1024;

#[tokio::test]
async fn any_2xx_is_success_whatever_its_body() {
    for status in [200, 201, 202, 203, 204, 206, 299] {
        for body in ["", "{}", "<html>fine</html>"] {
            // 204 has no body by definition.
            let body = if status == 204 { "" } else { body };
            let raw = Raw::saying(http(status, "", body)).await;
            for verb in Verb::WRITES {
                let outcome = verb.call(&session(&raw.url())).await;
                assert_eq!(outcome, Ok(Outcome::Done), "{verb:?} {status} {body}");
            }
        }
    }
    for status in [200, 201, 203, 299] {
        let raw = Raw::saying(http(status, "", HELD)).await;
        let outcome = Verb::Show.call(&session(&raw.url())).await;
        assert!(matches!(outcome, Ok(Outcome::Held(_))), "{status} {outcome:?}");
    }
}

/// A look decides whether access is granted: it must not believe what it half understands.
#[tokio::test]
async fn a_look_does_not_guess() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "true",
        "exist",
        "<html>Please log in</html>",
        r#"{"exist":"true"}"#,
        r#"{"exist":true}"#,
        r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever"}"#,
        r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"soon","status":true}"#,
        r#"{"exist":true,"access_domain":"demo","deadline":"forever","status":true}"#,
        r#"{"exist":true,"permit":"read","deadline":"forever","status":true}"#,
        // Of another account.
        r#"{"exist":true,"access_domain":"other","permit":"read","deadline":"forever","status":true}"#,
        // An error with a friendly status.
        r#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information"}"#,
        // One share as the list would show it.
        r#"[{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","status":true}]"#,
        &HELD[..HELD.len() - 1],
    ] {
        let raw = Raw::saying(http(200, &format!("X-Request-Id: {REQUEST_ID}\r\n"), body)).await;
        let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!((error.reason, error.status), (AnswerUnreadable, Some(200)), "{body}");
        assert_eq!(error.request_id.as_deref(), Some(REQUEST_ID), "{body}");
    }
    for status in [204, 205] {
        let raw = Raw::saying(http(status, "", "")).await;
        let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!((error.reason, error.status), (AnswerUnreadable, Some(status)));
    }
}

#[tokio::test]
async fn an_account_in_another_case_is_the_one_that_was_asked_for() {
    let raw = Raw::saying(http(200, "", &HELD.replace("demo", "DEMO"))).await;
    let outcome = Verb::Show.call(&session(&raw.url())).await;
    assert!(matches!(outcome, Ok(Outcome::Held(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_look_that_is_cut_short_is_unreadable_and_a_write_that_is_cut_short_is_done() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    cloud.always(&json!({"truncate": {}}));
    assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::Done), "its status was whole");
    assert_eq!(Verb::Update.call(&session).await, Ok(Outcome::Done));
    let error = Verb::Show.call(&session).await.unwrap_err();
    assert_eq!((error.reason, error.status), (AnswerUnreadable, Some(200)));
    assert_eq!(Verb::Delete.call(&session).await, Ok(Outcome::Done));
}

/// Cut where what is left is whole JSON: only the announced length tells.
#[tokio::test]
async fn an_answer_that_is_shorter_than_announced_is_unreadable_even_if_it_parses() {
    for head in ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n7d0\r\n"] {
        let raw = Raw::saying(format!("HTTP/1.1 200 OK\r\n{head}{HELD}")).await;
        let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!((error.reason, error.status), (AnswerUnreadable, Some(200)), "{head}");
    }
}

#[tokio::test]
async fn an_answer_in_many_small_pieces_is_whole() {
    let raw = Raw::start(|mut stream: TcpStream| async move {
        say(&mut stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for byte in HELD.bytes() {
            say(&mut stream, &[b'1', b'\r', b'\n', byte, b'\r', b'\n']).await;
        }
        say(&mut stream, b"0\r\n\r\n").await;
    })
    .await;
    let outcome = Verb::Show.call(&session(&raw.url())).await;
    assert!(matches!(outcome, Ok(Outcome::Held(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_of_a_mebibyte_is_read_and_one_byte_more_is_too_large() {
    let padded = |length: usize| HELD.to_owned() + &" ".repeat(length - HELD.len());
    let raw = Raw::saying(http(200, "", &padded(MOST))).await;
    let outcome = Verb::Show.call(&session(&raw.url())).await;
    assert!(matches!(outcome, Ok(Outcome::Held(_))), "{outcome:?}");

    let raw = Raw::saying(http(200, "", &padded(MOST + 1))).await;
    let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
    assert_eq!((error.reason, error.status), (AnswerTooLarge, Some(200)));
}

#[tokio::test]
async fn an_answer_of_10_mebibytes_is_too_large() {
    let cloud = Cloud::start().await;
    cloud.always(&json!({"huge": {"bytes": 10 * MOST}}));
    let error = Verb::Show.call(&cloud.session()).await.unwrap_err();
    assert_eq!((error.reason, error.status), (AnswerTooLarge, Some(200)));
    assert_eq!(error.request_id, Some(cloud.last_request_id()));
}

/// The server writes for as long as anybody takes it, so this ends only if the client hangs up. What
/// it got rid of by then is what the client read and what lay in the kernels' buffers, a few MiB.
#[tokio::test]
async fn an_answer_without_end_is_hung_up_on() {
    let (got_rid_of, mut seen) = mpsc::unbounded_channel();
    let raw = Raw::start(move |mut stream: TcpStream| {
        let got_rid_of = got_rid_of.clone();
        async move {
            say(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n").await;
            let mut written = 0;
            while written < 64 * MOST && stream.write_all(&[b' '; 16384]).await.is_ok() {
                written += 16384;
            }
            got_rid_of.send(written).unwrap();
        }
    })
    .await;
    let session = session(&raw.url());
    for verb in Verb::ALL {
        let outcome = verb.call(&session).await;
        if verb == Verb::Show {
            assert_eq!(outcome.unwrap_err().reason, AnswerTooLarge);
        } else {
            assert_eq!(outcome, Ok(Outcome::Done), "{verb:?}: nobody reads the body of a write");
        }
        let written = seen.recv().await.unwrap();
        assert!(written < 64 * MOST, "{verb:?} {written}");
    }
}

#[tokio::test]
async fn a_look_at_an_answer_that_stops_in_its_body_is_a_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for part in [head.to_owned(), format!("{head}{{\"exist\":")] {
        let raw = Raw::falling_silent_after(part).await;
        let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!(error.reason, Timeout);
        tokio::time::resume();
    }
}

/// Nobody waits for the body of a write.
#[tokio::test]
async fn a_write_whose_answer_stops_in_its_body_is_done() {
    let raw = Raw::start(|mut stream: TcpStream| async move {
        say(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    for verb in Verb::WRITES {
        assert_eq!(verb.call(&session(&raw.url())).await, Ok(Outcome::Done), "{verb:?}");
    }
}
