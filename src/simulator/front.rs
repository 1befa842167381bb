//! An API request from its arrival to the end of its answer: it is read, written into the ledger, takes its time, and
//! meets its fault.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Query;
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::answer::{Answer, Payload};
use crate::credentials::Offered;
use crate::faults::{Action, CannedAnswer};
use crate::gateway;
use crate::identity::Headers;
use crate::ledger::{Entry, Kind, Receipt};
use crate::route::Route;
use crate::world::Simulator;

/// "413: body over 12 MB" (error codes of API Gateway, `APIGW.0201`).
const LARGEST_BODY: usize = 12 * 1024 * 1024;

/// One request.
#[derive(Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The call, if the gateway knows it.
    pub route: Option<Route>,
    /// What it offers as its credential.
    pub credential: Offered,
    /// What only IAM reads.
    pub identity_headers: Headers,
    /// Where it comes from.
    pub peer: IpAddr,
    /// `None`: larger than the gateway takes.
    pub body: Option<Bytes>,
}

impl Request {
    /// Reads the body to its end; fails when the client goes away before that.
    pub async fn read(
        request: hyper::Request<Incoming>,
        peer: IpAddr,
    ) -> Result<Self, axum::Error> {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let body = match to_bytes(Body::new(body), LARGEST_BODY).await {
            Ok(body) => Some(body),
            Err(error) if is_disconnect(&error) => return Err(error),
            Err(_) => None,
        };
        let signed_body = body.as_deref().unwrap_or_default();
        Ok(Self {
            route: Route::find(&method, uri.path()),
            credential: Offered::read(&method, &uri, &headers, signed_body),
            identity_headers: Headers::read(&headers),
            method,
            uri,
            peer,
            body,
        })
    }

    /// The query parameters in their order.
    pub fn query(&self) -> Vec<(String, String)> {
        Query::try_from_uri(&self.uri).map(|Query(pairs)| pairs).unwrap_or_default()
    }

    /// What the ledger and fault rules call the target.
    fn key(&self) -> Option<String> {
        self.route.as_ref()?.key(self.body.as_deref().unwrap_or_default())
    }

    /// What the ledger writes down when it arrives.
    fn entry(&self) -> Entry {
        let path = self.uri.path_and_query();
        Entry {
            method: self.method.to_string(),
            kind: self.route.as_ref().map_or(Kind::Unknown, Route::kind),
            path: path.map_or_else(|| self.uri.to_string(), ToString::to_string),
            key: self.key(),
            credential: self.credential.fingerprint(),
            ..Entry::default()
        }
    }
}

/// A body fails to be read when its client goes away, or when it is too large; only hyper reports the former.
fn is_disconnect(error: &axum::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<hyper::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// How a request ends, as its connection sees it.
#[derive(Debug)]
pub enum Outcome {
    /// With an answer and its request id.
    Answer(Answer, String),
    /// Without one.
    Cut(Cut),
    /// Without one too, but the call goes on.
    Late(Box<Late>),
    /// Not before the client leaves; the ledger's entry stays open as long as the receipt is held.
    Hang(Receipt),
}

/// How a connection is ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// In order, with FIN.
    #[error("the simulator closes the connection")]
    Close,
    /// With RST.
    #[error("the simulator resets the connection")]
    Reset,
}

/// Takes a request through.
pub async fn handle(simulator: Arc<Simulator>, request: Request) -> Outcome {
    let receipt = simulator.ledger.open(request.entry());
    sleep(simulator.latency).await;
    let key = request.key();
    let met =
        simulator.with_world(|world| world.faults.meet(request.method.as_str(), key.as_deref()));
    let visit = Visit { simulator, request, receipt };
    match met {
        None => visit.answer_honestly(),
        Some(action) => visit.go_wrong(action).await,
    }
}

/// A call whose client has been cut off and whose effect is still to come.
#[derive(Debug)]
pub struct Late {
    visit: Visit,
    by: Duration,
}

impl Late {
    /// Waits until the effect is due, and lets it take place.
    pub async fn arrive(self) {
        sleep(self.by).await;
        self.visit.perform();
    }
}

/// A request under way.
#[derive(Debug)]
struct Visit {
    simulator: Arc<Simulator>,
    request: Request,
    receipt: Receipt,
}

impl Visit {
    /// Performs the call; its answer may or may not be sent.
    fn perform(&self) -> Answer {
        self.perform_aged(Duration::ZERO)
    }

