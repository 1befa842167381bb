//! An answer before it becomes HTTP, so that the pure parts can return one and a fault can spoil it; and the errors that
//! the simulator answers of its own accord.
//!
//! SWR's codes and texts are those of the "Error Codes" appendix of the SWR API reference (Open Telekom Cloud edition),
//! the gateway's those of the API Gateway reference. Where no page says which code a case gets, the comment says what
//! was chosen.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Status, headers and what is sent as the body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Without those that every answer gets.
    pub headers: HeaderMap,
    /// The body.
    pub payload: Payload,
}

/// The body, honest or not.
#[derive(Debug)]
pub enum Payload {
    /// All of it.
    Whole(Bytes),
    /// Half of it, under the `Content-Length` of the whole; then the connection ends.
    CutShort(Bytes),
    /// This many bytes of nothing, in chunks.
    Filler(u64),
}

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), payload: Payload::Whole(Bytes::new()) }
    }

    /// An answer with a body of this type.
    pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let answer = Self { payload: Payload::Whole(body.into()), ..Self::empty(status) };
        answer.with_header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// A JSON answer.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::text(status, "application/json", body),
            // Our own types always serialize; a panic would only hide which one did not.
            Err(error) => {
                Self::text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string())
            }
        }
    }

    /// An error in this shape; some shapes repeat the status or the request id.
    pub fn error(
        shape: Shape,
        status: StatusCode,
        code: &str,
        message: &str,
        request_id: &str,
    ) -> Self {
        let number = status.as_u16();
        let item = json!({"errorCode": code, "errorMessage": message, "detail": ""});
        let body = match shape {
            Shape::Array => json!([item]),
            Shape::Wrapped => json!({"errors": [item]}),
            Shape::Flat => item,
            Shape::Current => json!({
                "errors": [item],
                "error_code": code,
                "error_msg": message,
                "details": [{"error_code": code, "error_msg": message}],
            }),
            Shape::Gateway => {
                json!({"error_msg": message, "error_code": code, "request_id": request_id})
            }
            Shape::Iam => json!({"error_msg": message, "error_code": code}),
            Shape::Keystone => {
                json!({"error": {"code": number, "message": message, "title": code}})
            }
            Shape::Text => return Self::text(status, "text/plain", message.to_owned()),
            Shape::Html => {
                let page = format!(
                    "<html><head><title>{number}</title></head><body><h1>{number}</h1><p>{message}</p></body></html>"
                );
                return Self::text(status, "text/html", page);
            }
            Shape::Empty => return Self::empty(status),
        };
        Self::json(status, &body)
    }

    /// An error as the layer that raises it sends it.
    pub fn refusal(error: &ApiError, request_id: &str) -> Self {
        let gateway = error.code.starts_with("APIGW.");
        let shape = if gateway { Shape::Gateway } else { Shape::Current };
        Self::error(shape, error.status, error.code, &error.message, request_id)
    }

    /// The answer with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The answer with its body cut short.
    pub fn cut_short(mut self) -> Self {
        if let Payload::Whole(body) = self.payload {
            self.payload = Payload::CutShort(body);
        }
        self
    }

    /// The answer as HTTP.
    pub fn into_response(self) -> Response<Body> {
        let mut headers = self.headers;
        let body = match self.payload {
            Payload::Whole(body) => Body::from(body),
            Payload::CutShort(body) => {
                // An empty body promises one byte that never comes.
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(1)));
                half_of(&body)
            }
            Payload::Filler(bytes) => filler(bytes),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// Sends the first half and then fails, which makes hyper close the connection.
fn half_of(body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let end = async {
        // Gives hyper the turn in which it flushes the half.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(end)))
}

fn filler(bytes: u64) -> Body {
    const CHUNK: &[u8] = &[b'x'; 16 * 1024];
    let chunks = stream::unfold(bytes, |left| async move {
        let size = usize::try_from(left).unwrap_or(CHUNK.len()).min(CHUNK.len());
        (size > 0)
            .then(|| (Ok::<_, Infallible>(Bytes::from_static(&CHUNK[..size])), left - size as u64))
    });
    Body::from_stream(chunks)
}

/// The shapes in which the cloud's layers and editions wrap a code and a message. A client of SWR has to expect all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `[{"errorCode","errorMessage","detail"}]`: SWR in older regions (Open Telekom Cloud, "Error Codes").
    Array,
    /// `{"errors":[{…}]}`: read so by the Terraform provider's image retention.
    Wrapped,
    /// `{"errorCode","errorMessage"}`: read so by the Terraform provider's sharing.
    Flat,
    /// `{"errors":[…],"error_code","error_msg","details":[…]}`: SWR today ("Error Codes").
    #[default]
    Current,
    /// `{"error_msg","error_code","request_id"}`: the API gateway ("Error Codes" of API Gateway).
    Gateway,
    /// `{"error_msg","error_code"}`: IAM.
    Iam,
    /// `{"error":{"code","message","title"}}`: IAM's keystone calls.
    Keystone,
    /// The bare message, as a load balancer sends it.
    Text,
    /// A page for people, as a proxy sends it.
    Html,
    /// Nothing at all.
    Empty,
}

