//! The command line: flags with environment fallbacks, and the wiring of the subcommands. The only
//! module that knows all others.

mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use imageshare_simulator as simulator;
use reqwest::Url;
use tokio_util::sync::CancellationToken;

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
use crate::{admin, api, cloud};
use values::{duration, namespace, region, secret_name};

/// The exit code for flags and settings that cannot be used.
const USAGE: u8 = 2;

/// Shares private SWR image repositories with other accounts, as Kubernetes objects.
#[derive(Parser)]
#[command(name = "imageshare", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator: keep SWR's shares as the `ImageShare`s declare them
    Run(Run),
    /// Print the `CustomResourceDefinition` of `ImageShare`
    Crd,
    /// Serve SWR's sharing API from memory, for trials and tests
    Simulator(simulator::Options),
}

/// Every flag can be set by its environment variable as well; the flag wins. The cluster is found
/// as kubectl does: KUBECONFIG, ~/.kube/config, or the pod's service account.
#[derive(Args)]
struct Run {
    /// The region of objects that name none
    #[arg(long, env = "IMAGESHARE_DEFAULT_REGION", value_name = "REGION", value_parser = region)]
    default_region: Option<String>,
    /// Watch only this namespace; repeatable, or separated by commas. Default: all
    #[arg(long = "namespace", env = "IMAGESHARE_NAMESPACE", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    namespaces: Vec<String>,
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
    request_window: Duration,
    /// How long a call to SWR may take, from the connection to the last byte: at least 1s, and not
    /// longer than the request window
    #[arg(long, env = "IMAGESHARE_CALL_TIMEOUT", value_name = "DURATION", default_value = CALL_TIMEOUT, value_parser = duration)]
    call_timeout: Duration,
    /// How long before a share ends its object says so; 0s is never
    #[arg(long, env = "IMAGESHARE_EXPIRING_SOON", value_name = "DURATION", default_value = "72h", value_parser = duration)]
    expiring_soon: Duration,
    /// Allow endpoints with plain http on other machines: credentials travel in the clear
    #[arg(long, env = "IMAGESHARE_ALLOW_HTTP")]
    allow_http: bool,
    /// A PEM file with certificate authorities to trust for SWR, IAM and STS, beside the system's
    #[arg(long, env = "IMAGESHARE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Serve /healthz, /readyz and /metrics here, for example `[::]:8080`, which is every address of IPv4
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
fn check_call_timeout(given: Duration, window: Duration) -> Result<(), StartError> {
    let why = if given < CALL_TIMEOUT_MIN {
        format!("must be at least {CALL_TIMEOUT_MIN:?}")
    } else if given > window {
        format!("must not be longer than --request-window ({window:?})")
    } else {
        return Ok(());
    };
    Err(StartError::CallTimeout { given, why })
}

/// A setting that cannot be used, or a start that failed: one line for the person who started us.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{} {region}={url}: {why}", service.flag())]
    Endpoint { service: Service, region: String, url: Url, why: endpoint::EndpointError },
    #[error("--call-timeout {given:?}: {why}")]
    CallTimeout { given: Duration, why: String },
    #[error("--ca-file {}: {why}", file.display())]
    CaFile { file: PathBuf, why: String },
    #[error("--admin-listen {address}: {why}")]
    Admin { address: SocketAddr, why: std::io::Error },
    #[error("the cluster: {0}")]
    Cluster(String),
    #[error("the HTTP client: {0}")]
    Http(reqwest::Error),
    #[error("standard output: {0}")]
    Output(std::io::Error),
    #[error("the simulator: {0}")]
    Simulator(simulator::StartError),
}

/// Runs the command line `arguments` and gives the process's exit code.
pub async fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            eprintln!("{} (see --help)", one_line(&error));
            return ExitCode::from(USAGE);
        }
        // --help and --version are "errors" of the parser that print and end well.
        Err(answer) => {
            print!("{answer}");
            return ExitCode::SUCCESS;
        }
    };
    let done = match cli.command {
        Command::Run(run) => operate(run).await,
        Command::Crd => print_crd(),
        Command::Simulator(options) => simulator::run(options).await.map_err(StartError::Simulator),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// The parser's message without its usage and hints; a list of missing flags joins the first line.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "error: a command is missing: run, crd or simulator".to_owned();
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn print_crd() -> Result<(), StartError> {
    use std::io::Write;
    let text = crd_yaml();
    std::io::stdout().write_all(text.as_bytes()).map_err(StartError::Output)
}

/// The CRD as `crds/imageshares.yaml` ships it. JSON is YAML, and needs no further library.
pub fn crd_yaml() -> String {
    let text = serde_json::to_string_pretty(&api::crd()).unwrap_or_default();
    format!("# Printed by `imageshare crd`. Do not edit.\n{text}\n")
}

/// The flags of `imageshare run` with their environment variables, for the documentation's test.
pub fn run_flags() -> Vec<(String, String)> {
    let command = <Run as Args>::augment_args(clap::Command::new("run"));
    let flags = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((format!("--{}", argument.get_long()?), variable))
    });
    flags.collect()
}

