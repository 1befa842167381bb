//! The rest of [`Simulator`]'s methods: who may call, and where credentials come from.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::identity::{Provider, UserState};
use crate::world::{Refused, Simulator, removed, wrong};

impl Simulator {
    /// The accepted tokens, issued ones included, as the ledger calls them.
    pub fn tokens(&self) -> Vec<String> {
        self.with_world(|world| world.credentials.token_fingerprints(world.now()))
    }

    /// Accepts one more token; `only`: and none of those before.
    pub fn accept_token(&self, token: impl Into<SecretString>, only: bool) {
        let token = token.into();
        self.with_world(|world| {
            if only {
                world.credentials.tokens.revoke_all();
            }
            world.credentials.tokens.add(token.expose_secret());
        });
    }

    /// Sets the end of an accepted token, by the simulated clock.
    pub fn set_token_expiry(&self, token: &str, end: Timestamp) -> Result<(), Refused> {
        let known = self.with_world(|world| world.credentials.tokens.expire_at(token, end));
        removed(known, "this token")
    }

    /// Accepts a token no more.
    pub fn revoke_token(&self, token: &str) -> Result<(), Refused> {
        removed(self.with_world(|world| world.credentials.tokens.revoke(token)), "this token")
    }

    /// Accepts no token any more that IAM issued until now, as when rights were changed: "The token must be updated".
    pub fn revoke_issued_tokens(&self) {
        self.with_world(|world| world.credentials.tokens.revoke_issued());
    }

    /// Accepts no token any more.
    pub fn revoke_all_tokens(&self) {
        self.with_world(|world| world.credentials.tokens.revoke_all());
    }

    /// The ids of the accepted access keys, temporary ones included.
    pub fn access_keys(&self) -> Vec<String> {
        self.with_world(|world| world.credentials.access_keys.ids())
    }

    /// Accepts one more access key, or one from now on with this secret, unlocked; with a security token it is a temporary
    /// one. Its end is by the simulated clock.
    pub fn add_access_key(
        &self,
        id: &str,
        secret: impl Into<SecretString>,
        security_token: Option<SecretString>,
        expires_at: Option<Timestamp>,
    ) {
        let (id, secret) = (id.to_owned(), secret.into());
        self.with_world(|world| {
            world.credentials.access_keys.add(id, secret, security_token, expires_at);
        });
    }

    /// Accepts an access key no more.
    pub fn remove_access_key(&self, id: &str) -> Result<(), Refused> {
        removed(self.with_world(|world| world.credentials.access_keys.remove(id)), id)
    }

    /// Makes a user of IAM, or gives him another password; his state stays.
    pub fn put_user(&self, account: &str, user: &str, password: impl Into<SecretString>) {
        let (account, user, password) = (account.to_owned(), user.to_owned(), password.into());
        self.with_world(|world| world.identity.users.put(account, user, password));
    }

    /// Sets what becomes of a user who signs in; a lock by wrong passwords is lifted.
    pub fn set_user(&self, account: &str, user: &str, state: UserState) -> Result<(), Refused> {
        let known = self.with_world(|world| world.identity.users.set_state(account, user, state));
        removed(known, format!("{account}/{user}"))
    }

    /// Trusts an identity provider, or one of this name from now on so.
    pub fn add_provider(&self, provider: Provider) -> Result<(), Refused> {
        self.with_world(|world| world.identity.providers.put(provider)).map_err(wrong)
    }

    /// Trusts an identity provider no more; what was exchanged holds on.
    pub fn remove_provider(&self, name: &str) -> Result<(), Refused> {
        removed(self.with_world(|world| world.identity.providers.remove(name)), name)
    }
}
