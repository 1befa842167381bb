//! Every decision the operator can take, as a function of values. No clock, no randomness, no
//! client: `now` comes in, an [`Action`] comes out, and after each action the pass asks again.

use std::time::Duration;

use jiff::Timestamp;

use crate::reason::{Kind, Reason};
use crate::swr::{RemoteShare, Terms};

/// What an object wants of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// The share, on these terms.
    Share(&'a Terms),
    /// No share: the object is being deleted.
    Revoke,
    /// Whatever there is may stay: the object is being deleted and retains its share.
    LetGo,
}

/// What a pass knows at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whether the object carries our finalizer.
    pub held: bool,
    /// What the status says of the share: it exists, or may exist.
    pub recorded: Option<Recorded>,
    /// What the cloud said in this pass.
    pub cloud: Cloud,
    /// What this pass wrote to the cloud last.
    pub wrote: Option<Write>,
}

/// A share as the status has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its terms.
    pub terms: Terms,
    /// Whether SWR confirmed it; else a write is in doubt.
    pub confirmed: bool,
}

/// What the cloud said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cloud {
    /// Nothing yet, or nothing since the last write.
    Unseen,
    /// There is no such share.
    Absent,
    /// There is this share.
    Present(RemoteShare),
}

/// A write to the cloud, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A create that met an existing share.
    CreateConflicted,
    /// A create that SWR may or may not have carried out.
    CreateInDoubt,
    /// A create that SWR accepted.
    Created,
    /// An update that SWR accepted.
    Updated,
    /// A delete that SWR accepted.
    Deleted,
}

impl Write {
    /// The write as the log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateConflicted => "adopted",
            Self::CreateInDoubt => "create in doubt",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Put the finalizer on the object.
    Hold,
    /// Ask the cloud for the share.
    Look,
    /// Create the share.
    Create,
    /// Change the share to the wanted terms.
    Update,
    /// Delete the share.
    Delete,
    /// Take the finalizer off: nothing of ours is left in the cloud.
    Release,
    /// Nothing more in this pass.
    Rest(Rest),
}

/// How a pass ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// SWR holds the share as wanted.
    Shared,
    /// SWR holds the share as wanted, but its deadline has passed.
    Expired,
    /// The object does not hold anything.
    Gone,
    /// It cannot go on.
    Failed(Reason),
}

/// What to do next.
pub fn plan(wish: Wish<'_>, known: &Known, now: Timestamp) -> Action {
    match wish {
        Wish::Share(terms) => match toward_share(terms, known, now) {
            // Nothing is asked of the cloud before the finalizer is on: a share that was seen or
            // made must not outlive its object unnoticed.
            action if !known.held && !matches!(action, Action::Rest(Rest::Failed(_))) => {
                Action::Hold
            }
            action => action,
        },
        Wish::Revoke | Wish::LetGo if !known.held => Action::Rest(Rest::Gone),
        Wish::LetGo => Action::Release,
        Wish::Revoke => toward_nothing(known),
    }
}

fn toward_share(terms: &Terms, known: &Known, now: Timestamp) -> Action {
    match (&known.cloud, known.wrote) {
        (Cloud::Present(share), wrote) => match (terms.are_met_by(&share.terms), wrote) {
            (true, _) if share.valid => Action::Rest(Rest::Shared),
            (true, _) => Action::Rest(Rest::Expired),
            (false, Some(Write::Updated)) => Action::Rest(Rest::Failed(Reason::NotApplied)),
            (false, _) => Action::Update,
        },
        // "Exists" and "does not exist" in one breath: somebody else is at it.
        (Cloud::Absent, Some(Write::CreateConflicted)) => {
            Action::Rest(Rest::Failed(Reason::NotApplied))
        }
        (Cloud::Absent, _) => create(terms, now),
        (Cloud::Unseen, Some(_)) => Action::Look,
        (Cloud::Unseen, None) => match &known.recorded {
            None => create(terms, now),
            // The spec has moved away from what is recorded: no need to ask first.
            Some(recorded) if recorded.confirmed && !terms.are_met_by(&recorded.terms) => {
                Action::Update
            }
            Some(_) => Action::Look,
        },
    }
}

fn create(terms: &Terms, now: Timestamp) -> Action {
    if terms.deadline.has_passed(now) {
        Action::Rest(Rest::Failed(Reason::DeadlinePassed))
    } else {
        Action::Create
    }
}

