//! The errors that the simulator answers of its own accord: status, code and text, each named once.
//!
//! SWR's codes and texts are those of the "Error Codes" appendix of the SWR API reference (Open Telekom Cloud edition),
//! the gateway's those of the API Gateway reference. Where no page says which code a case gets, the comment says what
//! was chosen. How an error is wrapped into a body is [`crate::shapes`]' business.

use std::borrow::Cow;

use axum::http::StatusCode;

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

/// What the gateway's codes begin with; everything else is SWR's own.
pub const GATEWAY_PREFIX: &str = "APIGW.";

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
pub const THROTTLED: ApiError =
    error(StatusCode::TOO_MANY_REQUESTS, "APIGW.0308", "The throttling threshold has been reached");
/// SWR's own throttling, which comes as 403.
pub const TOO_MANY_CALLS: ApiError = error(
    StatusCode::FORBIDDEN,
    "SVCSTG.SWR.4031032",
    "The number of requests exceeds the maximum number allowed",
);
/// Its sister, likewise a 403.
pub const TOO_MANY_REQUESTS: ApiError =
    error(StatusCode::FORBIDDEN, "SVCSTG.SWR.4031042", "There are too many requests");
