//! One share, one session, the four verbs as values, and a simulator that can be told what to say.

use std::sync::Arc;
use std::time::Duration;

use imageshare::access::token::Token;
use imageshare::cloud::access_domains::Session;
use imageshare::cloud::{Answer, Client, Deadline, RemoteShare, ShareId, SwrError, Terms};
use imageshare::reason::Reason;
use imageshare_simulator::{Entry, Options, Running, start};
use serde_json::{Value, json};

/// As opaque as a real one, and nothing else in these tests looks like it.
pub const TOKEN: &str = "MIIFcanary0123456789abcdefghijklmnopqrstuvwxyz";

/// In the form of SWR's own.
pub const REQUEST_ID: &str = "1b7f0a3c9d2e4f5061728394a5b6c7d8";

/// The only share that most tests know; the simulator knows its repository and its account.
pub fn share() -> ShareId {
    share_of("group", "tools/busybox", "demo")
}

pub fn share_of(organization: &str, repository: &str, account: &str) -> ShareId {
    ShareId {
        region: "eu-west-101".into(),
        organization: organization.into(),
        repository: repository.into(),
        account: account.into(),
    }
}

pub fn terms() -> Terms {
    Terms { permission: "read".into(), deadline: Deadline::Forever, description: "d".into() }
}

/// How long a call may take, where a test does not say otherwise: what `imageshare run` grants.
pub const CALL: Duration = Duration::from_secs(15);

pub fn client() -> Client {
    client_with(&[], CALL)
}

pub fn client_with(roots: &[reqwest::Certificate], call_timeout: Duration) -> Client {
    install_ring();
    Client::new(roots, call_timeout).unwrap()
}

pub fn install_ring() {
    // The second test in this process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub fn session(url: &str) -> Session {
    session_with(url, TOKEN)
}

pub fn session_with(url: &str, token: &str) -> Session {
    session_of(&client(), url, token)
}

pub fn session_of(client: &Client, url: &str, token: &str) -> Session {
    client.session(url.parse().unwrap(), Arc::new(Token::read(token.as_bytes()).unwrap()))
}

/// What a verb led to, the same for all four.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Done,
    Absent,
    AlreadyExists,
    Held(RemoteShare),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done => Self::Done,
            Answer::Absent => Self::Absent,
            Answer::AlreadyExists => Self::AlreadyExists,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verb {
    Create,
    Show,
    Update,
    Delete,
}

impl Verb {
    pub const ALL: [Self; 4] = [Self::Create, Self::Show, Self::Update, Self::Delete];
    pub const WRITES: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    pub async fn call(self, session: &Session) -> Result<Outcome, SwrError> {
        self.call_on(session, &share(), &terms()).await
    }

    /// Makes the call; whatever goes wrong, the error must not show the token.
    pub async fn call_on(
        self,
        session: &Session,
        share: &ShareId,
        terms: &Terms,
    ) -> Result<Outcome, SwrError> {
        let outcome = self.call_unchecked(session, share, terms).await;
        if let Err(error) = &outcome {
            let shown = format!("{error} {error:?} {error:#?}");
            assert!(!shown.contains("canary"), "{shown}");
        }
        outcome
    }

    /// Makes the call, for who looks for the token himself.
    pub async fn call_unchecked(
        self,
        session: &Session,
        share: &ShareId,
        terms: &Terms,
    ) -> Result<Outcome, SwrError> {
        match self {
            Self::Create => session.create(share, terms).await.map(Outcome::from),
            Self::Show => {
                session.show(share).await.map(|held| held.map_or(Outcome::Absent, Outcome::Held))
            }
            Self::Update => session.update(share, terms).await.map(Outcome::from),
            Self::Delete => session.delete(share).await.map(|()| Outcome::Done),
        }
    }
}

/// The reason for which each verb fails.
pub async fn reasons(session: &Session) -> [Reason; 4] {
    let mut reasons = [Reason::Shared; 4];
    for (reason, verb) in reasons.iter_mut().zip(Verb::ALL) {
        *reason = verb.call(session).await.unwrap_err().reason;
    }
    reasons
}

/// A simulator that knows [`share`]'s repository and account, and [`TOKEN`].
pub struct Cloud {
    pub running: Running,
}

impl Cloud {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        install_ring();
        let options = Options {
            tokens: vec![TOKEN.into()],
            repositories: vec!["group/tools/busybox".to_owned()],
            accounts: vec!["demo".to_owned()],
            ..options
        };
        Self { running: start(options).await.unwrap() }
    }

    pub fn session(&self) -> Session {
        session(self.running.url())
    }

    pub fn session_with(&self, token: &str) -> Session {
        session_with(self.running.url(), token)
    }

    /// From now on every call ends so.
    pub fn always(&self, deed: &Value) {
        self.running.clear_faults();
        self.running.plant_faults(json!({"do": deed})).unwrap();
    }

    /// From now on every call has this answer.
    pub fn always_answers(&self, status: u16, shape: &str, code: &str, message: &str) {
        let answer = json!({"status": status, "shape": shape, "code": code, "message": message});
        self.always(&json!({"answer": answer}));
    }

    /// The ledger's newest entry.
    pub fn last_call(&self) -> Entry {
        self.running.ledger(0).pop().unwrap()
    }

    /// The request id that the simulator gave to its newest call.
    pub fn last_request_id(&self) -> String {
        format!("{:032x}", self.last_call().seq)
    }
}
