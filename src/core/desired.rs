//! From an object as people wrote it to values that the rest of a pass trusts. After this stage
//! nobody looks at the raw spec again. Pure.
//!
//! The API server has checked the same rules already; they are checked again because an object can
//! be older than a rule.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::SignedDuration;
use regex::Regex;

use crate::api::{ImageShareSpec, rules};
use crate::cloud::{Deadline, ShareId, Terms};
use crate::reason::Reason;

/// What an object asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Desired {
    /// On what terms to share.
    pub terms: Terms,
    /// How often to compare; `None` is never.
    pub interval: Option<Duration>,
}

/// Why an object asks for nothing that could be done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{detail}")]
pub struct Unusable {
    /// The reason for the conditions.
    pub reason: Reason,
    /// Which field, and how.
    pub detail: String,
}

/// Which share the object means. Also all that a deletion needs: a bad deadline never blocks it.
///
/// `recorded_region` is where the share was made, which holds when the operator's default changes.
pub fn share_id(
    spec: &ImageShareSpec,
    recorded_region: Option<&str>,
    default_region: Option<&str>,
) -> Result<ShareId, Unusable> {
    let region =
        spec.region.as_deref().or(recorded_region).or(default_region).ok_or_else(|| Unusable {
            reason: Reason::RegionUnknown,
            detail: "no region".into(),
        })?;
    let account_is_a_segment = !matches!(spec.account.as_str(), "." | "..");
    for (field, text, pattern, max, also) in [
        ("region", region, &REGION, rules::REGION_MAX, true),
        ("spec.organization", &spec.organization, &ORGANIZATION, rules::ORGANIZATION_MAX, true),
        ("spec.repository", &spec.repository, &REPOSITORY, rules::REPOSITORY_MAX, true),
        ("spec.account", &spec.account, &ACCOUNT, rules::ACCOUNT_MAX, account_is_a_segment),
    ] {
        if !(also && text.chars().count() <= max && is_match(pattern, text)) {
            return Err(invalid(field));
        }
    }
    Ok(ShareId {
        region: region.to_owned(),
        organization: spec.organization.clone(),
        repository: spec.repository.clone(),
        account: spec.account.clone(),
    })
}

/// On what terms, and how often to compare.
pub fn desired(spec: &ImageShareSpec) -> Result<Desired, Unusable> {
    if spec.description.chars().count() > rules::DESCRIPTION_MAX {
        return Err(invalid("spec.description"));
    }
    let deadline: Deadline = spec.deadline.parse().map_err(|_| invalid("spec.deadline"))?;
    if deadline != Deadline::Forever && spec.deadline.as_str() >= rules::DEADLINE_BEFORE {
        return Err(invalid("spec.deadline"));
    }
    Ok(Desired {
        terms: Terms {
            permission: spec.permission.as_str().to_owned(),
            deadline,
            description: spec.description.clone(),
        },
        interval: interval(&spec.interval)?,
    })
}

