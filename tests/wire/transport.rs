//! No answer at all: each way in which a connection can fail has its own reason.

use std::time::Duration;

use imageshare::cloud::SwrError;
use imageshare::cloud::access_domains::Session;
use imageshare::reason::Reason::{
    ConnectionLost, EndpointUnreachable, HostNotFound, Timeout, TlsFailed,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::certificate;
use crate::raw::{Raw, http, say};
use crate::support::{
    CALL, Cloud, Outcome, TOKEN, Verb, client_with, reasons, session, session_of,
};

#[tokio::test]
async fn a_refused_connection_is_an_endpoint_that_cannot_be_reached() {
    // Bound, so that nobody else gets the port, but not listening.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", held.local_addr().unwrap());
    assert_eq!(reasons(&session(&url)).await, [EndpointUnreachable; 4]);
}

/// RFC 6761 keeps `.invalid` from ever having an address; a label of 64 letters does not even fit
/// into a query.
#[tokio::test]
async fn a_host_without_an_address_is_not_found() {
    for url in
        ["https://nonexistent.invalid".to_owned(), format!("http://{}.invalid", "x".repeat(64))]
    {
        assert_eq!(reasons(&session(&url)).await, [HostNotFound; 4], "{url}");
    }
}

#[tokio::test]
async fn an_error_without_an_answer_says_its_reason_and_nothing_it_does_not_know() {
    let url = format!("http://{}.invalid", "x".repeat(64));
    let error = Verb::Create.call(&session(&url)).await.unwrap_err();
    assert_eq!(error, SwrError::without_answer(HostNotFound));
    assert_eq!(error.to_string(), "HostNotFound");
}

/// Ends with the paused clock, at the latest after twice the time that a call may take.
async fn in_time(call: impl Future<Output = Result<Outcome, SwrError>>) -> SwrError {
    tokio::time::timeout(2 * CALL, call).await.expect("the call has no bound").unwrap_err()
}

#[tokio::test]
async fn an_answer_that_never_begins_is_a_timeout() {
    for part in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Le"] {
        for verb in Verb::ALL {
            let raw = Raw::falling_silent_after(part).await;
            let session = session(&raw.url());
            assert_eq!(in_time(verb.call(&session)).await, SwrError::without_answer(Timeout));
            assert_eq!(raw.heard().len(), 1, "{verb:?} {part}");
            tokio::time::resume();
        }
    }
}

/// Each byte comes in time, the answer does not: the bound holds for the whole.
#[tokio::test]
async fn an_answer_that_trickles_in_is_a_timeout() {
    let raw = Raw::start(|mut stream: TcpStream| async move {
        say(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        tokio::time::pause();
        loop {
            say(&mut stream, b" ").await;
            tokio::time::sleep(CALL / 10).await;
        }
    })
    .await;
    let error = in_time(Verb::Show.call(&session(&raw.url()))).await;
    assert_eq!(error.reason, Timeout);
}

fn session_that_waits(call_timeout: Duration, url: &str) -> Session {
    session_of(&client_with(&[], call_timeout), url, TOKEN)
}

#[tokio::test]
async fn a_call_that_may_take_longer_waits_for_a_slow_answer_and_one_that_may_not_is_a_timeout() {
    let slow = async |session: &Session, raw: &Raw| {
        let outcome = Verb::Delete.call(session).await;
        assert!(!raw.heard().is_empty(), "the request was sent");
        outcome
    };
    let raw = Raw::start(|mut stream: TcpStream| async move {
        // With nothing else to do the paused clock moves to whatever comes first: this, or the end of the call.
        tokio::time::pause();
        tokio::time::sleep(CALL * 2).await;
        tokio::time::resume();
        say(&mut stream, http(204, "", "").as_bytes()).await;
    })
    .await;
    let patient = session_that_waits(CALL * 4, &raw.url());
    assert_eq!(slow(&patient, &raw).await, Ok(Outcome::Done));
    let hasty = session_that_waits(Duration::from_millis(300), &raw.url());
    assert_eq!(slow(&hasty, &raw).await, Err(SwrError::without_answer(Timeout)));
}

/// The request was never sent, which is what this reason promises, and a timeout does not.
#[tokio::test]
async fn a_handshake_that_never_ends_is_an_endpoint_that_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let _silent = listener.accept().await.unwrap();
        tokio::time::pause();
        std::future::pending::<()>().await;
    });
    let started = tokio::time::Instant::now();
    let error = in_time(Verb::Create.call(&session(&url))).await;
    assert_eq!(error.reason, EndpointUnreachable);
    assert!(started.elapsed() < CALL, "a connection has less time than a call");
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_lost() {
    let cloud = Cloud::start().await;
    for deed in ["drop", "reset"] {
        for applied in [false, true] {
            cloud.always(&json!({deed: {"applied": applied}}));
            assert_eq!(reasons(&cloud.session()).await, [ConnectionLost; 4], "{deed} {applied}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_in_the_head_or_speaks_no_http_is_lost() {
    for text in ["HTTP/1.1 200 OK\r\nContent-Le", "SSH-2.0-OpenSSH_9.6\r\n", "\0\0\0\0"] {
        let raw = Raw::saying(text).await;
        assert_eq!(reasons(&session(&raw.url())).await, [ConnectionLost; 4], "{text:?}");
    }
    // Without an end to its headers either.
    let raw = Raw::start(|mut stream: TcpStream| async move {
        say(&mut stream, b"HTTP/1.1 200 OK\r\n").await;
        say(&mut stream, "X-More: of the same\r\n".repeat(100_000).as_bytes()).await;
    })
    .await;
    assert_eq!(reasons(&session(&raw.url())).await, [ConnectionLost; 4]);
}

/// After a lost answer the next call must not meet what is left of the connection.
#[tokio::test]
async fn a_call_after_a_lost_one_is_as_good_as_the_first() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::Done));
    for deed in [json!({"drop": {}}), json!({"reset": {}}), json!({"truncate": {}})] {
        cloud.always(&deed);
        Verb::Show.call(&session).await.unwrap_err();
        cloud.running.clear_faults();
        let outcome = Verb::Show.call(&session).await;
        assert!(matches!(outcome, Ok(Outcome::Held(_))), "{deed} {outcome:?}");
    }
}

