//! The contract: the `ImageShare` custom resource, its defaults and its schema.
//!
//! Imports nothing of ours but its own rules and the table of reasons, and decides nothing. The API server enforces the
//! schema; there is no webhook.

#![allow(
    clippy::duplicated_attributes,
    reason = "kube's derive names each printer column with the same keys"
)]

pub mod rules;
pub mod served;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::{ConditionType, ImageShareStatus, PendingAction, PendingChange, ShareStatus};

use crate::reason::Reason;

/// The finalizer that keeps an object until its share is revoked.
pub const FINALIZER: &str = "imageshare.dev/share";
/// The annotation that asks for a pass: each new value leads to one, with a look at the cloud.
pub const RECONCILE_REQUESTED_AT: &str = "imageshare.dev/reconcile-requested-at";
/// The annotation that the finalizer comes with: the uid of the object that is about to create its
/// share. A backup restores both, but not the uid.
pub const CREATE_INTENT: &str = "imageshare.dev/create-intent";
/// The annotation of a namespace that names the Secret of its objects that name none.
pub const CREDENTIALS: &str = "imageshare.dev/credentials";
/// The name under which the operator owns its fields of the status.
pub const FIELD_MANAGER: &str = "imageshare-operator";
/// A deadline that never comes, as SWR spells it.
pub const FOREVER: &str = "forever";

/// One private SWR image repository, shared with one other account.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Hash)]
#[kube(
    group = "imageshare.dev",
    version = "v1alpha1",
    kind = "ImageShare",
    namespaced,
    status = "ImageShareStatus",
    shortname = "ims",
    category = "swr",
    doc = "Shares one private SWR image repository with another account, and keeps the share as declared.",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether SWR holds the share as the spec declares it"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why"
    ),
    printcolumn(
        name = "Suspended",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Suspended")].status"#,
        description = "Whether spec.suspend is set: the columns before then say what was said last"
    ),
    printcolumn(
        name = "Repository",
        type_ = "string",
        json_path = ".spec.repository",
        description = "The shared repository"
    ),
    printcolumn(
        name = "Account",
        type_ = "string",
        json_path = ".spec.account",
        description = "The account that may pull it"
    ),
    printcolumn(
        name = "Until",
        type_ = "string",
        json_path = ".status.share.deadline",
        description = "The deadline that SWR holds"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        description = "What happened and what to do",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::region_unchanged())]
pub struct ImageShareSpec {
    /// The cloud's region, a DNS label such as `eu-west-101`. Default: the operator's
    /// `--default-region`. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::REGION_MAX))]
    #[x_kube(validation = rules::region())]
    pub region: Option<String>,

    /// The SWR organization that owns the repository (the API's `namespace`), 1 to 64 characters.
    /// Cannot be changed.
    #[schemars(length(min = 1, max = rules::ORGANIZATION_MAX))]
    #[x_kube(validation = rules::organization(), validation = rules::organization_unchanged())]
    pub organization: String,

    /// The image repository, 1 to 128 characters, slashes as they are: `tools/busybox`.
    /// Cannot be changed.
    #[schemars(length(min = 1, max = rules::REPOSITORY_MAX))]
    #[x_kube(validation = rules::repository(), validation = rules::repository_unchanged())]
    pub repository: String,

    /// The name of the account to share with (the API's `access_domain`), 1 to 128 characters.
    /// SWR does not tell upper from lower case. Cannot be changed.
    #[schemars(length(min = 1, max = rules::ACCOUNT_MAX))]
    #[x_kube(validation = rules::account(), validation = rules::account_unchanged())]
    pub account: String,

    /// What the account may do. SWR has only `read`: pull.
    #[serde(default)]
    pub permission: Permission,

    /// Until when: `forever`, a day such as `2027-03-31` (that whole day, UTC), or an RFC 3339 UTC
    /// instant such as `2027-03-31T16:00:00Z`. SWR ends access by whole days (UTC).
    #[serde(default = "forever")]
    #[schemars(length(min = 1, max = rules::DEADLINE_MAX))]
    #[x_kube(validation = rules::deadline(), validation = rules::deadline_in_reach())]
    pub deadline: String,