    /// The same, from shares that are so old.
    fn perform_aged(&self, age: Duration) -> Answer {
        let request_id = self.receipt.request_id();
        let (answer, applied) = self
            .simulator
            .with_world(|world| gateway::perform(world, &self.request, &request_id, age));
        if applied {
            self.receipt.applied();
        }
        answer
    }

    fn perform_if(&self, applied: bool) {
        if applied {
            self.perform();
        }
    }

    fn answer(self, answer: Answer) -> Outcome {
        let request_id = self.receipt.request_id();
        self.receipt.answered(answer.status);
        Outcome::Answer(answer, request_id)
    }

    fn answer_honestly(self) -> Outcome {
        let answer = self.perform();
        self.answer(answer)
    }

    async fn go_wrong(self, action: Action) -> Outcome {
        match action {
            Action::Answer(canned) => {
                self.perform_if(canned.applied);
                let answer = canned.into_answer(&self.receipt.request_id());
                self.answer(answer)
            }
            Action::Delay { time, applied: true } => {
                let answer = self.perform();
                sleep(time).await;
                self.answer(answer)
            }
            Action::Delay { time, applied: false } => {
                sleep(time).await;
                self.answer_honestly()
            }
            Action::Hang { applied } => {
                self.perform_if(applied);
                Outcome::Hang(self.receipt)
            }
            Action::Drop { applied } => {
                self.perform_if(applied);
                Outcome::Cut(Cut::Close)
            }
            Action::Reset { applied } => {
                self.perform_if(applied);
                Outcome::Cut(Cut::Reset)
            }
            Action::Late { by } => {
                self.receipt.end();
                Outcome::Late(Box::new(Late { visit: self, by }))
            }
            Action::Truncate {} => {
                let answer = self.perform().cut_short();
                self.answer(answer)
            }
            Action::Huge { bytes, applied } => {
                self.perform_if(applied);
                self.answer(Answer {
                    payload: Payload::Filler(bytes),
                    ..Answer::empty(StatusCode::OK)
                })
            }
            Action::Stale { by } => {
                let answer = self.perform_aged(by);
                self.answer(answer)
            }
            Action::Redirect { status, location } => {
                self.answer(Answer::empty(status).with_header(LOCATION, location))
            }
        }
    }
}

impl CannedAnswer {
    fn into_answer(self, request_id: &str) -> Answer {
        let Self { status, shape, code, message, body, headers, .. } = self;
        let code = code.unwrap_or_else(|| format!("SVCSTG.SWR.{}0000", status.as_u16()));
        let mut answer = match body {
            Some(body) => Answer::text(status, "application/json", body),
            None => Answer::error(shape, status, &code, &message, request_id),
        };
        answer.headers.extend(headers);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;
    use tokio::time::Instant;

    use super::*;
    use crate::Options;

    const SHARES: &str = "/v2/manage/namespaces/group/repositories/busybox/access-domains";

    fn request(method: Method, path: String, body: &'static str) -> Request {
        Request {
            route: Route::find(&method, &path),
            method,
            uri: Uri::try_from(path).unwrap(),
            credential: Offered::Token("t".into()),
            identity_headers: Headers::default(),
            peer: IpAddr::from(Ipv4Addr::LOCALHOST),
            body: Some(Bytes::from_static(body.as_bytes())),
        }
    }

    fn open_simulator() -> Arc<Simulator> {
        let options = Options { tokens: vec!["t".into()], open: true, ..Options::default() };
        Arc::new(Simulator::new(options).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_call_meets_the_cloud_as_it_is_by_then() {
        let simulator = open_simulator();
        let rule = json!({"match": {"method": "DELETE"}, "do": {"late": {"by": "3s"}}});
        simulator.plant_faults(rule).unwrap();
        let started = Instant::now();
        let delete = request(Method::DELETE, format!("{SHARES}/demo"), "");
        let Outcome::Late(late) = handle(Arc::clone(&simulator), delete).await else {
            panic!("it is not late")
        };
        let body = r#"{"access_domain": "demo", "permit": "read", "deadline": "forever"}"#;
        handle(Arc::clone(&simulator), request(Method::POST, SHARES.to_owned(), body)).await;
        let shares = || simulator.shares().len();
        assert_eq!((shares(), started.elapsed()), (1, Duration::ZERO));
        late.arrive().await;
        assert_eq!(shares(), 0);
        assert!(started.elapsed() >= Duration::from_secs(3));
        assert!(simulator.ledger(0)[0].applied_at.is_some());
    }
}
