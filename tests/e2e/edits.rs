//! Generated edits: whatever people write into their objects, in whatever order, each edit is
//! refused in words that help, or the object comes to rest and its status tells the truth. And in
//! the end each object comes back to health.
//!
//! `EDITS` says how many edits (2,000 by default), `EDITS_SEED` draws others than the usual ones.

mod dice;
mod draw;
mod judge;
mod watched;

use std::collections::BTreeMap;
use std::time::Instant;

use futures::{StreamExt, stream};
use imageshare::api::{FOREVER, ImageShare, RECONCILE_REQUESTED_AT};
use imageshare::reason::Reason;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use self::dice::Dice;
use self::draw::{Drawing, Edit, Meddling};
use self::watched::Watched;
use crate::schema::CODE;
use crate::support::{Operator, TOKEN, Trial, setting, until};

/// So many objects are edited at once.
const OBJECTS: usize = 48;
/// The repositories that they share out among them: lists answer for several objects.
const REPOSITORIES: [&str; 4] = ["r0", "r1", "tools/r2", "r3"];

/// What became of the edits.
type Figures = BTreeMap<&'static str, usize>;

/// One object and its way through its edits.
struct Subject<'a> {
    trial: &'a Trial,
    watched: &'a Watched,
    drawing: &'a Drawing,
    name: String,
    index: usize,
    figures: Figures,
}

impl Subject<'_> {
    fn repository(&self) -> &'static str {
        REPOSITORIES[self.index % REPOSITORIES.len()]
    }

    /// Upper and lower case are one account for SWR.
    fn account(&self) -> String {
        format!("A{}", self.index)
    }

    async fn create(&self) {
        let mut spec = json!({"repository": self.repository(), "account": self.account()});
        if self.index.is_multiple_of(3) {
            // The operator's default.
            spec["region"] = Value::Null;
        }
        self.trial.create(&self.name, spec).await;
    }

    /// The share as the cloud holds it now.
    async fn held(&self) -> Option<Value> {
        let account = self.account().to_lowercase();
        self.trial.held().await.into_iter().find(|share| {
            share["repository"] == self.repository()
                && share["access_domain"].as_str().unwrap().to_lowercase() == account
        })
    }

    async fn meddle(&self, meddling: &Meddling) {
        match meddling {
            Meddling::Remove if self.held().await.is_some() => {
                let path = format!("shares/group/{}/{}", self.repository(), self.account());
                self.trial.simulate("DELETE", &path, Value::Null).await;
            }
            Meddling::Remove => {}
            Meddling::Put { deadline, description } => {
                let share = json!({
                    "namespace": "group", "repository": self.repository(),
                    "access_domain": self.account().to_lowercase(),
                    "deadline": deadline, "description": description,
                });
                self.trial.simulate("PUT", "shares", json!([share])).await;
            }
        }
    }

    async fn patch(&self, patch: Value) -> Result<ImageShare, String> {
        let parameters = PatchParams::default().validation_strict();
        let patched =
            self.trial.shares().patch(&self.name, &parameters, &Patch::Merge(patch)).await;
        patched.map_err(|error| match error {
            kube::Error::Api(status) => status.message.clone(),
            error => panic!("{}: no answer: {error}", self.name),
        })
    }

    /// Makes one edit and sees what comes of it.
    async fn step(&mut self, dice: &mut Dice, number: usize) -> Result<(), String> {
        let before = self.watched.now(&self.name).ok_or("the object is gone")?;
        let spec = serde_json::to_value(&before.spec).unwrap();
        let edit = self.drawing.edit(&spec, dice);
        self.follow(&before, &edit, number).await.map_err(|wrong| {
            let spec = serde_json::to_string(&before.spec).unwrap();
            format!("{}, edit {number}, {edit:?} of {spec}: {wrong}", self.name)
        })
    }

    async fn follow(
        &mut self,
        before: &ImageShare,
        edit: &Edit,
        number: usize,
    ) -> Result<(), String> {
        if let Some(meddling) = &edit.meddling {
            self.meddle(meddling).await;
        }
        let asked = edit.asked.then(|| json!({RECONCILE_REQUESTED_AT: number.to_string()}));
        let annotations = asked.unwrap_or_else(|| json!({}));
        let whole = json!({"metadata": {"annotations": annotations}, "spec": edit.spec});
        let object = match (self.patch(whole).await, edit.good) {
            (Ok(_), Some(false)) => return Err("was accepted".into()),
            (Err(told), Some(true)) => return Err(format!("was refused: {told}")),
            (Ok(object), _) => object,
            (Err(told), _) => {
                self.count("refused");
                is_clear(&told, edit)?;
                // All of the edit was refused: what another hand did is to be noticed all the same.
                let object = self.patch(json!({"metadata": {"annotations": annotations}})).await?;
                if object.spec != before.spec {
                    return Err("was refused, and changed the spec".into());
                }
                object
            }
        };
        let reason = self.rest(&object).await?;
        self.count(reason.as_str());
        Ok(())
    }

    /// Waits until the object is at rest, and judges what it says.
    async fn rest(&self, object: &ImageShare) -> Result<Reason, String> {
        let object = self.watched.at_rest(object).await?;
        let held = self.held().await;
        judge::judge(&object, held.as_ref()).map_err(|wrong| format!("{wrong}; SWR has {held:?}"))
    }

    /// The object's last spec, with all in the way of health taken out of it.
    async fn heal(&mut self) -> Result<(), String> {
        let object = self.watched.now(&self.name).ok_or("the object is gone")?;
        let over = judge::has_passed(&object.spec.deadline);
        let deadline = if over { FOREVER } else { object.spec.deadline.as_str() };
        let good = json!({
            "suspend": false, "managementPolicy": "Full", "adoptionPolicy": "CreateOrAdopt",
            "deletionPolicy": "Delete", "deadline": deadline,
            "credentialsRef": {"name": "swr", "key": "token"},
        });
        let object = self.patch(json!({"spec": good})).await?;
        match self.rest(&object).await {
            Ok(Reason::Shared) => Ok(()),
            end => Err(format!("{} does not heal: {end:?}", self.name)),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }
}

