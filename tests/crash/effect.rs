//! What the operator does to the world, as it is seen on the wire.

use std::fmt;

use axum::http::Method;
use imageshare::api::FINALIZER;
use serde_json::Value;

/// One kind of request between which a crash makes a difference. What is only read from the API
/// server is none: a crash there is one after the effect before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The finalizer is added.
    AddFinalizer,
    /// The cloud is asked for all shares of a repository.
    List,
    /// The cloud is asked for one share.
    Look,
    /// A share is created.
    Create,
    /// A share is changed.
    Update,
    /// A share is deleted.
    Delete,
    /// The status is written.
    Status,
    /// An event is left.
    Event,
    /// The finalizer is removed.
    RemoveFinalizer,
    /// A write that nobody has told this test about.
    Other,
}

impl Effect {
    /// What a request does; `None` if nothing to speak of.
    pub fn of(method: &Method, path: &str, body: &[u8]) -> Option<Self> {
        if let Some((_, account)) = path.split_once("/access-domains") {
            return Some(Self::on_the_cloud(method, account.trim_start_matches('/')));
        }
        // The Lease says who acts, and does nothing by itself.
        if path.contains("/leases") {
            return None;
        }
        let is_object = path.contains("/imageshares/");
        match method.as_str() {
            "GET" => None,
            "PATCH" if is_object && path.ends_with("/status") => Some(Self::Status),
            "PATCH" if is_object => Some(Self::on_the_object(body)),
            "POST" if path.ends_with("/events") => Some(Self::Event),
            _ => Some(Self::Other),
        }
    }

    fn on_the_cloud(method: &Method, account: &str) -> Self {
        match method.as_str() {
            "GET" if account.is_empty() => Self::List,
            "GET" => Self::Look,
            "POST" => Self::Create,
            "PATCH" => Self::Update,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    fn on_the_object(body: &[u8]) -> Self {
        let patch: Value = serde_json::from_slice(body).unwrap_or_default();
        match patch["metadata"]["finalizers"].as_array() {
            Some(finalizers) if finalizers.iter().any(|name| name == FINALIZER) => {
                Self::AddFinalizer
            }
            Some(_) => Self::RemoveFinalizer,
            None => Self::Other,
        }
    }

    /// Whether it does harm to arrive long after its sender has died: what is written to the object
    /// itself is guarded by its version, and that is to be seen of one.
    pub fn may_be_late(self) -> bool {
        self.changes_the_cloud() || self == Self::Status
    }

    /// Whether it changes the cloud.
    pub fn changes_the_cloud(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AddFinalizer => "finalizer",
            Self::List => "list",
            Self::Look => "look",
            Self::Create => "POST",
            Self::Update => "PATCH",
            Self::Delete => "DELETE",
            Self::Status => "status",
            Self::Event => "event",
            Self::RemoveFinalizer => "finalizer removal",
            Self::Other => "another write",
        })
    }
}

/// The how-manieth of a kind of effect, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The kind.
    pub effect: Effect,
    /// The number.
    pub nth: usize,
}

impl Occurrence {
    /// Numbers effects that came one after the other.
    pub fn number(effects: &[Effect]) -> Vec<Self> {
        let nth = |index: usize, effect: Effect| {
            effects[..=index].iter().filter(|earlier| **earlier == effect).count()
        };
        let numbered = effects.iter().enumerate();
        numbered.map(|(index, effect)| Self { effect: *effect, nth: nth(index, *effect) }).collect()
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nth {
            1 => write!(formatter, "{}", self.effect),
            nth => write!(formatter, "{} {nth}", self.effect),
        }
    }
}
