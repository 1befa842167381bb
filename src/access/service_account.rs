//! The fourth kind: no secret at all. A short-lived token of a Kubernetes `ServiceAccount` is exchanged
//! for the cloud's own credentials. Here is who that account is for the cloud, as its annotations say;
//! its tokens are somebody else's business.
//!
//! Sources: "Obtaining a Temporary Token with OIDC" and "Assuming an Agency with OIDC" (Huawei Cloud IAM and
//! STS API references).

use std::collections::BTreeMap;

/// The annotation with the identity provider: its URN for STS, its name for IAM.
pub const PROVIDER: &str = "imageshare.dev/provider";
/// The annotation with the URN of the agency that is assumed at STS. Without it, IAM gives a token.
pub const AGENCY: &str = "imageshare.dev/agency";
/// The annotation with the audience of the tokens; by default, the provider.
pub const AUDIENCE: &str = "imageshare.dev/audience";
/// The annotation with the project that IAM's tokens are for; by default, the region's own.
pub const PROJECT: &str = "imageshare.dev/project";

/// The longest value that is taken. A URN has at most 1,500 characters by STS's API page.
const VALUE_MAX: usize = 1_500;

/// What the API server's own audience has in it, by Kubernetes' default: a token for it is never sent to
/// anybody else.
const API_SERVER: &str = "kubernetes.default";

/// A `ServiceAccount`, and who it is for the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: another one of the same name is not it.
    pub uid: String,
    /// The identity provider that the cloud knows the cluster by.
    pub provider: String,
    /// The agency that is assumed at STS; without one, IAM gives a token.
    pub agency: Option<String>,
    /// Whom its tokens are for.
    pub audience: String,
    /// The project that IAM's tokens are for.
    pub project: Option<String>,
}

/// An annotation that cannot be used, by its name; its value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// There is no such annotation.
    #[error("annotation {0} is missing")]
    Missing(&'static str),
    /// It names the API server itself, to which the cluster's own tokens are good.
    #[error("annotation {0} names the API server")]
    ApiServer(&'static str),
    /// It is empty, too long, or holds a space or a character outside ASCII.
    #[error("annotation {0} is malformed")]
    Malformed(&'static str),
}

impl ServiceAccount {
    /// Reads the annotations of a `ServiceAccount`.
    pub fn read(
        namespace: &str,
        name: &str,
        uid: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, Unusable> {
        let value = |key: &'static str| match annotations.get(key).map(|value| value.trim()) {
            None => Ok(None),
            Some(value) if value.contains(API_SERVER) => Err(Unusable::ApiServer(key)),
            Some(value) if is_usable(value) => Ok(Some(value.to_owned())),
            Some(_) => Err(Unusable::Malformed(key)),
        };
        let provider = value(PROVIDER)?.ok_or(Unusable::Missing(PROVIDER))?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            audience: value(AUDIENCE)?.unwrap_or_else(|| provider.clone()),
            agency: value(AGENCY)?,
            project: value(PROJECT)?,
            provider,
        })
    }

    /// The project that IAM's tokens are for; a region's own goes by the region's name.
    pub fn project<'a>(&'a self, region: &'a str) -> &'a str {
        self.project.as_deref().unwrap_or(region)
    }
}

fn is_usable(value: &str) -> bool {
    !value.is_empty() && value.len() <= VALUE_MAX && value.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> Result<ServiceAccount, Unusable> {
        let annotations =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ServiceAccount::read("team", "swr", "uid", &annotations.collect())
    }

    #[test]
    fn an_account_names_its_provider_and_may_name_an_agency_an_audience_and_a_project() {
        let account = read(&[(PROVIDER, "urn:p\n")]).unwrap();
        assert_eq!((&*account.provider, &*account.audience), ("urn:p", "urn:p"));
        assert_eq!((account.agency.as_deref(), account.project("eu")), (None, "eu"));
        let annotations = [(PROVIDER, "p"), (AGENCY, "a"), (AUDIENCE, "sts"), (PROJECT, "eu_sub")];
        let account = read(&annotations).unwrap();
        assert_eq!((account.agency.as_deref(), &*account.audience), (Some("a"), "sts"));
        assert_eq!(account.project("eu"), "eu_sub");
    }

    #[test]
    fn no_token_is_made_that_is_good_at_the_api_server_itself() {
        for own in
            ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"]
        {
            let annotations = [(PROVIDER, "p"), (AUDIENCE, own)];
            assert_eq!(read(&annotations), Err(Unusable::ApiServer(AUDIENCE)));
            assert_eq!(read(&[(PROVIDER, own)]), Err(Unusable::ApiServer(PROVIDER)));
        }
    }

    #[test]
    fn an_annotation_that_is_missing_or_malformed_is_named() {
        assert_eq!(read(&[]), Err(Unusable::Missing(PROVIDER)));
        for bad in ["", " ", "a b", "ä", &"x".repeat(VALUE_MAX + 1)] {
            assert_eq!(read(&[(PROVIDER, "p"), (AGENCY, bad)]), Err(Unusable::Malformed(AGENCY)));
        }
    }
}
