//! The states from which the operator sets out, and where each must end.

use std::fmt;

use serde_json::json;

use crate::gate::Gate;
use crate::judge;
use crate::support::{Operator, TOKEN, Trial, terms, until};
use crate::takeover;

/// The object of a scene that is judged.
pub const OBJECT: &str = "demo";
/// The object that owns the share before it, where there are two.
const OWNER: &str = "owner";

/// A state of the world, and what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// There is no share; an object is created.
    Absent,
    /// There is a share on other terms; an object is created.
    Present,
    /// There is a share; its object changes.
    Changed,
    /// The same, and it changes once more while the operator is down.
    ChangedAgain,
    /// The share was changed by another hand.
    Drifted,
    /// The share was removed by another hand.
    Removed,
    /// There is a share; its object is deleted.
    Deleting,
    /// There is no share; an object is created, and deleted while the operator is down.
    Abandoned,
    /// The same, and its Secret is deleted with it.
    Forsaken,
    /// There is a share; its Secret goes, then its object; after the crash the Secret comes back.
    SecretBack,
    /// The same, but the Secret does not come back.
    SecretGone,
    /// The same, and this operator has never seen the token.
    Orphan,
    /// There is a share, and a second object that wants it on other terms; its owner is deleted.
    Transferred,
    /// The same, and the successor is deleted while the operator is down.
    TransferredAndDeleted,
}

/// Where a start must lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The object is Ready, and its share is there with this description.
    Shared(&'static str),
    /// The object is gone, and its share.
    Gone,
    /// The object is gone, and its share is gone or named to the administrator.
    GoneOrNamed,
}

/// One operator's corner of the world.
pub struct Scene {
    /// Namespace, cloud, Secret.
    pub trial: Trial,
    /// Between the operator and all of that.
    pub gate: Gate,
    /// From where it sets out.
    pub start: Start,
    /// Whether its operators elect a leader.
    pub elects: bool,
    /// How many calls the cloud had before the operator set out.
    pub prepared_calls: usize,
}

impl Scene {
    /// Starts an operator behind the gate.
    pub fn operator(&self) -> Operator {
        // Long enough for a late request, and no longer.
        let mut flags = vec!["--request-window", "3s", "--call-timeout", "3s"];
        let lease = ["--leader-elect=true", "--lease-name"];
        if self.elects && takeover::pause().is_none() {
            flags.push("--lease-duration=3s");
        }
        if self.elects {
            flags.extend(lease.into_iter().chain([self.trial.namespace.as_str()]));
        }
        if self.start.goal() == Goal::GoneOrNamed {
            // It counts from the deletion: an operator that starts after it has to say first that it waits.
            let is_late = self.start == Start::Orphan;
            flags.extend(["--orphan-after", if is_late { "5s" } else { "1s" }]);
        }
        self.trial.operator_at(self.gate.kubeconfig(), &self.gate.cloud, &flags)
    }

    async fn create(&self) {
        // Short enough for drift to be found soon, and a late PATCH of former terms is nothing else; long
        // enough for the others to stay out of it.
        let drifts = matches!(self.start, Start::ChangedAgain | Start::Drifted | Start::Removed);
        let interval = if drifts { "1s" } else { "1h" };
        self.trial.create(OBJECT, json!({"description": "ours", "interval": interval})).await;
    }

    async fn ready(&self) -> Operator {
        let operator = self.operator();
        self.create().await;
        self.trial.until_reason(OBJECT, "Shared").await;
        self.gate.quiet().await;
        operator
    }

    async fn dead_after_ready(&self) {
        self.ready().await.kill().await;
        self.gate.bury();
    }

    async fn ready_with_an_heir(&self) -> Operator {
        let operator = self.operator();
        self.trial.create(OWNER, json!({"description": "first", "interval": "1h"})).await;
        self.trial.until_reason(OWNER, "Shared").await;
        self.create().await;
        self.trial.until_reason(OBJECT, "DuplicateShare").await;
        self.gate.quiet().await;
        operator
    }

    fn another_hand_puts_a_share(&self) {
        let theirs = terms("2031-01-01T00:00:00Z", "theirs");
        self.trial.simulator.put_share("group/app", "demo", theirs).unwrap();
    }

    /// Makes the start state. Gives the operator, where it is to live through what happens next.
    pub async fn prepare(&self) -> Option<Operator> {
        match self.start {
            Start::Absent | Start::Abandoned | Start::Forsaken => Some(self.operator()),
            Start::Present => {
                self.another_hand_puts_a_share();
                Some(self.operator())
            }
            Start::Changed | Start::ChangedAgain | Start::Deleting => Some(self.ready().await),
            Start::Transferred | Start::TransferredAndDeleted => {
                Some(self.ready_with_an_heir().await)
            }
            Start::Drifted => {
                self.dead_after_ready().await;
                self.another_hand_puts_a_share();
                None
            }
            Start::Removed => {
                self.dead_after_ready().await;
                self.trial.simulator.remove_share("group/app", "demo").unwrap();
                None
            }
            Start::SecretBack | Start::SecretGone => {
                let operator = self.ready().await;
                self.trial.kubectl(&["delete", "secret", "swr"]);
                Some(operator)
            }
            Start::Orphan => {
                self.dead_after_ready().await;
                self.trial.kubectl(&["delete", "secret", "swr"]);
                self.trial.delete(OBJECT).await;
                None
            }
        }
    }

