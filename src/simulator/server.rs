//! Starting and stopping: options in, a listening simulator out. And its connections: HTTP/1.1 through hyper, and the
//! means to end one without an answer.

use std::error::Error;
use std::future::{Future, pending, poll_fn};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::DATE;
use axum::http::{HeaderName, HeaderValue, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::answer::Answer;
use crate::front::{self, Cut, Outcome, Request};
use crate::options::Options;
use crate::side_door;
use crate::world::{Refused, Simulator};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing could ever be authenticated.
    #[error(
        "the simulator needs a --token, an --access-key, a --user or a --provider, or no request would be let in"
    )]
    NoCredential,
    /// The state file is of no use, or a provider has no key of use.
    #[error("{0}")]
    State(String),
    /// Nobody could be refused so.
    #[error("the rate limit: {0}")]
    Limit(Refused),
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

/// A simulator that serves until it is stopped or dropped, and the handle to it: what its side door does, the methods of
/// [`Simulator`] do without HTTP.
#[derive(Debug)]
pub struct Running {
    simulator: Arc<Simulator>,
    url: String,
    /// Nothing is ever sent: the simulator stops when this is dropped.
    stop: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Deref for Running {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
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
    let Options { tokens, access_keys, users, providers, .. } = &options;
    if tokens.is_empty() && access_keys.is_empty() && users.is_empty() && providers.is_empty() {
        return Err(StartError::NoCredential);
    }
    let address = options.listen;
    let limit = options.limit.clone();
    let simulator = Arc::new(Simulator::new(options).map_err(StartError::State)?);
    if let Some(limit) = limit {
        simulator.throttle(limit).map_err(StartError::Limit)?;
    }
    let listening = async {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok((listener, url))
    };
    let (listener, url) = listening.await.map_err(|error| StartError::Listen { address, error })?;
    let (stop, stopped) = watch::channel(());
    let accepting = tokio::spawn(accept(listener, simulator.clone(), stopped));
    Ok(Running { simulator, url, stop, accepting })
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
                    connections.spawn(serve(stream, peer.ip(), simulator.clone(), until_stopped.clone()));
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

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Cut>> + Send>>;

/// Serves a connection to its end.
async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    simulator: Arc<Simulator>,
    stopped: watch::Receiver<()>,
) {
    // Without it, small answers wait for the client's acknowledgement; at worst they do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| -> Answering {
        Box::pin(respond(request, peer, Arc::clone(&simulator), stopped.clone()))
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    if ended.err().as_ref().and_then(cut_of) == Some(Cut::Reset) {
        // Lingering for no time turns the close that follows into a reset.
        let _ = stream.set_zero_linger();
    }
}

fn cut_of(error: &hyper::Error) -> Option<Cut> {
    error.source()?.downcast_ref::<Cut>().copied()
}

async fn respond(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    simulator: Arc<Simulator>,
    stopped: watch::Receiver<()>,
) -> Result<Response<Body>, Cut> {
    if side_door::is_meant(request.uri().path()) {
        return Ok(side_door::handle(&simulator, request, peer).await.into_response());
    }
    let request = Request::read(request, peer).await.map_err(|_| Cut::Close)?;
    // In a task of its own, so that a call takes its effect even when its client has gone, as in the cloud.
    let visit = front::handle(Arc::clone(&simulator), request);
    let visit = tokio::spawn(until_stopped(visit, stopped.clone()));
    match visit.await.ok().flatten().unwrap_or(Outcome::Cut(Cut::Close)) {
        Outcome::Answer(answer, request_id) => Ok(finish(answer, &request_id, &simulator)),
        Outcome::Cut(cut) => Err(cut),
        Outcome::Late(late) => {
            tokio::spawn(until_stopped(late.arrive(), stopped));
            Err(Cut::Close)
        }
        Outcome::Hang(receipt) => {
            let _until_the_client_leaves = receipt;
            pending().await
        }
    }
}

/// `None`: the simulator was stopped before it was done.
async fn until_stopped<T>(
    visit: impl Future<Output = T>,
    mut stopped: watch::Receiver<()>,
) -> Option<T> {
    tokio::select! {
        // In this order, so that an effect that falls due as the simulator stops does not happen.
        biased;
        _ = stopped.changed() => None,
        result = visit => Some(result),
    }
}

/// Adds what every answer of the API carries: its request id, and the date by the simulated clock.
fn finish(answer: Answer, request_id: &str, simulator: &Simulator) -> Response<Body> {
    let mut response = answer.into_response();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&simulator.now());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
        headers.insert(DATE, date);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn what_falls_due_as_the_simulator_stops_does_not_happen() {
        let (stop, stopped) = watch::channel(());
        assert_eq!(until_stopped(ready("done"), stopped.clone()).await, Some("done"));
        drop(stop);
        assert_eq!(until_stopped(ready("done"), stopped).await, None);
    }
}
