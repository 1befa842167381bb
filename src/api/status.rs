//! The status of an `ImageShare`: what the operator says of it. Types alone; decides nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator knows. Written by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageShareStatus {
    /// The generation of the spec that the rest of the status speaks of; -1 until somebody looked.
    #[serde(default = "nobody_looked")]
    pub observed_generation: i64,
    /// `Ready` and `Error` always, but for an object that was suspended from the start; `Reconciling`,
    /// `Stalled`, `Expired`, `ExpiringSoon` and `Suspended` while True.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The uid of the object that the status speaks of: that of another object, from a backup, counts
    /// for nothing.
    #[serde(default, rename = "objectUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub object_uid: Option<String>,
    /// The share as SWR holds it, as far as SWR has said. Its `createdAt`, `updatedAt` and `creator` alone
    /// never cause a write: they are as of the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareStatus>,
    /// Whether the share was there before the object took it over. Absent while the object has no
    /// share of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<bool>,
    /// When access really ends, RFC 3339 UTC, by the deadline that SWR holds: the end of its day (UTC), or
    /// when SWR was found to have ended it sooner. Absent while it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_until: Option<String>,
    /// When the credentials end that were used last, RFC 3339 UTC; absent where that is not known. Of what
    /// the operator renews itself it is written anew only when the end that stands there has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_expire_at: Option<String>,
    /// Since when this generation of the object is refused, RFC 3339 UTC, for `--stalled-after`. Failures in
    /// between that pass by themselves do not begin it anew. Absent while it is not refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<String>,
    /// With managementPolicy Observe: what would be done, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_action: Option<PendingAction>,
    /// The last handled value of the annotation `imageshare.dev/reconcile-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

impl Eq for ImageShareStatus {}

/// `Condition` has no hash of its own; what tells two conditions apart in practice is enough.
impl std::hash::Hash for ImageShareStatus {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.observed_generation, &self.object_uid, &self.share, self.adopted).hash(state);
        (&self.credentials_expire_at, &self.refused_since).hash(state);
        for condition in &self.conditions {
            (&condition.type_, &condition.status, &condition.reason).hash(state);
        }
    }
}

/// What the operator would do if it were allowed to.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct PendingAction {
    /// `Create` or `Update`.
    pub action: String,
    /// What would change, a field each.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub changes: Vec<PendingChange>,
}

/// One field that would change.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct PendingChange {
    /// The field's name in the spec.
    pub field: String,
    /// What SWR holds now.
    pub current: String,
    /// What the spec asks for.
    pub desired: String,
}

/// The generation of a status that nobody has written yet.
pub(super) fn nobody_looked() -> i64 {
    -1
}

/// The share as SWR holds it. `createdAt`, `updatedAt` and `creator` are as of the last time that
/// something else in the status changed: they alone never cause a write.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct ShareStatus {
    /// The region it lives in. Fixed from the first write on, also when the operator's default changes.
    pub region: String,
    /// The organization.
    pub organization: String,
    /// The repository.
    pub repository: String,
    /// The account that may pull.
    pub account: String,
    /// What the account may do.
    pub permission: String,
    /// `forever`, or an RFC 3339 UTC instant.
    pub deadline: String,
    /// The note kept with the share.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When the share was created, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When the share was last changed, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// The name of the IAM user who created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// Whether it grants access now. Absent while a write is in doubt or about to be sent: the
    /// share may exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
}

/// The condition types an `ImageShare` can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionType {
    /// SWR holds the share as this generation of the spec declares it. Always present, but for an object
    /// that was suspended from the start.
    Ready,
    /// The last attempt failed. Present as `Ready` is.
    Error,
    /// The operator is still at it (kstatus).
    Reconciling,
    /// A person must change something (kstatus).
    Stalled,
    /// The share's deadline has passed.
    Expired,
    /// The share's deadline is near.
    ExpiringSoon,
    /// `spec.suspend` is set: what the other conditions say is what was said last.
    Suspended,
}

impl ConditionType {
    /// Every type, in the order in which the status lists them.
    pub const ALL: &[Self] = &[
        Self::Ready,
        Self::Error,
        Self::Reconciling,
        Self::Stalled,
        Self::Expired,
        Self::ExpiringSoon,
        Self::Suspended,
    ];

    /// The type as it stands in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Error => "Error",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Expired => "Expired",
            Self::ExpiringSoon => "ExpiringSoon",
            Self::Suspended => "Suspended",
        }
    }
}