fn interval(text: &str) -> Result<Option<Duration>, Unusable> {
    let seconds = text
        .parse::<SignedDuration>()
        .ok()
        .filter(|_| is_match(&INTERVAL, text))
        .map(|duration| duration.as_secs())
        .filter(|seconds| *seconds <= rules::INTERVAL_MAX_SECONDS)
        .ok_or_else(|| invalid("spec.interval"))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn invalid(field: &str) -> Unusable {
    Unusable { reason: Reason::InvalidSpec, detail: field.to_owned() }
}

type Pattern = LazyLock<Option<Regex>>;

static REGION: Pattern = LazyLock::new(|| Regex::new(rules::REGION).ok());
static ORGANIZATION: Pattern = LazyLock::new(|| Regex::new(rules::ORGANIZATION).ok());
static REPOSITORY: Pattern = LazyLock::new(|| Regex::new(rules::REPOSITORY).ok());
static ACCOUNT: Pattern = LazyLock::new(|| Regex::new(rules::ACCOUNT).ok());
static INTERVAL: Pattern = LazyLock::new(|| Regex::new(rules::INTERVAL).ok());

/// A pattern that does not compile matches nothing; a test holds that all of them compile.
fn is_match(pattern: &Pattern, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::spec;

    #[test]
    fn every_rule_compiles_and_takes_what_the_api_page_allows() {
        for (organization, repository, account) in [
            ("a", "0", "a"),
            ("group", "tools/busybox", "Demo_Account-01"),
            ("a__b.c-d_e9", "a__b/c.d-e_f", "团队 1"),
            (&"a".repeat(64), &"r".repeat(128), &"x".repeat(128)),
        ] {
            let spec = ImageShareSpec {
                organization: organization.into(),
                repository: repository.into(),
                account: account.into(),
                ..spec()
            };
            assert!(share_id(&spec, None, None).is_ok(), "{organization} {repository} {account}");
        }
    }

    #[test]
    fn names_that_break_a_rule_are_told_by_their_field() {
        let with = |field: &str, text: &str| {
            let mut spec = spec();
            match field {
                "region" => spec.region = Some(text.into()),
                "spec.organization" => spec.organization = text.into(),
                "spec.repository" => spec.repository = text.into(),
                _ => spec.account = text.into(),
            }
            share_id(&spec, None, None)
        };
        for (field, bad) in [
            ("region", vec!["", "A", "a.b", "-a", "a-", "evil.com/"]),
            (
                "spec.organization",
                vec!["", "A", "0a", "a-", "a..b", "a___b", "a._b", "a/b", "a\n", "ä"],
            ),
            (
                "spec.repository",
                vec!["", "a/", "/a", "a//b", "a$b", "a%2fb", "..", "a/../b", "A", "a\n"],
            ),
            (
                "spec.account",
                vec!["", ".", "..", "a/b", "a\\b", " a", "a ", "a\nb", "a\u{202e}b", "a\u{0}"],
            ),
        ] {
            for text in bad {
                let error = with(field, text).unwrap_err();
                assert_eq!(
                    (error.reason, error.detail.as_str()),
                    (Reason::InvalidSpec, field),
                    "{text:?}"
                );
            }
        }
        assert!(with("spec.organization", &"a".repeat(65)).is_err());
        assert!(with("spec.repository", &"a".repeat(129)).is_err());
        assert!(with("spec.account", &"a".repeat(129)).is_err());
    }

    #[test]
    fn the_region_is_the_specs_else_the_recorded_one_else_the_operators() {
        let region = |spec: &ImageShareSpec, recorded, default| {
            share_id(spec, recorded, default).map(|id| id.region)
        };
        let without = ImageShareSpec { region: None, ..spec() };
        assert_eq!(region(&spec(), Some("b"), Some("c")).unwrap(), "eu-west-101");
        assert_eq!(region(&without, Some("b"), Some("c")).unwrap(), "b");
        assert_eq!(region(&without, None, Some("c")).unwrap(), "c");
        assert_eq!(region(&without, None, None).unwrap_err().reason, Reason::RegionUnknown);
    }

    #[test]
    fn intervals_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("10m", Some(600)),
            ("1h30m", Some(5400)),
            ("1s", Some(1)),
            ("0s", None),
            ("168h", Some(604_800)),
        ] {
            assert_eq!(interval(text).unwrap(), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["", "10", "10 m", "-1s", "1d", "169h", "1.5h", "1m1h"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_deadline_beyond_what_can_be_reckoned_with_is_told() {
        let with =
            |deadline: &str| desired(&ImageShareSpec { deadline: deadline.into(), ..spec() });
        for near in ["forever", "9999-12-29", "9999-12-29T23:59:59Z"] {
            let deadline = with(near).unwrap().terms.deadline;
            if deadline != Deadline::Forever {
                assert!(deadline.on_the_wire().parse::<jiff::Timestamp>().is_ok(), "{near}");
                assert!(deadline.end_of_day().is_some(), "{near}");
            }
        }
        for far in ["9999-12-30", "9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(with(far).unwrap_err().detail, "spec.deadline", "{far}");
        }
    }

    #[test]
    fn a_description_is_counted_in_characters() {
        let with = |length| {
            let description = "ä".repeat(length);
            desired(&ImageShareSpec { description, ..spec() })
        };
        assert!(with(rules::DESCRIPTION_MAX).is_ok());
        for length in [rules::DESCRIPTION_MAX + 1, rules::DESCRIPTION_MAX + 2] {
            assert_eq!(with(length).unwrap_err().detail, "spec.description");
        }
    }

    #[test]
    fn a_bad_deadline_spoils_the_terms_but_not_the_identity() {
        let spec = ImageShareSpec { deadline: "2027-02-30".into(), ..spec() };
        assert_eq!(desired(&spec).unwrap_err().detail, "spec.deadline");
        assert!(share_id(&spec, None, None).is_ok());
    }
}
