//! Every reason a condition, a log line or a metric can give, and the one table that says what each
//! leads to: how the operator goes on ([`Kind`]), what can heal a refusal ([`Cure`]) and what a person
//! should do ([`Reason::advice`]).
//!
//! Imports nothing of ours. Reasons are part of the API: they are never renamed. The
//! catalogue in docs/troubleshooting.md is compared with this table by a test.

use std::time::Duration;

/// How the operator goes on after a pass that ended with a [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is left to do until the object changes or its interval has passed.
    Steady,
    /// The other side named a time: come back then.
    Waiting,
    /// Probably passing: try again, exponentially later, with full jitter.
    Transient,
    /// A person must change something. Only a changed object, a changed Secret or a slow re-check
    /// leads to another call.
    Terminal,
}

/// What can bring an object out of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// Only a change of the object itself.
    Object,
    /// Something outside of it, which may be under way already: a Secret that is applied second, a right, a
    /// repository, a setting of the operator.
    Outside,
}

macro_rules! cure {
    () => {
        None
    };
    ($cure:ident) => {
        Some(Cure::$cure)
    };
}

macro_rules! reasons {
    ($($name:ident => $kind:ident $(($cure:ident))?, $meaning:literal, $advice:literal;)*) => {
        /// Why an object is in the state it is in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason as it stands in conditions, logs and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How the operator goes on.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// What can heal it; `None`: it is no refusal.
            pub fn cure(self) -> Option<Cure> {
                match self { $(Self::$name => cure!($($cure)?),)* }
            }

            /// What happened, as the beginning of a message.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What a person should do about it, as the end of a message.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    Shared => Steady,
        "SWR holds the share as the spec declares it",
        "nothing to do";
    NotReconciled => Waiting,
        "no operator has looked at this object yet",
        "wait; if it stays, check that the operator runs";
    Expired => Steady,
        "the deadline has passed: SWR lists the share, but it grants nothing",
        "move spec.deadline to renew the share, or delete the ImageShare";
    Suspended => Steady,
        "spec.suspend is set: SWR is not called",
        "set spec.suspend to false to go on";
    ActionPending => Steady,
        "SWR does not hold the share as declared, and managementPolicy is Observe",
        "see status.pendingAction; set spec.managementPolicy to Full to have it done";

    InvalidSpec => Terminal(Object),
        "the spec breaks a rule that the API server did not check",
        "correct the spec";
    ObjectUnreadable => Terminal(Object),
        "the object holds a value that this operator does not know",
        "apply the object again with the fields of the installed CRD, or upgrade the operator";
    CrdOutdated => Terminal(Outside),
        "the served CRD lacks fields that this operator reports in, and nothing is shared without a report",
        "apply the CRD of the operator's version";
    WriteRefused => Terminal(Outside),
        "the API server refuses a write to the object",
        "change what it names; the operator tries again";
    DeadlinePassed => Terminal(Object),
        "the deadline lies in the past, and the object has no share yet",
        "set spec.deadline to a time to come";
    AlreadyExists => Terminal(Object),
        "the share exists already, and adoptionPolicy is Create",
        "set spec.adoptionPolicy to CreateOrAdopt, or revoke the share in the SWR console";
    NothingToAdopt => Terminal(Outside),
        "there is no share, and adoptionPolicy is Adopt",
        "set spec.adoptionPolicy to CreateOrAdopt, or create the share in the SWR console";
    ExternalConflict => Terminal(Object),
        "what is written to the share does not stay",
        "settle who declares it, then change the spec or ask for a pass by the annotation";
    DuplicateShare => Terminal(Outside),
        "another object declares the same share and owns it",
        "delete one of the two; this one takes over when the other is gone";
    RegionUnknown => Terminal(Outside),
        "neither the spec nor the operator names a region",
        "set spec.region, or start the operator with --default-region";

    SecretNotFound => Terminal(Outside),
        "the Secret does not exist in the object's namespace",
        "create it, or correct spec.credentialsRef.name";
    SecretKeyNotFound => Terminal(Outside),
        "the Secret has no such key",
        "add the key to the Secret, or correct spec.credentialsRef.key";
    SecretForbidden => Terminal(Outside),
        "the operator may not read the Secret",
        "grant the operator's service account get on it";
    TokenEmpty => Terminal(Outside),
        "the Secret's key is empty",
        "put an IAM token into it";
    TokenMalformed => Terminal(Outside),
        "the Secret's key holds a line break, a space, or a character outside ASCII",
        "store the token alone, on one line, as IAM returned it";
    InvalidCredentials => Terminal(Outside),
        "the Secret does not hold the keys of one kind of credentials",
        "see docs/credentials.md for the keys of each kind";
    CredentialsMissing => Terminal(Outside),
        "neither the object nor its namespace names credentials",
        "set spec.credentialsRef, or annotate the namespace with imageshare.dev/credentials";

    ServiceAccountsOff => Terminal(Outside),
        "ServiceAccounts as credentials are switched off",
        "start the operator with --allow-service-accounts, or name a Secret";
    ServiceAccountNotFound => Terminal(Outside),
        "the ServiceAccount does not exist in the object's namespace",
        "create it, or correct spec.credentialsRef.serviceAccountName";
    ServiceAccountInvalid => Terminal(Outside),
        "the ServiceAccount does not say who it is for the cloud",
        "annotate it as docs/credentials.md shows";
    ServiceAccountForbidden => Terminal(Outside),
        "the operator may not read the ServiceAccount or ask for its token",
        "apply deploy/service-accounts.yaml";
    AgencyRefused => Terminal(Outside),
        "the cloud does not exchange the ServiceAccount's token",
        "check the provider's issuer, audience and keys, and whom the agency trusts";
    SignInRejected => Terminal(Outside),
        "IAM does not accept the user's name and password",
        "correct the Secret; each content is tried twice at most, before IAM locks the user out";
    SignInForbidden => Terminal(Outside),
        "IAM does not let the user sign in",
        "use an IAM user with programmatic access and without login protection, enabled and not locked";
    ProjectNotFound => Terminal(Outside),
        "IAM does not know the project, or the user has no access to it",
        "set projectName in the Secret to a project of the region";

    Unauthorized => Terminal(Outside),
        "SWR does not accept the credentials",
        "put valid credentials into the Secret; a token must be scoped to the region's project";
    Forbidden => Terminal(Outside),
        "the credentials may not manage the shares of this repository",
        "give their user the manage permission on the image repository";
    OrganizationNotFound => Terminal(Outside),
        "SWR does not know the organization",
        "create it, or re-create the ImageShare with the right one";
    RepositoryNotFound => Terminal(Outside),
        "SWR does not know the repository",
        "push the image first, or re-create the ImageShare with the right one";
    InvalidAccount => Terminal(Object),
        "SWR does not accept the account to share with",
        "re-create the ImageShare with the name of an existing account";
    InvalidName => Terminal(Object),
        "SWR does not accept the organization's or the repository's name",
        "re-create the ImageShare with the names that the SWR console shows";
    InvalidPermission => Terminal(Object),
        "SWR does not accept the permission",
        "set spec.permission to read";
    DescriptionTooLong => Terminal(Object),
        "SWR finds the description too long",
        "shorten spec.description";
    RequestTooLarge => Terminal(Outside),
        "SWR finds the request too large",
        "shorten spec.description, or put a shorter token into the Secret";
    InvalidRequest => Terminal(Object),
        "SWR does not accept a parameter of the request",
        "check the account, the repository and the deadline in the SWR console";
    RequestRefused => Terminal(Outside),
        "SWR refuses the request with a status that it does not document",
        "look up the code in SWR's error code table";
    PathUnknown => Terminal(Outside),
        "the endpoint does not know SWR's paths",
        "check the region, and the operator's --endpoint for it";
    RedirectRefused => Terminal(Outside),
        "the endpoint answers with a redirect, which is never followed",
        "point the operator's --endpoint for the region at SWR itself";
    EndpointInvalid => Terminal(Outside),
        "there is no usable endpoint for the region",
        "correct the region, or the operator's --endpoint for it";

    Throttled => Waiting,
        "SWR or its gateway asks for a pause: too many requests",
        "nothing to do; the operator comes back after the pause";
    CreateInFlight => Waiting,
        "a create without an answer may still take effect",
        "nothing to do; the share is revoked once more when that is over";
    SignInFailed => Transient,
        "what calls to SWR go out with has ended, and IAM or STS gives nothing new",
        "nothing to do, unless it stays; then check the operator's --iam-endpoint and --sts-endpoint";
    Busy => Transient,
        "SWR is busy with this repository",
        "nothing to do, unless it stays";
    ServerError => Transient,
        "SWR reports a fault of its own",
        "nothing to do, unless it stays; then ask the cloud's support";
    GatewayError => Transient,
        "the API gateway cannot reach SWR",
        "nothing to do, unless it stays; then ask the cloud's support";
    EndpointUnreachable => Transient,
        "the endpoint accepts no connection",
        "check the network policy, the proxy and the operator's --endpoint";
    ConnectionLost => Transient,
        "the connection ended before the answer came",
        "nothing to do, unless it stays; then check the proxy and the network";
    HostNotFound => Transient,
        "the endpoint's host name cannot be resolved",
        "check the region, DNS and the operator's --endpoint";
    TlsFailed => Transient,
        "TLS with the endpoint failed",
        "check the endpoint's certificate and the operator's --ca-file";
    Timeout => Transient,
        "no complete answer came in time",
        "check the network policy, the proxy and the operator's --endpoint";
    AnswerUnreadable => Transient,
        "the answer is not what SWR documents, or was cut short",
        "check that the region's endpoint is SWR and not a proxy in between";
    AnswerTooLarge => Transient,
        "the answer is larger than any that SWR documents",
        "check that the region's endpoint is SWR and not a proxy in between";
    NotApplied => Transient,
        "SWR accepted a write, but a look shows something else",
        "see in the SWR console whether somebody else changes the share";
    InternalError => Transient,
        "the operator met a bug of its own",
        "report it, with the operator's log";
}

impl Reason {
    /// Whether the failure says for certain that SWR did not carry out a write.
    ///
    /// After any other failure the write may have landed, or land later.
    pub fn is_certain_refusal(self) -> bool {
        self.kind() == Kind::Terminal
            || matches!(
                self,
                Self::Throttled
                    | Self::Busy
                    | Self::SignInFailed
                    | Self::EndpointUnreachable
                    | Self::HostNotFound
                    | Self::TlsFailed
            )
    }

    /// Whether the failure says for certain that SWR holds no such share. Credentials that have never
    /// shown the share may be another account's, which sees neither organization nor repository.
    pub fn rules_out_a_share(self, has_shown_the_share: bool) -> bool {
        match self {
            Self::InvalidAccount | Self::InvalidName => true,
            Self::OrganizationNotFound | Self::RepositoryNotFound => has_shown_the_share,
            _ => false,
        }
    }
}

/// How often a refused object is tried again although nothing of it changed.
pub const RECHECK: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// A message has 256 characters; what is left of them must name a Secret or a pair of values.
    #[test]
    fn every_reason_leaves_room_for_its_evidence() {
        for reason in Reason::ALL {
            let room = 256 - " (): ".len() - reason.meaning().len() - reason.advice().len();
            assert!(room >= 80, "{}: {room}", reason.as_str());
        }
    }

    /// A refusal that may heal is not called one at once: who applies a Secret second would see a failure.
    #[test]
    fn every_refusal_says_what_can_heal_it_and_nothing_else_does() {
        for reason in Reason::ALL {
            let is_refusal = reason.kind() == Kind::Terminal;
            assert_eq!(reason.cure().is_some(), is_refusal, "{}", reason.as_str());
        }
    }

    #[test]
    fn reasons_are_camel_case_and_short_enough_for_a_condition() {
        for reason in Reason::ALL {
            let text = reason.as_str();
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric()), "{text}");
            assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
            assert!(text.len() <= 64, "{text}");
            assert!(!reason.advice().is_empty() && !reason.advice().ends_with('.'), "{text}");
        }
    }
}
