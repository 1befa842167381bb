//! Who calls: credentials of four kinds, how each lets a request pass at the gateway, and where a
//! region's APIs live. Knows neither Kubernetes nor the sharing API, and sends nothing itself.
//!
//! | kind | read from | a call is authorised by |
//! |---|---|---|
//! | [`token`] | a Secret's `token` | the token |
//! | [`signer`] | a Secret's `accessKey`, `secretKey`, `securityToken` | a signature |
//! | [`password`] | a Secret's `username`, `password`, `accountName` | a token that [`iam`] gives for it |
//! | [`service_account`] | annotations of a `ServiceAccount` | what [`sts`] or [`iam`] gives for its token |

pub mod authorize;
pub mod credentials;
pub mod endpoint;
pub mod iam;
pub mod password;
pub mod regions;
pub mod service_account;
pub mod signer;
pub mod sts;
pub mod token;
