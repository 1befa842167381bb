//! What kind of credentials a Secret holds, read off its keys. Knows neither Kubernetes' client nor HTTP.
//! No value of a Secret has a `Debug` or stands in an error: only the names of keys do.

use std::sync::Arc;

use secrecy::SecretString;

use super::authorize::{Authorize, Issued};
use super::password::Password;
use super::service_account::ServiceAccount;
use super::signer::AccessKey;
use super::token::Token;
use crate::reason::Reason;

/// The key of a token, unless the object names another.
pub const TOKEN_KEY: &str = "token";
/// The values of a Secret, by their keys.
type Values<'a> = dyn Fn(&str) -> Option<&'a [u8]> + 'a;
/// A kind: its keys, and how it is read from them.
type Kind = (&'static [&'static str], for<'a> fn(&Values<'a>) -> Result<Credential, Unusable>);
const KINDS: [Kind; 3] = [
    (&[TOKEN_KEY], |value| read_token(value, TOKEN_KEY)),
    (&["accessKey", "secretKey", "securityToken"], read_access_key),
    (&["username", "password", "accountName", "projectName"], read_password),
];
/// The longest value: the API gateway refuses headers over 32 KiB.
const VALUE_MAX: usize = 32 * 1024;

/// Who calls. Equal for the same content, wherever it was read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A token, as it is.
    Token(Token),
    /// A key that signs.
    AccessKey(AccessKey),
    /// What is exchanged for a token at IAM.
    Password(Password),
    /// An identity that is exchanged for keys at STS, or for a token at IAM.
    ServiceAccount(ServiceAccount),
}

/// A Secret that holds no credentials: why, and the keys that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Why.
    pub reason: Reason,
    /// The keys.
    pub keys: String,
}

impl Credential {
    /// Reads the values of a Secret: a token under `key` if that names another key than usual, else the
    /// one kind whose keys are there.
    pub fn read<'a>(
        value: impl Fn(&str) -> Option<&'a [u8]> + 'a,
        key: Option<&str>,
    ) -> Result<Self, Unusable> {
        if let Some(key) = key.filter(|key| *key != TOKEN_KEY) {
            return read_token(&value, key);
        }
        let found = KINDS.iter().filter_map(|(keys, read)| {
            keys.iter().find(|key| value(key).is_some()).map(|key| (key, read))
        });
        match *found.collect::<Vec<_>>().as_slice() {
            [] => {
                let keys = "none of token, accessKey, username".to_owned();
                Err(Unusable { reason: Reason::SecretKeyNotFound, keys })
            }
            [(_, read)] => read(&value),
            [(one, _), (other, _), ..] => Err(invalid(format!("{one} beside {other}"))),
        }
    }

    /// Whether it is exchanged, and what calls go out with is renewed by itself.
    pub fn is_exchanged(&self) -> bool {
        matches!(self, Self::Password(_) | Self::ServiceAccount(_))
    }

    /// What calls go out with, unless it has to be issued first.
    pub fn as_issued(&self) -> Option<Issued> {
        let authority: Arc<dyn Authorize> = match self {
            Self::Token(token) => Arc::new(token.clone()),
            Self::AccessKey(key) => Arc::new(key.clone()),
            Self::Password(_) | Self::ServiceAccount(_) => return None,
        };
        Some(Issued { authority, expires_at: None })
    }
}

fn read_token(value: &Values<'_>, key: &str) -> Result<Credential, Unusable> {
    let token = value(key).ok_or(Reason::SecretKeyNotFound).and_then(Token::read);
    let unusable = |reason| Unusable { reason, keys: format!("key {key}") };
    token.map(Credential::Token).map_err(unusable)
}

fn read_access_key(value: &Values<'_>) -> Result<Credential, Unusable> {
    let (id, secret) = (needed(value, "accessKey")?, needed(value, "secretKey")?);
    let token = optional(value, "securityToken")?;
    let texts =
        [("accessKey", Some(&id)), ("secretKey", Some(&secret)), ("securityToken", token.as_ref())];
    let is_ascii = |text: &&String| text.bytes().all(|b| b.is_ascii_graphic());
    // They stand in headers, the first between commas.
    let bad = texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| !is_ascii(text)));
    if let Some((key, _)) = bad {
        return Err(invalid(format!("{key} holds a space or a character outside ASCII")));
    }
    if id.contains([',', ';', '=']) {
        return Err(invalid("accessKey holds a comma, a semicolon or an equals sign".to_owned()));
    }
    Ok(Credential::AccessKey(AccessKey::new(id, secret.into(), token.map(SecretString::from))))
}

fn read_password(value: &Values<'_>) -> Result<Credential, Unusable> {
    let account = needed(value, "accountName")?;
    let (user, password) = (needed(value, "username")?, needed(value, "password")?);
    let project = optional(value, "projectName")?;
    Ok(Credential::Password(Password::new(account, user, password.into(), project)))
}

fn needed(value: &Values<'_>, key: &str) -> Result<String, Unusable> {
    optional(value, key)?.ok_or_else(|| invalid(format!("{key} is missing")))
}

/// A value without the white space at its ends, which is not part of it.
fn optional(value: &Values<'_>, key: &str) -> Result<Option<String>, Unusable> {
    let Some(bytes) = value(key) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map(str::trim);
    match text {
        Ok("") => Err(invalid(format!("{key} is empty"))),
        Ok(text) if text.len() > VALUE_MAX => Err(invalid(format!("{key} is too long"))),
        Ok(text) if text.chars().any(char::is_control) => {
            Err(invalid(format!("{key} holds a line break or another control character")))
        }
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(invalid(format!("{key} is not UTF-8"))),
    }
}

fn invalid(keys: String) -> Unusable {
    Unusable { reason: Reason::InvalidCredentials, keys }
}

/// Which credentials an object uses, and which content of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretVersion {
    /// What the object refers to, and where it is used: a Secret can hold several tokens, and a token is
    /// good in one region only.
    pub reference: String,
    /// Which credential that is: equal for the same content, whatever else of the Secret has changed. If
    /// there is none, the Secret's uid and resourceVersion.
    pub version: String,
    /// The same for people: `Secret swr`.
    pub words: String,
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
