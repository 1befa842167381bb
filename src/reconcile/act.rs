//! The thin part of a pass: carries out one action after the other and notes what came of it.
//! Decides nothing that is not forced by an answer; [`plan`](super::plan) decides.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::desired::{Desired, Unusable};
use super::line::{Claimant, Turn};
use super::plan::{
    Action, Cloud, Departure, Heir, Known, Place, Recorded, Rest, Wish, Write, departure, drift,
    holds_nothing, missing, plan,
};
use super::status::{self, Finding};
use super::{Context, Goal, chance, requested, seen, version};
use crate::api::{ImageShare, ManagementPolicy, PendingAction};
use crate::auth::{SecretVersion, Token};
use crate::backoff::{Chance, Memory, Seen};
use crate::cluster::ClusterError;
use crate::reason::{Kind, Reason};
use crate::reconcile::plan::UNDONE_MAX;
use crate::redact::printable;
use crate::swr::client::Session;
use crate::swr::listing::Freshness;
use crate::swr::{Answer, Change, RemoteShare, ShareId, SwrError, Terms};

/// No plan needs more actions: finalizer, look, announcement, create, look, update, look. More would
/// be a bug.
const MOST_ACTIONS: usize = 10;

/// The reason of the event about a share that is left behind.
const ORPHANED: &str = "ShareOrphaned";

/// The longest note of an event, in characters of up to four bytes: Kubernetes takes 1 KiB.
pub const NOTE_MAX: usize = 250;

/// Why a pass does not go on.
pub enum Stop {
    /// It found something to say.
    Found(Finding),
    /// The object holds nothing any more.
    Gone,
    /// The API server did not play along.
    Interrupted(ClusterError),
}

impl From<ClusterError> for Stop {
    fn from(error: ClusterError) -> Self {
        Self::Interrupted(error)
    }
}

/// A pass in the middle of it.
pub struct Acting<'a> {
    /// The object, as the last write of this pass left it.
    pub object: ImageShare,
    /// The object's newest resourceVersion that was read live or written; `None` if it is known from
    /// the cache alone.
    pub version: Option<u64>,
    /// The object as this pass set out with it: what came meanwhile is for the next pass.
    pub seen: Seen,
    /// What the plan goes by.
    pub known: Known,
    /// What all passes share.
    pub context: &'a Context,
    /// The Secret that was read, once one was.
    pub secret: Option<SecretVersion>,
    /// How long SWR asks us to stay away.
    pub pause: Option<Duration>,
    /// What another hand had changed when this pass set out.
    pub drift: Vec<Change>,
    /// When the share was looked at last, and the lot that says when to look again.
    pub looked: Option<(Instant, Chance)>,
    /// How old a list may be.
    pub patience: Duration,
    /// What would be done, if it were allowed.
    pub pending: Option<PendingAction>,
    /// Until when a create that was sent may still take effect.
    pub quiet_at: Option<Instant>,
    /// The last failed request, as the cloud calls it.
    pub request_id: Option<String>,
    turn: Turn,
    memory: Option<&'a Memory>,
    session: Option<Session>,
}

impl<'a> Acting<'a> {
    /// Sets out with what the object says, with its turn, and with what is remembered of it.
    pub fn new(
        object: ImageShare,
        turn: Turn,
        context: &'a Context,
        memory: Option<&'a Memory>,
    ) -> Self {
        let (seen, status) = (seen(&object, &turn), object.status.as_ref());
        let recorded = status::recorded_of(status, seen.held);
        let unconfirmed = recorded == Recorded::InDoubt;
        let quiet_at = match memory {
            Some(memory) => memory.quiet_at,
            // What a former life of the operator sent, nobody remembers; but it sent nothing that the
            // object does not own up to.
            None if unconfirmed => context.former_life_ends(),
            None => None,
        };
        let forced = requested(&object).is_some();
        let conflict = status::reason_of(status, seen.generation) == Some(Reason::ExternalConflict);
        let remembered = memory.filter(|memory| memory.seen.is_same_wish(seen));
        let undone = match remembered {
            Some(memory) => memory.undone,
            None if conflict && !forced => UNDONE_MAX,
            None => 0,
        };
        let known = Known {
            held: seen.held,
            place: place(&turn),
            recorded,
            in_flight: unconfirmed && quiet_at.is_some_and(|quiet_at| Instant::now() < quiet_at),
            look_first: forced,
            undone,
            cloud: Cloud::Unseen,
            found: false,
            wrote: None,
        };
        Self {
            object,
            version: None,
            seen,
            known,
            context,
            secret: None,
            pause: None,
            drift: Vec::new(),
            looked: None,
            patience: Duration::ZERO,
            pending: None,
            quiet_at,
            request_id: None,
            turn,
            memory,
            session: None,
        }
    }

