//! What people would say of an object in one word, for the metrics.

use super::object::Object;
use super::status::is_true;
use crate::api::ConditionType;

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The share is there, as declared.
    Ready,
    /// It is not yet; nobody has to do anything.
    Reconciling,
    /// It is not, and somebody has to.
    Stalled,
    /// Nothing is done, as the spec says.
    Suspended,
    /// Its time is over.
    Expired,
    /// It is to go.
    Deleting,
}

impl State {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::Suspended,
        Self::Expired,
        Self::Deleting,
    ];

    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Reconciling => "reconciling",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Deleting => "deleting",
        }
    }

    /// That of an object, by what its status says of its present generation.
    pub fn of(object: &Object) -> Self {
        let status = object.status.as_deref();
        let status = status.filter(|status| status.observed_generation == object.generation);
        let is = |kind: ConditionType| status.is_some_and(|status| is_true(status, kind));
        match () {
            () if object.is_deleting => Self::Deleting,
            () if object.is_suspended() => Self::Suspended,
            () if is(ConditionType::Expired) => Self::Expired,
            () if is(ConditionType::Stalled) => Self::Stalled,
            () if is(ConditionType::Ready) => Self::Ready,
            () => Self::Reconciling,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::{fresh, status, with_spec, with_status};
    use crate::core::record::Record;
    use crate::core::status::Outcome;
    use crate::reason::Reason;

    #[test]
    fn the_state_is_what_the_conditions_say_of_the_present_generation() {
        assert_eq!(State::of(&fresh()), State::Reconciling);
        for (reason, expected) in [
            (Reason::Shared, State::Ready),
            (Reason::Timeout, State::Reconciling),
            (Reason::InvalidSpec, State::Stalled),
            (Reason::Expired, State::Expired),
        ] {
            let object = with_status(fresh(), status(&Outcome::advised(reason), Record::default()));
            assert_eq!(State::of(&object), expected, "{reason:?}");
            let newer = Object { generation: object.generation + 1, ..object.clone() };
            assert_eq!(State::of(&newer), State::Reconciling, "{reason:?}");
            let suspended = with_spec(object.clone(), |spec| spec.suspend = true);
            assert_eq!(State::of(&suspended), State::Suspended);
            assert_eq!(State::of(&Object { is_deleting: true, ..suspended }), State::Deleting);
        }
        assert_eq!(State::ALL.map(|state| state as usize), [0, 1, 2, 3, 4, 5]);
    }
}
