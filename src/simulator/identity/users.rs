//! IAM users, their passwords, and the lock behind too many wrong ones.
//!
//! Pure: now comes in as a parameter.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::answer::{ApiError, USER_DISABLED, USER_LOCKED, USER_OF_CONSOLE, WRONG_PASSWORD};
use crate::options::User;

/// The default of IAM's login policy: five failures within 15 minutes lock a user for 15 minutes.
const FAILURES_THAT_LOCK: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_mins(15);
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What may become of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserState {
    /// Signs in; a lock by wrong passwords is lifted.
    #[default]
    Active,
    /// Locked until it is made active again.
    Locked,
    /// Disabled by an administrator.
    Disabled,
    /// May use the console, but no API.
    ConsoleOnly,
}

/// The users, by account and name.
#[derive(Debug, Default)]
pub struct Users(BTreeMap<(String, String), Known>);

#[derive(Debug)]
struct Known {
    password: SecretString,
    state: UserState,
    /// Of the last quarter of an hour.
    failures: Vec<Timestamp>,
    locked_until: Option<Timestamp>,
}

impl Users {
    /// Those that the options name.
    pub fn new(given: Vec<User>) -> Self {
        let mut users = Self::default();
        for User { account, name, password } in given {
            users.put(account, name, password);
        }
        users
    }

    /// Makes a user, or gives him another password.
    pub fn put(&mut self, account: String, name: String, password: SecretString) {
        let known =
            Known { password, state: UserState::Active, failures: Vec::new(), locked_until: None };
        match self.0.entry((account, name)) {
            Entry::Occupied(mut old) => old.get_mut().password = known.password,
            Entry::Vacant(free) => drop(free.insert(known)),
        }
    }

    /// Sets the state of a known user.
    pub fn set_state(&mut self, account: &str, name: &str, state: UserState) -> bool {
        let Some(known) = self.0.get_mut(&(account.to_owned(), name.to_owned())) else {
            return false;
        };
        known.state = state;
        known.failures.clear();
        known.locked_until = None;
        true
    }

    /// Whether this is the user's password and he may sign in. An unknown user looks like a wrong password. Attempts
    /// on a locked user do not count.
    pub fn sign_in(
        &mut self,
        account: &str,
        name: &str,
        password: &SecretString,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let known = self.0.get_mut(&(account.to_owned(), name.to_owned())).ok_or(WRONG_PASSWORD)?;
        if known.state == UserState::Locked || known.locked_until.is_some_and(|end| now < end) {
            return Err(USER_LOCKED);
        }
        if known.password.expose_secret() != password.expose_secret() {
            known.fail(now);
            return Err(WRONG_PASSWORD);
        }
        known.failures.clear();
        match known.state {
            UserState::Disabled => Err(USER_DISABLED),
            UserState::ConsoleOnly => Err(USER_OF_CONSOLE),
            UserState::Active | UserState::Locked => Ok(()),
        }
    }
}

impl Known {
    fn fail(&mut self, now: Timestamp) {
        self.failures.retain(|failure| now.duration_since(*failure) < WINDOW);
        self.failures.push(now);
        if self.failures.len() >= FAILURES_THAT_LOCK {
            self.failures.clear();
            self.locked_until = Some(now.saturating_add(LOCKED_FOR).unwrap_or(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::new(vec!["acme/robot=right".parse().unwrap()])
    }

    /// What an attempt in this minute comes to.
    fn attempt(users: &mut Users, password: &str, minute: i64) -> &'static str {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let signed_in = users.sign_in("acme", "robot", &password.into(), now);
        signed_in.map_or_else(|error| error.code, |()| "in")
    }

    #[test]
    fn five_failures_within_a_quarter_of_an_hour_lock_a_user_for_as_long() {
        let mut users = users();
        for minute in [0, 1, 2, 3] {
            assert_eq!(attempt(&mut users, "wrong", minute), "IAM.0062");
        }
        assert_eq!(attempt(&mut users, "wrong", 15), "IAM.0062", "the first one is forgotten");
        assert_eq!(attempt(&mut users, "wrong", 15), "IAM.0062");
        assert_eq!(attempt(&mut users, "right", 15), "IAM.0061");
        assert_eq!(attempt(&mut users, "wrong", 29), "IAM.0061");
        assert_eq!(
            attempt(&mut users, "right", 30),
            "in",
            "attempts on a locked user do not count"
        );
    }

    #[test]
    fn the_right_password_forgives_the_wrong_ones() {
        let mut users = users();
        for minute in 0..10 {
            let password = if minute % 4 == 3 { "right" } else { "wrong" };
            let expected = if minute % 4 == 3 { "in" } else { "IAM.0062" };
            assert_eq!(attempt(&mut users, password, minute), expected);
        }
    }

    #[test]
    fn a_state_is_told_to_who_has_the_right_password_and_active_lifts_a_lock() {
        let mut users = users();
        for (state, right, wrong) in [
            (UserState::Disabled, "IAM.0082", "IAM.0062"),
            (UserState::ConsoleOnly, "IAM.0081", "IAM.0062"),
            (UserState::Locked, "IAM.0061", "IAM.0061"),
            (UserState::Active, "in", "IAM.0062"),
        ] {
            assert!(users.set_state("acme", "robot", state));
            assert_eq!(attempt(&mut users, "right", 0), right, "{state:?}");
            assert_eq!(attempt(&mut users, "wrong", 0), wrong, "{state:?}");
        }
        assert!(!users.set_state("acme", "nobody", UserState::Active));
    }
}