    /// Whether an earlier life of the operator left nothing to do: what the status says was said by
    /// SWR, for this spec.
    pub fn is_settled(&self, desired: &Desired) -> bool {
        let spec = &self.object.spec;
        let confirmed = matches!(&self.known.recorded,
            Recorded::Confirmed(terms) if desired.terms.are_met_by(terms));
        let said = status::reason_of(self.object.status.as_ref(), self.seen.generation);
        // Past its deadline the share may be over by now.
        let running = !desired.terms.deadline.has_passed(Timestamp::now());
        let full = spec.management_policy == ManagementPolicy::Full && !spec.suspend;
        self.seen.held
            && matches!(self.known.place, Place::Owner(_))
            && confirmed
            && said == Some(Reason::Shared)
            && running
            && full
            && desired.interval.is_some()
            && !self.known.look_first
    }

    /// Decides and acts until nothing is left to do.
    pub async fn until_rest(&mut self, id: &ShareId, wish: Wish<'_>) -> Stop {
        for _ in 0..MOST_ACTIONS {
            let done = match plan(wish, &self.known, Timestamp::now()) {
                Action::Rest(rest) => Err(self.rest(id, wish, rest)),
                Action::Release => return self.release().await,
                // With the heir's credentials: the object's own may be gone.
                Action::AskHeir => self.ask_heir(id).await,
                // Credentials first: an object without any needs no finalizer.
                action => match self.connect(id, wish).await {
                    Ok(()) => self.act(action, id, wish).await,
                    Err(stop) => Err(stop),
                },
            };
            if let Err(stop) = done {
                return self.stopped(stop, id, wish).await;
            }
        }
        Stop::Found(Finding::failed(Reason::InternalError, "a pass that does not end"))
    }

    /// Goes as far as the first write to the cloud, and notes it instead of doing it.
    pub async fn observe(&mut self, id: &ShareId, wish: Wish<'_>) -> Stop {
        self.known.look_first = true;
        // What is written to the object itself on the way is left out as well.
        let truly_held = std::mem::replace(&mut self.known.held, true);
        let stop = self.until_write(id, wish).await;
        self.known.held = truly_held;
        stop
    }

    async fn until_write(&mut self, id: &ShareId, wish: Wish<'_>) -> Stop {
        for _ in 0..MOST_ACTIONS {
            match (plan(wish, &self.known, Timestamp::now()), wish) {
                (Action::Rest(rest), _) => return self.rest(id, wish, rest),
                (Action::Look, _) => {
                    let looked = match self.connect(id, wish).await {
                        Ok(()) => self.look(id, wish).await,
                        Err(stop) => Err(stop),
                    };
                    if let Err(stop) = looked {
                        return stop;
                    }
                }
                (Action::Announce, _) => self.known.recorded = Recorded::InDoubt,
                (action, Wish::Share(terms, _)) => {
                    self.pending = status::pending(action, terms, &self.known.cloud);
                    return Stop::Found(Finding::told(Reason::ActionPending));
                }
                (_, Wish::Revoke | Wish::LetGo) => break,
            }
        }
        Stop::Found(Finding::failed(Reason::InternalError, "a look that does not end"))
    }

    /// Takes the finalizer off.
    pub async fn release(&mut self) -> Stop {
        if !self.known.held {
            return Stop::Gone;
        }
        match self.context.cluster.release(&self.object).await {
            Ok(_) | Err(ClusterError::NotFound) => {
                tracing::info!(wrote = self.known.wrote.map(Write::as_str), "released");
                Stop::Gone
            }
            Err(error) => error.into(),
        }
    }

