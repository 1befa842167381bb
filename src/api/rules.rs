//! The naming rules of an `ImageShare`, each written once: the CRD's CEL rules are printed from
//! these constants, and [`crate::core::desired`] checks them again for objects that never met
//! the CRD's rules.
//!
//! Organization and repository follow the API page "Sharing an Image with an Account" (Huawei Cloud
//! SWR, 2025-09-10), Table 1. Imports nothing of ours.

use kube::core::{Reason, Rule};

/// The longest organization name, in characters.
pub const ORGANIZATION_MAX: usize = 64;
/// The longest repository name, in characters.
pub const REPOSITORY_MAX: usize = 128;
/// The longest account name, in characters. SWR documents no limit; this one is ours.
pub const ACCOUNT_MAX: usize = 128;
/// The longest description, in characters: the SWR console's limit.
pub const DESCRIPTION_MAX: usize = 1000;
/// The longest text that is looked at as a deadline. The longest deadline has 30 characters; whoever
/// writes a few more is told what a deadline is, and not only that it is too long.
pub const DEADLINE_MAX: usize = 64;
/// The longest region: a DNS label (RFC 1123).
pub const REGION_MAX: usize = 63;

/// An organization: starts with a lowercase letter, ends with a letter or digit, separators never
/// adjacent but for two underscores.
pub const ORGANIZATION: &str = r"^[a-z][a-z0-9]*((\.|_|__|-)[a-z0-9]+)*$";
/// A repository: as an organization, but may start with a digit and contain slashes.
pub const REPOSITORY: &str = r"^[a-z0-9]+((\.|/|_|__|-)[a-z0-9]+)*$";
/// An account: no control or invisible formatting characters, no line separators, no slashes, no
/// white space at the ends. `.` and `..` are excluded apart: as URL path segments they would vanish.
pub const ACCOUNT: &str = r"^[^\p{Cc}\p{Cf}\p{Co}\p{Z}/\\]([^\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}/\\]*[^\p{Cc}\p{Cf}\p{Co}\p{Z}/\\])?$";
/// A region: a DNS label.
pub const REGION: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";
/// A deadline given as a day.
pub const DEADLINE_DAY: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
/// A deadline given as an RFC 3339 instant in UTC.
pub const DEADLINE_INSTANT: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$";
/// Deadlines other than `forever` sort before this text: the end of this day is an instant beyond
/// what the operator, or another, can hold.
pub const DEADLINE_BEFORE: &str = "9999-12-30";
/// An interval: hours, minutes and seconds in this order.
pub const INTERVAL: &str = "^([0-9]{1,3}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$";
/// The longest interval, in seconds: a week.
pub const INTERVAL_MAX_SECONDS: i64 = 604_800;
/// A Secret's name: a DNS subdomain (RFC 1123).
pub const SECRET_NAME: &str = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$";
/// The longest name of a Secret, in characters.
pub const SECRET_NAME_MAX: usize = 253;
/// A key in a Secret.
pub const SECRET_KEY: &str = "^[A-Za-z0-9._-]+$";

fn refuse(rule: impl Into<String>, message: &str) -> Rule {
    Rule::new(rule.into()).message(message).reason(Reason::FieldValueInvalid)
}

fn matches(pattern: &str, message: &str) -> Rule {
    refuse(format!("self.matches(r'{pattern}')"), message)
}

fn unchanged(message: &str) -> Rule {
    Rule::new("self == oldSelf").message(message).reason(Reason::FieldValueForbidden)
}

/// The rule for `spec.organization`.
pub fn organization() -> Rule {
    matches(
        ORGANIZATION,
        "must start with a lowercase letter, end with a lowercase letter or digit, and contain only lowercase letters, digits and the separators . _ - , which must not stand next to each other (two underscores may)",
    )
}

/// The rule for `spec.repository`.
pub fn repository() -> Rule {
    matches(
        REPOSITORY,
        "must start and end with a lowercase letter or digit, and contain only lowercase letters, digits and the separators . / _ - , which must not stand next to each other (two underscores may); write / as it is, not as $ or %2f",
    )
}

