//! The command line: flags with environment fallbacks, and the wiring of the subcommands. The only
//! module that knows all others.

mod operate;
mod run;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use imageshare_simulator as simulator;
use reqwest::Url;

use crate::access::endpoint;
use crate::access::regions::Service;
use crate::api;
pub use operate::stop_within;
pub use run::LEASE_NAME;
use run::Run;

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
    #[error("--otlp-endpoint: {0}")]
    Collector(String),
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
        Command::Run(run) => operate::operate(run).await,
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

#[cfg(test)]
mod tests {
    use super::run::check_call_timeout;
    use super::values::duration;
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
            ("121s", "10m", Some("--call-timeout 121s: must be at most 120s")),
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
