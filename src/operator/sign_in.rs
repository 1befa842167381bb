//! Sees to it that a pass has something to call with: exchanges what is exchanged, once for all who wait,
//! and renews it early. Decides nothing about shares, nor when to exchange: [`Exchange`] does.
//!
//! [`Exchange`]: crate::cloud::exchange::Exchange

use std::time::{Duration, Instant};

use super::driver::Driver;
use super::sources::Missing;
use crate::access::authorize::Issued;
use crate::access::credentials::{Credential, SecretVersion};
use crate::access::endpoint::Url;
use crate::access::regions::Service;
use crate::access::service_account::ServiceAccount;
use crate::cloud::exchange::{Failed, Need, Refused};
use crate::cloud::lane::Lane;
use crate::cloud::{ShareId, SwrError};
use crate::core::effect::{Failure, NoCredentials};
use crate::reason::{Kind, Reason};

/// How long passes wait for the end of a token, which is good to know and no more.
const LOOK: Duration = Duration::from_secs(5);

/// Why an exchange brought nothing.
enum Trouble {
    /// A call to the cloud failed.
    Cloud(Box<SwrError>, String),
    /// There is no endpoint for it, or nothing to exchange.
    Unusable(Reason, String),
    /// The API server did not answer.
    Unread,
}

impl Driver<'_> {
    /// Sees to it that the lane has something to call with, for as long as a pass takes.
    pub(super) async fn sign_in(
        &self,
        lane: &Lane,
        share: &ShareId,
        secret: Option<&SecretVersion>,
    ) -> Result<(), NoCredentials> {
        if let Credential::Token(_) = &lane.credential {
            self.look_at_token(lane, share).await;
            return Ok(());
        }
        let exchange = &lane.exchange;
        match exchange.need(Instant::now()) {
            Need::Nothing => Ok(()),
            Need::Renewal => {
                // One renews; the others go on with what there is.
                if let Some(_one) = exchange.try_begin()
                    && self.exchange(lane, share).await.is_err()
                {
                    exchange.put_off(Instant::now());
                }
                Ok(())
            }
            Need::Refused(refused) => Err(unusable(&refused, secret)),
            Need::Failed(failed) => Err(failure(failed, secret)),
            Need::Exchange => {
                let _one = tokio::select! {
                    biased;
                    () = self.shared.stopping.cancelled() => return Err(NoCredentials::Unread),
                    one = exchange.begin() => one,
                };
                // Somebody else may have done it meanwhile.
                match exchange.need(Instant::now()) {
                    Need::Nothing | Need::Renewal => Ok(()),
                    Need::Refused(refused) => Err(unusable(&refused, secret)),
                    Need::Failed(failed) => Err(failure(failed, secret)),
                    Need::Exchange => {
                        let done = self.exchange(lane, share).await;
                        done.map_err(|trouble| no_credentials(lane, trouble, secret))
                    }
                }
            }
        }
    }

    /// SWR has rejected what was issued as this number, in the middle of its life: gets something new,
    /// once. Gives whether there is something else to call with now.
    pub(super) async fn sign_in_anew(&self, lane: &Lane, share: &ShareId, number: u64) -> bool {
        if !matches!(lane.credential, Credential::Password(_) | Credential::ServiceAccount(_)) {
            return false;
        }
        lane.exchange.rejected(number);
        self.sign_in(lane, share, None).await.is_ok()
    }

    async fn exchange(&self, lane: &Lane, share: &ShareId) -> Result<(), Trouble> {
        let issued = match &lane.credential {
            Credential::Password(password) => {
                let base = self.endpoint_of(Service::Iam, share)?;
                let issued = self.shared.cloud.sign_in(&base, password, &share.region).await;
                self.counted("sign-in", issued, &base)
            }
            Credential::ServiceAccount(account) => self.exchange_account(account, share).await,
            // These are used as they are.
            Credential::Token(_) | Credential::AccessKey(_) => return Ok(()),
        };
        lane.exchange.issued(issued?, Instant::now(), self.now().cloud());
        Ok(())
    }

    async fn exchange_account(
        &self,
        account: &ServiceAccount,
        share: &ShareId,
    ) -> Result<Issued, Trouble> {
        let service = if account.agency.is_some() { Service::Sts } else { Service::Iam };
        let base = self.endpoint_of(service, share)?;
        let token =
            self.shared.api_server.id_token(account).await.map_err(|missing| match missing {
                Missing::Unusable(reason, words) => Trouble::Unusable(reason, words),
                Missing::Unread => Trouble::Unread,
            })?;
        let cloud = &self.shared.cloud;
        let issued = match &account.agency {
            Some(agency) => cloud.assume(&base, account, agency, &token).await,
            None => cloud.exchange_id_token(&base, account, &token, &share.region).await,
        };
        self.counted("assume", issued, &base)
    }

    /// Learns from IAM when a token ends, once.
    async fn look_at_token(&self, lane: &Lane, share: &ShareId) {
        let Credential::Token(token) = &lane.credential else { return };
        let Some(_one) = lane.exchange.begin_look(Instant::now()).await else { return };
        let Ok(base) = self.endpoint_of(Service::Iam, share) else { return };
        let look = self.shared.cloud.end_of(&base, token);
        match tokio::time::timeout(LOOK, look).await {
            Ok(Ok(end)) => lane.exchange.note_end(end),
            Ok(Err(error)) => tracing::debug!(%error, "when the token ends is not known"),
            Err(_) => tracing::debug!("IAM is silent: when the token ends is not known"),
        }
    }

    fn endpoint_of(&self, service: Service, share: &ShareId) -> Result<Url, Trouble> {
        self.endpoint(service, share).map_err(|(reason, words)| Trouble::Unusable(reason, words))
    }

    fn counted(
        &self,
        verb: &'static str,
        issued: Result<Issued, SwrError>,
        base: &Url,
    ) -> Result<Issued, Trouble> {
        let result = issued.as_ref().map_or_else(|error| error.reason.as_str(), |_| "Ok");
        self.shared.metrics.call(verb, result);
        issued.map_err(|error| {
            tracing::debug!(verb, request_id = error.request_id, %error, "call failed");
            let evidence = error.evidence(base.host_str().unwrap_or_default(), verb);
            Trouble::Cloud(Box::new(error), evidence)
        })
    }
}

