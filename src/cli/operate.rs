//! The operator put together of its parts: once for the process, and anew for each term as the leader.

use std::hash::RandomState;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::StartError;
use super::run::{self, Run};
use crate::access::endpoint::Endpoints;
use crate::cloud::lanes::Lanes;
use crate::cloud::lists::Listings;
use crate::cloud::reachability::Outages;
use crate::core::facts::Settings;
use crate::health::{Health, Part};
use crate::leader::election::Times;
use crate::leader::lease::{Contender, Standing, Term};
use crate::leader::permit::Permit;
use crate::metrics::Metrics;
use crate::operator::api_clock::ApiClock;
use crate::operator::api_server::{ApiServer, CALL};
use crate::operator::controller::Ended;
use crate::operator::pulse::Pulse;
use crate::operator::reads::Reads;
use crate::operator::registry::Registry;
use crate::operator::shared::Shared;
use crate::operator::sources::Allowed;
use crate::operator::{cluster, controller};
use crate::spans::{Collector, LAST};
use crate::{admin, cloud, telemetry};

/// How long the Lease may take to be given back. Without that it runs out.
const RELEASE: Duration = Duration::from_millis(1500);

/// How long a stop takes at most, from SIGTERM to the end of the process. `deploy/` is compared with twice as
/// much, for a busy machine.
pub fn stop_within() -> Duration {
    controller::DRAIN + RELEASE + LAST
}

/// What lives as long as the process: what calls have shown of the cloud, and the clients.
struct Process {
    client: kube::Client,
    clock: ApiClock,
    pulse: Pulse,
    cloud: cloud::Client,
    endpoints: Endpoints,
    allowed: Allowed,
    lanes: Arc<Lanes>,
    outages: Arc<Outages>,
    settings: Arc<Settings>,
    jitter: RandomState,
    /// How long the API server may take for a request.
    limit: Duration,
    metrics: Metrics,
    health: Health,
}