    fn rest(&mut self, id: &ShareId, wish: Wish<'_>, rest: Rest) -> Stop {
        let finding = match (rest, wish) {
            (Rest::Gone, _) => return Stop::Gone,
            (Rest::Shared, Wish::Share(terms, _)) => Finding::shared(id, terms),
            (Rest::Expired, Wish::Share(terms, _)) => Finding::expired(terms),
            (Rest::Failed(Reason::DeadlinePassed), _) => {
                Finding::failed(Reason::DeadlinePassed, "spec.deadline")
            }
            (Rest::Failed(Reason::ExternalConflict), Wish::Share(terms, _)) => {
                let changes = missing(terms, &self.known.cloud);
                let evidence: Vec<_> = changes.iter().map(ToString::to_string).collect();
                Finding::failed(Reason::ExternalConflict, &evidence.join("; "))
            }
            (Rest::Failed(Reason::DuplicateShare), _) => {
                let Turn::Behind { owner, .. } = &self.turn else { return Stop::Gone };
                let owner = format!("{}/{}", owner.namespace, owner.name);
                Finding::failed(Reason::DuplicateShare, &owner)
            }
            (Rest::Failed(reason), _) => {
                if reason == Reason::CreateInFlight {
                    let now = Instant::now();
                    self.pause = self.quiet_at.map(|at| at.saturating_duration_since(now));
                }
                Finding::failed(reason, &id.to_string())
            }
            (Rest::Shared | Rest::Expired, _) => {
                Finding::failed(Reason::InternalError, "settled without a wish")
            }
        };
        Stop::Found(finding)
    }

    /// A deletion that failed may still end; and what has nothing in the cloud needs no finalizer.
    async fn stopped(&mut self, stop: Stop, id: &ShareId, wish: Wish<'_>) -> Stop {
        let Stop::Found(finding) = stop else { return stop };
        match (wish, self.departure(finding.reason, wish)) {
            (Wish::Share(..), _) if holds_nothing(&self.known, finding.reason) => {
                match self.context.cluster.release(&self.object).await {
                    Ok(object) => self.wrote(object),
                    Err(error) => return error.into(),
                }
                (self.known.held, self.seen.held) = (false, false);
                Stop::Found(finding)
            }
            (_, Departure::Stay) => Stop::Found(finding),
            (_, Departure::Go) => self.release().await,
            (_, Departure::Orphan) => self.leave_behind(id, &finding.message).await,
        }
    }

    /// Lets an object go whose share cannot be named. What could not be named was never made, unless
    /// the rules have become tighter since: then the record names it.
    pub async fn release_unnamed(&mut self, unusable: &Unusable) -> Stop {
        let status = self.object.status.as_ref();
        let recorded = status.and_then(|status| status.share.as_ref()).map(status::share_id);
        let Some(id) = recorded else { return self.release().await };
        let why = format!("{}: {}", unusable.reason.meaning(), unusable.detail);
        self.leave_behind(&id, &why).await
    }

    fn departure(&self, reason: Reason, wish: Wish<'_>) -> Departure {
        if wish != Wish::Revoke {
            return Departure::Stay;
        }
        let since =
            self.memory.filter(|memory| memory.seen == self.seen).map(|memory| memory.since);
        let waited = since.map(|since| since.elapsed()).unwrap_or_default();
        departure(&self.known, reason, waited, self.context.orphan_after)
    }

    /// Lets an object go and its share stay. The share is named by an event first, because after a
    /// crash behind the release nobody would know of it; then once in the log and in the metric.
    async fn leave_behind(&mut self, id: &ShareId, why: &str) -> Stop {
        if !self.known.held {
            return Stop::Gone;
        }
        let region = &id.region;
        let note = format!(
            "the share of {id} in {region} is left behind, revoke it in the SWR console: {why}"
        );
        self.tell_administrator(&note).await;
        let stop = self.release().await;
        if matches!(stop, Stop::Gone) {
            self.context.metrics.orphaned_share();
            tracing::error!(reason = ORPHANED, "{note}");
        }
        stop
    }

    async fn tell_administrator(&self, note: &str) {
        let (note, now) = (printable(note, NOTE_MAX), Timestamp::now());
        let cluster = &self.context.cluster;
        let told = cluster.tell_administrator(&self.object, ORPHANED, &note, now).await;
        if let Err(error) = told {
            tracing::warn!("no event could be left about a share that is left behind: {error}");
        }
    }

