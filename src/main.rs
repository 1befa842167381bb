//! The `imageshare` binary: installs the TLS provider, starts the runtime, and leaves the rest to
//! the library.

use std::process::ExitCode;

fn main() -> ExitCode {
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
