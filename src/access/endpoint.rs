//! Where a region's APIs live: the administrator's `--endpoint`, `--iam-endpoint` and `--sts-endpoint`
//! first, else the table of [`super::regions`]. The object has no say, so a tenant cannot point a token at
//! another host. Pure.

use std::collections::HashMap;

/// An endpoint: `scheme://host[:port]/`.
pub use reqwest::Url;

use super::regions::{self, Service};

/// Endpoints by service and region, as the administrator set them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    given: HashMap<(Service, String), Url>,
}

/// Why an endpoint setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not `<region>=<url>`.
    #[error(
        "expected <region>=<url>, for example eu-west-101=https://swr-api.eu-west-101.myhuaweicloud.eu"
    )]
    Form,
    /// Not an absolute http or https URL with nothing but a host and a port.
    #[error("the URL must be http(s)://<host>[:<port>] and nothing more")]
    Url,
    /// A region with two endpoints.
    #[error("the region has an endpoint already")]
    Twice,
    /// Plain http to another machine.
    #[error("plain http would send credentials in the clear: use https, or set --allow-http")]
    PlainHttp,
}

impl Endpoints {
    /// Maps a service in `region` to `url`.
    ///
    /// Fails if it is mapped already.
    pub fn insert(
        &mut self,
        service: Service,
        region: String,
        url: Url,
    ) -> Result<(), EndpointError> {
        match self.given.insert((service, region), url) {
            None => Ok(()),
            Some(_) => Err(EndpointError::Twice),
        }
    }

    /// The base URL of a service in a region, which must be a DNS label: `scheme://host[:port]/`.
    ///
    /// `None` if the region makes no host name, or where it is not known: a region whose SWR the
    /// administrator has mapped may be another cloud, to whose IAM and STS nothing is sent by a guess.
    pub fn of(&self, service: Service, region: &str) -> Option<Url> {
        let given = |service| self.given.get(&(service, region.to_owned()));
        if let Some(url) = given(service) {
            return Some(url.clone());
        }
        if !is_host_label(region) || given(Service::Swr).is_some() {
            return None;
        }
        Url::parse(&format!("https://{}/", regions::host(service, region)?)).ok()
    }
}

/// Reads one `<region>=<url>`.
pub fn parse(text: &str) -> Result<(String, Url), EndpointError> {
    let (region, url) = text.trim().split_once('=').ok_or(EndpointError::Form)?;
    if !is_host_label(region) {
        return Err(EndpointError::Form);
    }
    let url = Url::parse(url).map_err(|_| EndpointError::Url)?;
    if url.path() == "/" && is_plain(&url) {
        Ok((region.to_owned(), url))
    } else {
        Err(EndpointError::Url)
    }
}

/// Refuses plain http to anything but this machine, unless it is allowed.
pub fn check_transport(url: &Url, allow_http: bool) -> Result<(), EndpointError> {
    if url.scheme() == "https" || allow_http || is_loopback(url) {
        Ok(())
    } else {
        Err(EndpointError::PlainHttp)
    }
}

fn is_host_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a URL is one of http(s), and has neither credentials nor anything behind its path.
pub fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// Loopback by address, or `localhost` itself (RFC 6761, 6.3): no other name is trusted to be it.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmapped_region_falls_back_to_the_clouds_own_host() {
        let of = |region: &str| Endpoints::default().of(Service::Swr, region).map(String::from);
        assert_eq!(of("cn-north-4").unwrap(), "https://swr-api.cn-north-4.myhuaweicloud.com/");
        assert_eq!(of("eu-west-101").unwrap(), "https://swr-api.eu-west-101.myhuaweicloud.eu/");
    }

    #[test]
    fn a_region_has_one_endpoint_of_each_service() {
        let mut endpoints = Endpoints::default();
        let url = Url::parse("https://swr.example").unwrap();
        let mut insert = |service| endpoints.insert(service, "eu".into(), url.clone());
        assert_eq!(insert(Service::Swr), Ok(()));
        assert_eq!(insert(Service::Iam), Ok(()));
        assert_eq!(insert(Service::Swr), Err(EndpointError::Twice));
    }

    #[test]
    fn passwords_never_go_to_huaweis_iam_for_a_region_that_lives_elsewhere() {
        let mut endpoints = Endpoints::default();
        assert!(endpoints.of(Service::Iam, "cn-north-4").is_some());
        let url = Url::parse("https://swr.example").unwrap();
        endpoints.insert(Service::Swr, "cn-north-4".into(), url.clone()).unwrap();
        assert_eq!(endpoints.of(Service::Iam, "cn-north-4"), None);
        assert_eq!(endpoints.of(Service::Sts, "cn-north-4"), None);
        endpoints.insert(Service::Iam, "cn-north-4".into(), url.clone()).unwrap();
        assert_eq!(endpoints.of(Service::Iam, "cn-north-4"), Some(url));
    }

    #[test]
    fn a_region_can_never_lead_to_another_host() {
        for region in
            ["evil.com/", "x@evil.com", "a:1@b", "evil.com#", "evil.com?", "..", "a b", "", "A"]
        {
            for service in [Service::Swr, Service::Iam, Service::Sts] {
                assert_eq!(Endpoints::default().of(service, region), None, "{region:?}");
            }
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only_unless_allowed() {
        let check = |url: &str, allow| check_transport(&Url::parse(url).unwrap(), allow);
        for good in [
            "https://swr.example",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost:1",
            "http://127.9.9.9",
        ] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        for bad in [
            "http://swr.example",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
        ] {
            assert_eq!(check(bad, false), Err(EndpointError::PlainHttp), "{bad}");
            assert_eq!(check(bad, true), Ok(()), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_a_region_and_a_bare_url() {
        assert!(parse("eu=https://swr.example:8443").is_ok());
        assert!(parse(" eu=https://swr.example ").is_ok(), "behind a comma");
        for bad in ["https://swr.example", "=https://x", "eu=", "EU West=https://x", "EU=https://x"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in [
            "eu=ftp://x",
            "eu=https://u:p@x",
            "eu=https://x/v2",
            "eu=https://x/?q",
            "eu=https://x/#f",
            "eu=x",
            "eu=unix:/x",
        ] {
            assert_eq!(parse(bad), Err(EndpointError::Url), "{bad}");
        }
    }
}
