//! An API request as it arrived: read in full, its call found, its credential taken out of the headers.

use std::net::IpAddr;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use hyper::body::Incoming;

use crate::api;
use crate::credentials::Offered;
use crate::ledger::{Arrival, Kind};
use crate::route::Route;

/// "413: body over 12 MB" (error codes of API Gateway, `APIGW.0201`).
const LARGEST_BODY: usize = 12 * 1024 * 1024;

/// One request.
#[derive(Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The call, if the gateway knows it.
    pub route: Option<Route>,
    /// What it offers as its credential.
    pub credential: Offered,
    /// Where it comes from.
    pub peer: IpAddr,
    /// `None`: larger than the gateway takes.
    pub body: Option<Bytes>,
}

impl Request {
    /// Reads the body to its end; fails when the client goes away before that.
    pub async fn read(
        request: hyper::Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Self, axum::Error> {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let body = match to_bytes(Body::new(body), LARGEST_BODY).await {
            Ok(body) => Some(body),
            Err(error) if is_disconnect(&error) => return Err(error),
            Err(_) => None,
        };
        Ok(Self {
            route: Route::find(&method, uri.path()),
            credential: Offered::read(&headers),
            method,
            uri,
            peer,
            body,
        })
    }

    /// The query parameters in their order.
    pub fn query(&self) -> Vec<(String, String)> {
        Query::try_from_uri(&self.uri).map(|Query(pairs)| pairs).unwrap_or_default()
    }

    /// What the ledger and fault rules call the target.
    pub fn key(&self) -> Option<String> {
        let body = self.body.as_ref().and_then(|body| api::Body::read(body).ok());
        self.route.as_ref()?.key(body.and_then(|body| body.access_domain).as_deref())
    }

    /// What the ledger writes down.
    pub fn arrival(&self) -> Arrival {
        Arrival {
            method: self.method.to_string(),
            kind: self.route.as_ref().map_or(Kind::Unknown, Route::kind),
            path: self
                .uri
                .path_and_query()
                .map_or_else(|| self.uri.to_string(), ToString::to_string),
            key: self.key(),
            credential: self.credential.fingerprint(),
        }
    }
}

/// A body fails to be read when its client goes away, or when it is too large; only hyper reports the former.
fn is_disconnect(error: &axum::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<hyper::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}
