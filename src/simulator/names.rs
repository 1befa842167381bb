//! Which names SWR takes, and how a repository is written in a path.
//!
//! The rules stand on the API page "Sharing an Image with an Account", table 1.

use std::fmt;

/// A repository of an organization, with its slashes as people write them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The API's `namespace`.
    pub organization: String,
    /// May hold slashes.
    pub repository: String,
}

impl Place {
    /// Reads `org/repo`, where the repository may hold more slashes.
    pub fn parse(text: &str) -> Option<Self> {
        let (organization, repository) = text.split_once('/')?;
        Some(Self { organization: organization.to_owned(), repository: repository.to_owned() })
    }

    /// Whether both halves keep SWR's rules.
    pub fn is_well_named(&self) -> bool {
        is_organization(&self.organization) && is_repository(&self.repository)
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

#[cfg(test)]
mod tests {
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
}
