//! Starting and stopping: options in, a listening simulator out.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::connection;
use crate::options::Options;
use crate::store::LoadError;
use crate::world::Simulator;

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing could ever be authenticated.
    #[error("the simulator needs a --token or an --access-key, or no request would be let in")]
    NoCredential,
    /// The state file is of no use.
    #[error(transparent)]
    State(#[from] LoadError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The process cannot be told to stop, or cannot say that it is ready.
    #[error(transparent)]
    Process(#[from] io::Error),
}

/// A simulator that serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    url: String,
    /// Nothing is ever sent: the simulator stops when this is dropped.
    stop: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Running {
    /// `http://<host>:<port>`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes every connection, hanging ones included, and frees the port.
    pub async fn stop(self) {
        drop(self.stop);
        // The task ends by its own choice; if it panicked there is nothing left to stop.
        let _ = self.accepting.await;
    }
}

/// Starts a simulator; it serves when this returns.
pub async fn start(options: Options) -> Result<Running, StartError> {
    if options.tokens.is_empty() && options.access_keys.is_empty() {
        return Err(StartError::NoCredential);
    }
    let address = options.listen;
    let simulator = Arc::new(Simulator::new(options)?);
    let listening = async {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok((listener, url))
    };
    let (listener, url) = listening.await.map_err(|error| StartError::Listen { address, error })?;
    let (stop, stopped) = watch::channel(());
    let accepting = tokio::spawn(accept(listener, simulator, stopped));
    Ok(Running { url, stop, accepting })
}

/// Runs a simulator as a process: prints one `READY` line, serves until SIGINT or SIGTERM.
pub async fn run(options: Options) -> Result<(), StartError> {
    // Before READY, so that a signal right after it is not lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = start(options).await?;
    writeln!(io::stdout(), "READY url={}", running.url())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    Ok(())
}

/// Serves until told to stop; then the set of connections is dropped, which ends them all.
async fn accept(
    listener: TcpListener,
    simulator: Arc<Simulator>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let until_stopped = stopped.clone();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            // Finished connections are collected as they finish.
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection::serve(stream, peer.ip(), simulator.clone(), until_stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // Out of file descriptors, most likely: a moment for others to close.
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
}
