//! How connections to SWR are made, and what is said of those that are not. Knows nothing of shares.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;

use super::SwrError;
use super::cause;
use crate::reason::Reason;

/// How long a connection may take to be made, if a whole call may take that long.
const CONNECT: Duration = Duration::from_secs(5);

/// What every client begins with; `extra_roots` are trusted beside the system's.
pub(super) fn builder(
    extra_roots: &[reqwest::Certificate],
    call_timeout: Duration,
) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("imageshare-operator/", env!("CARGO_PKG_VERSION")))
        // Never followed: a redirect would carry the token to another host.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(Arc::new(Resolver))
        .connect_timeout(CONNECT.min(call_timeout))
        .timeout(call_timeout)
        // Below the 60 s after which load balancers usually drop idle connections.
        .pool_idle_timeout(Duration::from_secs(50));
    extra_roots.iter().cloned().fold(builder, reqwest::ClientBuilder::add_root_certificate)
}

/// What a call came to that got no answer.
pub(super) fn transport_error(error: &reqwest::Error) -> SwrError {
    let reason = if is_caused_by::<HostNotFound>(error) {
        Reason::HostNotFound
    } else if error.is_connect() && is_caused_by::<rustls::Error>(error) {
        // Later than that, the request was on its way.
        Reason::TlsFailed
    } else if error.is_connect() {
        Reason::EndpointUnreachable
    } else if error.is_timeout() {
        Reason::Timeout
    } else {
        Reason::ConnectionLost
    };
    let has_cause = matches!(reason, Reason::TlsFailed | Reason::EndpointUnreachable);
    let cause = if has_cause { cause::of(error).map(Box::new) } else { None };
    SwrError { cause, ..SwrError::without_answer(reason) }
}

fn is_caused_by<E: StdError + 'static>(error: &reqwest::Error) -> bool {
    cause::causes(error).any(<dyn StdError>::is::<E>)
}

/// The system's resolver, with an error that can be distinguished from a refused connection.
struct Resolver;

#[derive(Debug, thiserror::Error)]
#[error("the host name cannot be resolved")]
struct HostNotFound;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let host = (name.as_str().to_owned(), 0);
            let addresses = tokio::net::lookup_host(host).await.map_err(|_| HostNotFound)?;
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}