/// Answers in the clear, at an address that promises TLS.
async fn clear() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            say(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\nThis is a TLS port.").await;
            // Until the client leaves: closing with its bytes unread would be a reset.
            tokio::spawn(async move {
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap_or(0)
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_a_tls_failure() {
    assert_eq!(reasons(&session(&clear().await)).await, [TlsFailed; 4]);
}

fn session_that_trusts(roots: &[reqwest::Certificate], url: &str) -> Session {
    session_of(&client_with(roots, CALL), url, TOKEN)
}

/// Not one byte of the request is sent to a server that cannot say who it is.
#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_tls_failure_and_one_that_is_vouched_for_is_not()
{
    let server = certificate::serve("127.0.0.1");
    assert_eq!(reasons(&session(&server.url)).await, [TlsFailed; 4]);

    let trusting = session_that_trusts(std::slice::from_ref(&server.root), &server.url);
    assert_eq!(Verb::Delete.call(&trusting).await, Ok(Outcome::Done));

    let other = certificate::serve("127.0.0.1");
    let misled = session_that_trusts(&[other.root], &server.url);
    assert_eq!(reasons(&misled).await, [TlsFailed; 4]);
}

#[tokio::test]
async fn a_certificate_of_another_host_is_a_tls_failure() {
    let server = certificate::serve("127.0.0.2");
    let session = session_that_trusts(&[server.root], &server.url);
    assert_eq!(reasons(&session).await, [TlsFailed; 4]);
}

/// The words are the same each time, or each attempt would write a status.
#[tokio::test]
async fn a_tls_failure_names_its_cause_in_the_same_words_each_time() {
    let cause = async |session: &Session| {
        let error = Verb::Show.call(session).await.unwrap_err();
        assert_eq!(error.reason, TlsFailed);
        let again = Verb::Show.call(session).await.unwrap_err();
        assert_eq!(error.cause, again.cause);
        error.cause.unwrap().to_string()
    };
    let authority = certificate::serve_as_authority("127.0.0.1");
    let trusting = session_that_trusts(&[authority.root], &authority.url);
    let said = cause(&trusting).await;
    assert!(said.contains("CA:TRUE") && said.contains("sign one for the server"), "{said}");

    let unknown = certificate::serve("127.0.0.1");
    let said = cause(&session(&unknown.url)).await;
    assert_eq!(said, "nobody who is trusted signed its certificate");

    let elsewhere = certificate::serve("127.0.0.2");
    let trusting = session_that_trusts(&[elsewhere.root], &elsewhere.url);
    assert_eq!(cause(&trusting).await, "its certificate is for another host");

    let said = cause(&session(&clear().await)).await;
    assert_eq!(said, "what answers speaks no TLS: check the port");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_says_why() {
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", held.local_addr().unwrap());
    let error = Verb::Show.call(&session(&url)).await.unwrap_err();
    assert!(error.cause.unwrap().to_string().contains("Connection refused"));
}

/// The request was on its way by then: nobody knows what became of it.
#[tokio::test]
async fn a_tls_fault_in_the_middle_of_an_answer_is_a_lost_connection() {
    let server = certificate::serve_garbled();
    let session = session_that_trusts(&[server.root], &server.url);
    assert_eq!(reasons(&session).await, [ConnectionLost; 4]);
}
