//! Identity providers: whose tokens are exchanged for credentials.
//!
//! Pure but for [`Provider::from_str`], which reads the file that a flag names.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::jwt::{self, Claims, Flaw, Keys};

/// An identity provider, as an administrator makes it known to IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The URN that STS is told, or the id that IAM is told.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// One of the `aud` of its tokens.
    pub audience: String,
    /// Its public keys: a JWKS with at least one RSA or P-256 key.
    pub jwks: Value,
    /// The agencies that its identities may assume, by URN; empty: any.
    pub agencies: Vec<String>,
}

/// A provider as a file or the side door has it: the name stands elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenProvider {
    issuer: String,
    audience: String,
    jwks: Value,
    #[serde(default)]
    agencies: Vec<String>,
}

impl GivenProvider {
    /// The provider under this name.
    pub fn named(self, name: &str) -> Provider {
        let Self { issuer, audience, jwks, agencies } = self;
        Provider { name: name.to_owned(), issuer, audience, jwks, agencies }
    }
}

impl FromStr for Provider {
    type Err = String;

    /// Reads `NAME=FILE`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text
            .split_once('=')
            .filter(|(name, file)| !name.is_empty() && !file.is_empty())
            .ok_or("a provider is written NAME=FILE")?;
        let content = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        let given: GivenProvider =
            serde_json::from_slice(&content).map_err(|error| format!("{file}: {error}"))?;
        let provider = given.named(name);
        Keys::read(&provider.jwks).map_err(|error| format!("{file}: {error}"))?;
        Ok(provider)
    }
}

/// The providers by name, with their keys read.
#[derive(Debug, Default)]
pub struct Providers(BTreeMap<String, Known>);

/// A provider whose keys were read.
#[derive(Debug)]
pub struct Known {
    provider: Provider,
    keys: Keys,
}

impl Providers {
    /// Trusts a provider, or one of this name from now on so.
    pub fn put(&mut self, provider: Provider) -> Result<(), String> {
        let keys = Keys::read(&provider.jwks)?;
        self.0.insert(provider.name.clone(), Known { provider, keys });
        Ok(())
    }

    /// Trusts a provider no more.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The provider of this name.
    pub fn find(&self, name: &str) -> Option<&Known> {
        self.0.get(name)
    }
}

impl Known {
    /// Checks a token of this provider. `machine_now`: the machine's time, for the API server's tokens go by it.
    pub fn verify(&self, token: &str, machine_now: Timestamp) -> Result<Claims, Flaw> {
        let Provider { issuer, audience, .. } = &self.provider;
        jwt::verify(token, &self.keys, issuer, audience, machine_now)
    }

    /// Whether its identities may assume this agency.
    pub fn lends(&self, agency: &str) -> bool {
        let agencies = &self.provider.agencies;
        agencies.is_empty() || agencies.iter().any(|one| one == agency)
    }

    /// The audience that was checked.
    pub fn audience(&self) -> &str {
        &self.provider.audience
    }
}