fn toward_nothing(known: &Known) -> Action {
    match (&known.cloud, known.wrote) {
        (Cloud::Absent, _) => Action::Release,
        (Cloud::Unseen, Some(Write::Deleted)) => Action::Look,
        (Cloud::Present(_), Some(Write::Deleted)) => Action::Rest(Rest::Failed(Reason::NotApplied)),
        _ => Action::Delete,
    }
}

/// What becomes of an object that is being deleted when revoking its share failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It stays until the share is revoked.
    Stay,
    /// It goes: there is no share.
    Go,
    /// It goes, and the share is left behind: somebody must be told.
    Orphan,
}

/// Decides about an object that is being deleted when revoking its share failed with `reason`.
///
/// It goes at once where the cloud says that no such share can exist, or where nothing was ever
/// recorded and nothing was sent. If only a person could help and a share is recorded, the
/// person has `orphan_after` (`None`: for ever) from the first attempt on. A fault that passes by
/// itself never leaves a share behind.
pub fn departure(
    known: &Known,
    reason: Reason,
    waited: Duration,
    orphan_after: Option<Duration>,
) -> Departure {
    if reason.rules_out_a_share() {
        return Departure::Go;
    }
    match (reason.kind(), &known.recorded) {
        (_, None) if reason.is_certain_refusal() => Departure::Go,
        (Kind::Refuse, Some(_)) if orphan_after.is_some_and(|grace| waited >= grace) => {
            Departure::Orphan
        }
        _ => Departure::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(deadline: &str) -> Terms {
        Terms {
            permission: "read".into(),
            deadline: deadline.parse().unwrap(),
            description: String::new(),
        }
    }

    fn present(deadline: &str, valid: bool) -> Cloud {
        Cloud::Present(RemoteShare { valid, ..RemoteShare::as_written(terms(deadline)) })
    }

    fn recorded(deadline: &str, confirmed: bool) -> Recorded {
        Recorded { terms: terms(deadline), confirmed }
    }

    fn known(recorded: impl Into<Option<Recorded>>, cloud: Cloud, wrote: Option<Write>) -> Known {
        Known { held: true, recorded: recorded.into(), cloud, wrote }
    }

    fn now() -> Timestamp {
        "2027-01-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table")]
    fn the_way_to_a_share() {
        let failed = |reason| Action::Rest(Rest::Failed(reason));
        let forever = terms("forever");
        let past = terms("2026-12-31");
        for (case, terms, known, expected) in [
            (
                "nothing known: one POST, without asking first",
                &forever,
                known(None, Cloud::Unseen, None),
                Action::Create,
            ),
            (
                "recorded: look",
                &forever,
                known(recorded("forever", true), Cloud::Unseen, None),
                Action::Look,
            ),
            (
                "recorded in doubt: look",
                &forever,
                known(recorded("2027-02-01", false), Cloud::Unseen, None),
                Action::Look,
            ),
            (
                "recorded otherwise: the spec changed",
                &forever,
                known(recorded("2027-02-01", true), Cloud::Unseen, None),
                Action::Update,
            ),
            (
                "after an update: look",
                &forever,
                known(recorded("2027-02-01", true), Cloud::Unseen, Some(Write::Updated)),
                Action::Look,
            ),
            (
                "after a create that met a share: look",
                &forever,
                known(None, Cloud::Unseen, Some(Write::CreateConflicted)),
                Action::Look,
            ),
            (
                "as wanted",
                &forever,
                known(None, present("forever", true), None),
                Action::Rest(Rest::Shared),
            ),
            (
                "as wanted but over",
                &past,
                known(None, present("2026-12-31", false), None),
                Action::Rest(Rest::Expired),
            ),
            (
                "over, but the spec moved on: renew",
                &forever,
                known(None, present("2026-12-31", false), None),
                Action::Update,
            ),
            ("drifted", &forever, known(None, present("2027-02-01", true), None), Action::Update),
            (
                "adopted, then made equal",
                &forever,
                known(None, present("2027-02-01", true), Some(Write::CreateConflicted)),
                Action::Update,
            ),
            (
                "updated in vain: no loop",
                &forever,
                known(None, present("2027-02-01", true), Some(Write::Updated)),
                failed(Reason::NotApplied),
            ),
            (
                "removed by another hand",
                &forever,
                known(recorded("forever", true), Cloud::Absent, None),
                Action::Create,
            ),
            (
                "gone at the update",
                &forever,
                known(recorded("2027-02-01", true), Cloud::Absent, None),
                Action::Create,
            ),
            (
                "exists and does not",
                &forever,
                known(None, Cloud::Absent, Some(Write::CreateConflicted)),
                failed(Reason::NotApplied),
            ),
            (
                "past, nothing known",
                &past,
                known(None, Cloud::Unseen, None),
                failed(Reason::DeadlinePassed),
            ),
            (
                "past, removed by another hand",
                &past,
                known(recorded("2026-12-31", true), Cloud::Absent, None),
                failed(Reason::DeadlinePassed),
            ),
        ] {
            assert_eq!(plan(Wish::Share(terms), &known, now()), expected, "{case}");
        }
    }

    #[test]
    fn the_finalizer_comes_before_anything_is_asked_of_the_cloud() {
        let forever = terms("forever");
        for cloud in
            [Cloud::Unseen, Cloud::Absent, present("forever", true), present("2027-02-01", true)]
        {
            for recorded in [None, Some(recorded("forever", true))] {
                let known = Known { held: false, recorded, cloud: cloud.clone(), wrote: None };
                assert_eq!(plan(Wish::Share(&forever), &known, now()), Action::Hold);
            }
        }
        let known = Known { held: false, recorded: None, cloud: Cloud::Unseen, wrote: None };
        assert_eq!(
            plan(Wish::Share(&terms("2026-12-31")), &known, now()),
            Action::Rest(Rest::Failed(Reason::DeadlinePassed)),
            "an object that is refused without a call needs no finalizer"
        );
    }

    #[test]
    fn the_way_out() {
        for (case, known, expected) in [
            ("first delete", known(None, Cloud::Unseen, None), Action::Delete),
            ("then look", known(None, Cloud::Unseen, Some(Write::Deleted)), Action::Look),
            ("then go", known(None, Cloud::Absent, Some(Write::Deleted)), Action::Release),
            ("was not there", known(None, Cloud::Absent, None), Action::Release),
            (
                "deleted in vain",
                known(None, present("forever", true), Some(Write::Deleted)),
                Action::Rest(Rest::Failed(Reason::NotApplied)),
            ),
        ] {
            assert_eq!(plan(Wish::Revoke, &known, now()), expected, "{case}");
        }
        let held = known(recorded("forever", true), Cloud::Unseen, None);
        assert_eq!(plan(Wish::LetGo, &held, now()), Action::Release);
        let free = Known { held: false, ..held };
        assert_eq!(plan(Wish::LetGo, &free, now()), Action::Rest(Rest::Gone));
        assert_eq!(plan(Wish::Revoke, &free, now()), Action::Rest(Rest::Gone));
    }

    #[test]
    fn an_object_goes_unrevoked_only_without_a_share_or_after_the_grace() {
        let never = known(None, Cloud::Unseen, None);
        let worked = known(recorded("forever", true), Cloud::Unseen, None);
        let doubt = known(recorded("forever", false), Cloud::Unseen, None);
        let grace = Some(Duration::from_mins(10));
        let (soon, late) = (Duration::from_mins(9), Duration::from_mins(10));
        for (known, reason, waited, grace, expected) in [
            (&never, Reason::SecretNotFound, soon, grace, Departure::Go),
            (&never, Reason::Unauthorized, soon, grace, Departure::Go),
            (&never, Reason::HostNotFound, soon, grace, Departure::Go),
            (&never, Reason::Timeout, late, grace, Departure::Stay),
            (&worked, Reason::HostNotFound, late, grace, Departure::Stay),
            (&worked, Reason::RepositoryNotFound, soon, grace, Departure::Go),
            (&worked, Reason::SecretNotFound, soon, grace, Departure::Stay),
            (&worked, Reason::SecretNotFound, late, grace, Departure::Orphan),
            (&worked, Reason::Forbidden, late, grace, Departure::Orphan),
            (&doubt, Reason::Unauthorized, late, grace, Departure::Orphan),
            (&worked, Reason::SecretNotFound, late, None, Departure::Stay),
            (&worked, Reason::ServerError, late, grace, Departure::Stay),
            (&worked, Reason::Throttled, late, grace, Departure::Stay),
        ] {
            assert_eq!(
                departure(known, reason, waited, grace),
                expected,
                "{known:?} {reason:?} {waited:?}"
            );
        }
    }
}
