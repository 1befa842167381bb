//! An object at rest, small. Between its passes an object is kept as JSON, compressed beside a sample
//! of its own kind (LZ4 with a dictionary): about a tenth of what it takes as a value.
//!
//! What no pass reads is left out before: managed fields, labels, other annotations than ours.

use std::sync::LazyLock;

use kube::ResourceExt;
use kube::core::ObjectMeta;

use crate::api::{CREATE_INTENT, FINALIZER, ImageShare, RECONCILE_REQUESTED_AT};

/// An object, packed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs an object. `None` if it cannot be written as JSON, which is the case for none.
    pub fn of(object: &ImageShare) -> Option<Self> {
        let json = serde_json::to_vec(&slim(object)).ok()?;
        let size = u32::try_from(json.len()).ok()?;
        let compressed = lz4_flex::block::compress_with_dict(&json, &SAMPLE);
        Some(Self([&size.to_le_bytes()[..], &compressed].concat().into()))
    }

    /// The object.
    pub fn unpack(&self) -> Option<ImageShare> {
        let (size, compressed) = self.0.split_first_chunk()?;
        let size = u32::from_le_bytes(*size) as usize;
        let json = lz4_flex::block::decompress_with_dict(compressed, size, &SAMPLE).ok()?;
        serde_json::from_slice(&json).ok()
    }
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

/// What most objects look like. Only the size depends on it.
static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let uid = "01234567-89ab-4cde-8f01-23456789abcd";
    let condition = |kind: &str, status: &str| {
        format!(
            r#"{{"lastTransitionTime":"2026-01-01T00:00:00Z","message":"group/tools/busybox is shared with demo, for ever","observedGeneration":1,"reason":"Shared","status":"{status}","type":"{kind}"}}"#
        )
    };
    let json = format!(
        r#"{{"apiVersion":"imageshare.dev/v1alpha1","kind":"ImageShare","metadata":{{"annotations":{{"{CREATE_INTENT}":"{uid}"}},"creationTimestamp":"2026-01-01T00:00:00Z","finalizers":["{FINALIZER}"],"generation":1,"name":"busybox-for-demo","namespace":"platform","resourceVersion":"1234","uid":"{uid}"}},"spec":{{"region":"eu-west-101","organization":"group","repository":"tools/busybox","account":"demo","permission":"read","deadline":"forever","description":"","credentialsRef":{{"name":"swr","key":"token"}},"deletionPolicy":"Delete","adoptionPolicy":"CreateOrAdopt","managementPolicy":"Full","interval":"10m","suspend":false}},"status":{{"observedGeneration":1,"objectUID":"{uid}","conditions":[{},{},{}],"share":{{"region":"eu-west-101","organization":"group","repository":"tools/busybox","account":"demo","permission":"read","deadline":"forever","valid":true}}}}}}"#,
        condition("Ready", "True"),
        condition("Error", "False"),
        condition("Stalled", "False"),
    );
    json.into_bytes()
});

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
        let back = Packed::of(&object).unwrap().unpack().unwrap();
        assert_eq!(back.spec, object.spec);
        assert_eq!(back.metadata.finalizers, object.metadata.finalizers);
        assert_eq!(back.metadata.annotations.unwrap().len(), 1);
        assert_eq!(back.metadata.labels, None);
    }
}