/// Whether a refusal names a field that was edited, and does so in words.
fn is_clear(told: &str, edit: &Edit) -> Result<(), String> {
    let named = edit.spec.keys().any(|field| told.contains(&format!("spec.{field}")));
    match CODE.iter().find(|code| told.contains(**code)) {
        Some(code) => Err(format!("the refusal shows code, {code:?}: {told}")),
        None if !named => Err(format!("the refusal names no field of the edit: {told}")),
        None => Ok(()),
    }
}

/// An operator that says on which address it can be asked for its counters.
fn operator(trial: &Trial) -> Operator {
    let flags = ["--default-region", "sim-1", "--admin-listen", "127.0.0.1:0"];
    trial.operator_as(&trial.operator_kubeconfig(), &flags)
}

async fn metrics(log: &str) -> String {
    let address = log.split("admin endpoint on http://").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_edited_is_refused_in_words_or_ends_in_a_status_that_is_true() {
    let edits = usize::try_from(setting("EDITS").unwrap_or(2_000)).unwrap();
    let seed = setting("EDITS_SEED").unwrap_or(1);
    println!("EDITS={edits} EDITS_SEED={seed}");
    let trial = Trial::with("edits", |options| options.open = true).await;
    trial.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "other", "namespace": trial.namespace},
        "stringData": {"token": "rejected", "good": TOKEN, "empty": "", "broken": "a\r\nb"},
    }));
    let operator = operator(&trial);
    let (watched, drawing) = (Watched::start(trial.shares()), Drawing::new());
    let start = Instant::now();
    let way = |index: usize| {
        let (trial, watched, drawing) = (&trial, &watched, &drawing);
        let name = format!("e{index}");
        let mut subject = Subject { trial, watched, drawing, name, index, figures: Figures::new() };
        async move {
            subject.create().await;
            let name = &subject.name;
            until(&format!("{name} to be seen"), async || watched.now(name).map(|_| ())).await;
            let (mut dice, mut wrongs) = (Dice::new(seed, index), Vec::new());
            // Each object has its share of the edits.
            for number in (index..edits).step_by(OBJECTS) {
                subject.step(&mut dice, number).await.unwrap_or_else(|wrong| wrongs.push(wrong));
            }
            subject.heal().await.unwrap_or_else(|wrong| wrongs.push(wrong));
            (subject.figures, wrongs)
        }
    };
    let ways = stream::iter(0..OBJECTS).map(way).buffer_unordered(OBJECTS);
    let (mut figures, mut wrongs) = (Figures::new(), Vec::new());
    for (one, wrong) in ways.collect::<Vec<_>>().await {
        for (what, count) in one {
            *figures.entry(what).or_default() += count;
        }
        wrongs.extend(wrong);
    }
    println!("{edits} edits of {OBJECTS} objects in {:?}: {figures:?}", start.elapsed());
    assert!(wrongs.is_empty(), "{} are wrong:\n{}", wrongs.len(), wrongs.join("\n"));

    trial.kubectl(&["delete", "ims", "--all", "--wait=false"]);
    for index in 0..OBJECTS {
        trial.until_gone(&format!("e{index}")).await;
    }
    assert_eq!(trial.held().await, Vec::<Value>::new());
    let log = operator.log();
    assert!(metrics(&log).await.contains("imageshare_panics_total 0"));
    assert!(!log.contains("panicked") && !log.contains(TOKEN));
    println!("all healed, all deleted, 0 panics, no share left: {:?}", start.elapsed());
}
