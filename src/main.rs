//! The `imageshare` binary: installs the TLS provider, starts the runtime, and leaves the rest to
//! the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // kube and reqwest must meet one provider; without this line the first HTTPS client panics.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    imageshare::cli::main(std::env::args_os()).await
}
