//! The `imageshare` binary: installs the TLS provider, starts the runtime, and leaves the rest to
//! the library.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if let Some(error) = start_anew_with_a_clean_no_proxy() {
        eprintln!("error: starting anew with a clean NO_PROXY: {error}");
        return ExitCode::FAILURE;
    }
    // kube and reqwest must meet one provider; without this line the first HTTPS client panics.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(imageshare::cli::main(std::env::args_os()));
    // A name that the system's resolver still looks up would be waited for.
    runtime.shutdown_background();
    code
}

/// kube's client refuses a list like `127.0.0.1,`, and both clients pass over `*.example.com`, which kubectl takes
/// as they are meant. A process cannot change its own variables safely, so it starts anew in its place,
/// once: then the list is clean.
fn start_anew_with_a_clean_no_proxy() -> Option<std::io::Error> {
    let lists = ["NO_PROXY", "no_proxy"].map(|name| (name, std::env::var(name).ok()));
    let mended = lists.into_iter().filter_map(|(name, list)| {
        let list = list?;
        let parts: Vec<_> = list.split(',').map(str::trim).collect();
        let suffix = |part: &'_ str| {
            if part.starts_with("*.") { part[1..].to_owned() } else { part.to_owned() }
        };
        let clean = parts.iter().copied().filter(|part| !part.is_empty()).map(suffix);
        let clean: Vec<_> = clean.collect();
        (!list.is_empty() && clean != parts).then(|| (name, clean.join(",")))
    });
    let mended: Vec<_> = mended.collect();
    if mended.is_empty() {
        return None;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    Some(Command::new(program).args(std::env::args_os().skip(1)).envs(mended).exec())
}
