//! Everything the operator can do to the world, and what can come of it. A closed list: performing
//! one is a `match` without a decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::facts::Jitter;
use super::object::{Object, Place};
use super::ownership::Move;
use crate::access::credentials::SecretVersion;
use crate::api::ImageShareStatus;
use crate::cloud::lists::Freshness;
use crate::cloud::{Change, RemoteShare, Terms};
use crate::reason::Reason;

/// The longest note of an event, in characters of up to four bytes: Kubernetes takes 1 KiB.
pub const NOTE_MAX: usize = 250;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the object live.
    ReadObject,
    /// Learn of the CRD: is the product being uninstalled?
    ReadCrd {
        /// By a read that is later than the object's mark for deletion. Else what a watch says will do.
        live: bool,
    },
    /// Get credentials ready for the calls of this pass.
    ReadCredentials(Credentials),
    /// Put the finalizer on, and the annotation that a create is about to be sent.
    AddFinalizer,
    /// Take both off.
    RemoveFinalizer,
    /// Write the status.
    WriteStatus(Arc<ImageShareStatus>),
    /// Leave an event.
    Emit(Event),
    /// Move the right to write the share.
    Transfer(Move),
    /// See what a list of the repository says of the share.
    List(Freshness),
    /// Ask the cloud for the share.
    Look,
    /// Create the share.
    Create(Arc<Terms>),
    /// Change the share.
    Update(Arc<Terms>),
    /// Delete the share.
    Delete,
}

impl Effect {
    /// Whether it changes the cloud: only who has the right to write may do so.
    pub fn writes_to_the_cloud(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Update(_) | Self::Delete)
    }
}

/// Which credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// What the Secret holds now.
    Current {
        /// No use in asking with this version again: SWR refused this object with it.
        refused: Option<SecretVersion>,
        /// To be used although SWR rejected them for others: the last try before a share is left
        /// behind.
        is_last_try: bool,
    },
    /// What SWR accepted last of that Secret.
    LastKnown,
    /// Only kept in memory, for a deletion that may find no Secret.
    ToKeep,
}

/// Something to say to people, beside the status.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A share that existed already was taken over.
    Adopted(String),
    /// The end of the share is near.
    ExpiringSoon(String),
    /// Another hand's changes were put right.
    DriftRepaired(Vec<Change>),
    /// The API server's rules do not let the operator write to the object; in their words.
    WriteRefused(String),
    /// Credentials end soon, and nobody renews them; what they are, and when.
    CredentialsExpiring(String, Timestamp),
    /// A share is left behind: for the administrator, since the object goes.
    Orphaned(String),
}

impl Event {
    /// The event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Adopted(_) => "Adopted",
            Self::ExpiringSoon(_) => "ExpiringSoon",
            Self::DriftRepaired(_) => "DriftRepaired",
            Self::WriteRefused(_) => "WriteRefused",
            Self::CredentialsExpiring(..) => "CredentialsExpiring",
            Self::Orphaned(_) => "ShareOrphaned",
        }
    }

    /// What it says.
    pub fn note(&self) -> String {
        match self {
            Self::Adopted(note)
            | Self::ExpiringSoon(note)
            | Self::WriteRefused(note)
            | Self::Orphaned(note) => note.clone(),
            Self::CredentialsExpiring(words, at) => {
                format!("{words}: the credentials end at {at}; put new ones into it before that")
            }
            Self::DriftRepaired(changes) => {
                let said = "put right what another hand had changed: ";
                let changes = Change::all_within(changes, NOTE_MAX - said.len());
                format!("{said}{changes}")
            }
        }
    }
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The object as it is now, and whether it is still the version that the pass goes by.
    Read {
        /// The object.
        object: Object,
        /// Whether nobody has written to it since.
        is_unchanged: bool,
    },
    /// The object as our write left it.
    Written(Object),
    /// The API server did not do it.
    Refused(Refusal),
    /// The API server's rules do not allow a write: a policy, a webhook or the operator's rights. In
    /// their words.
    Denied(String),
    /// Whether the CRD is being deleted.
    Crd {
        /// Whether it is.
        is_deleting: bool,
    },
    /// Credentials are ready, or why not.
    Credentials(Result<Ready, NoCredentials>),
    /// The event was left; whether there was no such event before. `None` if it could not be.
    Emitted(Option<bool>),
    /// The object's place, after a move or without one.
    Place(Place),
    /// What a list shows of the share, and when it was asked for.
    Listed {
        /// The share, if the list has it.
        share: Result<Option<RemoteShare>, Failure>,
        /// When it was asked for.
        at: Instant,
        /// The jitter of all who read this list, so that they stay together.
        jitter: Jitter,
    },
    /// The share, or `None` if there is none; and when SWR was asked.
    Looked(Result<Option<RemoteShare>, Failure>, Instant),
    /// A create ended.
    Created(Result<Created, Failure>),
    /// An update ended.
    Updated(Result<Updated, Failure>),
    /// A delete ended.
    Deleted(Result<(), Failure>),
    /// Nothing was sent: the object does not own the share any more.
    NoWriteRight,
}

/// What SWR made of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Created {
    /// The share.
    Done,
    /// Nothing: the share exists, or may exist; a look shows which.
    AlreadyExists,
}

/// What SWR made of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Updated {
    /// The change.
    Done,
    /// Nothing: there is no such share.
    Absent,
}

/// Why the API server did not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no such object any more.
    Gone,
    /// The object has changed since it was read.
    Conflict,
    /// It did not answer, or not with what was asked: whether it took effect is not known.
    Failed,
}

/// Credentials that calls can be made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ready {
    /// What they were read from; `None` for those that were only remembered.
    pub secret: Option<SecretVersion>,
    /// Their end, if it is known.
    pub end: Option<CredentialsEnd>,
}

/// The end of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialsEnd {
    /// When.
    pub at: Timestamp,
    /// Whether the operator gets new ones by itself before that.
    pub is_renewed: bool,
}

/// Why there are no credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NoCredentials {
    /// What the object refers to cannot be used, or the cloud does not take it; in a few words, and as
    /// which version, if it was read. Or there is no endpoint to use it with.
    Unusable(Reason, String, Option<SecretVersion>),
    /// The same, and the namespace is being deleted: it has gone before the object.
    Terminating(Reason, String),
    /// They could not be exchanged this time.
    Failed(Failure, Option<SecretVersion>),
    /// SWR rejected this version for another object.
    Rejected(SecretVersion),
    /// SWR refused this object with this very version.
    Refused(SecretVersion),
    /// The API server did not answer.
    Unread,
}

/// A call to the cloud that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// What is known of it, for people: never the same twice only where the cause differs.
    pub evidence: String,
    /// How long SWR asks us to stay away.
    pub pause: Option<Duration>,
    /// The cloud's name for the request.
    pub request_id: Option<String>,
}

#[cfg(test)]
#[path = "effect_tests.rs"]
mod tests;
