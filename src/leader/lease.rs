//! The Lease at the API server: taken, renewed and released, each time by a write that the version of what was
//! read guards. Through a client of its own, which never sends anything twice: what is not answered in time is
//! tried anew by us, who count the time. Decides nothing.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Config;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;
use tokio_util::sync::CancellationToken;

use super::election::{Candidate, Move, RELEASED, Times};
use super::permit::Permit;

/// The verbs that the operator uses in its own namespace, by resource. All but `create` on its own Lease
/// alone: a right to create cannot be bound to a name.
pub const PERMISSIONS: &[(&str, &str, &[&str])] =
    &[("coordination.k8s.io", "leases", &["create", "get", "update"])];

/// How often the same trouble with the Lease is logged.
const SAID_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// What the process around wants to know of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another operator acts, and this one is ready to.
    Standby,
    /// The Lease cannot be read or written; why.
    Trouble(String),
}

/// One who may hold the Lease.
pub struct Contender {
    leases: Api<Lease>,
    /// The operator's own: the pod's, or that of the kubeconfig's context.
    namespace: String,
    name: String,
    /// How this process is called in the Lease.
    us: String,
    times: Times,
}

/// The Lease, held.
pub struct Term {
    /// Until when we may act.
    pub permit: Permit,
    lease: Lease,
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failed {
    /// Somebody else was faster.
    Lost,
    /// It was not carried out, or nobody knows.
    Trouble(String),
}

impl Contender {
    /// For the Lease of this name in the operator's own namespace. `us` is another name in each process, or
    /// one that was started anew would go on with a Lease that it never took.
    pub fn new(mut config: Config, name: String, us: String, times: Times) -> kube::Result<Self> {
        config.default_retry = false;
        let client = kube::Client::try_from(config)?;
        let namespace = client.default_namespace().to_owned();
        Ok(Self { leases: Api::default_namespaced(client), namespace, name, us, times })
    }

    /// Waits for the Lease and takes it.
    pub async fn acquire(&self, mut note: impl FnMut(Standing)) -> Term {
        let (mut candidate, mut holder) = (Candidate::default(), None);
        let mut said = Said::default();
        loop {
            match self.attempt(&mut candidate).await {
                Ok(Ok(term)) => {
                    tracing::info!(us = self.us, lease = self.name, "leads");
                    return term;
                }
                Ok(Err(now)) => {
                    if holder.as_ref() != Some(&now) {
                        tracing::info!(holder = now, lease = self.name, "stands by");
                        holder = Some(now);
                    }
                    said = Said::default();
                    note(Standing::Standby);
                }
                Err(Failed::Lost) => note(Standing::Standby),
                Err(Failed::Trouble(why)) => {
                    said.say(&self.name, &why);
                    note(Standing::Trouble(why));
                }
            }
            tokio::time::sleep(self.times.look()).await;
        }
    }

    /// One look, and the write that it leads to; else who holds it.
    async fn attempt(&self, candidate: &mut Candidate) -> Result<Result<Term, String>, Failed> {
        let lease = self.bounded(self.leases.get_opt(&self.name)).await?;
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        // One without a spec is nobody's.
        let none = LeaseSpec::default();
        let spec = lease.is_some().then(|| spec.unwrap_or(&none));
        match candidate.decide(spec, &self.us, self.times, Instant::now()) {
            Move::Wait { holder } => Ok(Err(holder)),
            Move::Create => self.take(None).await.map(Ok),
            Move::Take => self.take(lease).await.map(Ok),
        }
    }

    async fn take(&self, lease: Option<Lease>) -> Result<Term, Failed> {
        let began = Instant::now();
        let before = lease.as_ref().and_then(|lease| lease.spec.clone());
        let transitions = before.map_or(0, |spec| spec.lease_transitions.unwrap_or_default() + 1);
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            acquire_time: Some(now.clone()),
            holder_identity: Some(self.us.clone()),
            lease_duration_seconds: Some(self.times.seconds()),
            lease_transitions: Some(transitions),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let lease = if let Some(lease) = lease {
            self.put(Lease { spec: Some(spec), ..lease }).await?
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(spec) };
            self.bounded(self.leases.create(&PostParams::default(), &lease)).await?
        };
        Ok(Term { permit: Permit::until(began + self.times.deadline()), lease })
    }

