//! The way to the API server: the cluster as kubectl finds it, through the proxy that kubectl would use.
//!
//! kube's own reading of the variables would not do: it compares `NO_PROXY` with the proxy's address
//! instead of the API server's (kube 5.0).

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;
use kube::config::{Cluster, Kubeconfig};

use super::watch::WATCH;

/// How much longer than a watch lasts the API server may be silent.
const SILENCE: Duration = Duration::from_secs(15);

/// The way to the cluster of the kubeconfig, else to the one whose pod this is.
pub async fn config() -> Result<Config, String> {
    let mut config = Config::infer().await.map_err(|error| error.to_string())?;
    // A list that is never answered would be waited for without end. A watch brings something, or ends, sooner.
    (config.read_timeout, config.reset_reader_on_write) = (Some(WATCH + SILENCE), true);
    // In a pod the API server is next door: the variables are for what is outside of the cluster.
    if let Some(cluster) = Kubeconfig::read().ok().as_ref().and_then(current) {
        let named = cluster.proxy_url.clone().filter(|url| !url.is_empty());
        let variable = |name: &str| std::env::var(name).ok();
        let proxy = named.or_else(|| proxy_of(&config.cluster_url.to_string(), variable));
        let parsed = proxy.map(|url| url.parse()).transpose();
        config.proxy_url = parsed.map_err(|why| format!("the proxy for the API server: {why}"))?;
    }
    Ok(config)
}

fn current(kubeconfig: &Kubeconfig) -> Option<&Cluster> {
    let name = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *name)?;
    let name = &context.context.as_ref()?.cluster;
    kubeconfig.clusters.iter().find(|cluster| cluster.name == *name)?.cluster.as_ref()
}

/// The proxy for a URL by the environment's variables; `None`: directly. As Go's `ProxyFromEnvironment`
/// and so kubectl have it; this machine itself is never reached through a proxy.
fn proxy_of(url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let either = |upper: &str, lower: &str| {
        [upper, lower].into_iter().filter_map(&variable).find(|value| !value.trim().is_empty())
    };
    let proxy = match url.split_once("://")?.0 {
        "https" => either("HTTPS_PROXY", "https_proxy"),
        _ => either("HTTP_PROXY", "http_proxy"),
    }?;
    let proxy = proxy.trim();
    let proxy = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let excepted = either("NO_PROXY", "no_proxy").unwrap_or_default();
    let excepted = format!("{excepted},localhost,127.0.0.0/8,::1");
    // Only for the list: the matcher would take the password out of the proxy's URL.
    let matcher = Matcher::builder().all("http://proxy.invalid").no(excepted).build();
    matcher.intercept(&url.parse().ok()?).map(|_| proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        proxy_of(url, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_proxy_is_used_but_for_what_no_proxy_lists_as_people_write_it() {
        const URL: &str = "https://api.cluster.example:6443";
        for (url, list, is_direct) in [
            (URL, "", false),
            (URL, ",", false),
            (URL, "127.0.0.1,", false),
            (URL, "cluster.example", true),
            (URL, " other.example , .cluster.example ,", true),
            (URL, "api.cluster.example", true),
            (URL, "i.cluster.example", false),
            (URL, "*", true),
            (URL, "10.0.0.0/8", false),
            ("https://10.1.2.3:6443", "127.0.0.1, 10.0.0.0/8", true),
            ("https://10.1.2.3", "10.1.2.3", true),
            ("https://11.1.2.3", "10.0.0.0/8", false),
            ("https://[fd00::1]:6443", "fd00::/8", true),
            // The proxy's own address says nothing of the API server.
            (URL, "10.9.9.9", false),
            ("https://127.0.0.1:6443", "", true),
            ("https://[::1]:6443", "", true),
            ("https://localhost:6443", "", true),
        ] {
            let variables = [("HTTPS_PROXY", "http://u:p@10.9.9.9:3128"), ("NO_PROXY", list)];
            let expected = (!is_direct).then(|| "http://u:p@10.9.9.9:3128".to_owned());
            assert_eq!(by(url, &variables), expected, "{url} {list:?}");
        }
    }

    #[test]
    fn the_variable_is_the_one_for_the_scheme_in_either_case() {
        let (https, http) = ("https://api.example", "http://api.example");
        for (url, variables, expected) in [
            (https, vec![], None),
            (https, vec![("HTTPS_PROXY", "")], None),
            (https, vec![("https_proxy", " proxy:3128 ")], Some("http://proxy:3128")),
            (https, vec![("HTTP_PROXY", "http://proxy:3128")], None),
            (http, vec![("HTTPS_PROXY", "http://proxy:3128")], None),
            (http, vec![("HTTP_PROXY", "http://proxy:3128")], Some("http://proxy:3128")),
            (https, vec![("HTTPS_PROXY", "http://a"), ("no_proxy", ".example")], None),
        ] {
            assert_eq!(by(url, &variables).as_deref(), expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn the_cluster_is_that_of_the_current_context() {
        let kubeconfig = |current: &str| {
            let config = serde_json::json!({
                "current-context": current,
                "contexts": [{"name": "a", "context": {"cluster": "two"}}],
                "clusters": [
                    {"name": "one", "cluster": {"server": "https://one"}},
                    {"name": "two", "cluster": {"server": "https://two", "proxy-url": "http://p"}},
                ],
            });
            serde_json::from_value::<Kubeconfig>(config).unwrap()
        };
        let named = kubeconfig("a");
        assert_eq!(current(&named).unwrap().proxy_url.as_deref(), Some("http://p"));
        assert!(current(&kubeconfig("b")).is_none());
    }
}