/// One way in which a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code in the body.
    pub code: &'static str,
    /// The text in the body.
    pub message: Cow<'static, str>,
}

const fn error(status: StatusCode, code: &'static str, message: &'static str) -> ApiError {
    ApiError { status, code, message: Cow::Borrowed(message) }
}

/// An unknown path; also what `/` instead of `$` in a repository leads to.
pub const UNKNOWN_API: ApiError = error(
    StatusCode::NOT_FOUND,
    "APIGW.0101",
    "The API does not exist or has not been published in the environment",
);
/// The gateway takes no body over 12 MiB.
pub const REQUEST_TOO_LARGE: ApiError =
    error(StatusCode::PAYLOAD_TOO_LARGE, "APIGW.0201", "Request entity too large");
/// Neither a token nor a signature came along.
pub const NO_CREDENTIAL: ApiError =
    unauthorized("Incorrect IAM authentication information: x-auth-token not found");
/// A token that is not one of ours.
pub const BAD_TOKEN: ApiError =
    unauthorized("Incorrect IAM authentication information: decrypt token fail");
/// A signature that names no access key of ours.
pub const BAD_ACCESS_KEY: ApiError =
    unauthorized("Incorrect IAM authentication information: Get secretKey failed");

const fn unauthorized(message: &'static str) -> ApiError {
    error(StatusCode::UNAUTHORIZED, "APIGW.0301", message)
}

/// A body that is not JSON or whose fields have other types, and a deadline that is no time (no page names its code).
pub const INVALID_PARAMETERS: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4000014", "Invalid API parameters.");
/// `access_domain`, `permit` or `deadline` is missing or empty.
pub const MISSING_PARAMETERS: ApiError = error(
    StatusCode::BAD_REQUEST,
    "SVCSTG.SWR.4001014",
    "Mandatory parameters must be configured.",
);
/// Query parameters that do not fit together.
pub const INVALID_QUERY: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001025", "Invalid parameters.");
/// An organization against the naming rules.
pub const INVALID_ORGANIZATION: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001028", "Invalid organization name.");
/// A repository against the naming rules.
pub const INVALID_REPOSITORY: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001029", "Invalid image name.");
/// An account that does not exist (no page names its code; this one fits best).
pub const UNKNOWN_ACCOUNT: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001041", "The domain parameter is invalid.");
/// PATCH or DELETE of a share that is not there. The code is in no public table; the Terraform provider
/// (`resource_huaweicloud_swr_repository_sharing.go`) reads it as "not found".
pub const NO_SUCH_SHARE: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001090", "The permission was not found.");
/// A permit that is not `read`.
pub const INVALID_PERMISSION: ApiError =
    error(StatusCode::BAD_REQUEST, "SVCSTG.SWR.4001091", "The permission parameter is incorrect.");
/// No repository of this organization is known.
pub const UNKNOWN_ORGANIZATION: ApiError =
    error(StatusCode::NOT_FOUND, "SVCSTG.SWR.4040058", "The organization was not found.");
/// The organization has no such repository.
pub const UNKNOWN_REPOSITORY: ApiError =
    error(StatusCode::NOT_FOUND, "SVCSTG.SWR.4040010", "The image was not found.");
/// The share is there already ("409: The shared account already exists"; the code is the closest one documented).
pub const SHARE_EXISTS: ApiError =
    error(StatusCode::CONFLICT, "SVCSTG.SWR.4090089", "The permission already exists.");
/// More than 1,000 characters ("Sharing Private Images" in the user guide).
pub const DESCRIPTION_TOO_LONG: ApiError = error(
    StatusCode::PAYLOAD_TOO_LARGE,
    "SVCSTG.SWR.4131012",
    "The description exceeds the maximum length allowed.",
);
/// The gateway's throttling; the text is completed with the limit.
pub const THROTTLED: ApiError = throttled(StatusCode::TOO_MANY_REQUESTS);
/// The same as "Service Unavailable". Not documented of this gateway; others throttle so.
pub const THROTTLED_BY_503: ApiError = throttled(StatusCode::SERVICE_UNAVAILABLE);

const fn throttled(status: StatusCode) -> ApiError {
    error(status, "APIGW.0308", "The throttling threshold has been reached")
}

/// SWR's own throttling, which comes as 403.
pub const TOO_MANY_CALLS: ApiError = error(
    StatusCode::FORBIDDEN,
    "SVCSTG.SWR.4031032",
    "The number of requests exceeds the maximum number allowed",
);
/// Its sister, likewise a 403.
pub const TOO_MANY_REQUESTS: ApiError =
    error(StatusCode::FORBIDDEN, "SVCSTG.SWR.4031042", "There are too many requests");