    async fn act(&mut self, action: Action, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        if matches!(action, Action::Create | Action::Update | Action::Delete) {
            self.make_sure().await?;
        }
        match (action, wish) {
            (Action::Hold, _) => {
                self.wrote(self.context.cluster.hold(&self.object).await?);
                (self.known.held, self.seen.held) = (true, true);
                Ok(())
            }
            (Action::Announce, Wish::Share(terms, _)) => self.announce(id, terms).await,
            (Action::List, _) => self.list(id).await,
            (Action::Look, _) => self.look(id, wish).await,
            (Action::Create, Wish::Share(terms, _)) => self.create(id, terms).await,
            (Action::Update, Wish::Share(terms, _)) => self.update(id, terms).await,
            (Action::Delete, _) => self.delete(id).await,
            _ => Err(Stop::Found(Finding::failed(Reason::InternalError, "an action out of place"))),
        }
    }

    /// Looks whether the next object in line can answer for the share, and puts the finalizer on it:
    /// once that has succeeded, it cannot be deleted any more without a pass that revokes the share.
    async fn ask_heir(&mut self, id: &ShareId) -> Result<(), Stop> {
        let fit = match &self.turn {
            Turn::First { next: Some(next) } => hand_over(self.context, id, next).await?,
            Turn::First { next: None } | Turn::Behind { .. } => false,
        };
        self.known.place = Place::Owner(if fit { Heir::Fit } else { Heir::Unfit });
        Ok(())
    }

    /// Takes the share over as it is, before its owner goes. Whether it could.
    async fn take_over(&mut self, id: &ShareId, wish: Wish<'_>) -> Result<bool, Stop> {
        self.connect(id, wish).await?;
        self.look(id, wish).await?;
        let (Cloud::Present(share), Wish::Share(terms, _)) = (&self.known.cloud, wish) else {
            return Ok(false);
        };
        let met = terms.are_met_by(&share.terms);
        if !self.known.held {
            self.act(Action::Hold, id, wish).await?;
        }
        if !met {
            self.update(id, terms).await?;
        }
        Ok(met || self.known.wrote == Some(Write::Updated))
    }

    /// Notes what the API server made of the object.
    pub fn wrote(&mut self, object: ImageShare) {
        self.version = version(&object);
        self.object = object;
    }

    /// Before a write to the cloud: that the object still is as the cache shows it. A late event may
    /// bring back one that is gone and forgotten, and nothing would guard the write.
    async fn make_sure(&mut self) -> Result<(), Stop> {
        if self.version.is_some() {
            return Ok(());
        }
        let live = self.context.cluster.read(&self.object).await?;
        if live.metadata.resource_version != self.object.metadata.resource_version {
            return Err(ClusterError::Conflict.into());
        }
        self.version = version(&live);
        Ok(())
    }

    async fn announce(&mut self, id: &ShareId, terms: &Terms) -> Result<(), Stop> {
        if let Some(before) = &self.object.status {
            let status = status::announced(before, id, terms);
            self.wrote(self.context.cluster.write_status(&self.object, &status).await?);
        }
        self.known.recorded = Recorded::InDoubt;
        Ok(())
    }

    async fn list(&mut self, id: &ShareId) -> Result<(), Stop> {
        let after = self.memory.map(|memory| memory.looked);
        let fresh = Freshness { after, at_most: self.patience };
        let session = self.session()?;
        let (list, is_new) = self.context.listings.get(session, id, fresh, chance()).await;
        if is_new {
            self.count("list", &list.shares);
        }
        self.known.cloud = Cloud::Listed(self.understood(id, "list", list.find(id))?);
        self.looked = Some((list.asked, list.lot));
        Ok(())
    }

    async fn look(&mut self, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        let asked = Instant::now();
        let answer = self.session()?.show(id).await;
        // Who followed a list stays with those who did the same.
        let lot = self.looked.map_or_else(chance, |(_, lot)| lot);
        self.looked = Some((asked, lot));
        let cloud = match self.heard(id, "look", answer)? {
            Some(share) => Cloud::Present(share),
            None => Cloud::Absent,
        };
        self.known.saw(cloud);
        if let Wish::Share(terms, _) = wish
            && self.drift.is_empty()
        {
            self.drift = drift(terms, &self.known);
        }
        Ok(())
    }

