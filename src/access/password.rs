//! The third kind: an IAM user's name and password, exchanged at IAM for a token. No `Debug`, no
//! `Display`, wiped from memory when dropped.
//!
//! IAM locks a user out after some wrong passwords (five in 15 minutes by default): who exchanges these
//! counts its attempts.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::authorize::Confidential;

/// An IAM user's name and password.
#[derive(Clone)]
pub struct Password(Arc<Parts>);

struct Parts {
    account: String,
    user: String,
    password: SecretString,
    project: Option<String>,
}

impl Password {
    /// The user `user` of `account`; `project` scopes the tokens, if it is not the region's own.
    pub fn new(
        account: String,
        user: String,
        password: SecretString,
        project: Option<String>,
    ) -> Self {
        Self(Arc::new(Parts { account, user, password, project }))
    }

    /// The account that the user belongs to.
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// The project that its tokens are for; a region's own goes by the region's name.
    pub fn project<'a>(&'a self, region: &'a str) -> &'a str {
        self.0.project.as_deref().unwrap_or(region)
    }

    /// The same user and password, whatever the project: what IAM counts attempts by.
    #[must_use]
    pub fn without_project(&self) -> Self {
        let (account, user) = (self.account().to_owned(), self.user().to_owned());
        Self::new(account, user, self.0.password.clone(), None)
    }

    /// The password itself, for the body of the exchange and for nothing else.
    pub(super) fn exposed(&self) -> &str {
        self.0.password.expose_secret()
    }

    fn all(&self) -> (&str, &str, &str, Option<&str>) {
        (self.account(), self.user(), self.exposed(), self.0.project.as_deref())
    }
}

impl Confidential for Password {
    fn is_shown_by(&self, text: &str) -> bool {
        self.0.password.is_shown_by(text)
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Password {}

/// Under a hasher with keys of its own, as maps have one.
impl Hash for Password {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all().hash(state);
    }
}
