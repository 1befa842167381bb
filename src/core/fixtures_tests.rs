//! What the tests of several modules begin with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::effect::Ready;
use super::facts::{Cloud, Facts, Jitter, Settings, Write};
use super::object::Object;
use super::ownership::Role;
use super::record::{Record, Recorded};
use super::status::{self, Outcome, Report};
use crate::access::credentials::SecretVersion;
use crate::api::{
    AdoptionPolicy, ConditionType, CredentialsRef, DeletionPolicy, ImageShareSpec,
    ImageShareStatus, ManagementPolicy, Permission,
};
use crate::cloud::{RemoteShare, ShareId, Terms};
use crate::reason::Reason;

/// The jitter that moves nothing by which times are spread around a middle.
pub const MIDDLE: Jitter = Jitter(1 << 31);
/// Nobody else declares the share.
pub const ALONE: Role = Role::Owner { has_candidate: false };

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn noon() -> Timestamp {
    at("2027-01-01T12:00:00Z")
}

pub fn id() -> ShareId {
    ShareId {
        region: "eu-west-101".into(),
        organization: "group".into(),
        repository: "tools/busybox".into(),
        account: "demo".into(),
    }
}

pub fn terms(deadline: &str) -> Terms {
    Terms {
        permission: "read".into(),
        deadline: deadline.parse().unwrap(),
        description: "d".into(),
    }
}

pub fn remote(deadline: &str, valid: bool) -> RemoteShare {
    RemoteShare { valid, ..RemoteShare::as_written(terms(deadline)) }
}

pub fn present(deadline: &str, valid: bool) -> Cloud {
    Cloud::Present(remote(deadline, valid))
}

pub fn listed(deadline: &str, valid: bool) -> Cloud {
    Cloud::Listed(Some(remote(deadline, valid)))
}

pub fn confirmed(deadline: &str) -> Recorded {
    Recorded::Confirmed(terms(deadline))
}

/// What a pass over an object with the finalizer knows, whose owner it is.
pub fn facts(recorded: Recorded, cloud: Cloud, wrote: Option<Write>) -> Facts {
    Facts {
        has_finalizer: true,
        role: ALONE,
        says: (&recorded).into(),
        recorded,
        create_may_land: false,
        is_fresh: false,
        look_first: false,
        conflict_count: 0,
        has_shown_the_share: false,
        cloud,
        is_foreign: false,
        wrote,
        may_have_written: matches!(
            wrote,
            Some(Write::Created | Write::CreateInDoubt | Write::Updated)
        ),
    }
}

pub fn secret(version: &str) -> SecretVersion {
    SecretVersion {
        reference: "ns/secret/swr/@eu-west-101".into(),
        version: version.into(),
        words: "Secret swr".into(),
    }
}

pub fn ready(version: &str) -> Ready {
    Ready { secret: Some(secret(version)), end: None }
}

pub fn settings() -> Settings {
    Settings {
        default_region: None,
        orphan_after: Some(Duration::from_hours(1)),
        request_window: Duration::from_mins(2),
        expiring_soon: None,
        stalled_after: Duration::ZERO,
    }
}

pub fn spec() -> ImageShareSpec {
    ImageShareSpec {
        region: Some("eu-west-101".into()),
        organization: "group".into(),
        repository: "tools/busybox".into(),
        account: "demo".into(),
        permission: Permission::default(),
        deadline: "forever".into(),
        description: "d".into(),
        credentials_ref: Some(CredentialsRef::secret("swr")),
        deletion_policy: DeletionPolicy::default(),
        adoption_policy: AdoptionPolicy::default(),
        interval: "10m".into(),
        suspend: false,
        management_policy: ManagementPolicy::default(),
    }
}

/// The status of an object with the uid `u` at generation 1, by the operator's own words.
pub fn status(outcome: &Outcome, record: Record) -> ImageShareStatus {
    let refused_since = status::refused_since(None, 1, outcome.reason, noon());
    let object_uid = Some("u".into());
    let report = Report { object_uid, record, refused_since, time: noon(), ..Report::default() };
    status::project(None, 1, outcome, report, noon())
}

/// An object that nobody has looked at yet, with the status that the CRD gives it.
pub fn fresh() -> Object {
    let reason = Reason::NotReconciled;
    let ready = Condition {
        type_: ConditionType::Ready.as_str().into(),
        status: "Unknown".into(),
        reason: reason.as_str().into(),
        message: reason.meaning().into(),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: None,
    };
    let nobody_looked = ImageShareStatus {
        observed_generation: -1,
        conditions: vec![ready],
        object_uid: None,
        ..status(&Outcome::advised(reason), Record::default())
    };
    Object {
        uid: "u".into(),
        generation: 1,
        spec: Arc::new(spec()),
        status: Some(Arc::new(nobody_looked)),
        has_finalizer: false,
        has_intent: false,
        is_deleting: false,
        requested_at: None,
    }
}

/// An object whose share SWR confirmed with this deadline, and whose spec says the same.
pub fn shared(deadline: &str) -> Object {
    let outcome = Outcome::shared(&id(), &terms(deadline));
    let status = status(&outcome, Record::confirmed(&id(), &terms(deadline)));
    with_spec(
        Object { has_finalizer: true, has_intent: true, ..with_status(fresh(), status) },
        |spec| spec.deadline = deadline.into(),
    )
}

pub fn with_status(object: Object, status: ImageShareStatus) -> Object {
    Object { status: Some(Arc::new(status)), ..object }
}

pub fn with_spec(object: Object, edit: impl FnOnce(&mut ImageShareSpec)) -> Object {
    let mut spec = (*object.spec).clone();
    edit(&mut spec);
    Object { spec: Arc::new(spec), ..object }
}