    /// A note kept with the share, at most 1000 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = rules::DESCRIPTION_MAX))]
    pub description: String,

    /// The credentials for SWR, in the object's own namespace. Default: the Secret that the namespace's
    /// annotation `imageshare.dev/credentials` names, else the operator's `--default-credentials-name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<CredentialsRef>,

    /// What deleting the object does to the share: `Delete` revokes it, `Retain` leaves it and does not
    /// call SWR.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// What to do with a share that exists already: `CreateOrAdopt` takes it over and makes it equal,
    /// `Create` refuses it (`AlreadyExists`), `Adopt` takes it over and never creates one
    /// (`NothingToAdopt`).
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,

    /// How often the share in the cloud is compared with the spec and repaired: a duration such as
    /// `10m` or `1h30m`, 1s to 168h, give or take 10 %; `0s` means never.
    #[serde(default = "ten_minutes")]
    #[schemars(length(min = 2, max = 20))]
    #[x_kube(validation = rules::interval())]
    pub interval: String,

    /// Leave the share alone for a while: SWR is not called, and what was last said of it stays, beside
    /// the condition `Suspended`. Deletion works all the same.
    #[serde(default)]
    pub suspend: bool,

    /// Whether the operator writes to the cloud: `Full` makes the share as declared, `Observe` only looks,
    /// and says in `status.pendingAction` what `Full` would do. Deleting an object that observes leaves
    /// the share.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

fn forever() -> String {
    FOREVER.to_owned()
}

fn ten_minutes() -> String {
    "10m".to_owned()
}

/// What the account may do with the repository.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Pull images.
    #[default]
    Read,
}

impl Permission {
    /// The permission as SWR's `permit` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
        }
    }
}

/// Names a Secret or a `ServiceAccount` in the object's own namespace. There is no field for another
/// namespace.
#[derive(
    KubeSchema, Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord,
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_reference(), validation = rules::key_of_a_secret())]
pub struct CredentialsRef {
    /// The Secret's name. Its keys say what kind of credentials it holds: `token`; `accessKey` and
    /// `secretKey`; or `username`, `password` and `accountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::SECRET_NAME_MAX))]
    #[x_kube(validation = rules::secret_name())]
    pub name: Option<String>,
    /// The key of a Secret that holds an IAM token under another name than `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::secret_key())]
    pub key: Option<String>,
    /// The name of a `ServiceAccount` whose token is exchanged for the cloud's credentials, instead of a
    /// Secret. The administrator must have allowed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::SECRET_NAME_MAX))]
    #[x_kube(validation = rules::service_account_name())]
    pub service_account_name: Option<String>,
}

impl CredentialsRef {
    /// The Secret of this name.
    pub fn secret(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }
}

/// What deleting the object does to the share.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeletionPolicy {
    /// The share is revoked.
    #[default]
    Delete,
    /// The share stays; SWR is not called.
    Retain,
}

/// What to do with a share that exists already.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AdoptionPolicy {
    /// Take it over, or create it.
    #[default]
    CreateOrAdopt,
    /// Only create; refuse a share that exists.
    Create,
    /// Only take over; refuse to create.
    Adopt,
}

/// Whether the operator writes to the cloud.
#[derive(Serialize, Deserialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ManagementPolicy {
    /// Make the cloud match the spec.
    #[default]
    Full,
    /// Look and report; never write to the cloud.
    Observe,
}

/// The CRD as it is shipped: the derived schema, and a status that says "nobody looked yet" for an
/// object without one, so that nothing takes it for healthy.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = ImageShare::crd();
    let nobody_looked_yet = serde_json::json!({
        "observedGeneration": status::nobody_looked(),
        "conditions": [{
            "type": ConditionType::Ready.as_str(),
            "status": "Unknown",
            "reason": Reason::NotReconciled.as_str(),
            "message": Reason::NotReconciled.meaning(),
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }],
    });
    for version in &mut crd.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(nobody_looked_yet.clone()));
        }
    }
    crd
}
