//! Generated edits: whatever people write into their objects, in whatever order, each edit is
//! refused in words that help, or the object comes to rest and its status tells the truth. And from
//! every error the last good spec leads back to health.
//!
//! `EDITS` says how many edits are to change a spec (2,000 by default); those that are refused, or
//! change nothing, come on top. `EDITS_SEED` draws others than the usual ones.

mod dice;
mod draw;
mod judge;
mod watched;

use std::collections::BTreeMap;
use std::time::Instant;

use futures::{StreamExt, stream};
use imageshare::api::{FOREVER, ImageShare, ManagementPolicy, RECONCILE_REQUESTED_AT};
use imageshare::reason::Reason;
use imageshare_simulator::ShareView;
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};

use self::dice::Dice;
use self::draw::{Drawing, Edit, Meddling};
use self::watched::Watched;
use crate::schema::CODE;
use crate::support::{Operator, TOKEN, Trial, setting, terms};

/// So many changes of a spec there are to be, unless `EDITS` says otherwise.
const USUAL: usize = 2_000;
/// So many objects are edited at once.
const OBJECTS: usize = 48;
/// The repositories that they share out among them: lists answer for several objects.
const REPOSITORIES: [&str; 4] = ["r0", "r1", "tools/r2", "r3"];
/// No object's way is longer: so many edits for each one that is to change its spec.
const MOST_DRAWN: usize = 50;

/// What became of the edits: the reasons they ended with, and these.
type Figures = BTreeMap<&'static str, usize>;
const DRAWN: &str = "edits drawn";
const ACCEPTED: &str = "edits that changed a spec";
const REFUSED: &str = "edits refused";
const IN_A_ROW: &str = "errors met by another edit";
const RETURNS: &str = "returns";

/// One object and its way through its edits.
struct Subject<'a> {
    trial: &'a Trial,
    watched: &'a Watched,
    drawing: &'a Drawing,
    name: String,
    index: usize,
    /// The last spec that has made its share, or kept it.
    good: Value,
    /// Whether another hand was at the share since then.
    meddled: bool,
    figures: Figures,
}

impl<'a> Subject<'a> {
    fn new(trial: &'a Trial, watched: &'a Watched, drawing: &'a Drawing, index: usize) -> Self {
        let (name, good, figures) = (format!("e{index}"), Value::Null, Figures::new());
        Self { trial, watched, drawing, name, index, good, meddled: false, figures }
    }

    /// Goes the whole way, with so many changes of its spec; up to the first thing that is wrong.
    async fn go(&mut self, mut dice: Dice, changes: usize) -> Result<(), String> {
        self.create().await?;
        while self.counted(ACCEPTED) < changes {
            if self.counted(DRAWN) > changes * MOST_DRAWN {
                return Err(format!("{} has not come to {changes} changes", self.name));
            }
            self.step(&mut dice).await?;
        }
        self.heal().await
    }

