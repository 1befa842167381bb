//! The calls to IAM and STS: where they go and where they never go, and what each refusal means.

use std::time::Duration;

use imageshare::access::password::Password;
use imageshare::access::service_account::ServiceAccount;
use imageshare::access::token::Token;
use imageshare::cloud::{Client, SwrError};
use imageshare::reason::Reason::{
    self, AgencyRefused, AnswerUnreadable, GatewayError, ProjectNotFound, RedirectRefused,
    ServerError, SignInForbidden, SignInRejected, Throttled, TlsFailed,
};

use crate::certificate;
use crate::raw::{Raw, http};
use crate::support::{CALL, TOKEN, client, client_with};

/// What the operator asks of IAM and STS, each with its own secret.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Call {
    /// A password for a token.
    SignIn,
    /// A `ServiceAccount`'s token for a token.
    IdToken,
    /// A `ServiceAccount`'s token for access keys.
    Assume,
    /// When a token ends.
    EndOf,
}

impl Call {
    pub const ALL: [Self; 4] = [Self::SignIn, Self::IdToken, Self::Assume, Self::EndOf];

    pub async fn with(self, client: &Client, url: &str, secret: &str) -> Result<(), SwrError> {
        let base = url.parse().unwrap();
        let account = ServiceAccount {
            namespace: "team".into(),
            name: "swr".into(),
            uid: "uid".into(),
            provider: "cluster".into(),
            agency: None,
            audience: "cluster".into(),
            project: None,
        };
        match self {
            Self::SignIn => {
                let password =
                    Password::new("acme".into(), "robot".into(), secret.to_owned().into(), None);
                client.sign_in(&base, &password, "eu-west-101").await.map(drop)
            }
            Self::IdToken => {
                let token = secret.to_owned().into();
                client.exchange_id_token(&base, &account, &token, "eu-west-101").await.map(drop)
            }
            Self::Assume => {
                let token = secret.to_owned().into();
                client.assume(&base, &account, "agency", &token).await.map(drop)
            }
            Self::EndOf => {
                let token = Token::read(secret.as_bytes()).unwrap();
                client.end_of(&base, &token).await.map(drop)
            }
        }
    }

    pub async fn at(self, url: &str) -> Result<(), SwrError> {
        self.with(&client(), url, TOKEN).await
    }
}

#[tokio::test]
async fn each_call_says_what_iam_and_sts_document_and_no_more() {
    let raw = Raw::saying(http(500, "", "")).await;
    for (call, line, header, secrets) in [
        (Call::SignIn, "POST /v3/auth/tokens?nocatalog=true HTTP/1.1", "content-type", 1),
        (Call::IdToken, "POST /v3.0/OS-AUTH/id-token/tokens HTTP/1.1", "x-idp-id: cluster", 1),
        (Call::Assume, "POST /v5/agencies/assume-with-oidc HTTP/1.1", "content-type", 1),
        // Who asks, and of which token: a user may look at his own.
        (Call::EndOf, "GET /v3/auth/tokens?nocatalog=true HTTP/1.1", "x-subject-token", 2),
    ] {
        call.at(&raw.url()).await.unwrap_err();
        let heard = raw.heard().pop().unwrap();
        assert_eq!(heard.lines().next(), Some(line));
        assert!(heard.contains(header), "{call:?}");
        assert_eq!(heard.matches(TOKEN).count(), secrets, "{call:?}");
        let is_shown = |name: &str| heard.contains(&format!("\r\n{name}:"));
        assert!(!["authorization", "cookie", "referer"].into_iter().any(is_shown), "{call:?}");
    }
}

