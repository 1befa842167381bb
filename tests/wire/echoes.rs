//! Servers that send the request back: what they say of the credential is never shown, wherever they
//! say it. Debugging proxies do so by mistake, the API gateway does so in its answer to a bad
//! signature, and a hostile endpoint may do so on purpose.

use std::sync::{Arc, Mutex};

use imageshare::cloud::SwrError;
use imageshare::cloud::access_domains::Session;
use imageshare::reason::Reason::AnswerUnreadable;
use tokio::net::TcpStream;

use crate::raw::{Raw, http, say};
use crate::support::{Outcome, TOKEN, Verb, client, session, session_of, share, terms};

/// Tokens that have the form of something that is shown.
pub const LOOKALIKES: [&str; 5] = [
    TOKEN,
    // A request id, in both forms.
    "0123456789abcdef0123456789ABCDEF",
    "01234567-89ab-cdef-0123-456789abcdef",
    // An error code.
    "SECRETAB.SECRETCD.12345678",
    // A number.
    "98765432109876543210",
];
pub const STATUSES: [u16; 6] = [200, 302, 403, 404, 409, 429];

/// Whether some text shows as much of a token as could be of use.
pub fn shows(text: &str, token: &str) -> bool {
    let (text, token) = (text.to_lowercase(), token.to_lowercase());
    (0..=token.len() - 8).any(|start| text.contains(&token[start..start + 8]))
}

/// Everything that can be shown of what calls led to: a write, whose answers are read alike for all verbs,
/// a look and a list.
async fn shown(session: &Session) -> String {
    let mut shown = vec![];
    for verb in [Verb::Create, Verb::Show] {
        let outcome = verb.call_unchecked(session, &share(), &terms()).await;
        let error = outcome.as_ref().err().map(ToString::to_string);
        shown.push(format!("{outcome:?} {error:?}"));
    }
    let listed = session.list(&share()).await;
    let error = listed.as_ref().err().map(ToString::to_string);
    // Under the names that they are asked for by, which are ours.
    let shares = listed.map(|shares| shares.into_values().collect::<Vec<_>>());
    shown.push(format!("{shares:?} {error:?}"));
    shown.join("\n")
}

/// Each header that a client might read, with the token in it.
pub fn headers(token: &str) -> String {
    [
        format!("X-Request-Id: {token}\r\nX-Request-Id: again-{token}"),
        format!("Retry-After: {token}"),
        format!("Date: {token}"),
        format!("Location: http://{token}/{token}?{token}"),
        format!("Content-Type: application/json; charset={token}"),
        format!("X-Auth-Token: {token}"),
        format!("Server: {token}"),
        format!("Set-Cookie: {token}={token}"),
        format!("WWW-Authenticate: Basic realm=\"{token}\"\r\n"),
    ]
    .join("\r\n")
}

