//! HTTP's own types as fields of a fault rule, so that a rule with a wrong one is refused when it is posted.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de::Error};

/// A status that ends a call.
pub fn final_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    status_from(deserializer, |status| status.as_u16() >= 200, "a status that ends a call")
}

/// A status that redirects.
pub fn redirect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    status_from(deserializer, StatusCode::is_redirection, "a redirect")
}

/// The value of one header.
pub fn header_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderValue, D::Error> {
    String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

/// Headers by name.
pub fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in BTreeMap::<String, String>::deserialize(deserializer)? {
        let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
        headers.insert(name, HeaderValue::try_from(value).map_err(D::Error::custom)?);
    }
    Ok(headers)
}

fn status_from<'de, D: Deserializer<'de>>(
    deserializer: D,
    allowed: impl Fn(&StatusCode) -> bool,
    expected: impl Display,
) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(number).ok().filter(allowed);
    status.ok_or_else(|| D::Error::custom(format!("{number} is not {expected}")))
}