    async fn create(&mut self, id: &ShareId, terms: &Terms) -> Result<(), Stop> {
        let answer = self.session()?.create(id, terms).await;
        if answer.as_ref().is_err_and(|error| !error.reason.is_certain_refusal()) {
            self.known.wrote = Some(Write::CreateInDoubt);
            self.quiet_at = Instant::now().checked_add(self.context.request_window);
        }
        (self.known.wrote, self.known.cloud) = match self.heard(id, "create", answer)? {
            Answer::Done => {
                (Some(Write::Created), Cloud::Present(RemoteShare::as_written(terms.clone())))
            }
            Answer::AlreadyExists | Answer::Absent => {
                (Some(Write::CreateConflicted), Cloud::Unseen)
            }
        };
        Ok(())
    }

    async fn update(&mut self, id: &ShareId, terms: &Terms) -> Result<(), Stop> {
        let answer = self.session()?.update(id, terms).await;
        if answer.is_err() {
            // What was seen before may not hold any more.
            self.known.cloud = Cloud::Unseen;
        }
        (self.known.wrote, self.known.cloud) = match self.heard(id, "update", answer)? {
            Answer::Done | Answer::AlreadyExists => (Some(Write::Updated), Cloud::Unseen),
            Answer::Absent => (None, Cloud::Absent),
        };
        Ok(())
    }

    async fn delete(&mut self, id: &ShareId) -> Result<(), Stop> {
        let answer = self.session()?.delete(id).await;
        self.heard(id, "delete", answer)?;
        (self.known.wrote, self.known.cloud) = (Some(Write::Deleted), Cloud::Unseen);
        Ok(())
    }

    /// Reads the Secret and makes a session with it, once in a pass.
    async fn connect(&mut self, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        if self.session.is_some() {
            return Ok(());
        }
        let token = match self.token(id).await {
            Ok(token) => {
                // Before a share is left behind, it is tried once more whatever was said before.
                if self.departure(Reason::Unauthorized, wish) != Departure::Orphan {
                    self.check_refusals()?;
                }
                token
            }
            // The Secret may go before its shares, with the namespace: what worked still works, but
            // only for shares that were made.
            Err(Stop::Found(finding))
                if wish == Wish::Revoke
                    && finding.reason == Reason::SecretNotFound
                    && self.known.recorded != Recorded::Nothing =>
            {
                let accepted = self.context.verdicts.last_accepted(&self.secret_name(id));
                accepted.ok_or(Stop::Found(finding))?
            }
            Err(stop) => return Err(stop),
        };
        let Some(base) = self.context.endpoints.of(&id.region) else {
            return Err(Stop::Found(Finding::failed(Reason::EndpointInvalid, &id.region)));
        };
        self.session = Some(self.context.swr.session(base, token));
        Ok(())
    }

    /// Spares SWR a call whose answer is known: it refused this object, or these credentials.
    fn check_refusals(&self) -> Result<(), Stop> {
        let Some(secret) = &self.secret else { return Ok(()) };
        let now = Instant::now();
        if self.memory.is_some_and(|memory| memory.is_refused_with(self.seen, secret, now))
            && let Some(finding) = status::repeated(self.object.status.as_ref())
        {
            return Err(Stop::Found(finding));
        }
        if self.context.verdicts.holds_back(secret, now) {
            return Err(self.secret_trouble(Reason::Unauthorized));
        }
        Ok(())
    }

    fn secret_name(&self, id: &ShareId) -> String {
        let namespace = self.object.metadata.namespace.as_deref().unwrap_or_default();
        let reference = &self.object.spec.credentials_ref;
        SecretVersion::name_of(namespace, &reference.name, &reference.key, &id.region)
    }

