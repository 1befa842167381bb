//! What went wrong with a call: the cloud's error bodies in all their shapes, and the one place
//! that turns a status and a code into a [`Reason`]. Pure.
//!
//! Sources: SWR's error code table (Open Telekom Cloud, API reference, "Error Codes"), the API
//! gateway's (API Gateway user guide, "Error Codes"), IAM's (IAM API reference, "Error Codes").
//! The status counts first, the code second: the codes differ between the clouds.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::cause::Cause;
use super::evidence;
use super::throttling::{self, LONGEST_PAUSE, Limit};
use crate::reason::Reason;

/// The largest body that is read as an error, in bytes: the longest repeat a request with its token. In
/// memory the smallest values of JSON take a hundred times what they take here.
const ERROR_MAX: usize = 64 * 1024;

/// A call that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct SwrError {
    /// Why.
    pub reason: Reason,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The cloud's error code, if the body had one of the documented form.
    pub code: Option<String>,
    /// Why there was no connection, if that is known.
    pub cause: Option<Box<Cause>>,
    /// How long the cloud asks us to stay away: `retry_after`, else the window of the limit that
    /// the gateway's words name.
    pub pause: Option<Duration>,
    /// What the header `Retry-After` alone asks for.
    pub retry_after: Option<Duration>,
    /// The limit of the gateway that was reached, if its words name one.
    pub limit: Option<Limit>,
    /// The cloud's name for the request, for its support, if it has the documented form. Never in a status:
    /// it changes each time.
    pub request_id: Option<String>,
}

impl SwrError {
    /// A failure without an answer.
    pub fn without_answer(reason: Reason) -> Self {
        Self {
            reason,
            status: None,
            code: None,
            cause: None,
            pause: None,
            retry_after: None,
            limit: None,
            request_id: None,
        }
    }

    /// A failure with an answer, of whose body nothing is known.
    pub fn answered(reason: Reason, status: u16, request_id: Option<&str>) -> Self {
        let request_id = request_id.filter(|id| evidence::is_request_id(id)).map(str::to_owned);
        Self { status: Some(status), request_id, ..Self::without_answer(reason) }
    }

    /// The pause for [`super::Pace::throttled`]: who keeps to the limit need not wait out its whole
    /// window beside, unless the header asks for it.
    pub fn pause_beside_limit(&self) -> Option<Duration> {
        if self.limit.is_some() { self.retry_after } else { self.pause }
    }

    /// Whether it is about how many calls there are, or says when to come back, whatever its status.
    pub fn asks_for_a_pause(&self) -> bool {
        self.reason == Reason::Throttled || self.limit.is_some() || self.retry_after.is_some()
    }

    /// The evidence for people: of an answer, or of the host that gave none, and on which call.
    pub fn evidence(&self, host: &str, verb: &str) -> String {
        match (self.status, &self.cause) {
            (Some(_), _) => format!("{self}, on {verb}"),
            (None, Some(cause)) => format!("{cause}; {host}, on {verb}"),
            (None, None) => format!("{host}, on {verb}"),
        }
    }

    /// The evidence in a few words: `HTTP 404, SVCSTG.SWR.4040010`.
    pub fn describe(&self) -> String {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => format!("HTTP {status}, {code}"),
            (Some(status), None) => format!("HTTP {status}"),
            (None, _) => match &self.cause {
                Some(cause) => format!("{}: {cause}", self.reason.as_str()),
                None => self.reason.as_str().to_owned(),
            },
        }
    }
}

/// An answer with a status outside 2xx, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, cut to a bounded size; empty if it could not be read.
    pub body: &'a [u8],
    /// The header `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The header `Date`: what the dates of whoever answers count from, if it says so.
    pub date: Option<&'a str>,
    /// What time it is by our own clock, which may be hours off.
    pub here: SystemTime,
    /// The header `X-Request-Id`.
    pub request_id: Option<&'a str>,
}

impl Refusal<'_> {
    fn retry_after(&self) -> Option<Duration> {
        let date = self.date.and_then(|date| httpdate::parse_http_date(date).ok());
        throttling::retry_after(self.retry_after?, date.unwrap_or(self.here))
    }
}

