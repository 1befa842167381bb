//! Answers that are made to cost time or memory: each ends, with a documented reason.

use std::time::Duration;

use imageshare::cloud::SwrError;
use imageshare::reason::Reason::{
    self, AnswerUnreadable, ConnectionLost, Forbidden, PathUnknown, ServerError, Throttled, Timeout,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{Raw, http, say};
use crate::support::{
    CALL, Outcome, TOKEN, Verb, client_with, reasons, session, session_of, share,
};

/// Says something, and then, with the clock paused, the same few bytes again and again: each of them comes
/// long before the end of the call, and there is always another.
pub async fn dripping(beginning: &'static str, drop: &'static str) -> Raw {
    Raw::start(move |mut stream: TcpStream| async move {
        say(&mut stream, beginning.as_bytes()).await;
        tokio::time::pause();
        loop {
            say(&mut stream, drop.as_bytes()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_comes_drop_by_drop_ends_with_the_time_of_the_call() {
    for (beginning, drop, verbs, reason) in [
        // In the status line, in a header, in headers without end, and in news before the answer.
        ("HTTP/1.1 200 O", "O", &Verb::ALL[..], Timeout),
        ("HTTP/1.1 200 OK\r\nX-Long: ", "x", &Verb::ALL, Timeout),
        ("HTTP/1.1 200 OK\r\n", "X-More: x\r\n", &Verb::ALL, Timeout),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n", &Verb::ALL, Timeout),
        // In its body: nobody waits for that of a write.
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", "[", &[Verb::Show], Timeout),
        ("HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n", "[", &Verb::ALL, Timeout),
        ("HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n", "[", &Verb::ALL, ServerError),
    ] {
        for verb in verbs {
            let raw = dripping(beginning, drop).await;
            let session = session(&raw.url());
            let call = tokio::time::timeout(2 * CALL, verb.call(&session));
            let error = call.await.expect("the call has no bound").unwrap_err();
            assert_eq!(error.reason, reason, "{verb:?} {beginning:?} {drop:?}");
            tokio::time::resume();
        }
    }
}

/// It never waits, so no pause ends it: only the time of the whole call.
#[tokio::test]
async fn news_before_the_answer_without_end_end_with_the_time_of_the_call() {
    let raw = Raw::start(|mut stream: TcpStream| async move {
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {}
    })
    .await;
    let client = client_with(&[], Duration::from_millis(300));
    for verb in Verb::ALL {
        let error = verb.call(&session_of(&client, &raw.url(), TOKEN)).await;
        assert_eq!(error, Err(SwrError::without_answer(Timeout)), "{verb:?}");
    }
}

/// What a compressing server would make of a share, and of an error. We never offer to take it.
fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    // One block, stored as it is.
    let length = u16::try_from(text.len()).unwrap();
    gzip.extend_from_slice(&length.to_le_bytes());
    gzip.extend_from_slice(&(!length).to_le_bytes());
    gzip.extend_from_slice(text.as_bytes());
    gzip.extend_from_slice(&crc32(text.as_bytes()).to_le_bytes());
    gzip.extend_from_slice(&u32::from(length).to_le_bytes());
    gzip
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A small answer can be unpacked into gigabytes, so none is unpacked.
#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let held = r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","status":true}"#;
    let throttled = r#"{"error_code":"SVCSTG.SWR.4031032","error_msg":"m"}"#;
    for encoding in ["gzip", "deflate", "br", "zstd", "identity"] {
        let plain = encoding == "identity";
        let packed = |text: &str| if plain { text.as_bytes().to_vec() } else { gzipped(text) };
        let saying = async |status: u16, text: &str| {
            let body = packed(text);
            let beginning = format!(
                "HTTP/1.1 {status} Whatever\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            Raw::saying([beginning.into_bytes(), body].concat()).await
        };
        let raw = saying(200, held).await;
        let looked = Verb::Show.call(&session(&raw.url())).await;
        match looked {
            Ok(Outcome::Held(_)) if plain => {}
            Err(error) if !plain => assert_eq!(error.reason, AnswerUnreadable, "{encoding}"),
            other => panic!("{encoding}: {other:?}"),
        }
        assert!(!raw.heard()[0].to_lowercase().contains("accept-encoding"), "nobody asked for it");
        let refused = Verb::Create.call(&session(&saying(403, throttled).await.url())).await;
        let expected = if plain { Throttled } else { Forbidden };
        assert_eq!(refused.unwrap_err().reason, expected, "{encoding}");
    }
}

#[tokio::test]
async fn an_answer_with_more_headers_than_anybody_needs_is_a_lost_connection() {
    for count in [10_000, 100_000] {
        let raw = Raw::saying(http(204, &"X-More: x\r\n".repeat(count), "")).await;
        assert_eq!(reasons(&session(&raw.url())).await, [ConnectionLost; 4], "{count}");
    }
    let raw = Raw::saying(http(204, &format!("X-Long: {}\r\n", "x".repeat(4 << 20)), "")).await;
    assert_eq!(reasons(&session(&raw.url())).await, [ConnectionLost; 4], "one long header");
    // What a chain of proxies may add does no harm.
    let raw = Raw::saying(http(204, &"X-More: x\r\n".repeat(90), "")).await;
    assert_eq!(Verb::Delete.call(&session(&raw.url())).await, Ok(Outcome::Done));
}

#[tokio::test]
async fn json_as_deep_as_a_megabyte_allows_is_unreadable_and_harms_nobody() {
    let open = |text: &str| text.repeat(1_000_000 / text.len());
    for body in [
        open("["),
        open(r#"{"errors":"#),
        open(r#"[{"error":"#),
        format!("{{{}}}", open(r#""exist":true,"#)),
    ] {
        for (status, write, look) in [
            (200, None, AnswerUnreadable),
            (403, Some(Forbidden), Forbidden),
            (404, Some(PathUnknown), PathUnknown),
        ] {
            let raw = Raw::saying(http(status, "", &body)).await;
            let session = session(&raw.url());
            for verb in Verb::ALL {
                let reason: Option<Reason> =
                    verb.call(&session).await.err().map(|error| error.reason);
                let expected = if verb == Verb::Show { Some(look) } else { write };
                assert_eq!(reason, expected, "{verb:?} {status} {}", &body[..20]);
            }
            let listed = session.list(&share()).await.map_err(|error| error.reason);
            assert_eq!(listed, Err(look), "{status} {}", &body[..20]);
        }
    }
}

/// What a later version of the API may add is passed over, however deep it is.
#[tokio::test]
async fn a_field_that_nobody_reads_may_be_as_deep_as_it_likes() {
    let held = r#"{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","status":true"#;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let raw = Raw::saying(http(200, "", &format!("{held},\"x\":{deep}}}"))).await;
    let outcome = Verb::Show.call(&session(&raw.url())).await;
    assert!(matches!(outcome, Ok(Outcome::Held(_))), "{outcome:?}");
    let raw = Raw::saying(http(200, "", &format!("[{deep},{held},\"x\":{deep}}}]"))).await;
    let listed = session(&raw.url()).list(&share()).await.unwrap();
    assert_eq!(listed.keys().collect::<Vec<_>>(), ["demo"]);
}
