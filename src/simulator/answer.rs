//! An answer before it becomes HTTP, so that the pure parts can return one and a fault can spoil it.

mod errors;

use std::convert::Infallible;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::errors::*;

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
        let shape = match error.code.split('.').next() {
            Some("APIGW") => Shape::Gateway,
            Some("IAM" | "STS") => Shape::Iam,
            _ => Shape::Current,
        };
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
    /// `{"error_msg","error_code"}`: IAM, and STS as far as we know.
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
