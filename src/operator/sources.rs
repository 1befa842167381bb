//! Where credentials come from: a Secret or a `ServiceAccount` beside the object, or the Secret that its
//! namespace names. Everything is read in the object's own namespace. Decides nothing about shares.

use std::collections::BTreeMap;

use futures::TryFutureExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, ResourceExt};
use secrecy::SecretString;
use serde::Deserialize;

use super::api_server::{ApiError, ApiServer};
use crate::access::credentials::{Credential, TOKEN_KEY, Unusable};
use crate::access::service_account;
use crate::api::{CREDENTIALS, ImageShareSpec, rules};
use crate::reason::Reason;

/// The verb that the operator uses beside [`super::api_server::PERMISSIONS`] with `--watch-secrets`.
pub const WATCH_PERMISSIONS: &[(&str, &str, &[&str])] = &[("", "secrets", &["list", "watch"])];
/// Those that it uses beside them with `--allow-service-accounts`.
pub const SERVICE_ACCOUNT_PERMISSIONS: &[(&str, &str, &[&str])] =
    &[("", "serviceaccounts", &["get"]), ("", "serviceaccounts/token", &["create"])];

/// How long the token of a `ServiceAccount` lasts that is exchanged at once: the least that Kubernetes
/// gives, in seconds.
const ID_TOKEN_SECONDS: i64 = 600;

/// What an object refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A Secret, and the key in it that the object names.
    Secret(String, Option<String>),
    /// A `ServiceAccount`.
    ServiceAccount(String),
    /// The Secret that the namespace names, or the operator.
    Default,
}

impl Source {
    /// What an object with this spec refers to.
    pub fn of(spec: &ImageShareSpec) -> Self {
        let Some(reference) = &spec.credentials_ref else { return Self::Default };
        match (&reference.name, &reference.service_account_name) {
            (Some(name), _) => {
                let key = reference.key.clone().filter(|key| key != TOKEN_KEY);
                Self::Secret(name.clone(), key)
            }
            (None, Some(name)) => Self::ServiceAccount(name.clone()),
            (None, None) => Self::Default,
        }
    }

    /// The same in one word, by which all that refer to it are one flow.
    pub fn reference(&self, namespace: &str) -> String {
        match self {
            Self::Secret(name, key) => {
                format!("{namespace}/secret/{name}/{}", key.as_deref().unwrap_or_default())
            }
            Self::ServiceAccount(name) => format!("{namespace}/serviceaccount/{name}"),
            Self::Default => format!("{namespace}/{DEFAULT}"),
        }
    }
}

/// Whether a reference may lead to this Secret: it names it, or it is what the namespace's objects use that
/// name none.
pub fn may_be(reference: &str, namespace: &str, secret: &str) -> bool {
    let rest = reference.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(|rest| {
        let named = rest.strip_prefix("secret/").and_then(|rest| rest.strip_prefix(secret));
        rest == DEFAULT || named.is_some_and(|rest| rest.starts_with('/'))
    })
}

const DEFAULT: &str = "default";

/// What the administrator allows.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Whether a `ServiceAccount` may stand for credentials.
    pub service_accounts: bool,
    /// The Secret of objects that name none, in namespaces that name none.
    pub default_name: Option<String>,
    /// Whether Secrets may be watched, to notice at once when one changes.
    pub watch: bool,
}

/// What stands behind a reference.
#[derive(Clone)]
pub struct Found {
    /// The object that was read, for people.
    pub words: String,
    /// Its uid and resourceVersion.
    pub version: String,
    /// The credentials, or why there are none.
    pub credential: Result<Credential, Unusable>,
}

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// There is nothing that could be used, and a few words for people.
    Unusable(Reason, String),
    /// The same, in a namespace that is being deleted.
    Terminating(Reason, String),
    /// The API server did not answer.
    Unread,
}

impl Missing {
    /// A failed read of something that can be absent or forbidden.
    fn of(error: &ApiError, absent: Reason, forbidden: Reason, words: &str) -> Self {
        match error {
            ApiError::NotFound => Self::Unusable(absent, words.to_owned()),
            ApiError::Forbidden(_) => Self::Unusable(forbidden, words.to_owned()),
            error => {
                tracing::warn!("the API server: {error}");
                Self::Unread
            }
        }
    }
}

impl ApiServer {
    /// Reads what stands behind a reference in a namespace, live.
    pub async fn find(
        &self,
        namespace: &str,
        source: &Source,
        allowed: &Allowed,
    ) -> Result<Found, Missing> {
        self.in_its_namespace(namespace, self.look_up(namespace, source, allowed)).await
    }

    /// What a read found; and if that was nothing, whether that is so because the namespace goes.
    async fn in_its_namespace<T>(
        &self,
        namespace: &str,
        read: impl Future<Output = Result<T, Missing>>,
    ) -> Result<T, Missing> {
        match read.await {
            Err(Missing::Unusable(reason, words)) if self.is_terminating(namespace).await => {
                Err(Missing::Terminating(reason, words))
            }
            found => found,
        }
    }