    /// Lets happen what happens next.
    pub async fn go(&self, operator: Option<Operator>) -> Operator {
        match self.start {
            Start::Absent | Start::Present | Start::Abandoned | Start::Forsaken => {
                self.create().await;
            }
            Start::Changed | Start::ChangedAgain => {
                self.trial.change(OBJECT, json!({"description": "changed"})).await;
            }
            Start::Deleting | Start::SecretBack | Start::SecretGone => {
                self.trial.delete(OBJECT).await;
            }
            Start::Transferred | Start::TransferredAndDeleted => self.trial.delete(OWNER).await,
            Start::Drifted | Start::Removed | Start::Orphan => {}
        }
        operator.unwrap_or_else(|| self.operator())
    }

    /// Whether the operator has done all that there is to do without a crash.
    pub async fn is_done(&self) -> bool {
        match self.start {
            Start::ChangedAgain
            | Start::Abandoned
            | Start::Forsaken
            | Start::TransferredAndDeleted => judge::is_ready(self).await,
            _ => judge::is_at_goal(self).await,
        }
    }

    /// What happens while no operator is there.
    pub async fn meanwhile(&self) {
        if self.start == Start::ChangedAgain {
            self.trial.change(OBJECT, json!({"description": "changed again"})).await;
        }
        if self.start == Start::Forsaken {
            self.trial.kubectl(&["delete", "secret", "swr"]);
        }
        if matches!(self.start, Start::Abandoned | Start::Forsaken | Start::TransferredAndDeleted) {
            self.trial.delete(OBJECT).await;
        }
    }

    /// What happens when an operator is there again.
    pub async fn afterwards(&self) {
        if self.start == Start::SecretBack {
            self.until_the_secret_is_missed().await;
            let token = format!("--from-literal=token={TOKEN}");
            self.trial.kubectl(&["create", "secret", "generic", "swr", &token]);
        }
    }

    async fn until_the_secret_is_missed(&self) {
        let shares = self.trial.shares();
        until("the Secret to be missed", async || {
            let Some(object) = shares.get_opt(OBJECT).await.ok()? else { return Some(()) };
            let conditions = object.status?.conditions;
            conditions.iter().any(|condition| condition.reason == "SecretNotFound").then_some(())
        })
        .await;
    }
}

impl Start {
    /// All of them, those first that take longest.
    pub const ALL: [Self; 14] = [
        Self::Orphan,
        Self::Forsaken,
        Self::SecretGone,
        Self::SecretBack,
        Self::Absent,
        Self::Present,
        Self::Changed,
        Self::ChangedAgain,
        Self::Drifted,
        Self::Removed,
        Self::Deleting,
        Self::Abandoned,
        Self::Transferred,
        Self::TransferredAndDeleted,
    ];

    /// Where it must lead to.
    pub fn goal(self) -> Goal {
        match self {
            Self::Absent | Self::Present | Self::Drifted | Self::Removed | Self::Transferred => {
                Goal::Shared("ours")
            }
            Self::Changed => Goal::Shared("changed"),
            Self::ChangedAgain => Goal::Shared("changed again"),
            Self::Deleting | Self::Abandoned | Self::SecretBack | Self::TransferredAndDeleted => {
                Goal::Gone
            }
            Self::Forsaken | Self::SecretGone | Self::Orphan => Goal::GoneOrNamed,
        }
    }

    /// How many shares are missing, and so may be created.
    pub fn missing(self) -> usize {
        usize::from(matches!(self, Self::Absent | Self::Removed | Self::Abandoned | Self::Forsaken))
    }

    /// How often a share is on other terms, and so may be changed.
    pub fn unequal(self) -> usize {
        match self {
            Self::ChangedAgain => 2,
            Self::Present
            | Self::Changed
            | Self::Drifted
            | Self::Transferred
            | Self::TransferredAndDeleted => 1,
            _ => 0,
        }
    }

    /// Whether each crash from here waits for a Secret, which is looked for every 20 s only.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Orphan | Self::Forsaken | Self::SecretGone | Self::SecretBack)
    }
}

impl fmt::Display for Start {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "absent",
            Self::Present => "present on other terms",
            Self::Changed => "object changed",
            Self::ChangedAgain => "object changed, and again while down",
            Self::Drifted => "drifted",
            Self::Removed => "removed by another hand",
            Self::Deleting => "deleting",
            Self::Abandoned => "created, deleted while down",
            Self::Forsaken => "created, deleted with its Secret while down",
            Self::SecretBack => "deleting, Secret gone, comes back",
            Self::SecretGone => "deleting, Secret gone for good",
            Self::Orphan => "deleting, token never seen",
            Self::Transferred => "owner deleted, a successor",
            Self::TransferredAndDeleted => "owner deleted, its successor deleted while down",
        })
    }
}
