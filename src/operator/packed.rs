//! An object at rest, small. Between its passes an object is kept as JSON, compressed beside a sample
//! of its own kind and its own key (LZ4 with a dictionary): about a tenth of what it takes as a value.
//!
//! What no pass reads is left out before: managed fields, labels, other annotations than ours.

use std::sync::LazyLock;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use kube::core::ObjectMeta;

use super::entry::Key;
use crate::api::{
    AdoptionPolicy, CREATE_INTENT, CredentialsRef, DeletionPolicy, FINALIZER, ImageShare,
    ImageShareSpec, ManagementPolicy, Permission, RECONCILE_REQUESTED_AT, ShareStatus,
};
use crate::cloud::{Deadline, ShareId, Terms};
use crate::core::record::Record;
use crate::core::status::{self, Outcome, Report};

/// An object, packed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs the object of this key. `None` if it cannot be written as JSON, which is the case for none.
    pub fn of(object: &ImageShare, key: &Key) -> Option<Self> {
        let json = serde_json::to_vec(&slim(object)).ok()?;
        let size = u32::try_from(json.len()).ok()?;
        let compressed = lz4_flex::block::compress_with_dict(&json, &beside(key));
        Some(Self([&size.to_le_bytes()[..], &compressed].concat().into()))
    }

    /// The object, for its key.
    pub fn unpack(&self, key: &Key) -> Option<ImageShare> {
        let (size, compressed) = self.0.split_first_chunk()?;
        let size = u32::from_le_bytes(*size) as usize;
        let json = lz4_flex::block::decompress_with_dict(compressed, size, &beside(key)).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// What the object is likely to say: what most say, with its own namespace, name and uid.
fn beside(key: &Key) -> Vec<u8> {
    let named = SAMPLE.replace(NAMESPACE, key.namespace()).replace(NAME, key.name());
    named.replace(UID, key.uid()).into_bytes()
}

/// The object with what passes read, and with what guards its writes.
fn slim(object: &ImageShare) -> ImageShare {
    let ours = |name: &String| name == CREATE_INTENT || name == RECONCILE_REQUESTED_AT;
    let meta = &object.metadata;
    let annotations = object.annotations().iter().filter(|(name, _)| ours(name));
    let annotations = annotations.map(|(name, value)| (name.clone(), value.clone()));
    ImageShare {
        metadata: ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            generation: meta.generation,
            creation_timestamp: meta.creation_timestamp.clone(),
            deletion_timestamp: meta.deletion_timestamp.clone(),
            finalizers: meta.finalizers.clone(),
            annotations: Some(annotations.collect())
                .filter(|ours: &std::collections::BTreeMap<_, _>| !ours.is_empty()),
            ..ObjectMeta::default()
        },
        spec: object.spec.clone(),
        status: object.status.clone(),
    }
}

/// What most objects say. Only the size of a packed object depends on it.
static SAMPLE: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string(&sample()).unwrap_or_default());

/// Where an object's own names go.
const NAMESPACE: &str = "[namespace]";
const NAME: &str = "[name]";
const UID: &str = "[uid]";

/// An object whose share is there.
fn sample() -> ImageShare {
    let text = str::to_owned;
    let spec = ImageShareSpec {
        region: Some(text("eu-west-101")),
        organization: text("group"),
        repository: text("tools/busybox"),
        account: text("demo"),
        permission: Permission::default(),
        deadline: text("forever"),
        description: String::new(),
        credentials_ref: Some(CredentialsRef::secret("swr")),
        deletion_policy: DeletionPolicy::default(),
        adoption_policy: AdoptionPolicy::default(),
        interval: text("10m"),
        suspend: false,
        management_policy: ManagementPolicy::default(),
    };
    let time = Timestamp::UNIX_EPOCH;
    let id = ShareId {
        region: text("eu-west-101"),
        organization: spec.organization.clone(),
        repository: spec.repository.clone(),
        account: spec.account.clone(),
    };
    let share = ShareStatus {
        region: id.region.clone(),
        permission: spec.permission.as_str().to_owned(),
        deadline: spec.deadline.clone(),
        created_at: Some(time.to_string()),
        updated_at: Some(time.to_string()),
        creator: Some(String::new()),
        valid: Some(true),
        ..ShareStatus::default()
    };
    let (record, uid) = (Record { share: Some(share), adopted: Some(false) }, Some(text(UID)));
    let report = Report { object_uid: uid.clone(), record, time, ..Report::default() };
    let terms =
        Terms { permission: text("read"), deadline: Deadline::Forever, description: text("") };
    let outcome = Outcome::shared(&id, &terms);
    let mut object = ImageShare::new(NAME, spec);
    object.metadata = ObjectMeta {
        name: Some(text(NAME)),
        namespace: Some(text(NAMESPACE)),
        uid: uid.clone(),
        resource_version: Some(text("1")),
        generation: Some(1),
        creation_timestamp: Some(Time(time)),
        finalizers: Some(vec![FINALIZER.to_owned()]),
        annotations: Some([(CREATE_INTENT.to_owned(), text(UID))].into()),
        ..ObjectMeta::default()
    };
    object.status = Some(status::project(None, 1, &outcome, report, time));
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures;

    #[test]
    fn an_object_comes_back_as_it_was_but_for_what_no_pass_reads() {
        let mut object = ImageShare::new("a", fixtures::spec());
        object.metadata.namespace = Some("ns".into());
        object.metadata.finalizers = Some(vec!["other".into(), FINALIZER.into()]);
        object.metadata.labels = Some([("app".to_owned(), "x".to_owned())].into());
        object.metadata.annotations = Some(
            [("other".to_owned(), "x".to_owned()), (CREATE_INTENT.to_owned(), "uid".to_owned())]
                .into(),
        );
        let key = Key::of(&object.metadata);
        let back = Packed::of(&object, &key).unwrap().unpack(&key).unwrap();
        assert_eq!(back.spec, object.spec);
        assert_eq!(back.metadata.finalizers, object.metadata.finalizers);
        assert_eq!(back.metadata.annotations.unwrap().len(), 1);
        assert_eq!(back.metadata.labels, None);
    }
}