/// Runs the operator until it is asked to stop.
pub(super) async fn operate(run: Run) -> Result<(), StartError> {
    // Before anything that may take its time.
    let mut stop = pin!(stopped());
    run::check_call_timeout(run.call_timeout, run.request_window)?;
    let endpoints = run::endpoints(&run)?;
    let roots = run.ca_file.as_deref().map(run::certificates).transpose()?.unwrap_or_default();
    let cloud = cloud::Client::new(&roots, run.call_timeout).map_err(StartError::Http)?;
    let config = tokio::select! {
        config = cluster::config() => config.map_err(StartError::Cluster)?,
        () = &mut stop => return Ok(()),
    };
    let unusable = |error: kube::Error| StartError::Cluster(error.to_string());
    let (clock, pulse) = (ApiClock::default(), Pulse::default());
    let client = clock.client(config.clone(), &pulse).map_err(unusable)?;
    let times = Times { lease: run.lease_duration };
    let contender = || Contender::new(config, run.lease_name.clone(), identity(), times);
    let contender = run.leader_elect.then(contender).transpose().map_err(unusable)?;

    let collector = run.otlp_endpoint.as_ref().map(Collector::at).transpose();
    let collector = collector.map_err(StartError::Collector)?;
    let spans = collector.as_ref().map(Collector::layer);
    let subscriber = telemetry::subscriber(&run.log_level, run.log_format, std::io::stderr, spans);
    // Fails only if a subscriber is set already, and then there is one.
    let _ = tracing::subscriber::set_global_default(subscriber);

    let (metrics, health) = (Metrics::default(), Health::not_ready("starting"));
    if let Some(address) = run.admin_listen {
        let served = admin::serve(address, metrics.clone(), health.clone()).await;
        let bound = served.map_err(|why| StartError::Admin { address, why })?;
        tracing::info!("admin endpoint on http://{bound}");
    }
    let mut namespaces = run.namespaces.clone();
    namespaces.retain(|name| !name.is_empty());
    let process = Process {
        client,
        clock,
        pulse,
        cloud,
        endpoints,
        allowed: run.allowed(),
        lanes: Arc::default(),
        outages: Arc::default(),
        settings: Arc::new(run.settings()),
        jitter: RandomState::new(),
        limit: if run.leader_elect { times.left_over() } else { CALL },
        metrics,
        health,
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    match contender {
        Some(contender) => process.lead_in_turns(&namespaces, &Arc::new(contender), stop).await,
        None => {
            process.lead(&namespaces, Permit::without_end(), &mut stop).await;
        }
    }
    tracing::info!("stopped");
    if let Some(collector) = collector {
        collector.close().await;
    }
    Ok(())
}

impl Process {
    /// Stands by, leads, and stands by again when it has lost the Lease: a new start would help nobody.
    async fn lead_in_turns(
        &self,
        namespaces: &[String],
        contender: &Arc<Contender>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) {
        loop {
            let term = tokio::select! {
                biased;
                () = &mut stop => return,
                term = contender.acquire(|standing| self.note(standing)) => term,
            };
            let (permit, done) = (term.permit.clone(), CancellationToken::new());
            // In a task of its own: nothing that passes do may keep it up.
            let keeping = tokio::spawn({
                let (contender, done, health) =
                    (contender.clone(), done.clone(), self.health.clone());
                let noted = move || health.progressed(Part::Lease, Instant::now());
                async move { contender.keep(term, done, noted).await }
            });
            let ended = self.lead(namespaces, permit, &mut stop).await;
            done.cancel();
            match ended {
                Ended::Lost => tracing::warn!("does not lead any more, and stands by"),
                Ended::Quiet => return release(contender, keeping).await,
                Ended::CutOff => {
                    tracing::warn!(
                        "what was cut off may still take effect: the Lease runs out by itself"
                    );
                    return;
                }
            }
        }
    }

    /// What an attempt at the Lease has shown.
    fn note(&self, standing: Standing) {
        self.health.progressed(Part::Lease, Instant::now());
        self.health.set(match standing {
            Standing::Standby => None,
            Standing::Trouble(why) => Some(format!("the Lease cannot be taken: {why}")),
        });
    }

    /// One term. What is known of objects begins anew with it: another leader may have changed anything.
    async fn lead(
        &self,
        namespaces: &[String],
        permit: Permit,
        stop: &mut Pin<&mut impl Future<Output = ()>>,
    ) -> Ended {
        self.health.set(Some("the objects are not listed yet".to_owned()));
        self.pulse.forget();
        for part in [Part::Queue, Part::Watch] {
            self.health.progressed(part, Instant::now());
        }
        let shared = Shared {
            api_server: ApiServer::new(self.client.clone(), self.clock.clone(), self.limit),
            cloud: self.cloud.clone(),
            endpoints: self.endpoints.clone(),
            allowed: self.allowed.clone(),
            lanes: self.lanes.clone(),
            outages: self.outages.clone(),
            listings: Listings::default(),
            registry: Registry::new(self.settings.default_region.clone()),
            reads: Reads::default(),
            settings: self.settings.clone(),
            jitter: self.jitter.clone(),
            leads_since: Instant::now(),
            permit,
            pulse: self.pulse.clone(),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
            stopping: CancellationToken::new(),
        };
        controller::run(namespaces, Arc::new(shared), stop).await
    }
}

async fn release(contender: &Contender, keeping: tokio::task::JoinHandle<Term>) {
    let releasing = async {
        if let Ok(term) = keeping.await {
            contender.release(term).await;
        }
    };
    if tokio::time::timeout(RELEASE, releasing).await.is_err() {
        tracing::warn!("the Lease was not released in time, and runs out by itself");
    }
}

/// The pod's name and a random part: a container that is started anew in its pod is another candidate.
fn identity() -> String {
    use std::hash::BuildHasher;
    let host = std::env::var("HOSTNAME").ok().or_else(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        Some(name.trim().to_owned())
    });
    let random = RandomState::new().hash_one(0_u8);
    format!("{}_{random:016x}", host.unwrap_or_default())
}

/// Resolves at SIGINT or SIGTERM. From the call on, not only once it is waited for, these end nothing
/// by themselves.
fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            // Without handlers the signals end the process by themselves.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
