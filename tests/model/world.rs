//! The little world: objects at the API server, what the operator has seen of them, one share in the
//! cloud. As small as the rules allow: two terms, and numbers instead of names.

use imageshare::reason::Reason;
use imageshare::reconcile::plan::Place;

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
}

/// Everything at a moment. `N` objects claim the one share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World<const N: usize> {
    pub slots: [Slot; N],
    /// Which of them owns the share, as this life of the operator has it.
    pub owner: Option<u8>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The object at the API server.
    pub object: Option<Object>,
    /// Whether it has changed since the last event about it was sent.
    pub unsent: bool,
    /// The event on its way: watches may be late.
    pub news: Option<Event>,
    /// The object in the operator's cache.
    pub cached: Option<Object>,
    /// Whether a pass is due.
    pub woken: bool,
    pub memory: Option<Memory>,
    /// Whether a create that was sent for it may still take effect, as the operator counts: of the
    /// memory and of the pass.
    pub quiet: bool,
    pub pass: Option<Pass>,
    /// Whether a pass has said that the object is being deleted, before the watch did.
    pub leaves: bool,
    /// Whether somebody was told that the share stays, or wanted it to.
    pub told: bool,
}

/// What a watch says of an object; nothing if it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event(pub Option<Object>);

/// The object, as far as the rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Object {
    pub uid: u8,
    pub generation: u8,
    pub terms: Terms,
    /// Whether it carries the finalizer.
    pub held: bool,
    pub deleted: bool,
    pub status: Option<Status>,
}

/// The essence of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    pub generation: u8,
    pub reason: Reason,
    pub adopted: Option<bool>,
    /// The recorded share's terms, and whether it is valid.
    pub share: Option<(Terms, Option<bool>)>,
}

/// What is remembered of an object between passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    pub uid: u8,
    pub generation: u8,
    /// The newest version that was read live or written; nothing if none was.
    pub ahead: Option<Ahead>,
    pub undone: u8,
}

/// How much newer the version that the operator knows of is than its cache: versions themselves
/// would never come back, and no state would ever be met again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ahead {
    /// Not at all.
    No,
    /// The event that is on its way will do.
    News,
    /// Newer than that.
    Beyond,
    /// Nobody knows: a live read will tell.
    Unsure,
}

/// A pass in the middle of it: `act.rs`'s `Acting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pass {
    /// The object, as the last write of this pass left it.
    pub copy: Object,
    /// Whether the object has changed since: a guarded write will fail.
    pub stale: bool,
    /// The generation that the pass set out with.
    pub seen: u8,
    pub wish: Wish,
    pub known: Known,
    /// The next in line: its slot and its uid.
    pub heir: Option<(u8, u8)>,
    pub drift: bool,
    /// Whether the credentials were read.
    pub connected: bool,
    /// The newest version that was read live or written, as of the memory.
    pub ahead: Option<Ahead>,
    pub step: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    Share(Terms),
    Revoke,
    LetGo,
}

/// Where in the code a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The turn is not known yet.
    Turn,
    /// `until_rest`
    Plan,
    /// `take_over`
    Handing(Handing),
    /// `stopped`
    Stopped(Reason),
    /// The release of an object that has nothing in the cloud, and is not going.
    Unhold(Reason),
    /// `release`; whether the share is left behind
    Release { orphan: bool },
    /// `settle`
    Say(Reason),
}

/// Where in handing a share over; the heir as it was read or written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handing {
    Look { copy: Object },
    Hold { copy: Object, met: bool },
    Update { copy: Object },
}

/// `plan::Known`, small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Known {
    pub held: bool,
    pub place: Place,
    pub recorded: Recorded,
    pub in_flight: bool,
    pub undone: u8,
    pub cloud: Cloud,
    pub found: bool,
    pub wrote: Option<Write>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recorded {
    Nothing,
    InDoubt,
    Confirmed(Terms),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    Unseen,
    Absent,
    Present(Terms),
    Listed(Option<Terms>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    CreateConflicted,
    CreateInDoubt,
    Created,
    Updated,
    Deleted,
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
    /// Made, changed or confirmed by the operator for this object.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The operator is killed.
    pub crashes: u8,
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
    /// Another hand changes, removes or makes the share.
    pub drifts: u8,
    /// The credentials stop or start being accepted.
    pub locks: u8,
}

impl Object {
    /// A new object that nobody has looked at.
    pub fn new(uid: u8) -> Self {
        Self { uid, generation: 1, terms: Terms::A, held: false, deleted: false, status: None }
    }

    /// What the queue looks at to see whether an event is worth a pass.
    pub fn looks(&self) -> (u8, u8, bool) {
        (self.uid, self.generation, self.held)
    }
}

impl Slot {
    /// Notes that the object at the API server has changed.
    pub fn changed(&mut self) {
        self.unsent = true;
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
        if let Some(memory) = &mut self.memory {
            memory.ahead = memory.ahead.map(&moved);
        }
        if let Some(pass) = &mut self.pass {
            pass.ahead = pass.ahead.map(&moved);
        }
    }

    /// Ends the pass without any memory of the object.
    pub fn forget(&mut self) {
        (self.pass, self.memory, self.quiet) = (None, None, false);
    }
}
