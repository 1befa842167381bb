//! The admin endpoint: `/livez`, `/readyz`, `/metrics`. Plain HTTP, nothing secret, nothing that
//! changes anything.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::readiness::Readiness;

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    readiness: Readiness,
}

/// Listens on `address` and serves until the process ends. Gives the address that it got.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    readiness: Readiness,
) -> Result<SocketAddr, std::io::Error> {
    let listener = bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { metrics, readiness });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the admin endpoint ended: {error}");
        }
    });
    Ok(bound)
}

/// `[::]` is every address, of IPv4 as well: a kubelet probes by either. Where IPv6 is switched off it is
/// every address of IPv4, so that one manifest fits everywhere.
async fn bind(address: SocketAddr) -> Result<TcpListener, std::io::Error> {
    let bound = TcpListener::bind(address).await;
    match without_ipv6(address) {
        Some(instead) if bound.as_ref().is_err_and(is_without_ipv6) => {
            TcpListener::bind(instead).await
        }
        _ => bound,
    }
}

fn without_ipv6(address: SocketAddr) -> Option<SocketAddr> {
    let is_every = address.is_ipv6() && address.ip().is_unspecified();
    is_every.then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into())
}

/// Without the protocol there is no such family of addresses; switched off by sysctl, no such address.
fn is_without_ipv6(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, Unsupported};
    const EAFNOSUPPORT: i32 = 97;
    matches!(error.kind(), AddrNotAvailable | Unsupported)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

async fn readyz(State(shown): State<Shown>) -> (StatusCode, String) {
    match shown.readiness.why_not() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics_text(State(shown): State<Shown>) -> ([(&'static str, &'static str); 1], String) {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], shown.metrics.render())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn every_address_is_one_of_ipv4_and_of_ipv6() {
        let readiness = Readiness::not_yet("a reason");
        let every = "[::]:0".parse().unwrap();
        let port = serve(every, Metrics::default(), readiness).await.unwrap().port();
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
        let has_ipv6 = TcpListener::bind("[::1]:0").await.is_ok();
        assert_eq!(TcpStream::connect(("::1", port)).await.is_ok(), has_ipv6);
    }

    #[test]
    fn only_every_address_of_ipv6_has_a_stand_in_and_only_without_ipv6() {
        for (address, instead) in [
            ("[::]:8080", Some("0.0.0.0:8080")),
            ("[::1]:8080", None),
            ("0.0.0.0:8080", None),
            ("[fd00::1]:8080", None),
        ] {
            let instead = instead.map(|instead| instead.parse().unwrap());
            assert_eq!(without_ipv6(address.parse().unwrap()), instead, "{address}");
        }
        assert!(is_without_ipv6(&Error::from_raw_os_error(97)));
        assert!(is_without_ipv6(&ErrorKind::AddrNotAvailable.into()));
        assert!(!is_without_ipv6(&ErrorKind::AddrInUse.into()));
    }
}
