//! A gate between the operator and the world: the API server on one address, the cloud on another.
//! It passes everything on, watches included, and can be told to stop the operator at one effect.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::effect::{Effect, Occurrence};

/// No traffic for this long, and the operator has come to rest.
const QUIET: Duration = Duration::from_millis(300);

/// Where in a request's life the operator is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The request never takes effect.
    Before,
    /// The request takes effect, and the operator is not told.
    At,
    /// The operator has the answer, and does nothing more.
    After,
    /// The request takes effect long after the operator has died.
    Late,
}

/// Where the requests of one operator go through.
pub struct Gate {
    /// The address that stands for the cloud.
    pub cloud: String,
    kubeconfig: PathBuf,
    inner: Arc<Inner>,
    serving: [JoinHandle<()>; 2],
}

struct Inner {
    world: World,
    state: watch::Sender<Guard>,
}

/// What is behind the gate.
#[derive(Clone)]
pub struct World {
    /// The API server, with the operator's rights.
    pub cluster: kube::Client,
    /// The cloud.
    pub http: reqwest::Client,
    /// The cloud's address.
    pub cloud: String,
}

struct Guard {
    stop: Option<(Occurrence, Moment)>,
    /// The stop was reached.
    reached: bool,
    /// No effect passes.
    shut: bool,
    /// How many effects wait.
    waiting: usize,
    /// The operator of this life has asked for the objects.
    awake: bool,
    /// Which of the operators that came one after the other is alive.
    life: u32,
    /// The effects of this life, since the stop was set.
    seen: Vec<Effect>,
    last: Instant,
    late: Option<Whole>,
}

/// A request, all of it.
#[derive(Clone)]
struct Whole {
    parts: request::Parts,
    body: Bytes,
}

/// What becomes of an effect that arrives.
enum Turn {
    Pass,
    Wait,
    Stop(Moment),
}

impl Gate {
    /// Opens a gate to `world`; `scratch` is for its kubeconfig.
    pub async fn open(world: World, scratch: &Path, name: &str) -> Self {
        let guard = Guard {
            stop: None,
            reached: false,
            shut: false,
            waiting: 0,
            awake: false,
            life: 0,
            seen: Vec::new(),
            last: Instant::now(),
            late: None,
        };
        let inner = Arc::new(Inner { world, state: watch::Sender::new(guard) });
        let (api_server, first) = serve(inner.clone()).await;
        let (cloud, second) = serve(inner.clone()).await;
        let kubeconfig = scratch.join(format!("{name}-gate.kubeconfig"));
        std::fs::write(&kubeconfig, kubeconfig_for(&api_server)).unwrap();
        Self { cloud, kubeconfig, inner, serving: [first, second] }
    }

    /// With which the operator finds the gate instead of the API server.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Stops the operator there, the next time it comes there.
    pub fn stop_at(&self, occurrence: Occurrence, moment: Moment) {
        self.change(|guard| {
            guard.stop = Some((occurrence, moment));
            guard.seen.clear();
        });
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.change(|guard| guard.seen.clear());
    }

    /// Waits until the effect to stop at has come.
    pub async fn reached(&self) {
        self.until(|guard| guard.reached).await;
    }

    /// Waits until the operator has read the answer that was to be its last. Its next effect shows
    /// it; after the last one, nothing does.
    pub async fn read(&self) {
        let _ = tokio::time::timeout(QUIET, self.until(|guard| guard.waiting > 0)).await;
    }

    /// The operator is dead: what it had sent and was held back is lost, but for what is late.
    pub fn bury(&self) {
        self.change(|guard| {
            (guard.stop, guard.shut, guard.life) = (None, false, guard.life + 1);
            guard.awake = false;
            guard.seen.clear();
        });
    }

    /// Everything that was held back goes on.
    pub fn go_on(&self) {
        self.change(|guard| (guard.stop, guard.shut) = (None, false));
    }

    /// The effects since the stop was set, or the last operator was buried.
    pub fn seen(&self) -> Vec<Effect> {
        self.inner.state.borrow().seen.clone()
    }

    /// Waits until the operator has the objects, and no effect has come for a while.
    pub async fn quiet(&self) {
        self.until(|guard| guard.awake).await;
        loop {
            let since = self.inner.state.borrow().last.elapsed();
            match QUIET.checked_sub(since) {
                Some(left) => tokio::time::sleep(left).await,
                None => return,
            }
        }
    }

    /// Lets the late request arrive at last. Gives whether there was one.
    pub async fn deliver(&self) -> bool {
        let mut late = None;
        self.change(|guard| late = guard.late.take());
        let Some(late) = late else { return false };
        self.inner.forward(late).await;
        true
    }

    fn change(&self, change: impl FnOnce(&mut Guard)) {
        self.inner.state.send_modify(change);
    }

    async fn until(&self, condition: impl FnMut(&Guard) -> bool) {
        // The sender lives as long as the gate.
        let _ = self.inner.state.subscribe().wait_for(condition).await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(inner: Arc<Inner>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(through).with_state(inner);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, serving)
}

/// In the operator's own namespace, as in a cluster. The gate adds the credentials.
fn kubeconfig_for(api_server: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "gate",
        "clusters": [{"name": "gate", "cluster": {"server": api_server}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "gate", "context": {
            "cluster": "gate", "user": "nobody", "namespace": "imageshare-system",
        }}],
    });
    config.to_string()
}

