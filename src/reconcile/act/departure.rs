//! How an object that is being deleted goes: released, handed over to an heir, or leaving a share
//! behind that somebody is told about.

use jiff::Timestamp;

use super::{Acting, NOTE_MAX, Stop};
use crate::cluster::ClusterError;
use crate::reason::{Kind, Reason};
use crate::reconcile::context::Context;
use crate::reconcile::desired::Unusable;
use crate::reconcile::goal::Goal;
use crate::reconcile::line::{Claimant, Turn};
use crate::reconcile::plan::{
    Action, Cloud, Departure, Heir, Place, Recorded, Wish, Write, departure, holds_nothing,
};
use crate::reconcile::status::{self, Finding};
use crate::redact::printable;
use crate::swr::ShareId;

/// The reason of the event about a share that is left behind.
const ORPHANED: &str = "ShareOrphaned";

impl Acting<'_> {
    /// Takes the finalizer off.
    pub(super) async fn release(&mut self) -> Stop {
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

    /// Lets an object go whose share cannot be named any more: the rules have become tighter since, or
    /// the operator's default region is gone. The record names it, else the spec as far as it goes.
    pub async fn release_unnamed(&mut self, unusable: &Unusable) -> Stop {
        let status = self.object.status.as_ref();
        let recorded = status.and_then(|status| status.share.as_ref()).map(status::share_id);
        if self.known.recorded == Recorded::Nothing {
            return self.release().await;
        }
        let spec = &self.object.spec;
        let id = recorded.unwrap_or_else(|| ShareId {
            region: "an unknown region".into(),
            organization: spec.organization.clone(),
            repository: spec.repository.clone(),
            account: spec.account.clone(),
        });
        let why = format!("{}: {}", unusable.reason.meaning(), unusable.detail);
        self.leave_behind(&id, &why).await
    }

    /// A deletion that failed may still end; and what has nothing in the cloud needs no finalizer.
    pub(super) async fn stopped(&mut self, stop: Stop, id: &ShareId, wish: Wish<'_>) -> Stop {
        let Stop::Found(finding) = stop else { return stop };
        match (wish, self.departure(finding.reason, wish)) {
            (Wish::Share(..), _) if holds_nothing(&self.known, finding.reason) => {
                self.unhold(finding).await
            }
            (_, Departure::Stay) => Stop::Found(finding),
            (_, Departure::Go) => self.release().await,
            (_, Departure::Orphan) => self.leave_behind(id, &finding.message).await,
        }
    }

    /// Takes the finalizer off an object that stays, and says what was found.
    pub(super) async fn unhold(&mut self, finding: Finding) -> Stop {
        match self.context.cluster.release(&self.object).await {
            Ok(object) => self.wrote(object),
            Err(error) => return error.into(),
        }
        (self.known.held, self.seen.held) = (false, false);
        Stop::Found(finding)
    }

    pub(super) fn departure(&self, reason: Reason, wish: Wish<'_>) -> Departure {
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
        // Of the release nobody may ever hear whether it took effect; of the event, at the next attempt.
        let is_news = self.tell_administrator(&note).await;
        let stop = self.release().await;
        if is_news.unwrap_or(matches!(stop, Stop::Gone)) {
            self.context.metrics.orphaned_share();
            tracing::error!(reason = ORPHANED, "{note}");
        }
        stop
    }

    /// Whether the administrator did not know before; `None` if no event could be left.
    async fn tell_administrator(&self, note: &str) -> Option<bool> {
        let (note, now) = (printable(note, NOTE_MAX), Timestamp::now());
        let cluster = &self.context.cluster;
        let told = cluster.tell_administrator(&self.object, ORPHANED, &note, now).await;
        let failed = |error: &ClusterError| {
            tracing::warn!("no event could be left about a share that is left behind: {error}");
        };
        told.inspect_err(failed).ok()
    }

    /// Looks which of the next objects in line can answer for the share, and puts the finalizer on it:
    /// once that has succeeded, it cannot be deleted any more without a pass that revokes the share.
    /// The seat will be its own: who is held comes before those who were found unfit. So nobody is asked
    /// behind one that was held and could not change the share: only its own pass can let go of it.
    pub(super) async fn ask_heirs(&mut self, id: &ShareId) -> Result<(), Stop> {
        self.known.place = Place::Owner(Heir::Unfit);
        let Turn::First { next } = &self.turn else { return Ok(()) };
        for heir in next {
            match hand_over(self.context, id, heir).await? {
                Taken::Over => self.known.place = Place::Owner(Heir::Fit),
                Taken::Hold => {}
                Taken::Nothing => continue,
            }
            break;
        }
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
            self.act(Action::Update, id, wish).await?;
        }
        Ok(met || self.known.wrote == Some(Write::Updated))
    }
}

/// How far an heir came with a share.
enum Taken {
    /// It answers for it from now on.
    Over,
    /// It is held, but could not change the share.
    Hold,
    /// It is no heir.
    Nothing,
}

/// Hands the share over, if the heir as it is now can answer for it: with credentials of its own it
/// must see the share, and be able to set its own terms, or an object that could never have made a
/// share would keep one alive.
async fn hand_over(context: &Context, id: &ShareId, next: &Claimant) -> Result<Taken, Stop> {
    let object = match context.cluster.read_named(&next.namespace, &next.name).await {
        Ok(object) => object,
        Err(ClusterError::NotFound) => return Ok(Taken::Nothing),
        Err(error) => return Err(error.into()),
    };
    let (region, now) = (context.default_region.as_deref(), context.cloud_time(&id.region));
    let Some(goal) = Goal::of_heir(&object, next, region, now) else {
        return Ok(Taken::Nothing);
    };
    let mut heir = Acting::new(object, Turn::First { next: Vec::new() }, context, None);
    match heir.take_over(&goal.id, goal.wish()).await {
        Ok(true) => {
            let heir = format!("{}/{}", next.namespace, next.name);
            tracing::info!(heir, "the share of {id} is handed over");
            Ok(Taken::Over)
        }
        // An heir that is gone is no heir; passed on, it would read as the owner being gone. Nor is one
        // that may not be held.
        Err(Stop::Interrupted(ClusterError::NotFound | ClusterError::Forbidden(_))) => {
            Ok(Taken::Nothing)
        }
        Err(Stop::Found(finding)) if finding.reason.kind() != Kind::Refuse => {
            Err(Stop::Found(finding))
        }
        Ok(false) | Err(Stop::Found(_)) if heir.known.held => Ok(Taken::Hold),
        Ok(false) | Err(Stop::Found(_)) => Ok(Taken::Nothing),
        Err(stop) => Err(stop),
    }
}
