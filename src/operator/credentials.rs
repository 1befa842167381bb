//! The credentials of a pass: from its object's reference to the lane that its calls go out by.
//! Decides nothing about shares.

use std::time::{Duration, Instant};

use super::api_server::ApiError;
use super::driver::Driver;
use super::perform::refused;
use super::reads::{REJECTED_AGE, SECRET_AGE};
use crate::access::credentials::{SecretVersion, Token};
use crate::cloud::ShareId;
use crate::core::effect::{Credentials, NoCredentials};
use crate::reason::Reason;

impl Driver<'_> {
    /// Makes the session of this pass.
    pub(super) async fn read_credentials(
        &mut self,
        which: &Credentials,
    ) -> Result<Option<SecretVersion>, NoCredentials> {
        let unusable = |reason| NoCredentials::Unusable(reason, None);
        let share = self.share.clone().ok_or(unusable(Reason::RegionUnknown))?;
        let (lanes, name, now) = (&self.shared.lanes, self.reference(&share), Instant::now());
        let (token, secret) = match which {
            Credentials::Current { is_last_try, .. } => {
                self.is_last_try = *is_last_try;
                let (token, secret) = self.read_secret(&share).await?;
                (token, Some(secret))
            }
            Credentials::LastKnown => {
                let known = lanes.last_known(&name, now);
                (known.ok_or(unusable(Reason::SecretNotFound))?, None)
            }
            Credentials::ToKeep => {
                if lanes.last_known(&name, now).is_none() {
                    let (token, _) = self.read_secret(&share).await?;
                    lanes.keep(&name, &token, now);
                }
                return Ok(None);
            }
        };
        let lane = lanes.lane(&name, &share.region, &token, now);
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
        let base = self.shared.endpoints.of(&share.region);
        let base = base.ok_or(unusable(Reason::EndpointInvalid))?;
        self.access = Some((self.shared.cloud.session(base, token), lane));
        self.secret.clone_from(&secret);
        Ok(secret)
    }

    async fn read_secret(&self, share: &ShareId) -> Result<(Token, SecretVersion), NoCredentials> {
        let reference = &self.object.spec.credentials_ref;
        let (namespace, api_server) = (self.key.namespace(), &self.shared.api_server);
        let age = match self.shared.lanes.is_rejected(&self.reference(share)) {
            // Who asks for a pass may have changed the Secret just before.
            _ if self.is_requested => Duration::ZERO,
            true => REJECTED_AGE,
            false => SECRET_AGE,
        };
        let read = self.shared.reads.secret(api_server, namespace, reference, age).await;
        let secret = read.map_err(|error| match error {
            ApiError::NotFound => NoCredentials::Unusable(Reason::SecretNotFound, None),
            ApiError::Forbidden(_) => NoCredentials::Unusable(Reason::SecretForbidden, None),
            error => {
                let _ = refused(&error);
                NoCredentials::Unread
            }
        })?;
        let version = SecretVersion { name: self.reference(share), version: secret.version };
        match secret.token {
            Ok(token) => Ok((token, version)),
            Err(reason) => Err(NoCredentials::Unusable(reason, Some(version))),
        }
    }

    /// The reference of this object's credentials: a key of a Secret, as it is used in the share's region.
    pub(super) fn reference(&self, share: &ShareId) -> String {
        let reference = &self.object.spec.credentials_ref;
        let namespace = self.key.namespace();
        SecretVersion::name_of(namespace, &reference.name, &reference.key, &share.region)
    }
}
