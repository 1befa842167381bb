//! When a watch on `ImageShare`s was last answered. kube's watcher does not tell: from a quiet watch it brings
//! nothing, be it alive or dead.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::http::{Request, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::core::Resource;
use tower::{Layer, Service};

use crate::api::ImageShare;
use crate::lock::lock;

/// A clone is the same.
#[derive(Debug, Default, Clone)]
pub struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    /// When it was; `None`: never.
    pub fn heard(&self) -> Option<Instant> {
        *lock(&self.0)
    }

    /// What was heard before says nothing any more.
    pub fn forget(&self) {
        *lock(&self.0) = None;
    }

    /// Something came.
    pub fn note(&self, now: Instant) {
        *lock(&self.0) = Some(now);
    }
}

/// Around a client's requests: notes the answers to lists and watches of objects.
impl<S> Layer<S> for Pulse {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Listening<S> {
        Listening { inner, pulse: self.clone() }
    }
}

/// A client that is listened to.
#[derive(Clone)]
pub struct Listening<S> {
    inner: S,
    pulse: Pulse,
}

impl<S, A, B> Service<Request<A>> for Listening<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let is_of_many = is_of_many(request.uri().path());
        let (answer, pulse) = (self.inner.call(request), self.pulse.clone());
        let noted = answer.inspect(move |answer| {
            if is_of_many && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                pulse.note(Instant::now());
            }
        });
        noted.boxed()
    }
}

/// Whether a path is that of all objects, or of all in a namespace.
fn is_of_many(path: &str) -> bool {
    let plural = ImageShare::plural(&());
    path.strip_suffix(plural.as_ref()).is_some_and(|before| before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_watches_are_told_from_requests_for_one_object() {
        for (path, expected) in [
            ("/apis/imageshare.dev/v1alpha1/imageshares", true),
            ("/apis/imageshare.dev/v1alpha1/namespaces/a/imageshares", true),
            ("/apis/imageshare.dev/v1alpha1/namespaces/a/imageshares/b", false),
            ("/apis/imageshare.dev/v1alpha1/namespaces/a/imageshares/b/status", false),
            ("/api/v1/namespaces/a/secrets", false),
        ] {
            assert_eq!(is_of_many(path), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn only_an_answer_that_went_well_is_noted() {
        for (path, status, is_noted) in [
            ("/apis/imageshare.dev/v1alpha1/imageshares?watch=true", 200, true),
            ("/apis/imageshare.dev/v1alpha1/imageshares?watch=true", 410, false),
            ("/api/v1/secrets?watch=true", 200, false),
        ] {
            let pulse = Pulse::default();
            let answer = move |_| async move { Response::builder().status(status).body(()) };
            let mut client = pulse.layer(tower::service_fn(answer));
            let request = Request::builder().uri(path).body(()).unwrap();
            client.call(request).await.unwrap();
            assert_eq!(pulse.heard().is_some(), is_noted, "{path} {status}");
        }
    }
}
