//! How an error looks as a body: the shapes in which the cloud's layers and editions wrap the same two facts.
//!
//! Only the wrapping is here; which code and text go in is [`crate::errors`]' or a fault rule's business.

use serde::Deserialize;
use serde_json::{Value, json};

/// The body shapes that a client of SWR has to expect.
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

/// What a shape wraps.
pub struct ErrorFacts<'a> {
    /// The HTTP status, which some shapes repeat.
    pub status: u16,
    /// Such as `SVCSTG.SWR.4090089`.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
    /// Which some shapes repeat.
    pub request_id: &'a str,
}

impl Shape {
    /// The content type and the body; no content type when there is no body.
    pub fn body(self, facts: &ErrorFacts<'_>) -> (Option<&'static str>, String) {
        match self {
            Self::Text => (Some("text/plain"), facts.message.to_owned()),
            Self::Html => (Some("text/html"), html(facts)),
            Self::Empty => (None, String::new()),
            _ => (Some("application/json"), self.json(facts).to_string()),
        }
    }

    fn json(self, facts: &ErrorFacts<'_>) -> Value {
        let &ErrorFacts { status, code, message, request_id } = facts;
        let camel = json!({"errorCode": code, "errorMessage": message, "detail": ""});
        match self {
            Self::Array => json!([camel]),
            Self::Wrapped => json!({"errors": [camel]}),
            Self::Flat => camel,
            Self::Gateway => {
                json!({"error_msg": message, "error_code": code, "request_id": request_id})
            }
            Self::Iam => json!({"error_msg": message, "error_code": code}),
            Self::Keystone => json!({"error": {"code": status, "message": message, "title": code}}),
            Self::Current | Self::Text | Self::Html | Self::Empty => json!({
                "errors": [camel],
                "error_code": code,
                "error_msg": message,
                "details": [{"error_code": code, "error_msg": message}],
            }),
        }
    }
}

fn html(facts: &ErrorFacts<'_>) -> String {
    let ErrorFacts { status, message, .. } = facts;
    format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1><p>{message}</p></body></html>"
    )
}
