//! One TCP connection: HTTP/1.1 through hyper, and the means to end it without an answer.

use std::error::Error;
use std::future::{Future, pending, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::DATE;
use axum::http::{HeaderName, HeaderValue, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::answer::Answer;
use crate::front::{self, Cut, Outcome};
use crate::request::Request;
use crate::side_door;
use crate::world::Simulator;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Cut>> + Send>>;

/// Serves a connection to its end.
pub async fn serve(
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
    let date = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&simulator.with_world(|world| world.now()));
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
