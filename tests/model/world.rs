//! The little world: objects at the API server, what the operator has seen of them, one share in the
//! cloud. Objects, states, passes and owners are numbers of the shipped values.

use std::sync::Arc;

use imageshare::api::{AdoptionPolicy, CredentialsRef, DeletionPolicy, ImageShareSpec};
use imageshare::cloud::{Deadline, Terms as ShippedTerms};
use imageshare::core::object::Object;

/// The terms of a share: all that the rules ask of them is whether they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terms {
    A,
    B,
}

impl Terms {
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    pub fn named(description: &str) -> Self {
        if description == Self::A.description() { Self::A } else { Self::B }
    }

    pub fn open(self) -> ShippedTerms {
        ShippedTerms {
            permission: "read".into(),
            deadline: Deadline::Forever,
            description: self.description().into(),
        }
    }

    pub fn of(terms: &ShippedTerms) -> Self {
        Self::named(&terms.description)
    }
}

/// The number of a contest.
pub type Owners = u32;

/// Everything at a moment. `N` objects claim the one share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World<const N: usize> {
    pub slots: [Slot; N],
    /// Who owns the share, as this life of the operator has it.
    pub owners: Owners,
    pub share: Option<Share>,
    /// A create that got no answer and has not come to anything yet.
    pub flying: Option<Flying>,
    /// Whether SWR accepts the credentials.
    pub trusted: bool,
    /// Whether this life of the operator began within the request window.
    pub young: bool,
    /// What may still go wrong.
    pub left: Budget,
    /// Set by a step that must never be made.
    pub wrong: Option<&'static str>,
}

/// An object, and what the operator has of it.
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not the states of a machine")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// The object at the API server.
    pub object: Option<u32>,
    /// How many objects of this name there have been before it.
    pub life: u8,
    /// Whether it has changed since the last event about it was sent.
    pub unsent: bool,
    /// The event on its way: watches may be late.
    pub news: Option<Event>,
    /// The object in the operator's cache, and which life it is of.
    pub cached: Option<(u32, u8)>,
    /// Whether a pass is due.
    pub woken: bool,
    /// What is remembered of the object in the cache.
    pub state: Option<u32>,
    /// How much newer the version is that is remembered with it.
    pub ahead: Ahead,
    pub pass: Option<Running>,
    /// What a former leader has sent, or would send.
    pub former: Option<Former>,
    /// Whether somebody was told that the share stays, or wanted it to.
    pub excused: bool,
}

/// What a watch says of an object; nothing if it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event(pub Option<u32>, pub u8);

/// A pass in the middle of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Running {
    pub pass: u32,
    /// Which life of the object it is over.
    pub life: u8,
    /// Whether the object has changed since the version that the pass goes by.
    pub stale: bool,
    /// How much newer than the cache that version is.
    pub ahead: Ahead,
}

/// A write of a former leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Former {
    AddFinalizer,
    Status(u32),
    Create(Terms),
    Update(Terms),
    Delete,
}

impl Former {
    /// Whether it comes to nothing once the object has changed.
    pub fn is_guarded(self) -> bool {
        matches!(self, Self::AddFinalizer | Self::Status(_))
    }
}

/// How much newer the version that the operator knows of is than its cache: versions themselves
/// would never come back, and no state would ever be met again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Ahead {
    /// Not at all.
    #[default]
    No,
    /// The event that is on its way will do.
    News,
    /// Newer than that.
    Beyond,
    /// Nobody knows: a live read will tell.
    Unsure,
}

/// The share in the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    pub terms: Terms,
    pub maker: Maker,
}

/// Whose share it is. The cloud does not tell: only we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Maker {
    /// Made, changed or confirmed by the operator for the object in this slot.
    Ours(u8),
    /// Another hand's, from before any object could claim it.
    First,
    /// Another hand's, made while an object had or may have had one.
    Other,
}

/// A create on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flying {
    pub slot: u8,
    pub terms: Terms,
    /// Whether a former life of the operator sent it.
    pub former: bool,
}