/// Each shape of a body, with the token in each of its fields.
pub fn bodies(token: &str) -> Vec<String> {
    let share = format!(
        r#"{{"exist":true,"namespace":"{token}","repository":"{token}","access_domain":"demo","permit":"{token}",
            "deadline":"forever","description":"{token}","creator_id":"{token}","creator_name":"{token}",
            "created":"2021-06-10T08:14:42Z[{token}]","updated":"{token}","status":true}}"#
    );
    let mut bodies = vec![
        String::new(),
        token.to_owned(),
        format!("<html>X-Auth-Token: {token}</html>"),
        format!("{token:?}"),
        format!("[{token:?}]"),
        format!("[{share}]"),
        share.replace("\"demo\"", &format!("{token:?}")),
        share,
    ];
    for code in [token.to_owned(), format!("SVCSTG.SWR.{token}"), "SVCSTG.SWR.4031032".to_owned()] {
        let words = format!("{token} policy user over ratelimit,limit:{token},time:{token}s");
        let fields =
            format!(r#""error_code":"{code}","error_msg":"{words}","request_id":"{token}""#);
        let camel = format!(r#""errorCode":"{code}","errorMessage":"{words}","detail":"{token}""#);
        bodies.extend([
            format!("[{{{camel}}}]"),
            format!(r#"{{"errors":[{{{camel}}}]}}"#),
            format!("{{{camel}}}"),
            format!(r#"{{"errors":[{{{camel}}}],{fields},"details":[{{{fields}}}]}}"#),
            format!("{{{fields}}}"),
            format!(r#"{{"error":{{"code":"{code}","message":"{words}","title":"{token}"}}}}"#),
        ]);
    }
    bodies
}

#[tokio::test]
async fn what_a_server_sends_back_of_the_request_is_never_shown() {
    let (client, answer) = (client(), Arc::new(Mutex::new(String::new())));
    let saying = Arc::clone(&answer);
    let raw = Raw::start(move |mut stream: TcpStream| {
        let answer = saying.lock().unwrap().clone();
        async move { say(&mut stream, answer.as_bytes()).await }
    })
    .await;
    for token in LOOKALIKES {
        let session = session_of(&client, &raw.url(), token);
        for body in bodies(token) {
            for status in STATUSES {
                // The words beside the status too.
                let text = http(status, &headers(token), &body).replace("Whatever", token);
                *answer.lock().unwrap() = text;
                let shown = shown(&session).await;
                assert!(!shows(&shown, token), "{status} {body}: {shown}");
            }
        }
    }
}

/// Of what the requests were made with, and not of what the test knows of it.
#[tokio::test]
async fn a_server_that_repeats_all_that_it_heard_learns_nothing_into_the_log() {
    let heard = Raw::saying(http(204, "", "")).await;
    let client = client();
    for token in LOOKALIKES {
        let _ = Verb::Delete
            .call_unchecked(&session_of(&client, &heard.url(), token), &share(), &terms())
            .await;
        let request = heard.heard().pop().unwrap();
        let (_, lines) = request.trim_end().split_once("\r\n").unwrap();
        assert!(lines.contains(token), "there is something to repeat");
        for status in STATUSES {
            let raw = Raw::saying(http(status, &format!("{lines}\r\n"), &request)).await;
            let shown = shown(&session_of(&client, &raw.url(), token)).await;
            assert!(!shows(&shown, token), "{status}: {shown}");
        }
    }
}

/// Without this, the tests above could pass because nothing is shown at all.
#[tokio::test]
async fn what_has_the_documented_form_is_shown() {
    for id in ["1b7f0a3c9d2e4f5061728394a5b6c7d8", "1B7F0A3C-9D2E-4F50-6172-8394A5B6C7D8"] {
        for code in ["SVCSTG.SWR.4030170", "APIGW.0302", "APIG.0302", "IAM.0002"] {
            let body = format!(r#"{{"error_code":"{code}","error_msg":"m"}}"#);
            let raw = Raw::saying(http(403, &format!("X-Request-Id: {id}\r\n"), &body)).await;
            let error = Verb::Update.call(&session(&raw.url())).await.unwrap_err();
            assert_eq!(
                (error.request_id.as_deref(), error.code.as_deref()),
                (Some(id), Some(code))
            );
        }
    }
}

#[tokio::test]
async fn what_has_another_form_is_not_shown() {
    for id in ["r-1", "", "1b7f0a3c9d2e4f5061728394a5b6c7d", "1b7f0a3c9d2e4f5061728394a5b6c7d8 ok"]
    {
        let body = r#"{"error_code":"look_at-this","error_msg":"m"}"#;
        let raw = Raw::saying(http(403, &format!("X-Request-Id: {id}\r\n"), body)).await;
        for verb in Verb::ALL {
            let error: SwrError = verb.call(&session(&raw.url())).await.unwrap_err();
            assert_eq!((error.request_id, error.code), (None, None), "{verb:?} {id}");
        }
    }
}

/// A share with a text that cannot be shown is still the share that was asked for.
#[tokio::test]
async fn a_share_whose_texts_repeat_the_token_is_held_without_them() {
    let body = format!(
        r#"{{"exist":true,"access_domain":"demo","permit":"read","deadline":"forever","description":"about {TOKEN}",
            "creator_name":"x{TOKEN}x","created":"2021-06-10T08:14:42Z[{TOKEN}]","updated":"2021-06-10T08:14:42.5Z","status":true}}"#
    );
    let raw = Raw::saying(http(200, "", &body)).await;
    let Ok(Outcome::Held(held)) = Verb::Show.call(&session(&raw.url())).await else { panic!() };
    assert_eq!((held.creator, held.created), (None, None));
    assert_eq!(held.updated.as_deref(), Some("2021-06-10T08:14:42.5Z"));
    assert_eq!(held.terms.permission, "read");
    assert_ne!(held.terms.description, "", "somebody has written something there");
}

/// What is kept goes into a status, of which the API server takes a megabyte and a half.
#[tokio::test]
async fn a_share_with_texts_without_end_is_cut() {
    let long = "x".repeat(500_000);
    let body = format!(
        r#"{{"exist":true,"access_domain":"demo","permit":"{long}","deadline":"forever","description":"{long}","creator_name":"{}","status":true}}"#,
        &long[..1000]
    );
    let raw = Raw::saying(http(200, "", &body)).await;
    let Ok(Outcome::Held(held)) = Verb::Show.call(&session(&raw.url())).await else { panic!() };
    let length = |text: &str| text.chars().count();
    assert_eq!(length(&held.terms.permission), 64);
    assert_eq!(length(&held.terms.description), 1001, "longer than any that is wanted");
    assert_eq!(length(&held.creator.unwrap()), 64);

    let raw = Raw::saying(http(200, "", &body.replace("\"demo\"", &format!("{TOKEN:?}")))).await;
    let error = Verb::Show.call(&session(&raw.url())).await.unwrap_err();
    assert_eq!(error.reason, AnswerUnreadable);
}
