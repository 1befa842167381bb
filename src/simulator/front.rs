//! What happens to an API request between its arrival and the end of its answer: the ledger, the latency, the faults.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use tokio::time::sleep;

use crate::answer::{Answer, Payload};
use crate::faults::{Action, CannedAnswer};
use crate::ledger::Receipt;
use crate::request::Request;
use crate::shapes::ErrorFacts;
use crate::world::Simulator;

/// How a request ends, as its connection sees it.
#[derive(Debug)]
pub enum Outcome {
    /// With an answer and its request id.
    Answer(Answer, String),
    /// Without one.
    Cut(Cut),
    /// Without one too, but the call goes on.
    Late(Late),
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
    let receipt = simulator.ledger.open(request.arrival());
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
        let done =
            self.simulator.with_world(|world| world.perform(&self.request, &request_id, age));
        if done.applied {
            self.receipt.applied();
        }
        done.answer
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
                Outcome::Late(Late { visit: self, by })
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
        let code = self.code.unwrap_or_else(|| format!("SVCSTG.SWR.{}0000", self.status.as_u16()));
        let facts = ErrorFacts {
            status: self.status.as_u16(),
            code: &code,
            message: &self.message,
            request_id,
        };
        let mut answer = match self.body {
            Some(body) => Answer::text(self.status, "application/json", body),
            None => Answer::shaped(self.shape, self.status, &facts),
        };
        answer.headers.extend(self.headers);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::body::Bytes;
    use axum::http::{HeaderMap, Method, Uri};
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;
    use crate::Options;
    use crate::credentials::Offered;
    use crate::route::Route;

    const SHARES: &str = "/v2/manage/namespaces/group/repositories/busybox/access-domains";

    fn request(method: Method, path: String, body: &'static str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("x-auth-token", "t".parse().unwrap());
        Request {
            route: Route::find(&method, &path),
            method,
            uri: Uri::try_from(path).unwrap(),
            credential: Offered::read(&headers),
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
        simulator.with_world(|world| world.faults.plant(rule)).unwrap();
        let started = Instant::now();
        let delete = request(Method::DELETE, format!("{SHARES}/demo"), "");
        let Outcome::Late(late) = handle(Arc::clone(&simulator), delete).await else {
            panic!("it is not late")
        };
        let body = r#"{"access_domain": "demo", "permit": "read", "deadline": "forever"}"#;
        handle(Arc::clone(&simulator), request(Method::POST, SHARES.to_owned(), body)).await;
        let shares = || simulator.with_world(|world| world.state.all_shares().count());
        assert_eq!((shares(), started.elapsed()), (1, Duration::ZERO));
        late.arrive().await;
        assert_eq!(shares(), 0);
        assert!(started.elapsed() >= Duration::from_secs(3));
        assert!(simulator.ledger.since(0)[0].applied_at.is_some());
    }
}
