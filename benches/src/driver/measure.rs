//! One measurement after the other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::audit;
use super::figures::{Figure, as_number};
use super::load;
use super::neighbours::{Snapshot, until_quiet};
use super::process::{Cost, Process};
use super::progress::Progress;
use super::stage::Stage;
use super::subject::{self, Recipe, Subject};
use super::world::World;
use crate::Outcome;

/// What is measured beside the burst. Named as in the report.
pub const RESTART: &str = "operator, restart";
/// The deletion of a namespace.
pub const DELETION: &str = "operator, deletion";
/// The same by a bare loop.
pub const BARE_DELETION: &str = "bare loop, deletion";

/// A round: what was measured in it so far.
pub struct Measuring<'a> {
    world: &'a World,
    patience: Duration,
    client: kube::Client,
    /// What a subject costs that meets no object.
    floor: HashMap<&'static str, Cost>,
    round: usize,
    /// Counts the stages of this round, so that each has a name of its own.
    stages: usize,
    /// In the order of measuring.
    pub figures: Vec<Figure>,
}

/// Counters before something is measured.
struct Before {
    audit: u64,
    calls: u64,
    cost: Cost,
    start: Instant,
}

/// How long so many objects may take.
fn bound(objects: usize) -> Duration {
    Duration::from_mins(2) + Duration::from_millis(100) * u32::try_from(objects).unwrap_or(u32::MAX)
}

