//! Where a region's SWR API lives: the administrator's `--endpoint` first, else the cloud's own
//! fixed host pattern. The object has no say, so a tenant cannot point a token at another host.
//!
//! Host pattern: Huawei Cloud's official SDKs, `region.go` of the SWR service. Pure.

use std::collections::BTreeMap;

use reqwest::Url;

/// Endpoints by region, as the administrator set them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    by_region: BTreeMap<String, Url>,
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
    #[error("plain http would send the token in the clear: use https, or set --allow-http")]
    PlainHttp,
}

impl Endpoints {
    /// Maps `region` to `url`.
    ///
    /// Fails if the region is mapped already.
    pub fn insert(&mut self, region: String, url: Url) -> Result<(), EndpointError> {
        match self.by_region.insert(region, url) {
            None => Ok(()),
            Some(_) => Err(EndpointError::Twice),
        }
    }

    /// The base URL for a region, which must be a DNS label: `scheme://host[:port]/`.
    /// `None` if the region makes no host name.
    pub fn of(&self, region: &str) -> Option<Url> {
        if let Some(url) = self.by_region.get(region) {
            return Some(url.clone());
        }
        if !is_host_label(region) {
            return None;
        }
        // The one region under another domain.
        let domain = if region == "eu-west-101" { "myhuaweicloud.eu" } else { "myhuaweicloud.com" };
        Url::parse(&format!("https://swr-api.{region}.{domain}/")).ok()
    }
}

/// Reads one `--endpoint <region>=<url>`.
pub fn parse(text: &str) -> Result<(String, Url), EndpointError> {
    let (region, url) = text.trim().split_once('=').ok_or(EndpointError::Form)?;
    if !is_host_label(region) {
        return Err(EndpointError::Form);
    }
    let url = Url::parse(url).map_err(|_| EndpointError::Url)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare(&url) {
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

fn is_bare(url: &Url) -> bool {
    url.path() == "/"
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
        let of = |region: &str| Endpoints::default().of(region).map(String::from);
        assert_eq!(of("cn-north-4").unwrap(), "https://swr-api.cn-north-4.myhuaweicloud.com/");
        assert_eq!(of("eu-west-101").unwrap(), "https://swr-api.eu-west-101.myhuaweicloud.eu/");
    }

    #[test]
    fn a_region_has_one_endpoint() {
        let mut endpoints = Endpoints::default();
        let url = Url::parse("https://swr.example").unwrap();
        assert_eq!(endpoints.insert("eu".into(), url.clone()), Ok(()));
        assert_eq!(endpoints.insert("eu".into(), url), Err(EndpointError::Twice));
    }

    #[test]
    fn a_region_can_never_lead_to_another_host() {
        for region in
            ["evil.com/", "x@evil.com", "a:1@b", "evil.com#", "evil.com?", "..", "a b", "", "A"]
        {
            assert_eq!(Endpoints::default().of(region).map(String::from), None, "{region:?}");
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
