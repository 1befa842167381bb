//! The flags of `imageshare run`, and what they are checked for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use reqwest::Url;

use super::StartError;
use super::values::{duration, lease_duration, lease_name, namespace, region, secret_name};
use crate::access::endpoint::{self, Endpoints};
use crate::access::regions::Service;
use crate::core::facts::Settings;
use crate::operator::sources::Allowed;
use crate::telemetry::{LogFormat, LogLevels};

/// Every flag can be set by its environment variable as well; the flag wins. The cluster is found
/// as kubectl does: KUBECONFIG, ~/.kube/config, or the pod's service account.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args)]
pub(super) struct Run {
    /// The region of objects that name none
    #[arg(long, env = "IMAGESHARE_DEFAULT_REGION", value_name = "REGION", value_parser = region)]
    pub(super) default_region: Option<String>,
    /// Watch only this namespace; repeatable, or separated by commas. Default: all
    #[arg(long = "namespace", env = "IMAGESHARE_NAMESPACE", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub(super) namespaces: Vec<String>,
    /// Where a region's SWR lives; repeatable, or separated by commas in the variable.
    /// Other regions: the host that Huawei Cloud gives them
    #[arg(long = "endpoint", env = "IMAGESHARE_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    pub(super) endpoints: Vec<(String, Url)>,
    /// Where a region's IAM lives, which exchanges passwords; likewise. Not known by itself for a region
    /// that has an --endpoint
    #[arg(long = "iam-endpoint", env = "IMAGESHARE_IAM_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    pub(super) iam_endpoints: Vec<(String, Url)>,
    /// Where a region's STS lives, which exchanges tokens of ServiceAccounts; likewise
    #[arg(long = "sts-endpoint", env = "IMAGESHARE_STS_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    pub(super) sts_endpoints: Vec<(String, Url)>,
    /// The Secret, in the object's own namespace, of objects that name no credentials, where their
    /// namespace's annotation imageshare.dev/credentials names none either
    #[arg(long, env = "IMAGESHARE_DEFAULT_CREDENTIALS_NAME", value_name = "SECRET", value_parser = secret_name)]
    pub(super) default_credentials_name: Option<String>,
    /// Watch Secrets, without their content, to notice at once when one is mended; needs
    /// deploy/watch-secrets.yaml, which lets the operator read all Secrets. Default: a Secret that is
    /// waited for is looked at every 20 seconds
    #[arg(long, env = "IMAGESHARE_WATCH_SECRETS")]
    pub(super) watch_secrets: bool,
    /// Let objects name a ServiceAccount of their namespace instead of a Secret; needs
    /// deploy/service-accounts.yaml
    #[arg(long, env = "IMAGESHARE_ALLOW_SERVICE_ACCOUNTS")]
    pub(super) allow_service_accounts: bool,
    /// How long after its deletion an object waits for credentials before its share is left behind and
    /// named in the log, a metric and an event; 0s is for ever
    #[arg(long, env = "IMAGESHARE_ORPHAN_AFTER", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(super) orphan_after: Duration,
    /// How long a request that got no answer may still take effect: a call's own time and the
    /// gateway's
    #[arg(long, env = "IMAGESHARE_REQUEST_WINDOW", value_name = "DURATION", default_value = "75s", value_parser = duration)]
    pub(super) request_window: Duration,
    /// How long a call to SWR may take, from the connection to the last byte: 1s to 2m, and not longer than the
    /// request window
    #[arg(long, env = "IMAGESHARE_CALL_TIMEOUT", value_name = "DURATION", default_value = CALL_TIMEOUT, value_parser = duration)]
    pub(super) call_timeout: Duration,
    /// How long before a share ends its object says so; 0s is never
    #[arg(long, env = "IMAGESHARE_EXPIRING_SOON", value_name = "DURATION", default_value = "72h", value_parser = duration)]
    pub(super) expiring_soon: Duration,
    /// Act only while holding a Lease in the operator's own namespace, so that of several replicas one acts.
    /// `false`: act at once, and see to it yourself that there is no other
    #[arg(long, env = "IMAGESHARE_LEADER_ELECT", default_value_t = true, action = ArgAction::Set)]
    pub(super) leader_elect: bool,
    /// The name of this Lease
    #[arg(long, env = "IMAGESHARE_LEASE_NAME", value_name = "LEASE", default_value = LEASE_NAME, value_parser = lease_name)]
    pub(super) lease_name: String,
    /// How long another replica waits for a leader that went without a word: from 3s to 10m, in whole seconds. The
    /// leader itself stops after two thirds of it without a renewal
    #[arg(long, env = "IMAGESHARE_LEASE_DURATION", value_name = "DURATION", default_value = "15s", value_parser = lease_duration)]
    pub(super) lease_duration: Duration,
    /// How long a refusal may stand that something outside of the object can heal, such as a Secret that
    /// comes second, before the object counts as failed (Stalled); 0s is at once
    #[arg(long, env = "IMAGESHARE_STALLED_AFTER", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub(super) stalled_after: Duration,
    /// Allow endpoints with plain http on other machines: credentials travel in the clear
    #[arg(long, env = "IMAGESHARE_ALLOW_HTTP")]
    pub(super) allow_http: bool,
    /// A PEM file with certificate authorities to trust for SWR, IAM and STS, beside the system's
    #[arg(long, env = "IMAGESHARE_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Serve /livez, /readyz and /metrics here, for example `[::]:8080`, which is every address of IPv4
    /// and IPv6 (IPv4 alone where there is no IPv6). Default: nowhere
    #[arg(long, env = "IMAGESHARE_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub(super) admin_listen: Option<SocketAddr>,
    /// An OpenTelemetry collector to send spans to, by OTLP over HTTP, for example `http://collector:4318`.
    /// Default: none
    #[arg(long, env = "IMAGESHARE_OTLP_ENDPOINT", value_name = "URL", value_parser = collector)]
    pub(super) otlp_endpoint: Option<Url>,
    /// How much to log: error, warn, info, debug or trace; then, if some modules are to log more or less, their
    /// levels, such as `info,cloud=debug,operator::watch=trace`
    #[arg(long, env = "IMAGESHARE_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: LogLevels,
    /// How a log line looks
    #[arg(long, env = "IMAGESHARE_LOG_FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
}

