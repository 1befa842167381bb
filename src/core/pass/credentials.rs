//! Which credentials a pass asks for, and what it makes of there being none.

use super::Pass;
use crate::core::effect::{Credentials, NoCredentials, Refusal};
use crate::core::facts::{Goal, Now};
use crate::core::plan::Departure;
use crate::core::record::Recorded;
use crate::core::status::{self, Outcome};
use crate::reason::Reason;

/// How far a pass is with its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Unread,
    /// The Secret cannot be used; what worked before may still.
    Troubled(Outcome),
    Ready,
}

impl Pass {
    pub(super) fn which_credentials(&self, now: &Now) -> Credentials {
        match self.credentials {
            Access::Troubled(_) => Credentials::LastKnown,
            Access::Unread | Access::Ready => Credentials::Current {
                refused: self
                    .start
                    .state
                    .as_ref()
                    .and_then(|state| state.refused_with(self.fingerprint, now.monotonic))
                    .cloned(),
                is_last_try: self.departure(Reason::Unauthorized, now) == Departure::Orphan,
            },
        }
    }

    pub(super) fn on_no_credentials(&mut self, why: NoCredentials, now: &Now) {
        let last_known_is_asked = matches!(self.credentials, Access::Troubled(_));
        let outcome = match why {
            NoCredentials::Unread => return self.interrupt(Refusal::Failed, now),
            _ if let Access::Troubled(outcome) = &self.credentials => outcome.clone(),
            NoCredentials::Failed(failure, version) => {
                self.secret = version;
                return self.on_failure(failure, now);
            }
            // A successor declines: the owner waits for it.
            NoCredentials::Terminating(..)
                if self.desired().is_some() && self.facts.role.refusal().is_none() =>
            {
                return self.wait_for_mark(now);
            }
            NoCredentials::Terminating(reason, evidence) => Outcome::failed(reason, &evidence),
            NoCredentials::Unusable(reason, evidence, version) => {
                self.secret = version;
                Outcome::failed(reason, &evidence)
            }
            NoCredentials::Rejected(version) => {
                self.secret = Some(version);
                self.rejected()
            }
            NoCredentials::Refused(version) => {
                self.secret = Some(version);
                let said = status::repeated(self.start.object.own_status());
                said.unwrap_or_else(|| self.rejected())
            }
        };
        // The Secret may go before its shares, with the namespace or the rights to read it, or go
        // bad: what worked still works, but only for shares that were made.
        let has_share = self.facts.recorded != Recorded::Nothing;
        if self.goal == Ok(Goal::Revoke) && has_share && !last_known_is_asked {
            // What SWR says of it says nothing of what the Secret holds now.
            self.secret = None;
            self.credentials = Access::Troubled(outcome);
        } else {
            self.fail(outcome, now);
        }
    }

    /// SWR does not accept the credentials: in the same words with a call and without.
    pub(super) fn rejected(&self) -> Outcome {
        let words = self.secret.as_ref().map(|secret| &*secret.words);
        Outcome::failed(Reason::Unauthorized, words.unwrap_or("the last that it accepted"))
    }
}
