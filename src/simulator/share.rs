//! A share: how repository and account are named, how it reads on the wire, and what it was before.
//!
//! Pure: now comes in as a parameter. The naming rules stand on the API page "Sharing an Image with an Account", table 1.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound::{Excluded, Included};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::time::{Deadline, Spelling, microseconds};

/// A repository of an organization, with its slashes as people write them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The API's `namespace`.
    pub organization: String,
    /// May hold slashes.
    pub repository: String,
}

impl Place {
    /// Reads `org/repo`, where the repository may hold more slashes; `None` when a half breaks SWR's rules.
    pub fn parse(text: &str) -> Option<Self> {
        let (organization, repository) = text.split_once('/')?;
        Self::of(organization, repository)
    }

    /// The same from its halves.
    pub fn of(organization: &str, repository: &str) -> Option<Self> {
        (is_organization(organization) && is_repository(repository)).then(|| Self {
            organization: organization.to_owned(),
            repository: repository.to_owned(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.organization, self.repository)
    }
}

/// "1 to 64 characters, starting with a lowercase letter and ending with a lowercase letter or digit."
pub fn is_organization(name: &str) -> bool {
    is_separated(name, 64, &[".", "_", "__", "-"])
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// "1 to 128 characters. It must start and end with a lowercase letter or digit"; slashes are separators too.
pub fn is_repository(name: &str) -> bool {
    is_separated(name, 128, &[".", "_", "__", "-", "/"])
}

/// No rule is documented for account names; this much must hold for one to fit in a path.
pub fn is_account(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && !name.contains(char::is_control)
}

/// "Replace a slash (/) with a dollar sign ($) before you send the request", undone. Neither occurs otherwise.
pub fn repository_from_path(segment: &str) -> String {
    segment.replace('$', "/")
}

/// "Periods, underscores, and hyphens cannot be placed next to each other. A maximum of two consecutive underscores":
/// so whatever stands between two letters or digits is exactly one of `separators`.
fn is_separated(name: &str, longest: usize, separators: &[&str]) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=longest).contains(&name.len())
        && name.starts_with(alphanumeric)
        && name.ends_with(alphanumeric)
        && name.split(alphanumeric).all(|gap| gap.is_empty() || separators.contains(&gap))
}

/// What POST and PATCH both set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The only documented value is `read`.
    pub permit: String,
    /// Until when the share holds.
    pub deadline: Deadline,
    /// Empty when none was given: PATCH without a description clears it ("left blank by default").
    pub description: String,
}

impl Default for Terms {
    fn default() -> Self {
        let (permit, description) = ("read".to_owned(), String::new());
        Self { permit, deadline: Deadline::Forever, description }
    }
}

/// Who made a share.
#[derive(Clone, Debug)]
pub struct Creator {
    /// The API's `creator_id`: 32 hexadecimal digits.
    pub id: String,
    /// The API's `creator_name`.
    pub name: String,
}

/// SWR's record that an account may pull a repository.
#[derive(Clone, Debug)]
pub struct Share {
    /// What is shared.
    pub place: Place,
    /// With whom, as the creator wrote it.
    pub access_domain: String,
    /// On which terms.
    pub terms: Terms,
    /// By whom.
    pub creator: Creator,
    /// When the share was made.
    pub created: Timestamp,
    /// When its terms were last set.
    pub updated: Timestamp,
}

/// A share in the API's field names, as a list item holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareView {
    /// The organization.
    pub namespace: String,
    /// With real slashes.
    pub repository: String,
    /// The account, as the creator wrote it.
    pub access_domain: String,
    /// The only documented value is `read`.
    pub permit: String,
    /// A UTC instant, or `forever`.
    pub deadline: String,
    /// Empty when there is none.
    pub description: String,
    /// 32 hexadecimal digits.
    pub creator_id: String,
    /// Who made it.
    pub creator_name: String,
    /// When it was made.
    pub created: String,
    /// When its terms were last set.
    pub updated: String,
    /// `true`: valid, `false`: expired.
    pub status: bool,
}

