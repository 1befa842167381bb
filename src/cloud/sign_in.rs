//! The calls that exchange credentials at IAM and STS, and the look at a token that says when it ends. One
//! call, one answer: when they are made, [`super::exchange`] says. Every call is bounded in time and
//! in bytes.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Request, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::SwrError;
use super::access_domains::Client;
use super::answers::{body_of, failed};
use super::evidence::Unshown;
use super::transport::transport_error;
use crate::access::authorize::Issued;
use crate::access::iam;
use crate::access::password::Password;
use crate::access::service_account::ServiceAccount;
use crate::access::sts;
use crate::access::token::{AUTH_TOKEN, Token};
use crate::reason::Reason;

/// How the operator calls itself in the cloud's audit trail.
const SESSION: &str = "imageshare-operator";
/// IAM has locked the user out.
const LOCKED: &str = "IAM.0061";

impl Client {
    /// Exchanges a password at the IAM at `base` for a token of `region`.
    pub async fn sign_in(
        &self,
        base: &Url,
        password: &Password,
        region: &str,
    ) -> Result<Issued, SwrError> {
        let body = iam::password_body(password, region);
        let request = self.post(base, iam::TOKENS, &body)?;
        self.token_of(base, request, &Unshown::new(password), reason_of_password).await
    }

    /// Exchanges a `ServiceAccount`'s token at the IAM at `base` for a token of its project.
    pub async fn exchange_id_token(
        &self,
        base: &Url,
        account: &ServiceAccount,
        id_token: &SecretString,
        region: &str,
    ) -> Result<Issued, SwrError> {
        let body = iam::id_token_body(id_token.expose_secret(), account.project(region));
        let mut request = self.post(base, iam::ID_TOKENS, &body)?;
        let provider = HeaderValue::from_str(&account.provider);
        let provider =
            provider.map_err(|_| SwrError::without_answer(Reason::ServiceAccountInvalid))?;
        request.headers_mut().insert(iam::PROVIDER_ID, provider);
        self.token_of(base, request, &Unshown::new(id_token), reason_of_id_token).await
    }

    /// Exchanges a `ServiceAccount`'s token at the STS at `base` for temporary keys of an agency.
    pub async fn assume(
        &self,
        base: &Url,
        account: &ServiceAccount,
        agency: &str,
        id_token: &SecretString,
    ) -> Result<Issued, SwrError> {
        let (provider, unshown) = (&account.provider, Unshown::new(id_token));
        let body = sts::assume_body(provider, agency, SESSION, id_token.expose_secret());
        let request = self.post(base, sts::ASSUME_WITH_OIDC, &body)?;
        let response = self.send(base, request).await?;
        let response = accepted(response, &unshown, reason_of_id_token).await?;
        let (body, unreadable) = body_of(response, &unshown).await?;
        let (key, end) = sts::read_keys(&body).map_err(|_| unreadable)?;
        Ok(Issued { authority: Arc::new(key), expires_at: Some(end) })
    }

    /// When a token ends, as the IAM at `base` says to its owner.
    pub async fn end_of(&self, base: &Url, token: &Token) -> Result<jiff::Timestamp, SwrError> {
        let url = join(base, iam::TOKENS)?;
        let request = self.http_for(base).get(url).timeout(self.call_timeout());
        let unsent = |_| SwrError::without_answer(Reason::InternalError);
        let mut request = request.build().map_err(unsent)?;
        let header = token.header().map_err(SwrError::without_answer)?;
        request.headers_mut().insert(AUTH_TOKEN, header.clone());
        request.headers_mut().insert(iam::SUBJECT_TOKEN, header);
        let (response, unshown) = (self.send(base, request).await?, Unshown::new(token));
        let response = accepted(response, &unshown, reason_of_password).await?;
        let (body, unreadable) = body_of(response, &unshown).await?;
        iam::read_end(&body).map_err(|_| unreadable)
    }

    async fn token_of(
        &self,
        base: &Url,
        request: Request,
        unshown: &Unshown<'_>,
        reason: ReasonOf,
    ) -> Result<Issued, SwrError> {
        let response = accepted(self.send(base, request).await?, unshown, reason).await?;
        let header = response.headers().get(iam::SUBJECT_TOKEN).cloned();
        let (body, unreadable) = body_of(response, unshown).await?;
        let header = header.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
        let (token, end) = iam::read_token(header, &body).map_err(|_| unreadable)?;
        Ok(Issued { authority: Arc::new(token), expires_at: Some(end) })
    }

    fn post(&self, base: &Url, path: &str, body: &Value) -> Result<Request, SwrError> {
        let json = HeaderValue::from_static("application/json;charset=utf8");
        let request = self.http_for(base).post(join(base, path)?).header(CONTENT_TYPE, json);
        let request = request.body(body.to_string()).timeout(self.call_timeout());
        request.build().map_err(|_| SwrError::without_answer(Reason::InternalError))
    }

    async fn send(&self, base: &Url, request: Request) -> Result<Response, SwrError> {
        self.http_for(base).execute(request).await.map_err(|error| transport_error(&error))
    }
}

type ReasonOf = fn(&SwrError) -> Reason;

fn join(base: &Url, path: &str) -> Result<Url, SwrError> {
    base.join(path).map_err(|_| SwrError::without_answer(Reason::EndpointInvalid))
}

/// The answer, if it is a success.
async fn accepted(
    response: Response,
    unshown: &Unshown<'_>,
    reason: ReasonOf,
) -> Result<Response, SwrError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let error = failed(response, unshown).await;
    Err(SwrError { reason: reason(&error), ..error })
}

/// What IAM's refusal of a password means ("Error Codes", IAM API reference). The status counts first: on
/// this path the codes may be missing.
fn reason_of_password(error: &SwrError) -> Reason {
    match error.status {
        Some(401) if error.code.as_deref() == Some(LOCKED) => Reason::SignInForbidden,
        Some(401) => Reason::SignInRejected,
        // Without a code, nobody knows whose answer it is.
        Some(400 | 403 | 404) if error.code.is_none() => Reason::AnswerUnreadable,
        Some(404) => Reason::ProjectNotFound,
        Some(400 | 403) if error.reason != Reason::Throttled => Reason::SignInForbidden,
        // "Failover to other regions".
        Some(410) => Reason::ServerError,
        _ => error.reason,
    }
}

/// What IAM's or STS's refusal of a `ServiceAccount`'s token means.
fn reason_of_id_token(error: &SwrError) -> Reason {
    match error.status {
        Some(400 | 401 | 403 | 404) if error.code.is_none() => Reason::AnswerUnreadable,
        Some(400 | 401 | 403 | 404) if error.reason != Reason::Throttled => Reason::AgencyRefused,
        Some(410) => Reason::ServerError,
        _ => error.reason,
    }
}
