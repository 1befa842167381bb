//! Which call a request means, of the services that share one address here.

use axum::http::Method;

use crate::ledger::Kind;
use crate::{api, identity};

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Of SWR, behind its gateway.
    Sharing(api::Route),
    /// Of IAM or STS.
    Identity(identity::Route),
}

impl Route {
    /// Finds the call; `None` is the gateway's "API does not exist".
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        let sharing = || api::Route::find(method, path).map(Self::Sharing);
        sharing().or_else(|| identity::Route::find(method, path).map(Self::Identity))
    }

    /// What the ledger counts it as.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sharing(route) => route.kind(),
            Self::Identity(route) => route.kind(),
        }
    }

    /// What the ledger and fault rules call the target; SWR's POST has its account in the body.
    pub fn key(&self, body: &[u8]) -> Option<String> {
        match self {
            Self::Sharing(route) => {
                let account = api::Body::read(body).ok().and_then(|body| body.access_domain);
                route.key(account.as_deref())
            }
            Self::Identity(route) => Some(route.key().to_owned()),
        }
    }
}
