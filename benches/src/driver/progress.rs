//! How many objects of a namespace are Ready, and how many are gone: one watch, read as cheaply as
//! can be, since it runs beside what it measures.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::{ListParams, WatchParams};
use kube::core::{Request, WatchEvent};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::load;
use super::process::Process;
use crate::Outcome;

/// What the watch has shown.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    ready: usize,
    /// When the first object was marked for deletion.
    marked: Option<Instant>,
    gone: usize,
}

/// A watch on a namespace's objects; it ends when this is dropped.
pub struct Progress {
    seen: watch::Receiver<Seen>,
    watching: JoinHandle<()>,
}

#[derive(Deserialize)]
struct List {
    metadata: Version,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
}

#[derive(Deserialize, Clone)]
struct Object {
    metadata: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    resource_version: String,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize, Clone, Default)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize, Clone)]
struct Condition {
    r#type: String,
    status: String,
}

impl Progress {
    /// Begins with what happens from now on.
    pub async fn watch(client: &kube::Client, namespace: &str) -> Outcome<Self> {
        let list = Request::new(load::url(namespace)).list(&ListParams::default().limit(1))?;
        let version = client.request::<List>(list).await?.metadata.resource_version;
        let (tell, seen) = watch::channel(Seen::default());
        let (client, namespace) = (client.clone(), namespace.to_owned());
        let watching = tokio::spawn(async move {
            if let Err(error) = follow(&client, &namespace, version, &tell).await {
                eprintln!("bench: the watch on {namespace} failed: {error}");
            }
        });
        Ok(Self { seen, watching })
    }

    /// Waits until so many objects are Ready, while this process runs.
    pub async fn until_ready(
        &mut self,
        count: usize,
        bound: Duration,
        process: &mut Process,
    ) -> Outcome<Instant> {
        self.until(bound, process, |seen| seen.ready >= count).await
    }

    /// Waits until so many objects are gone, while this process runs; gives how long it took from
    /// the first mark on. A namespace that is deleted waits some seconds before it marks anything.
    pub async fn until_gone(
        &mut self,
        count: usize,
        bound: Duration,
        process: &mut Process,
    ) -> Outcome<Duration> {
        let gone = self.until(bound, process, |seen| seen.gone >= count).await?;
        let marked = self.seen.borrow().marked;
        Ok(gone - marked.ok_or("no object was marked for deletion")?)
    }

    async fn until(
        &mut self,
        bound: Duration,
        process: &mut Process,
        enough: impl Fn(&Seen) -> bool,
    ) -> Outcome<Instant> {
        let start = Instant::now();
        loop {
            let waiting = self.seen.wait_for(&enough);
            match tokio::time::timeout(Duration::from_secs(1), waiting).await {
                Ok(Ok(_)) => return Ok(Instant::now()),
                Ok(Err(_)) => return Err("the watch ended".into()),
                Err(_) => process.check()?,
            }
            if start.elapsed() > bound {
                let seen = *self.seen.borrow();
                return Err(format!("not done after {} s: {seen:?}", bound.as_secs()).into());
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn follow(
    client: &kube::Client,
    namespace: &str,
    mut version: String,
    tell: &watch::Sender<Seen>,
) -> Outcome<()> {
    let mut ready = HashSet::new();
    // The API server ends a watch after some minutes.
    loop {
        let request =
            Request::new(load::url(namespace)).watch(&WatchParams::default(), &version)?;
        let events = client.request_events::<Object>(request).await?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version.clone_from(&object.metadata.resource_version);
                    if object.metadata.deletion_timestamp.is_some() {
                        tell.send_if_modified(mark);
                    }
                    if object.is_ready() && ready.insert(object.metadata.name) {
                        tell.send_modify(|seen| seen.ready = ready.len());
                    }
                }
                WatchEvent::Deleted(object) => {
                    version = object.metadata.resource_version;
                    tell.send_modify(|seen| seen.gone += 1);
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(status.message.into()),
            }
        }
    }
}

/// Keeps the first time.
fn mark(seen: &mut Seen) -> bool {
    let first = seen.marked.is_none();
    seen.marked.get_or_insert_with(Instant::now);
    first
}

impl Object {
    fn is_ready(&self) -> bool {
        let conditions = &self.status.conditions;
        conditions.iter().any(|one| one.r#type == "Ready" && one.status == "True")
    }
}