/// What an answer says, if it is no failure for every verb; with the failure that it is for the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// SWR did it.
    Done,
    /// There is no such share; for a create, which needs none, no such repository.
    Absent(SwrError),
    /// There is such a share already, or may be: a look shows which. For a change, another one is under way.
    AlreadyExists(SwrError),
    /// A 404 without a word: a proxy or a wrong ingress says so of every path, and SWR never. No answer,
    /// but to a create, which was not carried out, whoever says so.
    Nobodys(SwrError),
}

/// Reads an answer outside 2xx.
pub fn reply_of(refusal: Refusal<'_>) -> Result<Reply, SwrError> {
    let body = ErrorBody::read(refusal.body);
    let number = body.number();
    let retry_after = refusal.retry_after();
    let error = |reason| SwrError {
        pause: retry_after.or_else(|| window(&body.message)),
        retry_after,
        limit: Limit::read(&body.message),
        code: body.code.clone().filter(|code| evidence::is_code(code)),
        ..SwrError::answered(reason, refusal.status, refusal.request_id)
    };
    match refusal.status {
        // SWR's third spelling of an absent share; Huawei's Terraform provider relies on it.
        400 if number == Some(400_1090) => Ok(Reply::Absent(error(Reason::RepositoryNotFound))),
        404 if refusal.body.is_empty() => Ok(Reply::Nobodys(error(Reason::AnswerUnreadable))),
        404 => match reason_for_not_found(&body) {
            Some(reason) => Err(error(reason)),
            None => Ok(Reply::Absent(error(Reason::RepositoryNotFound))),
        },
        409 if number != Some(409_0023) => Ok(Reply::AlreadyExists(error(Reason::Busy))),
        status => Err(error(reason_for(status, number, &body))),
    }
}

fn reason_for(status: u16, number: Option<u32>, body: &ErrorBody) -> Reason {
    match (status, number) {
        (300..=399, _) => Reason::RedirectRefused,
        (400, Some(400_0031 | 400_1048)) => Reason::Unauthorized,
        (400, Some(400_1008 | 400_1028 | 400_1029)) => Reason::InvalidName,
        (400, Some(400_1041)) => Reason::InvalidAccount,
        (400, Some(400_1066 | 400_1091)) => Reason::InvalidPermission,
        (400, _) => Reason::InvalidRequest,
        (401, Some(401_1064)) => Reason::Forbidden,
        (401, _) => Reason::Unauthorized,
        // Two of SWR's throttling answers come as 403; IAM's comes with its own code.
        (403, Some(403_1032 | 403_1042)) | (429, _) => Reason::Throttled,
        // IAM's 403 for a token that is unknown or over.
        (403, _) if body.is_iam(&["0066", "0067"]) => Reason::Unauthorized,
        (403, _) => Reason::Forbidden,
        (409, _) => Reason::Busy,
        (413, Some(413_1012)) => Reason::DescriptionTooLong,
        (413 | 414 | 494, _) => Reason::RequestTooLarge,
        (500..=599, _) if matches!(status, 502..=504) || body.is_gateway() => Reason::GatewayError,
        (500..=599, _) => Reason::ServerError,
        _ => Reason::RequestRefused,
    }
}

/// A 404 can mean five things; only one is "no such share" (`None`), and only SWR can say it.
fn reason_for_not_found(body: &ErrorBody) -> Option<Reason> {
    match body.number() {
        Some(404_0058 | 404_1061) => Some(Reason::OrganizationNotFound),
        Some(404_0010) => Some(Reason::RepositoryNotFound),
        Some(_) => None,
        // The gateway, or somebody's web server: it knows nothing of shares.
        None => Some(Reason::PathUnknown),
    }
}

/// The code and the message of an error body, whatever its shape.
#[derive(Debug, Default, PartialEq, Eq)]
struct ErrorBody {
    code: Option<String>,
    message: String,
}