    async fn token(&mut self, id: &ShareId) -> Result<Token, Stop> {
        let reference = &self.object.spec.credentials_ref;
        let namespace = self.object.metadata.namespace.as_deref().unwrap_or_default();
        let read = self.context.cluster.secret(namespace, &reference.name, &reference.key).await;
        let secret = match read {
            Ok(secret) => secret,
            Err(ClusterError::NotFound) => return Err(self.secret_trouble(Reason::SecretNotFound)),
            Err(ClusterError::Forbidden(_)) => {
                return Err(self.secret_trouble(Reason::SecretForbidden));
            }
            Err(error) => return Err(error.into()),
        };
        let name = self.secret_name(id);
        self.secret = Some(SecretVersion { name, version: secret.version });
        let value = secret.value.ok_or_else(|| self.secret_trouble(Reason::SecretKeyNotFound))?;
        Token::read(&value).map_err(|reason| self.secret_trouble(reason))
    }

    fn secret_trouble(&self, reason: Reason) -> Stop {
        let reference = &self.object.spec.credentials_ref;
        let evidence = format!("Secret {}, key {}", reference.name, reference.key);
        Stop::Found(Finding::failed(reason, &evidence))
    }

    fn session(&self) -> Result<&Session, Stop> {
        let missing = || Stop::Found(Finding::failed(Reason::InternalError, "no session"));
        self.session.as_ref().ok_or_else(missing)
    }

    /// Counts an answer, and turns a failed one into a finding.
    fn heard<T>(
        &mut self,
        id: &ShareId,
        verb: &'static str,
        answer: Result<T, SwrError>,
    ) -> Result<T, Stop> {
        self.count(verb, &answer);
        self.understood(id, verb, answer)
    }

    fn count<T>(&self, verb: &'static str, answer: &Result<T, SwrError>) {
        let result = answer.as_ref().map_or_else(|error| error.reason.as_str(), |_| "Ok");
        self.context.metrics.call(verb, result);
    }

    fn understood<T>(
        &mut self,
        id: &ShareId,
        verb: &'static str,
        answer: Result<T, SwrError>,
    ) -> Result<T, Stop> {
        let error = match answer {
            Ok(answer) => {
                if let (Some(secret), Some(session)) = (&self.secret, &self.session) {
                    self.context.verdicts.accept(secret, session.token(), Instant::now());
                }
                return Ok(answer);
            }
            Err(error) => error,
        };
        tracing::debug!(verb, request_id = error.request_id, %error, "call failed");
        if error.reason == Reason::Unauthorized {
            if let Some(secret) = &self.secret {
                self.context.verdicts.reject(secret, Instant::now());
            }
            self.context.verdicts.withdraw(&self.secret_name(id));
            // In the same words as a call that was spared because of it.
            self.request_id = error.request_id;
            return Err(self.secret_trouble(Reason::Unauthorized));
        }
        let host = self.session.as_ref().map(Session::host).unwrap_or_default();
        let evidence = match error.status {
            Some(_) => format!("{error}, on {verb}"),
            None => format!("{host}, on {verb}"),
        };
        (self.pause, self.request_id) = (error.pause, error.request_id);
        Err(Stop::Found(Finding::failed(error.reason, &evidence)))
    }
}

fn place(turn: &Turn) -> Place {
    match turn {
        Turn::First { next: None } => Place::Owner(Heir::Nobody),
        Turn::First { next: Some(_) } => Place::Owner(Heir::Unasked),
        Turn::Behind { leaving, .. } => Place::Behind { leaving: *leaving },
    }
}

/// Hands the share over, if the heir as it is now can answer for it: with credentials of its own it
/// must see the share, and be able to set its own terms, or an object that could never have made a
/// share would keep one alive.
async fn hand_over(context: &Context, id: &ShareId, next: &Claimant) -> Result<bool, Stop> {
    let object = match context.cluster.read_named(&next.namespace, &next.name).await {
        Ok(object) => object,
        Err(ClusterError::NotFound) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Some(goal) = Goal::of_heir(&object, next, context.default_region.as_deref()) else {
        return Ok(false);
    };
    let mut heir = Acting::new(object, Turn::First { next: None }, context, None);
    match heir.take_over(&goal.id, goal.wish()).await {
        Ok(true) => {
            let heir = format!("{}/{}", next.namespace, next.name);
            tracing::info!(heir, "the share of {id} is handed over");
            Ok(true)
        }
        Ok(false) => Ok(false),
        Err(Stop::Found(finding)) if finding.reason.kind() == Kind::Refuse => Ok(false),
        Err(stop) => Err(stop),
    }
}
