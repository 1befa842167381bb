//! What the client sends, byte by byte.

use std::sync::Arc;

use imageshare::access::signer::AccessKey;
use imageshare::cloud::{Deadline, Terms};

use crate::raw::{Raw, http};
use crate::support::{TOKEN, Verb, client, session, share, share_of, terms};

/// A request taken apart: request line, header lines in order of the alphabet, body.
fn parts(request: &str) -> (&str, Vec<&str>, &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap();
    let mut headers: Vec<&str> = lines.collect();
    headers.sort_unstable();
    (line, headers, body)
}

#[tokio::test]
async fn each_verb_sends_exactly_this() {
    const SHARES: &str = "/v2/manage/namespaces/group/repositories/tools$busybox/access-domains";
    let raw = Raw::saying(http(204, "", "")).await;
    let session = session(&raw.url());
    for verb in Verb::WRITES.into_iter().chain([Verb::Show]) {
        // A look at no body fails; what it sent is what counts.
        let _ = verb.call(&session).await;
    }
    let created =
        r#"{"access_domain":"demo","permit":"read","deadline":"forever","description":"d"}"#;
    let changed = r#"{"permit":"read","deadline":"forever","description":"d"}"#;
    let expected = [
        (format!("POST {SHARES} HTTP/1.1"), created),
        (format!("PATCH {SHARES}/demo HTTP/1.1"), changed),
        (format!("DELETE {SHARES}/demo HTTP/1.1"), ""),
        (format!("GET {SHARES}/demo HTTP/1.1"), ""),
    ];
    let heard = raw.heard();
    assert_eq!(heard.len(), expected.len());
    for (request, (line, body)) in heard.iter().zip(&expected) {
        let mut headers = vec![
            "accept: */*".to_owned(),
            // Documented as mandatory on every call, also without a body.
            "content-type: application/json".to_owned(),
            format!("host: {}", raw.url().trim_start_matches("http://")),
            concat!("user-agent: imageshare-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            format!("x-auth-token: {TOKEN}"),
        ];
        if !body.is_empty() {
            headers.insert(1, format!("content-length: {}", body.len()));
        }
        let (is_line, is_headers, is_body) = parts(request);
        assert_eq!((is_line, is_body), (line.as_str(), *body));
        assert_eq!(is_headers, headers, "{line}");
    }
}

#[tokio::test]
async fn names_are_put_into_the_path_so_that_they_stay_segments() {
    for (repository, account, path) in [
        ("busybox", "demo", "busybox/access-domains/demo"),
        ("a/b/c", "demo", "a$b$c/access-domains/demo"),
        ("a.b_c__d-e", "De.mo_1-x~", "a.b_c__d-e/access-domains/De.mo_1-x~"),
        ("busybox", "user name+1@x", "busybox/access-domains/user%20name%2B1%40x"),
        ("busybox", "a/../b", "busybox/access-domains/a%2F..%2Fb"),
        ("busybox", "a\\b", "busybox/access-domains/a%5Cb"),
        ("busybox", "a%2fb", "busybox/access-domains/a%252fb"),
        ("busybox", "%2e%2e", "busybox/access-domains/%252e%252e"),
        ("busybox", "a?b#c", "busybox/access-domains/a%3Fb%23c"),
        ("busybox", "a\r\nHost: evil", "busybox/access-domains/a%0D%0AHost%3A%20evil"),
        ("busybox", "Zoë", "busybox/access-domains/Zo%C3%AB"),
    ] {
        let raw = Raw::saying(http(204, "", "")).await;
        let session = session(&raw.url());
        let id = share_of("group", repository, account);
        for verb in [Verb::Update, Verb::Delete, Verb::Show] {
            let _ = verb.call_on(&session, &id, &terms()).await;
        }
        for (request, method) in raw.heard().iter().zip(["PATCH", "DELETE", "GET"]) {
            let line = format!("{method} /v2/manage/namespaces/group/repositories/{path} HTTP/1.1");
            assert_eq!(parts(request).0, line);
        }
    }
}

/// The account's own path segment is not there to encode it in a create; the body takes it as it is.
#[tokio::test]
async fn a_create_names_the_account_as_it_was_written() {
    let raw = Raw::saying(http(201, "", "")).await;
    let id = share_of("group", "busybox", "Zoë \"+1\"/\\");
    Verb::Create.call_on(&session(&raw.url()), &id, &terms()).await.unwrap();
    let body: serde_json::Value = serde_json::from_str(parts(&raw.heard()[0]).2).unwrap();
    assert_eq!(body["access_domain"], "Zoë \"+1\"/\\");
}

/// What an update leaves out, SWR clears.
#[tokio::test]
async fn an_update_always_carries_permission_deadline_and_description() {
    let day: Deadline = "2027-03-31".parse().unwrap();
    let instant: Deadline = "2027-03-31T16:00:00.999Z".parse().unwrap();
    for (deadline, description, body) in [
        (Deadline::Forever, "", r#"{"permit":"read","deadline":"forever","description":""}"#),
        (day, "d", r#"{"permit":"read","deadline":"2027-03-31T23:59:59Z","description":"d"}"#),
        (instant, "d", r#"{"permit":"read","deadline":"2027-03-31T16:00:00Z","description":"d"}"#),
        (
            Deadline::Forever,
            "a \"b\"\n\\ ü",
            r#"{"permit":"read","deadline":"forever","description":"a \"b\"\n\\ ü"}"#,
        ),
    ] {
        let raw = Raw::saying(http(201, "", "")).await;
        let terms = Terms { permission: "read".into(), deadline, description: description.into() };
        Verb::Update.call_on(&session(&raw.url()), &share(), &terms).await.unwrap();
        assert_eq!(parts(&raw.heard()[0]).2, body);
    }
}

/// Retries are the queue's business: a client that repeats a lost write in secret cannot be reasoned
/// about.
#[tokio::test]
async fn no_call_is_ever_sent_twice() {
    for answer in [http(503, "Retry-After: 0\r\n", ""), http(429, "", ""), String::new()] {
        let raw = Raw::saying(answer.clone()).await;
        for (verb, sent) in Verb::ALL.into_iter().zip(1..) {
            verb.call(&session(&raw.url())).await.unwrap_err();
            assert_eq!(raw.heard().len(), sent, "{verb:?} {answer}");
        }
    }
}

/// Whoever answers says what time it is. Signatures of another year are for nobody to collect.
#[tokio::test]
async fn no_date_of_an_answer_makes_a_signature_of_another_day() {
    let own = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
    for status in [401, 200] {
        let raw = Raw::saying(http(status, "Date: Wed, 21 Oct 2099 07:28:00 GMT\r\n", "")).await;
        let key = AccessKey::new("AK".into(), "secret".into(), None);
        let session = client().session(raw.url().parse().unwrap(), Arc::new(key));
        for _ in 0..2 {
            session.show(&share()).await.unwrap_err();
            assert!(!session.has_learnt_the_time(), "it is no reason to send a call again");
        }
        for request in raw.heard() {
            let (_, date) = request.split_once("x-sdk-date: ").unwrap();
            let year: i16 = date[..4].parse().unwrap();
            assert!((own..=own + 1).contains(&year), "{status}: {}", &date[..16]);
        }
    }
}