#[tokio::test]
async fn no_redirect_of_iam_or_sts_is_followed() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for call in Call::ALL {
            // Nobody accepts there: who is connected would stand in the queue.
            let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            elsewhere.set_nonblocking(true).unwrap();
            let target = elsewhere.local_addr().unwrap();
            let location = format!(
                "Location: http://{target}/v3\r\nContent-Location: http://{target}/v3\r\n\
                 Refresh: 0; url=http://{target}/\r\nAlt-Svc: h2=\"{target}\"\r\n"
            );
            let raw = Raw::saying(http(status, &location, "")).await;
            let error = call.at(&raw.url()).await.unwrap_err();
            assert_eq!((error.reason, error.status), (RedirectRefused, Some(status)), "{call:?}");
            assert_eq!(raw.heard().len(), 1, "{call:?} {status}");
            let nobody = elsewhere.accept().unwrap_err();
            assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{call:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_redirect_within_the_host_is_not_followed_either() {
    for location in ["/elsewhere", "", "//127.0.0.1/", "https://"] {
        let raw = Raw::saying(http(307, &format!("Location: {location}\r\n"), "")).await;
        for call in Call::ALL {
            assert_eq!(call.at(&raw.url()).await.unwrap_err().reason, RedirectRefused, "{call:?}");
        }
        assert_eq!(raw.heard().len(), Call::ALL.len(), "{location}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_with_its_cause_and_taken_as_a_root() {
    let (server, other) = (certificate::serve("127.0.0.1"), certificate::serve("127.0.0.1"));
    let elsewhere = certificate::serve("127.0.0.2");
    let authority = certificate::serve_as_authority("127.0.0.1");
    let file = format!("{}{}", other.pem, server.pem);
    let bundle = reqwest::Certificate::from_pem_bundle(file.as_bytes()).unwrap();
    let (unaware, trusting) = (client(), client_with(&bundle, CALL));
    let misled = client_with(&[other.root, elsewhere.root, authority.root], CALL);
    for call in Call::ALL {
        for (client, url, cause) in [
            (&unaware, &server.url, "nobody who is trusted signed its certificate"),
            // As when it was made anew: another of the same name is trusted.
            (&misled, &server.url, "names an authority that is trusted, which has not signed it"),
            (&misled, &elsewhere.url, "its certificate is for another host"),
            (&misled, &authority.url, "CA:TRUE"),
        ] {
            let error = call.with(client, url, TOKEN).await.unwrap_err();
            assert_eq!((error.reason, error.status), (TlsFailed, None), "{call:?} {cause}");
            let said = error.cause.unwrap().to_string();
            assert!(said.contains(cause), "{call:?}: {said}");
        }
        // It answers everybody with 204, which is no token: but it was believed to be itself.
        let error = call.with(&trusting, &server.url, TOKEN).await.unwrap_err();
        assert_eq!((error.reason, error.status), (AnswerUnreadable, Some(204)), "{call:?}");
    }
}

/// IAM's own words of its limit ("Error Codes", IAM API reference).
const THRESHOLD: &str =
    "The throttling threshold has been reached. Threshold: 5 times per 60 seconds";

/// What IAM refuses, and what it means for a password and for a `ServiceAccount`'s token.
const REFUSALS: [(u16, &str, Reason, Reason); 19] = [
    (400, "IAM.0011", SignInForbidden, AgencyRefused),
    (400, "", SignInForbidden, AgencyRefused),
    (401, "", SignInRejected, AgencyRefused),
    (401, "IAM.0001", SignInRejected, AgencyRefused),
    (401, "IAM.0062", SignInRejected, AgencyRefused),
    // Another attempt would only keep the user locked out.
    (401, "IAM.0061", SignInForbidden, AgencyRefused),
    (403, "", SignInForbidden, AgencyRefused),
    (403, "IAM.0080", SignInForbidden, AgencyRefused),
    (403, "IAM.0081", SignInForbidden, AgencyRefused),
    (403, "IAM.0082", SignInForbidden, AgencyRefused),
    (404, "IAM.0004", ProjectNotFound, AgencyRefused),
    // "Failover to other regions".
    (410, "IAM.0020", ServerError, ServerError),
    (429, "IAM.0012", Throttled, Throttled),
    (429, "APIGW.0308", Throttled, Throttled),
    (500, "IAM.0006", ServerError, ServerError),
    (500, "APIGW.0106", GatewayError, GatewayError),
    (502, "", GatewayError, GatewayError),
    (503, "", GatewayError, GatewayError),
    (504, "APIGW.0203", GatewayError, GatewayError),
];

/// The shapes in which IAM, its keystone and STS say so; without a code there is none to show.
fn bodies(status: u16, code: &str) -> Vec<(String, Option<String>)> {
    let number = status.to_string();
    if code.is_empty() {
        let keystone = format!(r#"{{"error":{{"code":{status},"message":"m","title":"No"}}}}"#);
        return vec![
            ("<html>no</html>".into(), None),
            ("{}".into(), None),
            (keystone, Some(number)),
        ];
    }
    let code_ = Some(code.to_owned());
    vec![
        (format!(r#"{{"error_msg":"m","error_code":"{code}"}}"#), code_.clone()),
        (format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#), code_.clone()),
        (format!(r#"{{"error_code":"{code}","error_msg":"m","request_id":null}}"#), code_),
    ]
}

#[tokio::test]
async fn every_refusal_of_iam_and_sts_has_its_reason_and_its_evidence() {
    let (client, mut count) = (client(), 0);
    for (status, code, by_password, by_account) in REFUSALS {
        for (body, code) in bodies(status, code) {
            let raw = Raw::saying(http(status, "", &body)).await;
            for call in Call::ALL {
                let error = call.with(&client, &raw.url(), TOKEN).await.unwrap_err();
                let is_own = matches!(call, Call::SignIn | Call::EndOf);
                let expected = match (&code, status) {
                    // Nobody knows whose words these are; of a password, the status alone is IAM's own.
                    (None, 400 | 403 | 404) => AnswerUnreadable,
                    (None, 401) if !is_own => AnswerUnreadable,
                    _ if is_own => by_password,
                    _ => by_account,
                };
                assert_eq!(error.reason, expected, "{call:?} {status} {body}");
                assert_eq!((error.status, &error.code), (Some(status), &code), "{call:?} {body}");
                assert_eq!(error.pause, None, "{call:?} {status} {body}");
                count += 1;
            }
            assert_eq!(raw.heard().len(), Call::ALL.len(), "nothing is sent twice");
        }
    }
    println!("{count} refusals");
}

#[tokio::test]
async fn a_pause_is_what_the_header_asks_for_or_else_the_window_that_iam_names() {
    let policy = "policy user over ratelimit,limit:60,time:1 minute";
    for (status, header, message, seconds) in [
        (429, "Retry-After: 7\r\n", "m", Some(7)),
        (429, "", THRESHOLD, Some(60)),
        (429, "Retry-After: 7\r\n", THRESHOLD, Some(7)),
        (429, "", policy, Some(60)),
        (429, "", "m", None),
        // Nobody is parked for longer than ten minutes.
        (429, "", "Threshold: 5 times per 86400 seconds", Some(600)),
        (429, "", "Threshold: 5 times per many seconds", None),
        (503, "Retry-After: 9\r\n", "m", Some(9)),
    ] {
        let body = format!(r#"{{"error_msg":"{message}","error_code":"IAM.0012"}}"#);
        let raw = Raw::saying(http(status, header, &body)).await;
        for call in Call::ALL {
            let error = call.at(&raw.url()).await.unwrap_err();
            assert!(matches!(error.reason, Throttled | GatewayError), "{call:?} {error:?}");
            let pause = seconds.map(Duration::from_secs);
            assert_eq!(error.pause, pause, "{call:?} {status} {header} {message}");
        }
    }
}
