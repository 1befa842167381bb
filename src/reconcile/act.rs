//! The thin part of a pass: carries out one action after the other and notes what came of it.
//! Decides nothing that is not forced by an answer; [`plan`](super::plan) decides.

mod calls;
mod departure;

use std::time::{Duration, Instant};

use super::context::Context;
use super::desired::Desired;
use super::goal::requested;
use super::line::Turn;
use super::plan::{
    Action, Cloud, Known, Place, Recorded, Rest, UNDONE_MAX, Wish, is_gone, missing, plan,
};
use super::status::{self, Finding};
use super::{seen, version};
use crate::api::{ImageShare, ManagementPolicy, PendingAction};
use crate::auth::SecretVersion;
use crate::backoff::{Carried, Chance, Memory, Seen};
use crate::cluster::ClusterError;
use crate::reason::Reason;
use crate::swr::client::Session;
use crate::swr::{Change, Deadline, ShareId, Terms};

/// No plan needs more actions: finalizer, look, announcement, create, look, update, look. More would
/// be a bug.
const MOST_ACTIONS: usize = 10;

/// How long a read may be late, behind what was written.
const LATENESS: Duration = Duration::from_secs(30);

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
    /// When the pass began.
    pub began: Instant,
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
    pub list_age: Duration,
    /// What would be done, if it were allowed.
    pub pending: Option<PendingAction>,
    /// What must outlive this pass.
    pub carried: Carried,
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
        let forced = requested(&object).is_some();
        let conflict = status::reason_of(status, seen.generation) == Some(Reason::ExternalConflict);
        let carried = match memory {
            Some(memory) => memory.carried_into(seen),
            None => Carried {
                undone: if conflict && !forced { UNDONE_MAX } else { 0 },
                // What a former life of the operator sent, nobody remembers; but it sent nothing that
                // the object does not own up to.
                quiet_at: context.former_life_ends().filter(|_| unconfirmed),
                wrote_at: Some(context.started),
                untold: Vec::new(),
            },
        };
        let window = carried.quiet_at.is_some_and(|quiet_at| Instant::now() < quiet_at);
        let is_fresh = recorded != Recorded::Nothing
            && carried.wrote_at.is_some_and(|at| at.elapsed() < LATENESS);
        let known = Known {
            held: seen.held,
            place: turn.place(),
            recorded,
            in_flight: unconfirmed && window,
            is_fresh,
            look_first: forced || status::is_only_seen(status),
            undone: carried.undone,
            cloud: Cloud::Unseen,
            found: false,
            wrote: None,
        };
        Self {
            began: Instant::now(),
            object,
            version: None,
            seen,
            known,
            context,
            secret: None,
            pause: None,
            drift: Vec::new(),
            looked: None,
            list_age: Duration::ZERO,
            pending: None,
            carried,
            request_id: None,
            turn,
            memory,
            session: None,
        }
    }

    /// Whether an earlier life of the operator left nothing to do: what the status says was said by
    /// SWR, for this spec.
    pub fn is_settled(&self, id: &ShareId, desired: &Desired) -> bool {
        let spec = &self.object.spec;
        let confirmed = matches!(&self.known.recorded,
            Recorded::Confirmed(terms) if desired.terms.are_met_by(terms));
        let said = status::reason_of(self.object.status.as_ref(), self.seen.generation);
        // Past its deadline the share may be over by now, and by the cloud's clock alone.
        let deadline = desired.terms.deadline;
        let is_timed = deadline == Deadline::Forever || self.context.knows_time_of(&id.region);
        let running = is_timed && !deadline.has_passed(self.context.cloud_time(&id.region));
        let full = spec.management_policy == ManagementPolicy::Full && !spec.suspend;
        self.seen.held
            && matches!(self.known.place, Place::Owner(_))
            && confirmed
            && said == Some(Reason::Shared)
            && running
            && full
            && !self.known.look_first
    }

    /// Decides and acts until nothing is left to do.
    pub async fn until_rest(&mut self, id: &ShareId, wish: Wish<'_>) -> Stop {
        for _ in 0..MOST_ACTIONS {
            let done = match plan(wish, &self.known, self.context.cloud_time(&id.region)) {
                Action::Rest(rest) => Err(self.rest(id, wish, rest)),
                Action::Release => return self.release().await,
                // With the heir's credentials: the object's own may be gone.
                Action::AskHeir => self.ask_heirs(id).await,
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
        match stop {
            Stop::Found(finding) if truly_held && is_gone(&self.known) => {
                self.unhold(finding).await
            }
            stop => stop,
        }
    }

    async fn until_write(&mut self, id: &ShareId, wish: Wish<'_>) -> Stop {
        for _ in 0..MOST_ACTIONS {
            match (plan(wish, &self.known, self.context.cloud_time(&id.region)), wish) {
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
                    self.pause = self.carried.quiet_at.map(|at| at.saturating_duration_since(now));
                }
                Finding::failed(reason, &id.to_string())
            }
            (Rest::Shared | Rest::Expired, _) => {
                Finding::failed(Reason::InternalError, "settled without a wish")
            }
        };
        Stop::Found(finding)
    }

    async fn act(&mut self, action: Action, id: &ShareId, wish: Wish<'_>) -> Result<(), Stop> {
        if matches!(action, Action::Create | Action::Update | Action::Delete) {
            self.make_sure().await?;
        }
        // The shares stay as they are; the object's own deletion is on its way.
        if matches!(action, Action::Create | Action::Update)
            && self.context.cluster.is_uninstalling().await?
        {
            return Err(ClusterError::Uninstalling.into());
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
}