impl ErrorBody {
    /// Six shapes: an array of errors; `errors` with an array; a flat object in camel case; one in
    /// snake case (SWR now, the gateway, IAM); and keystone's nested `error` of IAM.
    fn read(body: &[u8]) -> Self {
        if body.len() > ERROR_MAX {
            return Self::default();
        }
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let candidates =
            [Some(&value), value.get(0), value.pointer("/errors/0"), value.get("error")];
        candidates.into_iter().flatten().find_map(Self::read_object).unwrap_or_default()
    }

    fn read_object(object: &Value) -> Option<Self> {
        let text = |keys: &[&str]| {
            keys.iter().find_map(|key| match object.get(*key) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => None,
            })
        };
        let code = text(&["error_code", "errorCode", "code"]).filter(|code| is_word(code))?;
        let message =
            text(&["error_msg", "errorMessage", "errorMsg", "message"]).unwrap_or_default();
        Some(Self { code: Some(code), message })
    }

    /// The number at the end of an SWR code, `SVCSTG.SWR.<number>`: an HTTP status and four digits.
    fn number(&self) -> Option<u32> {
        let (service, number) = self.code.as_deref()?.rsplit_once('.')?;
        (service.ends_with("SWR")).then(|| number.parse().ok())?
    }

    /// The API gateway's codes start with `APIGW.` or, on some clouds, `APIG.`.
    fn is_gateway(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.starts_with("APIG"))
    }

    fn is_iam(&self, numbers: &[&str]) -> bool {
        self.code
            .as_deref()
            .and_then(|code| code.strip_prefix("IAM."))
            .is_some_and(|number| numbers.contains(&number))
    }
}

