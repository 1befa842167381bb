//! `imageshare run`: its flags, and the operator put together of its parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::values::{duration, namespace, region, secret_name};
use crate::access::endpoint::{self, Endpoints};
use crate::access::regions::Service;
use crate::cloud::lanes::Lanes;
use crate::cloud::lists::Listings;
use crate::cloud::reachability::Outages;
use crate::core::facts::Settings;
use crate::metrics::Metrics;
use crate::operator::api_clock::ApiClock;
use crate::operator::api_server::{ApiServer, CALL};
use crate::operator::driver::Shared;
use crate::operator::reads::Reads;
use crate::operator::registry::Registry;
use crate::operator::sources::Allowed;
use crate::operator::{cluster, controller};
use crate::readiness::Readiness;
use crate::telemetry::{self, LogFormat, LogLevel};
use crate::{admin, cloud};

/// Every flag can be set by its environment variable as well; the flag wins. The cluster is found
/// as kubectl does: KUBECONFIG, ~/.kube/config, or the pod's service account.
#[derive(Args)]
pub(super) struct Run {
    /// The region of objects that name none
    #[arg(long, env = "IMAGESHARE_DEFAULT_REGION", value_name = "REGION", value_parser = region)]
    default_region: Option<String>,
    /// Watch only this namespace; repeatable, or separated by commas. Default: all
    #[arg(long = "namespace", env = "IMAGESHARE_NAMESPACE", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub(super) namespaces: Vec<String>,
    /// Where a region's SWR lives; repeatable, or separated by commas in the variable.
    /// Other regions: the host that Huawei Cloud gives them
    #[arg(long = "endpoint", env = "IMAGESHARE_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    endpoints: Vec<(String, Url)>,
    /// Where a region's IAM lives, which exchanges passwords; likewise. Not known by itself for a region
    /// that has an --endpoint
    #[arg(long = "iam-endpoint", env = "IMAGESHARE_IAM_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    iam_endpoints: Vec<(String, Url)>,
    /// Where a region's STS lives, which exchanges tokens of ServiceAccounts; likewise
    #[arg(long = "sts-endpoint", env = "IMAGESHARE_STS_ENDPOINT", value_name = "REGION=URL", value_delimiter = ',', value_parser = endpoint::parse)]
    sts_endpoints: Vec<(String, Url)>,
    /// The Secret, in the object's own namespace, of objects that name no credentials, where their
    /// namespace's annotation imageshare.dev/credentials names none either
    #[arg(long, env = "IMAGESHARE_DEFAULT_CREDENTIALS_NAME", value_name = "SECRET", value_parser = secret_name)]
    default_credentials_name: Option<String>,
    /// Watch Secrets, without their content, to notice at once when one is mended; needs
    /// deploy/watch-secrets.yaml, which lets the operator read all Secrets. Default: a Secret that is
    /// waited for is looked at every 20 seconds
    #[arg(long, env = "IMAGESHARE_WATCH_SECRETS")]
    watch_secrets: bool,
    /// Let objects name a ServiceAccount of their namespace instead of a Secret; needs
    /// deploy/service-accounts.yaml
    #[arg(long, env = "IMAGESHARE_ALLOW_SERVICE_ACCOUNTS")]
    allow_service_accounts: bool,
    /// How long after its deletion an object waits for credentials before its share is left behind and
    /// named in the log, a metric and an event; 0s is for ever
    #[arg(long, env = "IMAGESHARE_ORPHAN_AFTER", value_name = "DURATION", default_value = "10m", value_parser = duration)]
    orphan_after: Duration,
    /// How long a request that got no answer may still take effect: a call's own time and the
    /// gateway's
    #[arg(long, env = "IMAGESHARE_REQUEST_WINDOW", value_name = "DURATION", default_value = "75s", value_parser = duration)]
    pub(super) request_window: Duration,
    /// How long a call to SWR may take, from the connection to the last byte: at least 1s, and not
    /// longer than the request window
    #[arg(long, env = "IMAGESHARE_CALL_TIMEOUT", value_name = "DURATION", default_value = CALL_TIMEOUT, value_parser = duration)]
    pub(super) call_timeout: Duration,
    /// How long before a share ends its object says so; 0s is never
    #[arg(long, env = "IMAGESHARE_EXPIRING_SOON", value_name = "DURATION", default_value = "72h", value_parser = duration)]
    expiring_soon: Duration,
    /// Allow endpoints with plain http on other machines: credentials travel in the clear
    #[arg(long, env = "IMAGESHARE_ALLOW_HTTP")]
    allow_http: bool,
    /// A PEM file with certificate authorities to trust for SWR, IAM and STS, beside the system's
    #[arg(long, env = "IMAGESHARE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Serve /livez, /readyz and /metrics here, for example `[::]:8080`, which is every address of IPv4
    /// and IPv6 (IPv4 alone where there is no IPv6). Default: nowhere
    #[arg(long, env = "IMAGESHARE_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    admin_listen: Option<SocketAddr>,
    /// How much to log
    #[arg(long, env = "IMAGESHARE_LOG_LEVEL", value_enum, default_value = "info")]
    log_level: LogLevel,
    /// How a log line looks
    #[arg(long, env = "IMAGESHARE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

const CALL_TIMEOUT: &str = "15s";

/// How long a pod has from SIGTERM to its end, by the default of `--call-timeout`: what runs ends with the
/// one call that it is in, and a busy machine may take as long again. `deploy/` is compared with it.
pub fn stop_grace() -> Duration {
    2 * duration(CALL_TIMEOUT).unwrap_or_default().max(CALL)
}

/// A shorter call would fail for want of time alone: a handshake with TLS may take that long.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Within the request window a call without an answer may still take effect. That holds only if the
/// call itself, which may wait until its end to be sent, is over by then.
pub(super) fn check_call_timeout(given: Duration, window: Duration) -> Result<(), StartError> {
    let why = if given < CALL_TIMEOUT_MIN {
        format!("must be at least {CALL_TIMEOUT_MIN:?}")
    } else if given > window {
        format!("must not be longer than --request-window ({window:?})")
    } else {
        return Ok(());
    };
    Err(StartError::CallTimeout { given, why })
}

/// Runs the operator until it is asked to stop.
pub(super) async fn operate(run: Run) -> Result<(), StartError> {
    // Before anything that may take its time.
    let mut stop = pin!(stopped());
    check_call_timeout(run.call_timeout, run.request_window)?;
    let endpoints = endpoints(&run)?;
    let roots = run.ca_file.map(certificates).transpose()?.unwrap_or_default();
    let cloud = cloud::Client::new(&roots, run.call_timeout).map_err(StartError::Http)?;
    let config = tokio::select! {
        config = cluster::config() => config.map_err(StartError::Cluster)?,
        () = &mut stop => return Ok(()),
    };
    let clock = ApiClock::default();
    let client = clock.client(config).map_err(|error| StartError::Cluster(error.to_string()))?;

    let subscriber = telemetry::subscriber(run.log_level, run.log_format, std::io::stderr);
    // Fails only if a subscriber is set already, and then there is one.
    let _ = tracing::subscriber::set_global_default(subscriber);

    let (metrics, readiness) = (Metrics::default(), Readiness::not_yet("starting"));
    if let Some(address) = run.admin_listen {
        let served = admin::serve(address, metrics.clone(), readiness.clone()).await;
        let bound = served.map_err(|why| StartError::Admin { address, why })?;
        tracing::info!("admin endpoint on http://{bound}");
    }
    let shared = Shared {
        api_server: ApiServer::new(client.clone(), clock),
        cloud,
        endpoints,
        allowed: Allowed {
            service_accounts: run.allow_service_accounts,
            default_name: run.default_credentials_name,
            watch: run.watch_secrets,
        },
        lanes: Lanes::default(),
        outages: Outages::default(),
        listings: Listings::default(),
        registry: Registry::new(run.default_region.clone()),
        reads: Reads::default(),
        settings: Arc::new(Settings {
            default_region: run.default_region,
            orphan_after: Some(run.orphan_after).filter(|grace| !grace.is_zero()),
            request_window: run.request_window,
            expiring_soon: Some(run.expiring_soon).filter(|soon| !soon.is_zero()),
        }),
        jitter: std::hash::RandomState::new(),
        began: std::time::Instant::now(),
        metrics,
        readiness,
        stopping: CancellationToken::new(),
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    let mut namespaces = run.namespaces;
    namespaces.retain(|name| !name.is_empty());
    controller::run(&namespaces, Arc::new(shared), stop).await;
    tracing::info!("stopped");
    Ok(())
}

fn endpoints(run: &Run) -> Result<Endpoints, StartError> {
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

fn certificates(file: PathBuf) -> Result<Vec<reqwest::Certificate>, StartError> {
    let read = std::fs::read(&file).map_err(|why| why.to_string());
    let parsed = read
        .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).map_err(|why| why.to_string()));
    match parsed {
        Ok(certificates) if certificates.is_empty() => {
            Err(StartError::CaFile { file, why: "no certificate in it".into() })
        }
        Ok(certificates) => Ok(certificates),
        Err(why) => Err(StartError::CaFile { file, why }),
    }
}

/// Resolves at SIGINT or SIGTERM. From the call on, not only once it is waited for, these end nothing
/// by themselves.
fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            // Without handlers the signals end the process by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