    async fn look_up(
        &self,
        namespace: &str,
        source: &Source,
        allowed: &Allowed,
    ) -> Result<Found, Missing> {
        match source {
            Source::Secret(name, key) => self.secret(namespace, name, key.as_deref()).await,
            Source::ServiceAccount(name) => {
                if allowed.service_accounts {
                    self.service_account(namespace, name).await
                } else {
                    let words = format!("ServiceAccount {name}");
                    Err(Missing::Unusable(Reason::ServiceAccountsOff, words))
                }
            }
            Source::Default => {
                let name = self.default_of(namespace, allowed).await?;
                self.secret(namespace, &name, None).await
            }
        }
    }

    /// The name of the Secret of objects that name none.
    async fn default_of(&self, namespace: &str, allowed: &Allowed) -> Result<String, Missing> {
        let missing = |words: &str| Missing::Unusable(Reason::CredentialsMissing, words.to_owned());
        let (annotation, otherwise) = match self.namespace(namespace).await {
            Ok(namespace) => {
                (namespace.annotations().get(CREDENTIALS).cloned(), "nor does the operator")
            }
            Err(ApiError::NotFound) => (None, "nor does the operator"),
            Err(ApiError::Forbidden(_)) => (None, "the operator may not read the namespace"),
            Err(error) => {
                tracing::warn!("the API server: {error}");
                return Err(Missing::Unread);
            }
        };
        match annotation {
            Some(name) if rules::is_secret_name(&name) => Ok(name),
            Some(_) => Err(missing("the annotation is not the name of a Secret")),
            None => allowed.default_name.clone().ok_or_else(|| missing(otherwise)),
        }
    }

    async fn secret(
        &self,
        namespace: &str,
        name: &str,
        key: Option<&str>,
    ) -> Result<Found, Missing> {
        // As a dynamic object: one that cannot be decoded would end up in an error text.
        let kind = ApiResource::erase::<Secret>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &kind);
        let words = format!("Secret {name}");
        let (absent, forbidden) = (Reason::SecretNotFound, Reason::SecretForbidden);
        let missing = |error| Missing::of(&error, absent, forbidden, &words);
        let secret = self.bounded("get this Secret", api.get(name)).map_err(missing).await?;
        let data = secret.data.get("data").map(BTreeMap::<String, ByteString>::deserialize);
        let data = data.and_then(Result::ok).unwrap_or_default();
        let value = |key: &str| data.get(key).map(|bytes| bytes.0.as_slice());
        let credential = Credential::read(value, key);
        let words = key.map_or_else(|| words.clone(), |key| format!("{words}, key {key}"));
        Ok(Found { version: version(&secret), credential, words })
    }

    async fn service_account(&self, namespace: &str, name: &str) -> Result<Found, Missing> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let words = format!("ServiceAccount {name}");
        let (absent, forbidden) = (Reason::ServiceAccountNotFound, Reason::ServiceAccountForbidden);
        let missing = |error| Missing::of(&error, absent, forbidden, &words);
        let read = self.bounded("get this ServiceAccount", api.get_metadata(name));
        let account = read.map_err(missing).await?;
        let uid = account.uid().unwrap_or_default();
        let read =
            service_account::ServiceAccount::read(namespace, name, &uid, account.annotations());
        let unusable = |error: service_account::Unusable| Unusable {
            reason: Reason::ServiceAccountInvalid,
            keys: error.to_string(),
        };
        let credential = read.map(Credential::ServiceAccount).map_err(unusable);
        Ok(Found { version: version(&account), credential, words })
    }

    /// A short-lived token of a `ServiceAccount`, good for its audience alone.
    pub async fn id_token(
        &self,
        account: &service_account::ServiceAccount,
    ) -> Result<SecretString, Missing> {
        self.in_its_namespace(&account.namespace, self.request_token(account)).await
    }

    async fn request_token(
        &self,
        account: &service_account::ServiceAccount,
    ) -> Result<SecretString, Missing> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &account.namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![account.audience.clone()],
                expiration_seconds: Some(ID_TOKEN_SECONDS),
                bound_object_ref: None,
            },
            ..TokenRequest::default()
        };
        let words = format!("ServiceAccount {}", account.name);
        let (absent, forbidden) = (Reason::ServiceAccountNotFound, Reason::ServiceAccountForbidden);
        let missing = |error| Missing::of(&error, absent, forbidden, &words);
        let (name, params) = (account.name.as_str(), PostParams::default());
        let create = api.create_token_request(name, &params, &request);
        let made = self.bounded("create serviceaccounts/token", create).map_err(missing).await?;
        let token = made.status.map(|status| SecretString::from(status.token));
        token.ok_or(Missing::Unread)
    }
}

fn version(object: &impl ResourceExt) -> String {
    let (uid, version) = (object.uid(), object.resource_version());
    format!("{}/{}", uid.unwrap_or_default(), version.unwrap_or_default())
}