async fn operate(run: Run) -> Result<(), StartError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable_and_its_help() {
        let command = <Cli as clap::CommandFactory>::command();
        for subcommand in command.get_subcommands() {
            for argument in subcommand
                .get_arguments()
                .filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
            {
                let variable =
                    argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(variable.starts_with("IMAGESHARE_"), "{argument}");
                assert!(argument.get_help().is_some(), "{argument}");
            }
        }
    }

    #[test]
    fn a_call_has_at_least_a_second_and_is_over_before_the_request_window() {
        for (given, window, refusal) in [
            ("1s", "1s", None),
            ("75s", "75s", None),
            ("1m15s", "75s", None),
            (
                "80s",
                "75s",
                Some("--call-timeout 80s: must not be longer than --request-window (75s)"),
            ),
            (
                "75001ms",
                "75s",
                Some("--call-timeout 75.001s: must not be longer than --request-window (75s)"),
            ),
            (
                "15s",
                "0s",
                Some("--call-timeout 15s: must not be longer than --request-window (0ns)"),
            ),
            ("999ms", "75s", Some("--call-timeout 999ms: must be at least 1s")),
            ("0s", "75s", Some("--call-timeout 0ns: must be at least 1s")),
        ] {
            let checked = check_call_timeout(duration(given).unwrap(), duration(window).unwrap());
            let said = checked.err().map(|error| error.to_string());
            assert_eq!(said.as_deref(), refusal, "{given} {window}");
        }
    }

    #[test]
    fn the_defaults_go_together_and_a_call_has_15_seconds() {
        let cli = Cli::try_parse_from(["imageshare", "run"]).ok().unwrap();
        let Command::Run(run) = cli.command else { panic!("another command") };
        assert_eq!(run.call_timeout, Duration::from_secs(15));
        assert!(check_call_timeout(run.call_timeout, run.request_window).is_ok());
    }

    #[test]
    fn namespaces_are_separated_by_commas_as_people_write_them() {
        for (given, expected) in [
            ("platform", vec!["platform"]),
            ("platform,other", vec!["platform", "other"]),
            (" platform, other,", vec!["platform", "other", ""]),
            ("", vec![""]),
        ] {
            let cli = Cli::try_parse_from(["imageshare", "run", "--namespace", given]);
            let Ok(Cli { command: Command::Run(run) }) = cli else { panic!("{given}") };
            assert_eq!(run.namespaces, expected, "{given}");
        }
    }

    #[test]
    fn a_wrong_flag_or_value_gives_one_clear_line() {
        for (arguments, expected) in [
            (vec!["imageshare", "run", "--nonsense"], "--nonsense"),
            (vec!["imageshare", "run", "--endpoint", "x"], "<region>=<url>"),
            (vec!["imageshare", "run", "--endpoint", "eu=ftp://x"], "http(s)://"),
            (vec!["imageshare", "run", "--default-region", "A b"], "lowercase"),
            (vec!["imageshare", "run", "--log-level", "loud"], "loud"),
            (vec!["imageshare", "run", "--namespace", "a;b"], "separated by commas"),
            (vec!["imageshare", "run", "--orphan-after=-1s"], "not a duration such as"),
            (vec!["imageshare", "run", "--call-timeout", "15"], "not a duration such as"),
            (vec!["imageshare", "run", "--admin-listen", "8080"], "8080"),
            (vec!["imageshare", "nonsense"], "nonsense"),
            (vec!["imageshare"], "run, crd or simulator"),
        ] {
            let error = Cli::try_parse_from(&arguments).err().unwrap();
            let line = one_line(&error);
            assert!(line.starts_with("error: ") && line.contains(expected), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }
}