impl Share {
    /// The share as it reads at `now`.
    pub fn view(&self, now: Timestamp, spelling: Spelling) -> ShareView {
        ShareView {
            namespace: self.place.organization.clone(),
            repository: self.place.repository.clone(),
            access_domain: self.access_domain.clone(),
            permit: self.terms.permit.clone(),
            deadline: self.terms.deadline.text(spelling),
            description: self.terms.description.clone(),
            creator_id: self.creator.id.clone(),
            creator_name: self.creator.name.clone(),
            created: microseconds(self.created),
            updated: microseconds(self.updated),
            status: self.terms.deadline.holds_at(now),
        }
    }
}

impl TryFrom<ShareView> for Share {
    type Error = String;

    fn try_from(view: ShareView) -> Result<Self, String> {
        let instant = |text: &str| text.parse().map_err(|_| format!("`{text}` is not an instant"));
        Ok(Self {
            created: instant(&view.created)?,
            updated: instant(&view.updated)?,
            place: Place { organization: view.namespace, repository: view.repository },
            access_domain: view.access_domain,
            terms: Terms {
                permit: view.permit,
                deadline: view.deadline.parse()?,
                description: view.description,
            },
            creator: Creator { id: view.creator_id, name: view.creator_name },
        })
    }
}

/// How far back the history of shares goes.
pub const HISTORY_KEPT: Duration = Duration::from_mins(5);

/// A share by its repository and its account's identity.
pub type Key = (Place, String);

/// The changes of the last minutes. Of several to one share at one instant only the first is kept, so that a clock
/// that stands does not make it grow without end.
#[derive(Debug, Default)]
pub struct History(BTreeMap<Timestamp, BTreeMap<Key, Option<Share>>>);

impl History {
    /// Notes what a share was before a change; `None`: it was not there.
    pub fn record(&mut self, now: Timestamp, key: Key, before: Option<Share>) {
        self.forget(now);
        self.0.entry(now).or_default().entry(key).or_insert(before);
    }

    /// What shares were before the changes after `then` and until `now`, the newest change first.
    pub fn between(&self, then: Timestamp, now: Timestamp) -> Vec<(Key, Option<Share>)> {
        let instants = self.0.range((Excluded(then.min(now)), Included(now))).rev();
        let changes = instants.flat_map(|(_, changes)| changes);
        changes.map(|(key, before)| (key.clone(), before.clone())).collect()
    }

    /// Drops what is too old, and what lies ahead because the clock was set back.
    fn forget(&mut self, now: Timestamp) {
        let horizon = now.saturating_sub(HISTORY_KEPT).unwrap_or(now);
        while self.0.first_key_value().is_some_and(|(at, _)| *at < horizon) {
            self.0.pop_first();
        }
        while self.0.last_key_value().is_some_and(|(at, _)| *at > now) {
            self.0.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn organizations_keep_the_documented_rules() {
        for good in ["a", "group", "a1", "a.b-c_d__e", &"a".repeat(64)] {
            assert!(is_organization(good), "{good}");
        }
        for bad in
            ["", "1a", "a-", "-a", "A", "a..b", "a.-b", "a___b", "a/b", "a$b", "ä", &"a".repeat(65)]
        {
            assert!(!is_organization(bad), "{bad}");
        }
    }

    #[test]
    fn repositories_may_start_with_a_digit_and_hold_slashes() {
        for good in ["busybox", "1a", "tools/busybox", "a/b/c", "a__b/c.d", &"a".repeat(128)] {
            assert!(is_repository(good), "{good}");
        }
        for bad in
            ["", "/a", "a/", "a//b", "a/.b", "a/../b", "a--b", "a\nb", "a%2fb", &"a".repeat(129)]
        {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn key(account: &str) -> Key {
        (Place::parse("group/busybox").unwrap(), account.to_owned())
    }

    #[test]
    fn it_goes_five_minutes_back_and_never_ahead() {
        let mut history = History::default();
        for seconds in [0, 1, 301] {
            history.record(at(seconds), key("demo"), None);
        }
        assert_eq!(history.0.keys().copied().collect::<Vec<_>>(), [at(1), at(301)]);
        history.record(at(200), key("demo"), None);
        assert_eq!(history.0.keys().copied().collect::<Vec<_>>(), [at(1), at(200)]);
    }

    #[test]
    fn a_standing_clock_does_not_make_it_grow() {
        let mut history = History::default();
        for _ in 0..100 {
            history.record(at(0), key("demo"), None);
            history.record(at(0), key("other"), None);
        }
        assert_eq!(history.between(at(-1), at(0)).len(), 2);
        assert!(history.between(at(0), at(0)).is_empty());
    }
}