/// The rules for `spec.account`.
pub fn account() -> Rule {
    refuse(
        format!("self.matches(r'{ACCOUNT}') && self != '.' && self != '..'"),
        "must be an account name: no slashes, no control or invisible characters, no white space at its ends, and not . or ..",
    )
}

/// The rule for `spec.region`.
pub fn region() -> Rule {
    matches(
        REGION,
        "must be a region's name such as eu-west-101: lowercase letters, digits and inner hyphens",
    )
}

/// The rule for `spec.deadline`. The API server's own parsers tell a day that does not exist.
pub fn deadline() -> Rule {
    refuse(
        format!(
            "self == 'forever' || (self.matches(r'{DEADLINE_DAY}') && !format.date().validate(self).hasValue()) || (self.matches(r'{DEADLINE_INSTANT}') && !format.datetime().validate(self).hasValue())"
        ),
        "must be forever, a day of the calendar such as 2027-03-31, or a UTC instant such as 2027-03-31T16:00:00Z",
    )
}

/// The rule that `spec.deadline` is within the time that the operator can reckon with.
pub fn deadline_in_reach() -> Rule {
    refuse(
        format!("!self.startsWith('9') || self < '{DEADLINE_BEFORE}'"),
        "must be before 9999-12-30; for a share without end write forever",
    )
}

/// The rule for `spec.interval`.
pub fn interval() -> Rule {
    refuse(
        format!(
            "size(self) > 0 && self.matches('{INTERVAL}') && (duration(self) == duration('0s') || (duration(self) >= duration('1s') && duration(self) <= duration('{INTERVAL_MAX_SECONDS}s')))"
        ),
        "must be a duration such as 10m or 1h30m, from 1s to 168h, or 0s for never",
    )
}

/// The rule for `spec.credentialsRef.name`.
pub fn secret_name() -> Rule {
    matches(
        SECRET_NAME,
        "must be the name of a Secret in the object's own namespace: lowercase letters, digits, inner hyphens and periods, no slash",
    )
}

/// Whether a text from elsewhere can be the name of a Secret.
pub fn is_secret_name(text: &str) -> bool {
    let is_match = regex::Regex::new(SECRET_NAME).is_ok_and(|name| name.is_match(text));
    text.len() <= SECRET_NAME_MAX && is_match
}

/// The rule for `spec.credentialsRef.key`.
pub fn secret_key() -> Rule {
    matches(SECRET_KEY, "must be a key of the Secret: letters, digits, . _ and -")
}

/// The rule for `spec.credentialsRef.serviceAccountName`.
pub fn service_account_name() -> Rule {
    matches(
        SECRET_NAME,
        "must be the name of a ServiceAccount in the object's own namespace: lowercase letters, digits, inner hyphens and periods, no slash",
    )
}

/// The rule that `spec.credentialsRef` names one thing.
pub fn one_reference() -> Rule {
    refuse(
        "has(self.name) != has(self.serviceAccountName)",
        "must have either name or serviceAccountName",
    )
}

/// The rule that only a Secret has a key.
pub fn key_of_a_secret() -> Rule {
    refuse("!has(self.key) || has(self.name)", "must have a key only beside the name of a Secret")
}

/// The rule that `spec.organization` never changes.
pub fn organization_unchanged() -> Rule {
    unchanged("organization cannot be changed: delete and re-create the ImageShare")
}

/// The rule that `spec.repository` never changes.
pub fn repository_unchanged() -> Rule {
    unchanged("repository cannot be changed: delete and re-create the ImageShare")
}

/// The rule that `spec.account` never changes.
pub fn account_unchanged() -> Rule {
    unchanged("account cannot be changed: delete and re-create the ImageShare")
}

/// The rule that `spec.region` is neither set, changed nor removed later.
pub fn region_unchanged() -> Rule {
    Rule::new(
        "(has(self.region) ? self.region : '') == (has(oldSelf.region) ? oldSelf.region : '')",
    )
    .message("region cannot be changed: delete and re-create the ImageShare")
    .reason(Reason::FieldValueForbidden)
    .field_path(".region")
}
