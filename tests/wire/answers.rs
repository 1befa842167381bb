//! What SWR, its gateway, IAM and whoever stands in between say outside 2xx.

use std::time::Duration;

use imageshare::cloud::{Limit, LimitBy, SwrError};
use imageshare::reason::Reason::{
    self, AnswerTooLarge, AnswerUnreadable, Busy, DescriptionTooLong, Forbidden, GatewayError,
    InvalidAccount, InvalidName, InvalidPermission, InvalidRequest, OrganizationNotFound,
    PathUnknown, RedirectRefused, RepositoryNotFound, RequestRefused, RequestTooLarge, ServerError,
    Throttled, Timeout, Unauthorized,
};
use imageshare_simulator::{Clock, Options, RateLimit};
use serde_json::json;

use crate::raw::{Raw, http};
use crate::support::{Cloud, Outcome, REQUEST_ID, TOKEN, Verb, reasons, session, share};

/// Status, code, reason: SWR's codes.
const SWR: &[(u16, &str, Reason)] = &[
    (400, "SVCSTG.SWR.4000014", InvalidRequest),
    (400, "SVCSTG.SWR.4001014", InvalidRequest),
    (400, "SVCSTG.SWR.4001025", InvalidRequest),
    (400, "SVCSTG.SWR.4001036", InvalidRequest),
    (400, "SVCSTG.SWR.4000031", Unauthorized),
    (400, "SVCSTG.SWR.4001048", Unauthorized),
    (400, "SVCSTG.SWR.4001008", InvalidName),
    (400, "SVCSTG.SWR.4001028", InvalidName),
    (400, "SVCSTG.SWR.4001029", InvalidName),
    (400, "SVCSTG.SWR.4001041", InvalidAccount),
    (400, "SVCSTG.SWR.4001066", InvalidPermission),
    (400, "SVCSTG.SWR.4001091", InvalidPermission),
    (401, "SVCSTG.SWR.4010000", Unauthorized),
    (401, "SVCSTG.SWR.4011064", Forbidden),
    (403, "SVCSTG.SWR.4030170", Forbidden),
    (403, "SVCSTG.SWR.4037017", Forbidden),
    (403, "SVCSTG.SWR.4037018", Forbidden),
    (403, "SVCSTG.SWR.4037020", Forbidden),
    (403, "SVCSTG.SWR.4039001", Forbidden),
    (403, "SVCSTG.SWR.4039002", Forbidden),
    (403, "SVCSTG.SWR.4031032", Throttled),
    (403, "SVCSTG.SWR.4031042", Throttled),
    (404, "SVCSTG.SWR.4040058", OrganizationNotFound),
    (404, "SVCSTG.SWR.4041061", OrganizationNotFound),
    (404, "SVCSTG.SWR.4040010", RepositoryNotFound),
    (409, "SVCSTG.SWR.4090023", Busy),
    (413, "SVCSTG.SWR.4131012", DescriptionTooLong),
    (429, "SVCSTG.SWR.4290000", Throttled),
    (500, "SVCSTG.SWR.5000001", ServerError),
];

/// The gateway's, which some clouds spell without the W.
const GATEWAY: &[(u16, &str, Reason)] = &[
    (404, "APIGW.0101", PathUnknown),
    (404, "APIG.0101", PathUnknown),
    (400, "APIGW.0201", InvalidRequest),
    (413, "APIGW.0201", RequestTooLarge),
    (414, "APIGW.0201", RequestTooLarge),
    (494, "APIGW.0201", RequestTooLarge),
    (502, "APIGW.0202", GatewayError),
    (503, "APIGW.0201", GatewayError),
    (504, "APIGW.0203", GatewayError),
    (500, "APIGW.0106", GatewayError),
    (401, "APIGW.0301", Unauthorized),
    (403, "APIGW.0302", Forbidden),
    (401, "APIGW.0307", Unauthorized),
    (429, "APIGW.0308", Throttled),
    (403, "APIGW.0310", Forbidden),
];

const IAM: &[(u16, &str, Reason)] = &[
    (401, "IAM.0001", Unauthorized),
    (403, "IAM.0002", Forbidden),
    (403, "IAM.0066", Unauthorized),
    (403, "IAM.0067", Unauthorized),
    (429, "IAM.0012", Throttled),
];

