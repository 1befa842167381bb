//! How a pass sets out: what the object says, what is remembered of it, and whether a settled object
//! of a former life of the operator needs a pass at all.

use std::time::Duration;

use super::{Access, Pass, Stage};
use crate::cloud::Deadline;
use crate::core::facts::{Cloud, Facts, Goal, Now};
use crate::core::forecast;
use crate::core::object::Fingerprint;
use crate::core::object_state::{History, LATENESS};
use crate::core::ownership::Role;
use crate::core::plan::CONFLICTS_MAX;
use crate::core::record::{self, Recorded};
use crate::core::rules::Table;
use crate::core::schedule::Ended;
use crate::core::status;
use crate::core::step::{Keep, Start, Summary};
use crate::reason::{Kind, Reason};

impl Pass {
    /// Sets out with what the object says, with its place, and with what is remembered of it.
    pub(super) fn set_out(rules: Table, start: Start, now: &Now) -> Self {
        let fingerprint = Fingerprint::of(&start.object, &start.place);
        let mut recorded = (rules.0.recorded)(&start.object);
        let history = history(&start, fingerprint, &recorded);
        let says = (&recorded).into();
        if history.is_revoked || (recorded == Recorded::InDoubt && history.nothing_sent) {
            recorded = Recorded::Nothing;
        }
        let object = &start.object;
        let status = object.own_status();
        let may_land = |until| recorded == Recorded::InDoubt && now.monotonic < until;
        let is_late = |at| now.monotonic.saturating_duration_since(at) < LATENESS;
        // A former life of the operator may have written until this one began.
        let wrote_at = history.wrote_at.max(Some(start.leads_since));
        let facts = Facts {
            has_finalizer: object.has_finalizer,
            role: start.place.role,
            says,
            create_may_land: history.create_may_land_until.is_some_and(may_land),
            is_fresh: recorded != Recorded::Nothing && wrote_at.is_some_and(is_late),
            look_first: object.requested().is_some() || record::is_only_seen(status),
            conflict_count: history.conflict_count,
            has_shown_the_share: false,
            cloud: Cloud::Unseen,
            is_foreign: false,
            wrote: None,
            may_have_written: false,
            recorded,
        };
        let mut pass = Self {
            share: object.share_id(start.settings.default_region.as_deref()),
            goal: object.goal(),
            start,
            rules,
            began: now.monotonic,
            fingerprint,
            facts,
            history,
            drift: Vec::new(),
            credentials: Access::Unread,
            secret: None,
            credentials_end: None,
            is_verified: false,
            is_crd_checked: false,
            delete_failure: None,
            gives_up: false,
            pending: None,
            pause: None,
            looked: None,
            request_id: None,
            actions: 0,
            stage: Stage::Acting,
        };
        if pass.is_observing() {
            // It looks first, and takes as done what would be written to the object on the way to a
            // write to the cloud.
            (pass.facts.look_first, pass.facts.has_finalizer) = (true, true);
            pass.facts.says = (&Recorded::InDoubt).into();
        }
        pass
    }

    /// Whether the object needs no pass now, but its credentials may be needed later: nobody may
    /// have used the Secret in this life when it goes before its shares.
    pub(super) fn is_to_resume(&self, now: &Now) -> bool {
        let is_known = self.share.is_ok() && self.desired().is_some();
        let is_idle = self.is_settled(now) || self.start.object.is_suspended();
        self.start.state.is_none() && is_known && is_idle
    }

    /// Whether an earlier life of the operator left nothing to do: what the status says was said by
    /// SWR, for this spec.
    fn is_settled(&self, now: &Now) -> bool {
        let (object, facts) = (&self.start.object, &self.facts);
        let Some(desired) = self.desired() else { return false };
        let status = object.own_status().filter(|status| status.object_uid.is_some());
        let is_confirmed = matches!(&facts.recorded,
            Recorded::Confirmed(terms) if desired.terms.are_met_by(terms));
        // Past its deadline the share may be over by now, and by the cloud's clock alone.
        let deadline = desired.terms.deadline;
        let is_timed = deadline == Deadline::Forever || now.cloud.is_some();
        object.has_finalizer
            && matches!(facts.role, Role::Owner { .. })
            && is_confirmed
            && status::reason_of(status, object.generation) == Some(Reason::Shared)
            && is_timed
            && !deadline.has_passed(now.cloud())
            && !object.is_observing()
            && !object.is_suspended()
            && !facts.look_first
    }

    /// A settled object that an earlier life of the operator has left is not looked at at once, with
    /// all others, but within a fifth of its interval, together with those of its repository.
    pub(super) fn resume(&mut self, now: &Now) {
        if !self.is_settled(now) {
            self.stage = Stage::Acting;
            return;
        }
        let share_of_it = self.start.repository_jitter.unit();
        let interval = self.desired().and_then(|desired| desired.interval);
        let first = interval.map(|interval| interval.mul_f64(0.2 * share_of_it));
        let turn = [self.next_turn(Reason::Shared, now), first].into_iter().flatten().min();
        let ended = Ended::cut_short(self.began, self.fingerprint, self.history.clone());
        let (state, come_back) = self.after(Ended { kind: Kind::Steady, turn, ..ended }, now);
        let summary = Summary { is_resumed: true, ..Summary::default() };
        self.end(Keep::State(Box::new(state)), come_back, summary);
    }

    /// When something is to be seen or said although nothing has changed: the share may be over, its
    /// end comes near, or a create cannot take effect any more.
    pub(super) fn next_turn(&self, reason: Reason, now: &Now) -> Option<Duration> {
        let Ok(Goal::Share(desired, _)) = &self.goal else { return None };
        let deadline = desired.terms.deadline;
        let expiring_soon = self.start.settings.expiring_soon;
        let near = deadline.end_of_day().zip(expiring_soon).and_then(|(end, soon)| {
            let left = Duration::try_from(end.duration_since(now.cloud())).ok()?;
            left.checked_sub(soon).filter(|left| !left.is_zero())
        });
        let landed = self.history.create_may_land_until.filter(|_| self.facts.create_may_land);
        let landed = landed.map(|at| at.saturating_duration_since(now.monotonic));
        // What the cloud calls over stays over.
        let end = deadline.next_turn(now.cloud()).filter(|_| reason != Reason::Expired);
        let warning = forecast::until_warning(self.credentials_end, now.cloud());
        [end, near, landed, warning].into_iter().flatten().min()
    }
}

/// What is remembered; of a former life of the operator only what the object itself says.
fn history(start: &Start, fingerprint: Fingerprint, recorded: &Recorded) -> History {
    if let Some(state) = &start.state {
        return state.history_for(fingerprint);
    }
    let object = &start.object;
    let said = status::reason_of(object.own_status(), object.generation);
    let has_given_up = said == Some(Reason::ExternalConflict) && object.requested().is_none();
    // What a former life sent, nobody remembers; but it sent nothing that the object does not say.
    let former_life_until = start.leads_since + start.settings.request_window;
    History {
        conflict_count: if has_given_up { CONFLICTS_MAX } else { 0 },
        create_may_land_until: (*recorded == Recorded::InDoubt).then_some(former_life_until),
        ..History::default()
    }
}
