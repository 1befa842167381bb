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
use crate::access::token::Token;
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
    /// There is nothing to exchange any more: the namespace is being deleted.
    Terminating(Reason, String),
    /// The API server did not answer.
    Unread,
}

/// What became of calls that SWR rejects in the middle of the life of what they go out with.
pub(super) enum Anew {
    /// There is something new: the call can be sent once more.
    Done,
    /// These credentials are used as they are: SWR's word stands.
    NotExchanged,
    /// There is nothing new.
    Failed(SwrError),
}

/// An exchange under way. One that is dropped in its middle may have been counted all the same.
struct UnderWay<'a>(Option<&'a Lane>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(lane) = self.0 {
            let error = SwrError::without_answer(Reason::Timeout);
            lane.exchange.failed(Failed { error, evidence: "cut off".into() }, Instant::now());
        }
    }
}

impl Driver<'_> {
    /// Sees to it that the lane has something to call with, for as long as a pass takes.
    pub(super) async fn sign_in(
        &self,
        lane: &Lane,
        share: &ShareId,
        secret: Option<&SecretVersion>,
    ) -> Result<(), NoCredentials> {
        if let Credential::Token(token) = &lane.credential {
            self.look_at_token(lane, token, share).await;
            return Ok(());
        }
        let exchange = &lane.exchange;
        match exchange.need(Instant::now(), self.is_last_try) {
            Need::Nothing => Ok(()),
            Need::Renewal => {
                self.renew(lane, share, secret).await;
                Ok(())
            }
            Need::Refused(refused) => Err(unusable(&refused, secret)),
            Need::Failed(failed) => Err(failure(failed, secret)),
            Need::Exchange => {
                let _turn = tokio::select! {
                    biased;
                    () = self.shared.stopping.cancelled() => return Err(NoCredentials::Unread),
                    turn = exchange.begin() => turn,
                };
                // Somebody else may have done it meanwhile.
                match exchange.need(Instant::now(), self.is_last_try) {
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

    /// Gets something new early: one does it, the others go on with what there is.
    async fn renew(&self, lane: &Lane, share: &ShareId, secret: Option<&SecretVersion>) {
        let Some(_turn) = lane.exchange.begin_renewal().await else { return };
        if let Err(trouble) = self.exchange(lane, share).await {
            let why = no_credentials(lane, trouble, secret);
            if let NoCredentials::Unusable(reason, words, _) = why {
                tracing::warn!(reason = reason.as_str(), "credentials are not renewed: {words}");
            }
        }
    }

    /// SWR has rejected what was issued as this number, in the middle of its life: gets something new, once.
    pub(super) async fn sign_in_anew(&self, lane: &Lane, share: &ShareId, number: u64) -> Anew {
        if !lane.credential.is_exchanged() {
            return Anew::NotExchanged;
        }
        lane.exchange.rejected(number);
        match self.sign_in(lane, share, self.secret.as_ref()).await {
            Ok(()) => Anew::Done,
            Err(why) => Anew::Failed(nothing_new(why)),
        }
    }

    async fn exchange(&self, lane: &Lane, share: &ShareId) -> Result<(), Trouble> {
        let mut under_way = UnderWay(Some(lane));
        let exchanged = self.exchange_now(lane, share).await;
        under_way.0 = None;
        exchanged
    }

    async fn exchange_now(&self, lane: &Lane, share: &ShareId) -> Result<(), Trouble> {
        let issued = match &lane.credential {
            Credential::Password(password) => {
                let base = self.endpoint_of(Service::Iam, share)?;
                let issued = self.shared.cloud.sign_in(&base, password, &share.region);
                let issued = self.counted("sign-in", share, issued).await;
                issued.map_err(|error| trouble(error, "sign-in", &base))
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
                Missing::Terminating(reason, words) => Trouble::Terminating(reason, words),
                Missing::Unread => Trouble::Unread,
            })?;
        let cloud = &self.shared.cloud;
        let issued = async {
            match &account.agency {
                Some(agency) => cloud.assume(&base, account, agency, &token).await,
                None => cloud.exchange_id_token(&base, account, &token, &share.region).await,
            }
        };
        let issued = self.counted("assume", share, issued).await;
        issued.map_err(|error| trouble(error, "assume", &base))
    }

    /// Learns from IAM when a token ends, once for all.
    async fn look_at_token(&self, lane: &Lane, token: &Token, share: &ShareId) {
        let Ok(base) = self.endpoint_of(Service::Iam, share) else { return };
        let Some(_turn) = lane.exchange.begin_look(Instant::now()).await else { return };
        let look = self.shared.cloud.end_of(&base, token);
        match tokio::time::timeout(LOOK, look).await {
            Ok(Ok(end)) => lane.exchange.note_end(end),
            Ok(Err(error)) => tracing::debug!(%error, "when the token ends is not known"),
            Err(_) => tracing::debug!("IAM is silent: when the token ends is not known"),
        }
        lane.exchange.looked(Instant::now());
    }

    fn endpoint_of(&self, service: Service, share: &ShareId) -> Result<Url, Trouble> {
        self.endpoint(service, share).map_err(|(reason, words)| Trouble::Unusable(reason, words))
    }
}

fn trouble(error: SwrError, verb: &str, base: &Url) -> Trouble {
    let evidence = error.evidence(base.host_str().unwrap_or_default(), verb);
    Trouble::Cloud(Box::new(error), evidence)
}

/// What the pass hears of it; and a refusal is noted for all who come later.
fn no_credentials(lane: &Lane, trouble: Trouble, secret: Option<&SecretVersion>) -> NoCredentials {
    match trouble {
        Trouble::Unread => NoCredentials::Unread,
        Trouble::Unusable(reason, words) => NoCredentials::Unusable(reason, words, secret.cloned()),
        Trouble::Terminating(reason, words) => NoCredentials::Terminating(reason, words),
        Trouble::Cloud(error, evidence) if error.reason.kind() == Kind::Terminal => {
            let refused = Refused { reason: error.reason, evidence };
            let no_credentials = unusable(&refused, secret);
            lane.exchange.refused(refused, Instant::now());
            no_credentials
        }
        Trouble::Cloud(error, evidence) => {
            let failed = Failed { error: *error, evidence };
            lane.exchange.failed(failed.clone(), Instant::now());
            failure(failed, secret)
        }
    }
}

/// Why a call that SWR rejected was not sent once more. Whatever the reason, it was not carried out.
fn nothing_new(why: NoCredentials) -> SwrError {
    match why {
        NoCredentials::Unusable(reason, ..) => SwrError::without_answer(reason),
        NoCredentials::Failed(failure, _) => {
            let Failure { pause, request_id, .. } = failure;
            SwrError { pause, request_id, ..SwrError::without_answer(Reason::SignInFailed) }
        }
        _ => SwrError::without_answer(Reason::SignInFailed),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::password::Password;
    use crate::cloud::lanes::Lanes;

    #[test]
    fn an_attempt_that_is_dropped_in_its_middle_counts_as_one_without_an_answer() {
        let (lanes, now) = (Lanes::default(), Instant::now());
        let password = Password::new("acme".into(), "robot".into(), "password".into(), None);
        let lane = lanes.lane("ns/secret/swr/@eu", "eu", &Credential::Password(password), now);
        let later = || Instant::now() + Duration::from_mins(1);
        for _ in 0..2 {
            assert_eq!(lane.exchange.need(later(), false), Need::Exchange);
            drop(UnderWay(Some(&lane)));
        }
        assert!(matches!(lane.exchange.need(later(), false), Need::Failed(_)), "tried twice");
        drop(UnderWay(None));
    }
}