/// How much may still go wrong or be ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// The operator is killed.
    pub crashes: u8,
    /// Another operator leads, and the former one does not know.
    pub takeovers: u8,
    /// A pass is dropped in its middle.
    pub drops: u8,
    /// A request to the cloud is lost, before or after its effect, or is refused for the moment.
    pub lost: u8,
    /// A create without an answer takes effect late, or never.
    pub late: u8,
    /// A request to the API server fails, before or after its effect.
    pub api: u8,
    /// The owner changes the spec.
    pub edits: u8,
    /// The owner deletes the object.
    pub deletes: u8,
    /// The owner makes an object of the same name again.
    pub remakes: u8,
    /// A backup brings an object back, with the marks of a former life.
    pub restores: u8,
    /// Another hand changes, removes or makes the share.
    pub drifts: u8,
    /// The credentials stop or start being accepted.
    pub locks: u8,
}

impl Budget {
    /// Each number, in the order of the fields.
    pub fn each(&self) -> [u8; 12] {
        let Self { crashes, drops, lost, late, api, edits, deletes, .. } = *self;
        let Self { remakes, restores, drifts, locks, takeovers, .. } = *self;
        [
            crashes, drops, lost, late, api, edits, deletes, remakes, restores, drifts, locks,
            takeovers,
        ]
    }

    /// And back.
    pub fn of(each: [u8; 12]) -> Self {
        let [crashes, drops, lost, late, api, edits, deletes, remakes, restores, drifts, ..] = each;
        let [.., locks, takeovers] = each;
        let some = Self { crashes, drops, lost, late, api, edits, ..Self::default() };
        Self { takeovers, deletes, remakes, restores, drifts, locks, ..some }
    }
}

impl Slot {
    /// Notes that the object at the API server has changed.
    pub fn changed(&mut self) {
        self.unsent = true;
        self.former = self.former.filter(|former| !former.is_guarded());
        if let Some(pass) = &mut self.pass {
            pass.stale = true;
        }
    }

    /// How far the object as it is now is ahead of the cache.
    pub fn lead(&self) -> Ahead {
        match (self.unsent, self.news) {
            (true, _) => Ahead::Beyond,
            (false, Some(_)) => Ahead::News,
            (false, None) => Ahead::No,
        }
    }

    /// Moves what the operator knows of versions along with the events.
    pub fn each_lead(&mut self, moved: impl Fn(Ahead) -> Ahead) {
        self.ahead = moved(self.ahead);
        if let Some(pass) = &mut self.pass {
            pass.ahead = moved(pass.ahead);
        }
    }

    /// Forgets all that is remembered of the object.
    pub fn forget(&mut self) {
        (self.pass, self.state, self.ahead) = (None, None, Ahead::No);
    }
}

/// The key of an object among those that claim the share: its slot and its life.
pub fn key(i: usize, life: u8) -> u8 {
    u8::try_from(i).unwrap_or_default() * 8 + life
}

/// A new object that nobody has looked at.
pub fn object(
    i: usize,
    life: u8,
    terms: Terms,
    adoption: AdoptionPolicy,
    deletion: DeletionPolicy,
) -> Object {
    let spec = ImageShareSpec {
        region: Some("r".into()),
        organization: "group".into(),
        repository: "app".into(),
        account: "demo".into(),
        permission: imageshare::api::Permission::Read,
        deadline: "forever".into(),
        description: terms.description().into(),
        credentials_ref: Some(CredentialsRef::secret("swr")),
        deletion_policy: deletion,
        adoption_policy: adoption,
        interval: "10m".into(),
        suspend: false,
        management_policy: imageshare::api::ManagementPolicy::Full,
    };
    Object {
        uid: format!("{i}.{life}"),
        generation: 1,
        spec: Arc::new(spec),
        status: None,
        has_finalizer: false,
        has_intent: false,
        is_deleting: false,
        requested_at: None,
    }
}

/// The terms that an object asks for.
pub fn terms_of(object: &Object) -> Terms {
    Terms::named(&object.spec.description)
}
