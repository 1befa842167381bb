//! The errors that the simulator answers of its own accord.
//!
//! SWR's codes and texts are those of the "Error Codes" appendix of the SWR API reference (Open Telekom Cloud edition),
//! the gateway's those of the API Gateway reference, IAM's codes those of IAM's. Where no page says which code a case
//! gets, the comment says what was chosen.

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
/// A token that was one of ours.
pub const TOKEN_MUST_BE_UPDATED: ApiError =
    error(StatusCode::UNAUTHORIZED, "APIGW.0307", "The token must be updated");
/// A temporary access key after its end (no page gives the text).
pub const EXPIRED_ACCESS_KEY: ApiError =
    unauthorized("Incorrect IAM authentication information: Get secretKey failed,err:ak expired");
/// A security token that is missing, or not the one of the access key (no page gives the text).
pub const BAD_SECURITY_TOKEN: ApiError =
    unauthorized("Incorrect IAM authentication information: verify securityToken fail");
/// After too many failures ("Common Errors Related to IAM Authentication Information").
pub const ACCESS_KEY_LOCKED: ApiError = unauthorized(
    "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden.",
);

const fn unauthorized(message: &'static str) -> ApiError {
    error(StatusCode::UNAUTHORIZED, "APIGW.0301", message)
}

fn unauthorized_because(reason: &str) -> ApiError {
    let message = format!("Incorrect IAM authentication information: {reason}");
    ApiError { message: Cow::Owned(message), ..unauthorized("") }
}

/// A signature that names no access key of ours.
pub fn unknown_access_key(id: &str) -> ApiError {
    unauthorized_because(&format!("Get secretKey failed,ak:{id},err:ak not exist"))
}

/// A signature without a date, or whose date is not signed (no page gives the text).
pub fn undated_signature() -> ApiError {
    unauthorized_because("calc aksk signature fail:x-sdk-date is not signed")
}

/// A signature that is too old or too new (the text is that of huaweicloud-sdk-java-v3#44).
pub fn signature_expired(signed_at: &str, now: &str) -> ApiError {
    unauthorized_because(&format!(
        "calc aksk signature fail:signature expired, signature time:{signed_at},server time:{now}"
    ))
}

/// A wrong signature. The cloud echoes what should have been signed, a signed security token included: nothing of it
/// may reach a client's log. The page cuts the text off; that its lines are joined by `|` is assumed.
pub fn bad_signature(canonical: &str) -> ApiError {
    let echo = canonical.replace('\n', "|");
    unauthorized_because(&format!("verify aksk signature fail, canonicalRequest:{echo}"))
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

/// IAM: the body is not as it must be.
pub const BAD_SIGN_IN: ApiError =
    error(StatusCode::BAD_REQUEST, "IAM.0011", "The request body is invalid.");
/// IAM: the caller's own token is missing.
pub const NO_TOKEN: ApiError = error(
    StatusCode::UNAUTHORIZED,
    "IAM.0001",
    "The request you have made requires authentication.",
);
/// IAM: the caller's own token does not hold.
pub const INVALID_TOKEN: ApiError = error(StatusCode::UNAUTHORIZED, "IAM.0067", "Invalid token.");
/// IAM: another password, or no such user.
pub const WRONG_PASSWORD: ApiError =
    error(StatusCode::UNAUTHORIZED, "IAM.0062", "The username or password is wrong.");
/// IAM: too many wrong passwords.
pub const USER_LOCKED: ApiError = error(
    StatusCode::UNAUTHORIZED,
    "IAM.0061",
    "The account is locked because of too many failed sign-ins.",
);
/// IAM: a user that may do nothing.
pub const USER_DISABLED: ApiError =
    error(StatusCode::FORBIDDEN, "IAM.0082", "The user has been disabled.");
/// IAM: a user without programmatic access.
pub const USER_OF_CONSOLE: ApiError =
    error(StatusCode::FORBIDDEN, "IAM.0081", "The user does not support programmatic access.");
/// IAM: an unknown project, identity provider or token.
pub const NOT_FOUND_BY_IAM: ApiError =
    error(StatusCode::NOT_FOUND, "IAM.0004", "The requested resource cannot be found.");

/// IAM and STS: the machine gives no random bytes (the code is ours).
pub const NO_RANDOMNESS: ApiError =
    error(StatusCode::INTERNAL_SERVER_ERROR, "IAM.0500", "The machine gives no random bytes.");

/// IAM: an identity token that does not hold (no page names its code).
pub fn identity_token_refused(reason: &str) -> ApiError {
    let message = Cow::Owned(format!("The identity token is not accepted: {reason}."));
    ApiError { message, ..INVALID_TOKEN }
}

/// STS: the body is not as it must be. This code and STS's others are assumed: no page lists them.
pub const BAD_ASSUMPTION: ApiError =
    error(StatusCode::BAD_REQUEST, "STS.0001", "The request parameters are invalid.");
/// STS: an unknown identity provider.
pub const NO_SUCH_PROVIDER: ApiError =
    error(StatusCode::NOT_FOUND, "STS.0004", "The identity provider does not exist.");
/// STS: an agency that the provider's identities may not assume.
pub const AGENCY_REFUSED: ApiError =
    error(StatusCode::FORBIDDEN, "STS.0003", "The agency must not be assumed by this identity.");

/// STS: an identity token that does not hold.
pub fn assumption_refused(reason: &str) -> ApiError {
    let message = Cow::Owned(format!("The identity token is not accepted: {reason}."));
    ApiError { message, ..error(StatusCode::UNAUTHORIZED, "STS.0002", "") }
}