/// As in `deploy/`, where the right to hold it is granted by name.
pub const LEASE_NAME: &str = "imageshare-operator";

const CALL_TIMEOUT: &str = "15s";

/// A shorter call would fail for want of time alone: a handshake with TLS may take that long.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// With a longer one nobody could tell a pass that is stuck from one that waits.
const CALL_TIMEOUT_MAX: Duration = Duration::from_mins(2);

/// Within the request window a call without an answer may still take effect. That holds only if the
/// call itself, which may wait until its end to be sent, is over by then.
pub(super) fn check_call_timeout(given: Duration, window: Duration) -> Result<(), StartError> {
    let why = if given < CALL_TIMEOUT_MIN {
        format!("must be at least {CALL_TIMEOUT_MIN:?}")
    } else if given > CALL_TIMEOUT_MAX {
        format!("must be at most {CALL_TIMEOUT_MAX:?}")
    } else if given > window {
        format!("must not be longer than --request-window ({window:?})")
    } else {
        return Ok(());
    };
    Err(StartError::CallTimeout { given, why })
}

impl Run {
    /// What may stand for credentials.
    pub(super) fn allowed(&self) -> Allowed {
        Allowed {
            service_accounts: self.allow_service_accounts,
            default_name: self.default_credentials_name.clone(),
            watch: self.watch_secrets,
        }
    }

    /// What passes go by.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            default_region: self.default_region.clone(),
            orphan_after: Some(self.orphan_after).filter(|grace| !grace.is_zero()),
            request_window: self.request_window,
            expiring_soon: Some(self.expiring_soon).filter(|soon| !soon.is_zero()),
            stalled_after: self.stalled_after,
        }
    }
}

pub(super) fn endpoints(run: &Run) -> Result<Endpoints, StartError> {
    let mut endpoints = Endpoints::default();
    for (service, given) in [
        (Service::Swr, &run.endpoints),
        (Service::Iam, &run.iam_endpoints),
        (Service::Sts, &run.sts_endpoints),
    ] {
        for (region, url) in given {
            let (region, url) = (region.clone(), url.clone());
            let usable = endpoint::check_transport(&url, run.allow_http)
                .and_then(|()| endpoints.insert(service, region.clone(), url.clone()));
            usable.map_err(|why| StartError::Endpoint { service, region, url, why })?;
        }
    }
    Ok(endpoints)
}

pub(super) fn certificates(file: &Path) -> Result<Vec<reqwest::Certificate>, StartError> {
    let read = std::fs::read(file).map_err(|why| why.to_string());
    let parsed = read
        .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string()));
    match parsed {
        Ok(certificates) if certificates.is_empty() => {
            Err(StartError::CaFile { file: file.to_owned(), why: "no certificate in it".into() })
        }
        Ok(certificates) => Ok(certificates),
        Err(why) => Err(StartError::CaFile { file: file.to_owned(), why }),
    }
}

/// Where a collector is: a path may belong to it, and nothing secret.
fn collector(text: &str) -> Result<Url, String> {
    let url = text.parse::<Url>().ok().filter(endpoint::is_plain);
    url.ok_or_else(|| format!("`{text}` is not an http(s):// URL without user, query and fragment"))
}