#[tokio::test]
async fn every_documented_refusal_has_its_reason_and_its_evidence_on_every_verb() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    for (shape, table) in [("current", SWR), ("gateway", GATEWAY), ("iam", IAM)] {
        for &(status, code, reason) in table {
            cloud.always_answers(status, shape, code, "No.");
            for verb in Verb::ALL {
                let outcome = verb.call(&session).await;
                let expected = SwrError {
                    status: Some(status),
                    code: Some(code.to_owned()),
                    request_id: Some(cloud.last_request_id()),
                    ..SwrError::without_answer(reason)
                };
                assert_eq!(outcome, Err(expected), "{verb:?} {status} {code}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_described_by_its_status_and_its_code() {
    let cloud = Cloud::start().await;
    cloud.always_answers(403, "current", "SVCSTG.SWR.4030170", "Insufficient permissions.");
    let error = Verb::Show.call(&cloud.session()).await.unwrap_err();
    assert_eq!(error.to_string(), "HTTP 403, SVCSTG.SWR.4030170");
}

/// The code turns this 403 from a refusal into a pause, so it must be found in each of them.
#[tokio::test]
async fn all_six_shapes_of_an_error_are_read() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    for shape in ["array", "wrapped", "flat", "current", "gateway", "iam"] {
        let text = "policy user over ratelimit,limit:60,time:1 minute";
        cloud.always_answers(403, shape, "SVCSTG.SWR.4031032", text);
        for verb in Verb::ALL {
            let error = verb.call(&session).await.unwrap_err();
            assert_eq!(error.reason, Throttled, "{shape} {verb:?}");
            assert_eq!(error.code.as_deref(), Some("SVCSTG.SWR.4031032"), "{shape} {verb:?}");
            assert_eq!(error.pause, Some(Duration::from_mins(1)), "{shape} {verb:?}");
        }
    }
    cloud.always_answers(401, "keystone", "unused", "The request is unauthenticated.");
    for verb in Verb::ALL {
        let error = verb.call(&session).await.unwrap_err();
        assert_eq!((error.reason, error.code.as_deref()), (Unauthorized, Some("401")), "{verb:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_judged_by_its_status() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    for shape in ["text", "html", "empty"] {
        for (status, reason) in [
            (400, InvalidRequest),
            (401, Unauthorized),
            (402, RequestRefused),
            (403, Forbidden),
            (405, RequestRefused),
            (407, RequestRefused),
            (413, RequestTooLarge),
            (418, RequestRefused),
            (429, Throttled),
            (500, ServerError),
            (501, ServerError),
            (502, GatewayError),
            (503, GatewayError),
            (504, GatewayError),
            (505, ServerError),
        ] {
            cloud.always_answers(status, shape, "unused", "No, said the load balancer.");
            for verb in Verb::ALL {
                let error = verb.call(&session).await.unwrap_err();
                let request_id = cloud.last_request_id();
                let expected = SwrError::answered(reason, status, Some(&request_id));
                assert_eq!(error, expected, "{verb:?} {status} {shape}");
                assert_eq!(error.to_string(), format!("HTTP {status}"));
            }
        }
    }
}

#[tokio::test]
async fn an_absent_share_is_known_by_its_three_spellings() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    for (status, body) in [
        (400, r#"{"errors":[{"errorCode":"SVCSTG.SWR.4001090","errorMessage":"m"}]}"#),
        (400, r#"[{"errorCode":"SVCSTG.SWR.4001090","errorMessage":"m","detail":""}]"#),
        (404, r#"{"errors":[{"errorCode":"SVCSTG.SWR.4049999","errorMessage":"m"}]}"#),
    ] {
        cloud.always(&json!({"answer": {"status": status, "body": body}}));
        for (verb, outcome) in [
            (Verb::Show, Outcome::Absent),
            (Verb::Update, Outcome::Absent),
            (Verb::Delete, Outcome::Done),
        ] {
            assert_eq!(verb.call(&session).await, Ok(outcome), "{verb:?} {status} {body}");
        }
        let error = Verb::Create.call(&session).await.unwrap_err();
        assert_eq!((error.reason, error.status), (RepositoryNotFound, Some(status)), "{body}");
        assert_eq!(error.request_id, Some(cloud.last_request_id()), "{body}");
    }
    // The last is the cloud's favourite, and for looks alone.
    cloud.always(&json!({"answer": {"status": 200, "body": r#"{"exist":false}"#}}));
    assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent));
}

/// Whoever takes such a page for "no such share" calls access revoked that is still there.
#[tokio::test]
async fn a_404_from_somebody_elses_web_server_says_nothing_of_a_share() {
    let cloud = Cloud::start().await;
    for shape in ["text", "html"] {
        cloud.always_answers(404, shape, "unused", "404 page not found");
        assert_eq!(reasons(&cloud.session()).await, [PathUnknown; 4], "{shape}");
    }
}

/// A proxy or a wrong ingress answers so, for every path: a share that it hides is not revoked.
#[tokio::test]
async fn an_empty_404_is_nobodys_and_says_nothing_of_a_share() {
    let cloud = Cloud::start().await;
    cloud.always(&json!({"answer": {"status": 404, "body": ""}}));
    // Whoever it was, a create was not carried out.
    let expected = [PathUnknown, AnswerUnreadable, AnswerUnreadable, AnswerUnreadable];
    assert_eq!(reasons(&cloud.session()).await, expected);
    assert_eq!(cloud.session().list(&share()).await.unwrap_err().reason, AnswerUnreadable);
}

/// The same page, of which nothing can be read.
#[tokio::test]
async fn a_404_whose_body_cannot_be_read_says_nothing_of_a_share() {
    let too_large = "x".repeat(1024 * 1024 + 1);
    let raw = Raw::saying(http(404, &format!("X-Request-Id: {REQUEST_ID}\r\n"), &too_large)).await;
    assert_eq!(reasons(&session(&raw.url())).await, [AnswerTooLarge; 4]);
    for verb in Verb::ALL {
        let error = verb.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!((error.status, error.request_id.as_deref()), (Some(404), Some(REQUEST_ID)));
    }

    let cut = "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n";
    assert_eq!(reasons(&session(&Raw::saying(cut).await.url())).await, [AnswerUnreadable; 4]);

    for verb in Verb::ALL {
        let raw = Raw::falling_silent_after(cut).await;
        let error = verb.call(&session(&raw.url())).await.unwrap_err();
        assert_eq!(error.reason, Timeout, "{verb:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn any_other_refusal_whose_body_cannot_be_read_is_judged_by_its_status() {
    for (status, reason) in [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (429, Throttled),
        (500, ServerError),
        (503, GatewayError),
    ] {
        let head = format!("HTTP/1.1 {status} No\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\n");
        let raw = Raw::saying(head + r#"{"error_code":"SVC"#).await;
        for verb in Verb::ALL {
            let error = verb.call(&session(&raw.url())).await.unwrap_err();
            assert_eq!((error.reason, error.status), (reason, Some(status)), "{verb:?} {status}");
            assert_eq!(error.pause, Some(Duration::from_secs(9)), "{verb:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_conflict_leads_a_create_to_a_look_and_anything_else_to_another_try() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    for (shape, code) in [
        ("current", "SVCSTG.SWR.4090089"),
        ("array", "SVCSTG.SWR.4099999"),
        ("html", "unused"),
        ("empty", "unused"),
    ] {
        cloud.always_answers(409, shape, code, "Conflict.");
        assert_eq!(Verb::Create.call(&session).await, Ok(Outcome::AlreadyExists), "{shape}");
        for (verb, reason) in
            [(Verb::Show, AnswerUnreadable), (Verb::Update, Busy), (Verb::Delete, Busy)]
        {
            let error = verb.call(&session).await.unwrap_err();
            let expected = SwrError {
                code: Some(code.to_owned()).filter(|code| code != "unused"),
                ..SwrError::answered(reason, 409, Some(&cloud.last_request_id()))
            };
            assert_eq!(error, expected, "{verb:?} {shape}");
        }
    }
}

#[tokio::test]
async fn a_pause_comes_from_the_header_or_else_from_the_limit_in_the_text() {
    let cloud = Cloud::start().await;
    let session = cloud.session();
    let text = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute";
    for (status, code, header, message, seconds) in [
        (429, "APIGW.0308", None, text, Some(60)),
        (429, "APIGW.0308", Some("7"), text, Some(7)),
        (429, "APIGW.0308", None, "Slow down.", None),
        (429, "APIGW.0308", Some("86400"), "A day.", Some(600)),
        (429, "APIGW.0308", Some("Wed, 21 Oct 2015 07:28:00 GMT"), text, Some(0)),
        (503, "APIGW.0308", Some("Fri, 31 Dec 9999 23:59:59 GMT"), text, Some(600)),
        (429, "APIGW.0308", Some("soon"), text, Some(60)),
        (403, "SVCSTG.SWR.4031032", None, text, Some(60)),
        (403, "SVCSTG.SWR.4031042", Some("3"), "Too many requests.", Some(3)),
        (503, "APIGW.0201", Some("30"), "Backend unavailable.", Some(30)),
    ] {
        let headers = header.map_or_else(|| json!({}), |value| json!({"Retry-After": value}));
        let answer =
            json!({"status": status, "code": code, "message": message, "headers": headers});
        cloud.always(&json!({"answer": answer}));
        for verb in Verb::ALL {
            let error = verb.call(&session).await.unwrap_err();
            let pause = seconds.map(Duration::from_secs);
            assert_eq!(error.pause, pause, "{verb:?} {status} {header:?} {message}");
            assert_eq!(error.limit, Limit::read(message), "{verb:?} {status} {message}");
        }
    }
}

/// Whatever our own clock says: an answer's dates are of one clock.
#[tokio::test]
async fn a_date_to_come_back_at_counts_from_the_date_of_the_answer() {
    let headers =
        "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:09 GMT\r\n";
    for status in [429, 503] {
        let raw = Raw::saying(http(status, headers, "")).await;
        for verb in Verb::ALL {
            let error = verb.call(&session(&raw.url())).await.unwrap_err();
            assert_eq!(error.retry_after, Some(Duration::from_secs(9)), "{verb:?} {status}");
        }
    }
}

#[tokio::test]
async fn the_clouds_own_rate_limit_is_a_pause_and_no_refusal() {
    // It stands, so that both dates of an answer are of one second.
    let clock = Clock::StandingAt("2027-03-31T12:00:00Z".parse().unwrap());
    let cloud = Cloud::start_with(Options { clock, ..Options::default() }).await;
    let session = cloud.session();
    let limit = |window, status, retry_after| RateLimit {
        limit: 1,
        window,
        status,
        retry_after,
        ..RateLimit::default()
    };
    for (limit, seconds) in [
        (limit(Duration::from_hours(1), Some(429), None), 600),
        (limit(Duration::from_mins(1), Some(403), None), 60),
        (limit(Duration::from_mins(1), None, Some(17)), 17),
        (
            RateLimit {
                retry_after_as_date: true,
                ..limit(Duration::from_mins(1), None, Some(17))
            },
            17,
        ),
    ] {
        cloud.running.throttle(limit.clone()).unwrap();
        // The first one in each window is let through.
        assert_eq!(Verb::Show.call(&session).await, Ok(Outcome::Absent), "{limit:?}");
        for verb in Verb::ALL {
            let error = verb.call(&session).await.unwrap_err();
            assert_eq!(error.reason, Throttled, "{verb:?} {limit:?}");
            assert_eq!(error.pause, Some(Duration::from_secs(seconds)), "{verb:?} {limit:?}");
            let told = Limit { by: LimitBy::User, calls: 1, window: limit.window };
            assert_eq!(error.limit, Some(told), "{verb:?} {limit:?}");
        }
    }
}

/// Debugging proxies send a request back in their error pages. [`Verb::call`] looks for the token.
#[tokio::test]
async fn an_answer_that_repeats_the_token_does_not_make_an_error_show_it() {
    for body in [
        format!("<html>X-Auth-Token: {TOKEN}</html>"),
        format!(r#"{{"error_code":"APIGW.0301","error_msg":"{TOKEN}","request_id":"{TOKEN}"}}"#),
        format!(r#"{{"error_code":"{TOKEN}","error_msg":"m"}}"#),
        format!(r#"{{"errors":[{{"errorCode":"SVCSTG.SWR.4010000","detail":"{TOKEN}"}}]}}"#),
        format!(r#"{{"exist":true,"access_domain":"{TOKEN}","deadline":"{TOKEN}"}}"#),
    ] {
        for status in [200, 401, 403, 500] {
            let headers = format!("X-Echo: {TOKEN}\r\n");
            let raw = Raw::saying(http(status, &headers, &body)).await;
            for verb in Verb::ALL {
                let _ = verb.call(&session(&raw.url())).await;
            }
        }
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for verb in Verb::ALL {
            // Nobody accepts there: who is connected would stand in the queue.
            let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            elsewhere.set_nonblocking(true).unwrap();
            let target = elsewhere.local_addr().unwrap();
            // The other ways in which an answer can point elsewhere come along.
            let location = format!(
                "Location: http://{target}/v2\r\nContent-Location: http://{target}/v2\r\n\
                 Refresh: 0; url=http://{target}/\r\nAlt-Svc: h2=\"{target}\"\r\n"
            );
            let raw = Raw::saying(http(status, &location, "")).await;
            let session = session(&raw.url());
            let error = verb.call(&session).await.unwrap_err();
            assert_eq!((error.reason, error.status), (RedirectRefused, Some(status)), "{verb:?}");
            let listed = session.list(&share()).await.unwrap_err();
            assert_eq!(listed.reason, RedirectRefused, "{status}");
            assert_eq!(raw.heard().len(), 2, "{verb:?} {status}");
            let nobody = elsewhere.accept().unwrap_err();
            assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock, "{verb:?} {status}");
        }
    }
}

#[tokio::test]
async fn a_redirect_within_the_host_is_not_followed_either() {
    for location in ["/elsewhere", "", "//127.0.0.1/", "https://"] {
        let raw = Raw::saying(http(307, &format!("Location: {location}\r\n"), "")).await;
        assert_eq!(reasons(&session(&raw.url())).await, [RedirectRefused; 4], "{location}");
        assert_eq!(raw.heard().len(), 4, "{location}");
    }
}
