//! Every reason a condition, a log line or a metric can give, and the one table that says what each
//! leads to: how the operator goes on ([`Kind`]) and what a person should do ([`Reason::advice`]).
//!
//! Imports nothing of ours. Reasons are part of the API: they are never renamed. The README's
//! catalogue is compared with this table by a test.

use std::time::Duration;

/// How the operator goes on after a pass that ended with a [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is left to do until the object changes or its interval has passed.
    Settled,
    /// The other side named a time: come back then.
    Wait,
    /// Probably passing: try again, exponentially later, with full jitter.
    Retry,
    /// A person must change something. Only a changed object, a changed Secret or a slow re-check
    /// leads to another call.
    Refuse,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $kind:ident, $advice:literal;)*) => {
        /// Why an object is in the state it is in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
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

            /// What a person should do about it.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    /// SWR holds the share as the spec declares it.
    Shared => Settled, "nothing to do";
    /// No pass has looked at this object yet.
    NotReconciled => Wait, "wait; if it stays, check that the operator runs and watches this namespace";
    /// The share's deadline has passed: SWR lists it, but it grants nothing.
    Expired => Refuse, "move spec.deadline to renew the share, or delete the ImageShare";

    /// The spec breaks a rule that the API server did not check (an object older than the rule).
    InvalidSpec => Refuse, "correct the spec";
    /// The deadline lies in the past and there is no share yet.
    DeadlinePassed => Refuse, "set spec.deadline to a day to come";
    /// Neither the spec nor the operator names a region.
    RegionUnknown => Refuse, "set spec.region, or start the operator with --default-region";

    /// The Secret that spec.credentialsRef names does not exist in the object's namespace.
    SecretNotFound => Refuse, "create the Secret in the ImageShare's own namespace";
    /// The Secret has no such key.
    SecretKeyNotFound => Refuse, "add the key to the Secret, or correct spec.credentialsRef.key";
    /// The operator may not read the Secret.
    SecretForbidden => Refuse, "grant the operator's service account get on this Secret";
    /// The Secret's key is empty or holds only white space.
    TokenEmpty => Refuse, "put an IAM token into the Secret";
    /// The token holds a line break, a control character or a character outside ASCII.
    TokenMalformed => Refuse, "store the token alone, on one line, as IAM returned it";

    /// SWR does not accept the credentials.
    Unauthorized => Refuse, "put a valid IAM token, scoped to the region's project, into the Secret";
    /// The credentials are valid but may not manage this repository's shares.
    Forbidden => Refuse, "give the account the manage permission on the image repository";
    /// SWR does not know the organization.
    OrganizationNotFound => Refuse, "create the organization, or re-create the ImageShare with the right one";
    /// SWR does not know the repository.
    RepositoryNotFound => Refuse, "push the image first, or re-create the ImageShare with the right repository";
    /// SWR does not accept the account to share with.
    InvalidAccount => Refuse, "re-create the ImageShare with the name of an existing account";
    /// SWR does not accept the organization's or the repository's name.
    InvalidName => Refuse, "re-create the ImageShare with the names that the SWR console shows";
    /// SWR does not accept the permission.
    InvalidPermission => Refuse, "set spec.permission to read";
    /// SWR finds the description too long.
    DescriptionTooLong => Refuse, "shorten spec.description";
    /// SWR finds the request too large.
    RequestTooLarge => Refuse, "shorten spec.description";
    /// SWR does not accept a parameter and does not say which.
    InvalidRequest => Refuse, "check the spec against the SWR console";
    /// SWR refuses the request with a status that its documentation does not list.
    RequestRefused => Refuse, "look up the code in SWR's error code table";
    /// The API gateway does not know the path: this endpoint is not an SWR API.
    PathUnknown => Refuse, "check the region, and the operator's --endpoint for it";
    /// The endpoint answers with a redirect. It is never followed: the token would go elsewhere.
    RedirectRefused => Refuse, "point the operator's --endpoint for the region at SWR itself";
    /// The operator's endpoint for the region cannot be used.
    EndpointInvalid => Refuse, "correct the region, or the operator's --endpoint for it";

    /// Too many requests: SWR or the API gateway asks for a pause.
    Throttled => Wait, "nothing; the operator comes back after the pause";
    /// SWR is busy with this repository.
    Busy => Retry, "nothing, unless it stays";
    /// SWR reports a fault of its own.
    ServerError => Retry, "nothing, unless it stays; then ask the cloud's support";
    /// The API gateway cannot reach SWR.
    GatewayError => Retry, "nothing, unless it stays; then ask the cloud's support";
    /// The endpoint accepts no connection: no request was sent.
    EndpointUnreachable => Retry, "check the network policy, the proxy and the operator's --endpoint";
    /// The connection ended before the answer came.
    ConnectionLost => Retry, "nothing, unless it stays; then check the proxy and the network in between";
    /// The endpoint's host name cannot be resolved.
    HostNotFound => Retry, "check the region, DNS and the operator's --endpoint";
    /// The endpoint's certificate is not trusted, or TLS failed otherwise.
    TlsFailed => Retry, "check the endpoint's certificate and the operator's --ca-file";
    /// No complete answer came in time.
    Timeout => Retry, "check the network policy, the proxy and the operator's --endpoint";
    /// The answer is not the JSON that SWR documents, or was cut short.
    AnswerUnreadable => Retry, "check that the region's endpoint is SWR and not a proxy in between";
    /// The answer is larger than any that SWR documents.
    AnswerTooLarge => Retry, "check that the region's endpoint is SWR and not a proxy in between";
    /// SWR accepted a write, but a look shows something else.
    NotApplied => Retry, "compare the share in the SWR console; somebody else may be changing it";
    /// A pass met a bug of the operator.
    InternalError => Retry, "report it, with the operator's log";
}

impl Reason {
    /// Whether the failure says for certain that SWR did not carry out a write.
    ///
    /// After any other failure the write may have landed, or land later.
    pub fn is_certain_refusal(self) -> bool {
        self.kind() == Kind::Refuse
            || matches!(
                self,
                Self::Throttled
                    | Self::Busy
                    | Self::EndpointUnreachable
                    | Self::HostNotFound
                    | Self::TlsFailed
            )
    }

    /// Whether the failure says for certain that SWR holds no such share.
    pub fn rules_out_a_share(self) -> bool {
        matches!(
            self,
            Self::OrganizationNotFound
                | Self::RepositoryNotFound
                | Self::InvalidAccount
                | Self::InvalidName
        )
    }
}

/// How often a refused object is tried again although nothing of it changed.
pub const RECHECK: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_camel_case_and_short_enough_for_a_condition() {
        for reason in Reason::ALL {
            let text = reason.as_str();
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric()), "{text}");
            assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
            assert!(text.len() <= 64, "{text}");
            assert!(
                !reason.advice().is_empty() && !reason.advice().ends_with('.'),
                "{text}"
            );
        }
    }
}