async fn through(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return cut_off() };
    let request = Whole { parts, body };
    let effect = Effect::of(&request.parts.method, request.parts.uri.path(), &request.body);
    match effect {
        None => {
            let is_watch = request.parts.uri.query().is_some_and(|query| query.contains("watch="));
            let answer = inner.forward(request).await;
            // A list came before, and its answer.
            inner.state.send_modify(|guard| {
                if is_watch && !guard.awake {
                    (guard.awake, guard.last) = (true, Instant::now());
                }
            });
            answer
        }
        Some(effect) => inner.let_through(effect, request).await,
    }
}

impl Inner {
    async fn let_through(self: Arc<Self>, effect: Effect, request: Whole) -> Response {
        let (turn, life) = self.turn(effect, &request);
        let answer = match turn {
            Turn::Pass => self.forward_whole(request).await,
            Turn::Wait | Turn::Stop(Moment::Before | Moment::Late) => {
                if !self.may_go_on(life).await {
                    return cut_off();
                }
                self.forward_whole(request).await
            }
            Turn::Stop(Moment::At) => {
                // In a task of its own: it takes effect although nobody waits for the answer.
                let inner = self.clone();
                let forwarding = tokio::spawn(async move {
                    let answer = inner.forward_whole(request).await;
                    inner.note_reached();
                    answer
                });
                let answer = forwarding.await;
                if !self.may_go_on(life).await {
                    return cut_off();
                }
                answer.unwrap_or_else(|_| cut_off())
            }
            Turn::Stop(Moment::After) => {
                let answer = self.forward_whole(request).await;
                self.note_reached();
                answer
            }
        };
        self.state.send_modify(|guard| guard.last = Instant::now());
        answer
    }

    fn turn(&self, effect: Effect, request: &Whole) -> (Turn, u32) {
        let mut result = (Turn::Pass, 0);
        self.state.send_modify(|guard| {
            guard.seen.push(effect);
            guard.last = Instant::now();
            let nth = guard.seen.iter().filter(|seen| **seen == effect).count();
            let turn = match guard.stop {
                _ if guard.shut => Turn::Wait,
                Some((stop, moment)) if stop == (Occurrence { effect, nth }) => Turn::Stop(moment),
                _ => Turn::Pass,
            };
            match turn {
                Turn::Wait => guard.waiting += 1,
                Turn::Stop(moment) => {
                    guard.shut = true;
                    guard.reached = matches!(moment, Moment::Before | Moment::Late);
                    guard.late = (moment == Moment::Late).then(|| request.clone());
                }
                Turn::Pass => {}
            }
            result = (turn, guard.life);
        });
        result
    }

    fn note_reached(&self) {
        self.state.send_modify(|guard| guard.reached = true);
    }

    /// Waits while the gate is shut. False: the operator has died meanwhile.
    async fn may_go_on(&self, life: u32) -> bool {
        let mut state = self.state.subscribe();
        let opened = state.wait_for(|guard| guard.life != life || !guard.shut).await;
        opened.is_ok_and(|guard| guard.life == life)
    }

    /// Passes an effect on, and gives its answer once it is there in full.
    async fn forward_whole(&self, request: Whole) -> Response {
        let (parts, body) = self.forward(request).await.into_parts();
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(body) => Response::from_parts(parts, Body::from(body)),
            Err(_) => cut_off(),
        }
    }

    async fn forward(&self, request: Whole) -> Response {
        let Whole { mut parts, body } = request;
        for name in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
            parts.headers.remove(name);
        }
        let answer = if parts.uri.path().starts_with("/v2/") {
            self.forward_to_the_cloud(parts, body).await
        } else {
            self.forward_to_the_cluster(parts, body).await
        };
        answer.unwrap_or_else(cut_off)
    }

    async fn forward_to_the_cloud(&self, parts: request::Parts, body: Bytes) -> Option<Response> {
        let World { http, cloud, .. } = &self.world;
        let request = http.request(parts.method, format!("{cloud}{}", parts.uri));
        let answer = request.headers(parts.headers).body(body).send().await.ok()?;
        let (status, headers) = (answer.status(), passed_on(answer.headers()));
        let body = answer.bytes().await.ok()?;
        Some((status, headers, body).into_response())
    }

    async fn forward_to_the_cluster(&self, parts: request::Parts, body: Bytes) -> Option<Response> {
        let request = Request::from_parts(parts, body.into());
        let answer = self.world.cluster.send(request).await.ok()?;
        let (parts, body) = answer.into_parts();
        // Unread: a watch goes on for minutes.
        Some((parts.status, passed_on(&parts.headers), Body::new(body)).into_response())
    }
}

/// The headers but for those that are between two neighbours.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION] {
        headers.remove(name);
    }
    headers
}

/// What an operator is told whose gate has fallen shut. A dead one does not hear it.
fn cut_off() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// The API server for a gate, as `kubeconfig` has it.
pub async fn cluster(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    // Every request of the operator goes through once.
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}