    fn repository(&self) -> &'static str {
        REPOSITORIES[self.index % REPOSITORIES.len()]
    }

    /// Upper and lower case are one account for SWR.
    fn account(&self) -> String {
        format!("A{}", self.index)
    }

    async fn create(&mut self) -> Result<(), String> {
        let mut spec = json!({"repository": self.repository(), "account": self.account()});
        if self.index.is_multiple_of(3) {
            // The operator's default.
            spec["region"] = Value::Null;
        }
        if self.index % 8 == 5 {
            return self.create_second(spec).await;
        }
        let object = self.trial.create(&self.name, spec).await;
        self.is_healthy_at_rest(&object).await
    }

    /// Creates the object where another hand has made the share, which it takes over only when told to.
    async fn create_second(&mut self, mut spec: Value) -> Result<(), String> {
        self.meddle(&Meddling::Put { deadline: FOREVER, description: "theirs" });
        spec["adoptionPolicy"] = json!("Create");
        let object = self.trial.create(&self.name, spec).await;
        let reason = self.rest(&object).await?;
        self.count(reason.as_str());
        let object = self.patch(json!({"spec": {"adoptionPolicy": "CreateOrAdopt"}})).await?;
        self.is_healthy_at_rest(&object).await
    }

    /// The share as the cloud holds it now.
    fn cloud_shares(&self) -> Option<ShareView> {
        let account = self.account().to_lowercase();
        self.trial.cloud_shares().into_iter().find(|share| {
            share.repository == self.repository() && share.access_domain.to_lowercase() == account
        })
    }

    fn meddle(&self, meddling: &Meddling) {
        let (cloud, repository) = (&self.trial.simulator, format!("group/{}", self.repository()));
        match meddling {
            Meddling::Remove if self.cloud_shares().is_some() => {
                cloud.remove_share(&repository, &self.account()).unwrap();
            }
            Meddling::Remove => {}
            Meddling::Put { deadline, description } => {
                let account = self.account().to_lowercase();
                cloud.put_share(&repository, &account, terms(deadline, description)).unwrap();
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

    /// Makes an edit, or two in a row, and goes back from the error that this leads to.
    async fn step(&mut self, dice: &mut Dice) -> Result<(), String> {
        let mut end = Reason::Shared;
        for edit in self.drawing.edits(&self.spec()?, dice) {
            if end != Reason::Shared {
                self.count(IN_A_ROW);
            }
            end = self.edit(&edit).await?;
        }
        if end == Reason::Shared { Ok(()) } else { self.go_back(end).await }
    }

    /// Makes one edit and sees what comes of it.
    async fn edit(&mut self, edit: &Edit) -> Result<Reason, String> {
        self.count(DRAWN);
        let before = self.watched.now(&self.name).ok_or("the object is gone")?;
        self.follow(&before, edit).await.map_err(|wrong| {
            let spec = serde_json::to_string(&before.spec).unwrap();
            format!("{}, {edit:?} of {spec}: {wrong}", self.name)
        })
    }

    async fn follow(&mut self, before: &ImageShare, edit: &Edit) -> Result<Reason, String> {
        if let Some(meddling) = &edit.meddling {
            self.meddle(meddling);
            self.meddled = true;
        }
        let number = self.counted(DRAWN).to_string();
        let asked = edit.asked.then(|| json!({RECONCILE_REQUESTED_AT: number}));
        let annotations = asked.unwrap_or_else(|| json!({}));
        let whole = json!({"metadata": {"annotations": annotations}, "spec": edit.spec});
        let object = match (self.patch(whole).await, edit.good) {
            (Ok(_), Some(false)) => return Err("was accepted".into()),
            (Err(told), Some(true)) => return Err(format!("was refused: {told}")),
            (Ok(object), _) => object,
            (Err(told), _) => {
                self.count(REFUSED);
                is_clear(&told, edit)?;
                // All of the edit was refused: what another hand did is to be noticed all the same.
                let object = self.patch(json!({"metadata": {"annotations": annotations}})).await?;
                if object.spec != before.spec {
                    return Err("was refused, and changed the spec".into());
                }
                object
            }
        };
        if object.metadata.generation != before.metadata.generation {
            self.count(ACCEPTED);
        }
        let reason = self.rest(&object).await?;
        self.count(reason.as_str());
        Ok(reason)
    }

    /// Waits until the object is at rest, and judges what it says.
    async fn rest(&mut self, object: &ImageShare) -> Result<Reason, String> {
        let object = self.watched.at_rest(object).await?;
        let held = self.cloud_shares();
        let reason = judge::judge(&object, held.as_ref())
            .map_err(|wrong| format!("{wrong}; SWR has {held:?}"))?;
        // Who observes is healthy by what others do: going back to that would promise nothing.
        if reason == Reason::Shared && object.spec.management_policy == ManagementPolicy::Full {
            self.good = serde_json::to_value(&object.spec).unwrap();
            self.meddled = false;
        }
        Ok(reason)
    }

    async fn is_healthy_at_rest(&mut self, object: &ImageShare) -> Result<(), String> {
        match self.rest(object).await {
            Ok(Reason::Shared) => Ok(()),
            end => Err(format!("{} does not heal: {end:?}", self.name)),
        }
    }

    /// Goes back to the last good spec, all of it.
    async fn go_back(&mut self, from: Reason) -> Result<(), String> {
        self.count(RETURNS);
        let (now, mut spec) = (self.spec()?, self.good.clone());
        // A merge patch keeps what it does not name.
        for field in now.as_object().unwrap().keys() {
            spec[field] = self.good[field].clone();
        }
        for part in now["credentialsRef"].as_object().into_iter().flat_map(Map::keys) {
            if spec["credentialsRef"].is_object() {
                spec["credentialsRef"][part] = self.good["credentialsRef"][part].clone();
            }
        }
        // The other policies rightly refuse what another hand has made or removed meanwhile.
        if self.meddled {
            spec["adoptionPolicy"] = json!("CreateOrAdopt");
        }
        // It was good in its time.
        if self.good["deadline"].as_str().is_some_and(judge::has_passed) {
            spec["deadline"] = json!(FOREVER);
        }
        let object = self.patch(json!({"spec": spec})).await?;
        let healed = self.is_healthy_at_rest(&object).await;
        healed.map_err(|wrong| format!("{wrong}, {from:?} before, from {now} back to {spec}"))
    }

    /// The object's last spec, with all in the way of health taken out of it.
    async fn heal(&mut self) -> Result<(), String> {
        let object = self.watched.now(&self.name).ok_or("the object is gone")?;
        let over = judge::has_passed(&object.spec.deadline);
        let deadline = if over { FOREVER } else { object.spec.deadline.as_str() };
        let good = json!({
            "suspend": false, "managementPolicy": "Full", "adoptionPolicy": "CreateOrAdopt",
            "deletionPolicy": "Delete", "deadline": deadline,
            "credentialsRef": {"name": "swr", "key": "token", "serviceAccountName": null},
        });
        let object = self.patch(json!({"spec": good})).await?;
        self.is_healthy_at_rest(&object).await
    }

    fn spec(&self) -> Result<Value, String> {
        let object = self.watched.now(&self.name).ok_or("the object is gone")?;
        Ok(serde_json::to_value(&object.spec).unwrap())
    }

    fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }

    fn counted(&self, what: &'static str) -> usize {
        self.figures.get(what).copied().unwrap_or_default()
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

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_edited_is_refused_in_words_or_ends_in_a_status_that_is_true() {
    let edits = setting("EDITS").map_or(USUAL, |edits| usize::try_from(edits).unwrap());
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
        let mut subject = Subject::new(&trial, &watched, &drawing, index);
        // Each object has its share of the changes.
        let changes = (index..edits).step_by(OBJECTS).count();
        async move {
            let way = subject.go(Dice::new(seed, index), changes).await;
            (subject.figures, way.err())
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
    println!("{OBJECTS} objects in {:?}: {figures:#?}", start.elapsed());
    assert!(wrongs.is_empty(), "{} are wrong:\n{}", wrongs.len(), wrongs.join("\n"));
    // These take several hands in a certain order; a run that never met them has not judged them.
    for reason in [Reason::AlreadyExists, Reason::NothingToAdopt, Reason::DeadlinePassed] {
        assert!(edits < USUAL || figures.contains_key(reason.as_str()), "never {reason:?}");
    }

    trial.kubectl(&["delete", "ims", "--all", "--wait=false"]);
    for index in 0..OBJECTS {
        trial.until_gone(&format!("e{index}")).await;
    }
    assert_eq!(trial.cloud_shares(), []);
    let log = operator.log();
    assert!(operator.metrics().await.contains("imageshare_panics_total 0"));
    assert!(!log.contains("panicked") && !log.contains(TOKEN));
    println!("all healed, all deleted, 0 panics, no share left: {:?}", start.elapsed());
}
