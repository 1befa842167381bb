//! The credentials of a pass: from its object's reference to the lane that its calls go out by.
//! Decides nothing about shares.

use std::time::Instant;

use super::driver::Driver;
use super::queue::Flow;
use super::reads::Patience;
use super::sources::{Found, Missing, Source};
use crate::access::credentials::{Credential, SecretVersion};
use crate::access::endpoint::Url;
use crate::access::regions::Service;
use crate::cloud::ShareId;
use crate::cloud::lane::Lane;
use crate::core::effect::{Credentials, CredentialsEnd, NoCredentials, Ready};
use crate::reason::Reason;

impl Driver<'_> {
    /// Makes the session of this pass.
    pub(super) async fn read_credentials(
        &mut self,
        which: &Credentials,
    ) -> Result<Ready, NoCredentials> {
        let unusable = |reason, words: &str| NoCredentials::Unusable(reason, words.into(), None);
        let share = self.share.clone().ok_or(unusable(Reason::RegionUnknown, ""))?;
        let (lanes, name, now) = (&self.shared.lanes, self.reference(&share), Instant::now());
        let (credential, secret) = match which {
            Credentials::Current { is_last_try, .. } => {
                self.is_last_try = *is_last_try;
                let (credential, secret) = self.find(&name).await?;
                (credential, Some(secret))
            }
            Credentials::LastKnown => {
                let known = lanes.last_known(&name, now);
                (known.ok_or(unusable(Reason::SecretNotFound, ""))?, None)
            }
            Credentials::ToKeep => {
                if lanes.last_known(&name, now).is_none() {
                    let (credential, secret) = self.find(&name).await?;
                    lanes.keep(&name, &credential, now);
                    // No token of a ServiceAccount is made any more in a namespace that is being deleted.
                    if let Credential::ServiceAccount(_) = credential {
                        let lane = lanes.lane(&name, &share.region, &credential, now);
                        self.sign_in(&lane, &share, Some(&secret)).await?;
                    }
                }
                return Ok(Ready::default());
            }
        };
        let lane = lanes.lane(&name, &share.region, &credential, now);
        if let (Credentials::Current { refused, is_last_try: false }, Some(secret)) =
            (which, &secret)
        {
            if refused.as_ref() == Some(secret) {
                return Err(NoCredentials::Refused(secret.clone()));
            }
            if lane.is_rejected(now) {
                return Err(NoCredentials::Rejected(secret.clone()));
            }
        }
        let base = self
            .endpoint(Service::Swr, &share)
            .map_err(|(reason, words)| NoCredentials::Unusable(reason, words, secret.clone()))?;
        self.sign_in(&lane, &share, secret.as_ref()).await?;
        let end = end_of(&lane, now);
        self.access = Some((self.shared.cloud.session(base, lane.clone()), lane));
        self.secret.clone_from(&secret);
        Ok(Ready { secret, end })
    }

    /// Reads what the object refers to.
    async fn find(&self, reference: &str) -> Result<(Credential, SecretVersion), NoCredentials> {
        let source = Source::of(&self.object.spec);
        let patience = match self.shared.lanes.is_rejected(reference) {
            // Who asks for a pass may have changed the Secret just before.
            _ if self.is_requested => Patience::None,
            true => Patience::Long,
            false => Patience::Short,
        };
        let (api_server, allowed) = (&self.shared.api_server, &self.shared.allowed);
        let which = (self.key.namespace(), &source);
        let found = self.shared.reads.credentials(api_server, which, allowed, patience).await;
        let found = found.map_err(|missing| match missing {
            Missing::Unusable(reason, words) => NoCredentials::Unusable(reason, words, None),
            Missing::Terminating(reason, words) => NoCredentials::Terminating(reason, words),
            Missing::Unread => NoCredentials::Unread,
        })?;
        let Found { version, words, credential } = found;
        let secret = SecretVersion { reference: reference.to_owned(), version, words };
        match credential {
            Ok(credential) => Ok((credential, secret)),
            Err(unusable) => {
                let words = format!("{}: {}", secret.words, unusable.keys);
                Err(NoCredentials::Unusable(unusable.reason, words, Some(secret)))
            }
        }
    }

    /// Where a service lives in the region of a share; or why that is not known.
    pub(super) fn endpoint(
        &self,
        service: Service,
        share: &ShareId,
    ) -> Result<Url, (Reason, String)> {
        let base = self.shared.endpoints.of(service, &share.region);
        base.ok_or_else(|| {
            (Reason::EndpointInvalid, format!("{}, {}", share.region, service.flag()))
        })
    }

    /// The reference of this object's credentials, as they are used in the share's region.
    pub(super) fn reference(&self, share: &ShareId) -> String {
        let reference = Source::of(&self.object.spec).reference(self.key.namespace());
        Flow { region: share.region.clone(), reference }.lane()
    }
}

fn end_of(lane: &Lane, now: Instant) -> Option<CredentialsEnd> {
    let (issued, _) = lane.exchange.current()?;
    let is_renewed = lane.credential.is_exchanged() && !lane.exchange.is_refused(now);
    Some(CredentialsEnd { at: issued.expires_at?, is_renewed })
}
