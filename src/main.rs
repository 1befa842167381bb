//! Temporary: starts the simulator alone, until the command line is there.

use clap::Parser;
use imageshare::simulator;

#[derive(Parser)]
enum Command {
    /// The SWR API for trials and tests.
    Simulator(simulator::Options),
}

#[tokio::main]
async fn main() -> Result<(), simulator::StartError> {
    let Command::Simulator(options) = Command::parse();
    simulator::run(options).await
}