    /// Renews it again and again, until the permit is over or the operator is `done` with it. Gives it as it
    /// was last known, to be released.
    pub async fn keep(&self, mut term: Term, done: CancellationToken, noted: impl Fn()) -> Term {
        let permit = term.permit.clone();
        while permit.is_valid(Instant::now()) {
            tokio::select! {
                () = done.cancelled() => return term,
                () = tokio::time::sleep(self.times.renewal()) => {}
            }
            let began = Instant::now();
            let renewed = self.renewed(&term.lease).await;
            noted();
            match renewed {
                Ok(lease) => {
                    term.lease = lease;
                    permit.renew(began + self.times.deadline(), Instant::now());
                }
                Err(Failed::Lost) => {
                    tracing::warn!(lease = self.name, "another operator holds the Lease");
                    permit.give_up(Instant::now());
                }
                Err(Failed::Trouble(why)) => {
                    tracing::warn!(lease = self.name, "not renewed, and tried again: {why}");
                }
            }
        }
        term
    }

    async fn renewed(&self, lease: &Lease) -> Result<Lease, Failed> {
        let renew = |mut lease: Lease| {
            if let Some(spec) = &mut lease.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
                spec.lease_duration_seconds = Some(self.times.seconds());
            }
            lease
        };
        match self.put(renew(lease.clone())).await {
            Err(Failed::Lost) => {}
            answer => return answer,
        }
        // Somebody has written to it: another holder, a person who has put a label on, or ourselves with
        // a renewal of which the answer was lost.
        let current = self.bounded(self.leases.get(&self.name)).await?;
        let holder = current.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        if holder == Some(&self.us) { self.put(renew(current)).await } else { Err(Failed::Lost) }
    }

    /// Gives it back, so that nobody has to wait for its end. Nothing may be under way any more.
    pub async fn release(&self, term: Term) {
        term.permit.give_up(Instant::now());
        let mut lease = term.lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(RELEASED);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        match self.put(lease).await {
            Ok(_) => tracing::info!(lease = self.name, "released the Lease"),
            Err(why) => {
                tracing::warn!(
                    lease = self.name,
                    "the Lease was not released, and runs out: {why:?}"
                );
            }
        }
    }

    async fn put(&self, lease: Lease) -> Result<Lease, Failed> {
        let params = PostParams::default();
        self.bounded(self.leases.replace(&self.name, &params, &lease)).await
    }

    /// A call has half of the time in which the holder must have renewed it, so that one can fail.
    async fn bounded<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, Failed> {
        match tokio::time::timeout(self.times.deadline() / 2, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(kube::Error::Api(status)))
                if status.is_conflict() || status.is_already_exists() =>
            {
                Err(Failed::Lost)
            }
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                let place = &self.namespace;
                Err(Failed::Trouble(format!(
                    "the operator's service account may not create, get or update it in the namespace {place}"
                )))
            }
            Ok(Err(kube::Error::Api(status))) => {
                Err(Failed::Trouble(format!("HTTP {} ({})", status.code, status.reason)))
            }
            // The text of a decode error can quote the answer.
            Ok(Err(kube::Error::SerdeError(_))) => {
                Err(Failed::Trouble("the answer cannot be decoded".into()))
            }
            Ok(Err(error)) => Err(Failed::Trouble(error.to_string())),
            Err(_) => Err(Failed::Trouble("the API server did not answer in time".into())),
        }
    }
}

/// Trouble that was logged, so that a long one does not fill the log.
#[derive(Default)]
struct Said(Option<(String, Instant)>);

impl Said {
    fn say(&mut self, lease: &str, why: &str) {
        let now = Instant::now();
        let is_news = self.0.as_ref().is_none_or(|(said, at)| {
            said != why || now.saturating_duration_since(*at) >= SAID_AGAIN_AFTER
        });
        if is_news {
            tracing::warn!(lease, "the Lease cannot be taken, and is tried again: {why}");
            self.0 = Some((why.to_owned(), now));
        }
    }
}