impl<'a> Measuring<'a> {
    /// Nothing measured yet.
    pub async fn new(world: &'a World, patience: Duration, round: usize) -> Outcome<Self> {
        let config = Kubeconfig::read_from(&world.kubeconfig)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options).await?;
        let client = kube::Client::try_from(config)?;
        let (floor, figures) = (HashMap::new(), Vec::new());
        Ok(Self { world, patience, client, floor, round, stages: 0, figures })
    }

    /// Measures a subject with so many objects. One that fails is told of in its figure.
    pub async fn subject(
        &mut self,
        subject: Subject,
        recipe: &Recipe,
        objects: usize,
    ) -> Outcome<()> {
        let stage = self.stage(subject)?;
        if let Err(error) = self.on_stage(&stage, subject, recipe, objects).await {
            eprintln!("bench: {} with {objects} objects: {error}", subject.name());
            let (subject, failure) = (subject.name().to_owned(), Some(error.to_string()));
            self.figures.push(Figure { subject, objects, failure, ..Figure::default() });
        }
        load::clear(&self.client, &stage.namespace).await
    }

    fn stage(&mut self, subject: Subject) -> Outcome<Stage> {
        self.stages += 1;
        let (name, process) = (subject.name().replace(' ', "-"), std::process::id());
        let label = format!("{name}-{process}-{}-{}", self.round, self.stages);
        Stage::new(self.world, subject, &label)
    }

    async fn floor(&mut self, subject: Subject, recipe: &Recipe) -> Outcome<Cost> {
        let stage = self.stage(subject)?;
        let mut process = start(&stage, subject, recipe)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let cost = process.at_rest().await?;
        drop(process);
        load::clear(&self.client, &stage.namespace).await?;
        Ok(cost)
    }

    async fn on_stage(
        &mut self,
        stage: &Stage,
        subject: Subject,
        recipe: &Recipe,
        objects: usize,
    ) -> Outcome<()> {
        if !self.floor.contains_key(subject.name()) && subject != Subject::Bare {
            let floor = self.floor(subject, recipe).await?;
            self.floor.insert(subject.name(), floor);
        }
        load::fill(&self.client, &stage.namespace, objects).await?;
        let mut process = self.burst(stage, subject, recipe, objects).await?;
        match subject {
            Subject::Operator => {
                drop(process);
                let mut process = self.restart(stage, recipe, objects).await?;
                let before = self.before(stage, process.cost()?).await?;
                self.deletion(stage, DELETION, &before, &mut process, objects).await
            }
            Subject::Bare => {
                drop(process);
                let before = self.before(stage, Cost::default()).await?;
                process = start(stage, subject, &subject::undo())?;
                self.deletion(stage, BARE_DELETION, &before, &mut process, objects).await
            }
            _ => Ok(()),
        }
    }

    /// The subject starts while all objects wait.
    async fn burst(
        &mut self,
        stage: &Stage,
        subject: Subject,
        recipe: &Recipe,
        objects: usize,
    ) -> Outcome<Process> {
        let floor = self.floor.get(subject.name()).copied().unwrap_or_default();
        let mut progress = Progress::watch(&self.client, &stage.namespace).await?;
        until_quiet(self.patience).await?;
        let before = self.before(stage, floor).await?;
        let machine = Snapshot::take(&[&self.world.process, &stage.cloud.process])?;
        let mut process = start(stage, subject, recipe)?;
        let ready = progress.until_ready(objects, bound(objects), &mut process).await?;
        let now = Snapshot::take(&[&self.world.process, &stage.cloud.process, &process])?;
        let cost = process.at_rest().await?;
        let mut figure = self.figure(subject.name(), stage, &before, cost, objects).await?;
        let (time, bare) = (ready - before.start, Subject::Bare.name());
        self.took(&mut figure, time, [&machine, &now], bare);
        // The bare loop keeps nothing: what it holds is no memory of objects.
        figure.memory = figure.memory.filter(|_| subject != Subject::Bare);
        self.add(figure);
        Ok(process)
    }

    /// The operator starts again while all objects are settled.
    async fn restart(
        &mut self,
        stage: &Stage,
        recipe: &Recipe,
        objects: usize,
    ) -> Outcome<Process> {
        let floor = self.floor.get(Subject::Operator.name()).copied().unwrap_or_default();
        let before = self.before(stage, floor).await?;
        let mut process = start(stage, Subject::Operator, recipe)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let cost = process.at_rest().await?;
        let figure = self.figure(RESTART, stage, &before, cost, objects).await?;
        self.add(figure);
        Ok(process)
    }

    /// The whole namespace is deleted.
    async fn deletion(
        &mut self,
        stage: &Stage,
        name: &str,
        before: &Before,
        process: &mut Process,
        objects: usize,
    ) -> Outcome<()> {
        let mut progress = Progress::watch(&self.client, &stage.namespace).await?;
        let own = |process: &Process| {
            Snapshot::take(&[&self.world.process, &stage.cloud.process, process])
        };
        let machine = own(process)?;
        load::remove(&self.client, &stage.namespace).await?;
        let took = progress.until_gone(objects, bound(objects), process).await?;
        let now = own(process)?;
        let cost = process.at_rest().await?;
        let mut figure = self.figure(name, stage, before, cost, objects).await?;
        self.took(&mut figure, took, [&machine, &now], BARE_DELETION);
        figure.memory = None;
        self.add(figure);
        Ok(())
    }

    async fn before(&self, stage: &Stage, cost: Cost) -> Outcome<Before> {
        let audit = audit::end(&self.world.audit)?;
        let calls = stage.cloud.calls().await?;
        Ok(Before { audit, calls, cost, start: Instant::now() })
    }

    async fn figure(
        &self,
        name: &str,
        stage: &Stage,
        before: &Before,
        cost: Cost,
        objects: usize,
    ) -> Outcome<Figure> {
        let requests = audit::since(&self.world.audit, before.audit, &stage.user())?;
        let calls = stage.cloud.calls().await? - before.calls;
        let count = as_number(objects);
        let each = |total: u64| u32::try_from(total).map(|total| f64::from(total) / count).ok();
        let cpu = cost.cpu.saturating_sub(before.cost.cpu);
        Ok(Figure {
            subject: name.to_owned(),
            objects,
            cpu: Some(cpu.as_secs_f64() * 1000.0 / count),
            memory: each(cost.memory.saturating_sub(before.cost.memory) / 1024),
            reads: each(requests.reads),
            writes: each(requests.writes),
            calls: each(calls),
            ..Figure::default()
        })
    }

    /// Puts in how long it took and what the machine did meanwhile, by itself and beside the bare
    /// loop of this round.
    fn took(&self, figure: &mut Figure, time: Duration, machine: [&Snapshot; 2], measure: &str) {
        let [before, after] = machine;
        let all = before.own(after).as_secs_f64() * 1000.0 / as_number(figure.objects);
        figure.seconds = Some(time.as_secs_f64());
        figure.all_cpu = Some(all);
        figure.others = Some(before.others(after));
        let mut measured = self.figures.iter();
        let bare = measured.find(|of| of.subject == measure && of.objects == figure.objects);
        let beside = |number: f64, bare: Option<f64>| Some(number / bare?);
        let own = figure.subject == measure;
        let bare = if own { Some(&*figure) } else { bare };
        let (seconds, cpu) = (bare.and_then(|of| of.seconds), bare.and_then(|of| of.all_cpu));
        (figure.ratio, figure.all_ratio) = (beside(time.as_secs_f64(), seconds), beside(all, cpu));
    }

    fn add(&mut self, figure: Figure) {
        eprintln!("bench: {}", super::report::line(&figure));
        self.figures.push(figure);
    }
}

fn start(stage: &Stage, subject: Subject, recipe: &Recipe) -> Outcome<Process> {
    let log = World::file(&format!("{}.log", stage.namespace));
    Process::start(&mut recipe.command(subject, stage), &log)
}