/// What is no word is no code, and its object is not the error. What is shown has a stricter form.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// The pause for who comes back when the window that the gateway names is surely over.
fn window(message: &str) -> Option<Duration> {
    throttling::window(message).map(|window| window.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(status: u16, body: &[u8]) -> Refusal<'_> {
        let here = SystemTime::UNIX_EPOCH;
        Refusal { status, body, retry_after: None, date: None, here, request_id: None }
    }

    fn reply(status: u16, body: &str) -> Result<Reply, SwrError> {
        reply_of(refusal(status, body.as_bytes()))
    }

    fn reason(status: u16, body: &str) -> Reason {
        reply(status, body).unwrap_err().reason
    }

    fn swr(code: &str) -> String {
        format!(r#"{{"errors":[{{"errorCode":"SVCSTG.SWR.{code}","errorMessage":"m"}}]}}"#)
    }

    #[test]
    fn every_documented_code_has_its_reason() {
        for (status, code, expected) in [
            (400, "4000014", Reason::InvalidRequest),
            (400, "4001025", Reason::InvalidRequest),
            (400, "4001014", Reason::InvalidRequest),
            (400, "4001036", Reason::InvalidRequest),
            (400, "4000031", Reason::Unauthorized),
            (400, "4001048", Reason::Unauthorized),
            (400, "4001008", Reason::InvalidName),
            (400, "4001028", Reason::InvalidName),
            (400, "4001029", Reason::InvalidName),
            (400, "4001041", Reason::InvalidAccount),
            (400, "4001066", Reason::InvalidPermission),
            (400, "4001091", Reason::InvalidPermission),
            (401, "4010000", Reason::Unauthorized),
            (401, "4011064", Reason::Forbidden),
            (403, "4030170", Reason::Forbidden),
            (403, "4037017", Reason::Forbidden),
            (403, "4037018", Reason::Forbidden),
            (403, "4037020", Reason::Forbidden),
            (403, "4039001", Reason::Forbidden),
            (403, "4039002", Reason::Forbidden),
            (403, "4031032", Reason::Throttled),
            (403, "4031042", Reason::Throttled),
            (404, "4040058", Reason::OrganizationNotFound),
            (404, "4041061", Reason::OrganizationNotFound),
            (404, "4040010", Reason::RepositoryNotFound),
            (409, "4090023", Reason::Busy),
            (413, "4131012", Reason::DescriptionTooLong),
            (500, "5000001", Reason::ServerError),
        ] {
            assert_eq!(reason(status, &swr(code)), expected, "{status} {code}");
        }
    }

    #[test]
    fn the_gateways_and_iams_answers_have_their_reasons() {
        for (status, code, expected) in [
            (404, "APIGW.0101", Reason::PathUnknown),
            (404, "APIG.0101", Reason::PathUnknown),
            (400, "APIGW.0201", Reason::InvalidRequest),
            (413, "APIGW.0201", Reason::RequestTooLarge),
            (414, "APIGW.0201", Reason::RequestTooLarge),
            (494, "APIGW.0201", Reason::RequestTooLarge),
            (502, "APIGW.0202", Reason::GatewayError),
            (504, "APIGW.0203", Reason::GatewayError),
            (500, "APIGW.0106", Reason::GatewayError),
            (401, "APIGW.0301", Reason::Unauthorized),
            (403, "APIGW.0302", Reason::Forbidden),
            (401, "APIGW.0307", Reason::Unauthorized),
            (429, "APIGW.0308", Reason::Throttled),
            (401, "IAM.0001", Reason::Unauthorized),
            (403, "IAM.0002", Reason::Forbidden),
            (403, "IAM.0066", Reason::Unauthorized),
            (429, "IAM.0012", Reason::Throttled),
        ] {
            let body = format!(r#"{{"error_msg":"m","error_code":"{code}","request_id":"r"}}"#);
            assert_eq!(reason(status, &body), expected, "{status} {code}");
        }
        let keystone = r#"{"error":{"code":401,"message":"m","title":"Unauthorized"}}"#;
        assert_eq!(reason(401, keystone), Reason::Unauthorized);
    }

    #[test]
    fn all_shapes_of_an_error_body_give_the_same_code() {
        for body in [
            r#"[{"errorCode":"SVCSTG.SWR.4030170","errorMessage":"m","detail":""}]"#,
            r#"{"errors":[{"errorCode":"SVCSTG.SWR.4030170","errorMessage":"m"}]}"#,
            r#"{"errorCode":"SVCSTG.SWR.4030170","errorMessage":"m"}"#,
            r#"{"errors":[{"errorCode":"SVCSTG.SWR.4030170"}],"error_code":"SVCSTG.SWR.4030170","error_msg":"m","details":[]}"#,
            r#"{"error_code":"SVCSTG.SWR.4030170","error_msg":"m","request_id":"r"}"#,
            r#"{"error":{"code":"SVCSTG.SWR.4030170","message":"m"}}"#,
        ] {
            assert_eq!(
                reply(403, body).unwrap_err().code.as_deref(),
                Some("SVCSTG.SWR.4030170"),
                "{body}"
            );
        }
    }

    #[test]
    fn absent_is_said_by_a_404_of_swr_and_by_its_own_400_but_not_by_a_web_server() {
        for (status, body) in [(404, swr("4049999")), (400, swr("4001090"))] {
            assert!(matches!(reply(status, &body), Ok(Reply::Absent(_))), "{status} {body}");
        }
        for somebody_else in [
            "<html>404 page not found</html>",
            r#"{"code":404,"message":"not found"}"#,
            r#"{"error":{"code":404,"message":"m","title":"Not Found"}}"#,
            r#"{"kind":"Status","reason":"NotFound","code":404}"#,
            r#"{"error_code":"IAM.0004","error_msg":"m"}"#,
        ] {
            assert_eq!(reason(404, somebody_else), Reason::PathUnknown, "{somebody_else}");
        }
        assert!(matches!(reply(404, ""), Ok(Reply::Nobodys(_))));
    }

    #[test]
    fn every_409_but_busy_leads_to_a_look() {
        for body in [&swr("4090089"), "whatever"] {
            assert!(matches!(reply(409, body), Ok(Reply::AlreadyExists(_))), "{body}");
        }
        assert_eq!(reason(409, &swr("4090023")), Reason::Busy);
    }

    #[test]
    fn plain_text_is_judged_by_its_status() {
        for (status, expected) in [
            (302, Reason::RedirectRefused),
            (400, Reason::InvalidRequest),
            (401, Reason::Unauthorized),
            (403, Reason::Forbidden),
            (418, Reason::RequestRefused),
            (429, Reason::Throttled),
            (500, Reason::ServerError),
            (503, Reason::GatewayError),
        ] {
            assert_eq!(reason(status, "<html>no</html>"), expected, "{status}");
        }
    }

    #[test]
    fn a_code_that_could_carry_something_else_is_not_taken() {
        for code in ["<script>", "a b", "", "MIIFcanary", "SVCSTG.SWR.x", &"9".repeat(41)] {
            let body = serde_json::json!({"error_code": code, "error_msg": "m"}).to_string();
            assert_eq!(reply(403, &body).unwrap_err().code, None, "{code}");
        }
    }

    #[test]
    fn an_error_as_long_as_a_request_is_read_and_a_longer_one_is_not() {
        for (length, is_read) in [(40_000, true), (ERROR_MAX, false)] {
            let detail = "x".repeat(length);
            let body = serde_json::json!({"error_code": "IAM.0066", "detail": detail}).to_string();
            let expected = if is_read { Reason::Unauthorized } else { Reason::Forbidden };
            assert_eq!(reason(403, &body), expected, "{length}");
        }
    }

    const WORDS: &str = "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute";

    /// What a refusal says of pauses: its headers `Retry-After` and `Date`, and its words.
    fn paused(retry_after: Option<&str>, date: Option<&str>, message: &str) -> [SwrError; 3] {
        [403, 429, 503].map(|status| {
            let body = serde_json::json!({"error_code": "APIGW.0308", "error_msg": message});
            let body = body.to_string();
            let here = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
            let refusal = Refusal { retry_after, date, here, ..refusal(status, body.as_bytes()) };
            reply_of(refusal).unwrap_err()
        })
    }

    #[test]
    fn the_pause_is_read_from_the_header_or_from_the_words_and_bounded_whatever_the_status() {
        for (header, words, asked, pause, beside_limit) in [
            (Some("7"), WORDS, Some(7), Some(7), Some(7)),
            (None, WORDS, None, Some(60), None),
            (Some("soon"), WORDS, None, Some(60), None),
            (Some("999999999"), "", Some(600), Some(600), Some(600)),
            (None, "policy user over ratelimit,limit:60,time:60 minute", None, Some(600), None),
            (None, "policy app over ratelimit,limit:60,time:5s", None, Some(5), Some(5)),
            (None, "slow down", None, None, None),
        ] {
            for error in paused(header, None, words) {
                let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
                let expected = (seconds(asked), seconds(pause), seconds(beside_limit));
                let said = (error.retry_after, error.pause, error.pause_beside_limit());
                assert_eq!(said, expected, "{header:?} {words} {error}");
            }
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date_or_else_from_our_clock() {
        let date = Some("Wed, 21 Oct 2026 07:30:00 GMT");
        for (answered, seconds) in [
            (Some("Wed, 21 Oct 2026 07:29:30 GMT"), 30),
            (Some("Wed, 21 Oct 2026 12:00:00 GMT"), 0),
            (Some("yesterday"), 120),
            (None, 120),
        ] {
            for error in paused(date, answered, WORDS) {
                assert_eq!(error.pause, Some(Duration::from_secs(seconds)), "{answered:?}");
            }
        }
    }

    #[test]
    fn the_limit_is_read_from_the_words_whatever_the_header_and_the_status() {
        for header in [None, Some("7")] {
            for error in paused(header, None, WORDS) {
                assert_eq!(error.limit, Limit::read(WORDS), "{error}");
                assert!(error.limit.is_some());
            }
        }
        assert!(paused(None, None, "slow down").iter().all(|error| error.limit.is_none()));
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_judge_panic(
            status in 300u16..600,
            body in ".{0,200}",
            header in ".{0,20}",
            date in ".{0,30}",
        ) {
            let (retry_after, date, request_id) = (Some(&*header), Some(&*date), Some(&*body));
            let refusal = refusal(status, body.as_bytes());
            let _ = reply_of(Refusal { retry_after, date, request_id, ..refusal });
        }
    }
}