/// What the pass hears of it; and a refusal is noted for all who come later.
fn no_credentials(lane: &Lane, trouble: Trouble, secret: Option<&SecretVersion>) -> NoCredentials {
    match trouble {
        Trouble::Unread => NoCredentials::Unread,
        Trouble::Unusable(reason, words) => NoCredentials::Unusable(reason, words, secret.cloned()),
        Trouble::Cloud(error, evidence) if error.reason.kind() == Kind::Terminal => {
            let refused = Refused { reason: error.reason, evidence };
            let is_attempt = error.reason == Reason::SignInRejected;
            let no_credentials = unusable(&refused, secret);
            lane.exchange.refused(refused, is_attempt, Instant::now());
            no_credentials
        }
        Trouble::Cloud(error, evidence) => {
            let failed = Failed { error: *error, evidence };
            lane.exchange.failed(failed.clone(), Instant::now());
            failure(failed, secret)
        }
    }
}

fn failure(failed: Failed, secret: Option<&SecretVersion>) -> NoCredentials {
    let Failed { error: SwrError { reason, pause, request_id, .. }, evidence } = failed;
    NoCredentials::Failed(Failure { reason, evidence, pause, request_id }, secret.cloned())
}

fn unusable(refused: &Refused, secret: Option<&SecretVersion>) -> NoCredentials {
    let words = secret.map(|secret| format!("{}: ", secret.words)).unwrap_or_default();
    let words = format!("{words}{}", refused.evidence);
    NoCredentials::Unusable(refused.reason, words, secret.cloned())
}
