//! SWR's sharing API in its own terms: which share, on what terms, and what the cloud says of it.
//!
//! [`access_domains`] makes the calls, [`wire`] knows paths and JSON, [`error`] reads the cloud's error
//! bodies, [`throttling`] the pauses and limits in them, [`evidence`] knows what of an answer may be
//! shown, [`deadline`] compares deadlines, [`clock`] knows the cloud's time, [`lists`] lists once for many
//! objects, [`reachability`] knows which region is back, [`pace`] when a call may go out; [`sign_in`]
//! exchanges credentials, and [`exchange`] knows when. Nothing here knows Kubernetes.
//!
//! Source: the API pages "Sharing an Image with an Account" and its siblings for list, show, update
//! and delete (Huawei Cloud SWR API reference), and Open Telekom Cloud's copy of them.

pub mod access_domains;
mod answers;
pub mod attempts;
pub mod cause;
pub mod clock;
pub mod deadline;
pub mod error;
pub mod evidence;
pub mod exchange;
pub mod lane;
pub mod lanes;
pub mod lists;
pub mod pace;
pub mod reachability;
pub mod sign_in;
pub mod throttling;
mod transport;
pub mod wire;

use icu_normalizer::ComposingNormalizerBorrowed as ComposingNormalizer;

pub use access_domains::{Answer, Client};
pub use deadline::Deadline;
pub use error::SwrError;
pub use pace::Pace;
pub use throttling::{Limit, LimitBy};

use crate::redact::{fair_length, printable};

/// Which share: SWR allows one per region, repository and account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ShareId {
    /// The region, a DNS label.
    pub region: String,
    /// The organization that owns the repository; the API's `namespace`.
    pub organization: String,
    /// The repository, with slashes as people write them.
    pub repository: String,
    /// The account that may pull; the API's `access_domain`.
    pub account: String,
}

impl std::fmt::Display for ShareId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} with {}", self.organization, self.repository, self.account)
    }
}

/// On what terms: all that can be changed of a share. Always sent together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The API's `permit`: `read` is the only value SWR documents.
    pub permission: String,
    /// Until when.
    pub deadline: Deadline,
    /// At most 1000 characters.
    pub description: String,
}

impl Terms {
    /// Whether `actual` means the same as these terms: deadlines and texts are compared by meaning.
    pub fn are_met_by(&self, actual: &Terms) -> bool {
        let Terms { permission, deadline, description } = self;
        *permission == actual.permission
            && deadline.is_met_by(actual.deadline)
            && is_same_text(description, &actual.description)
    }

    /// The fields in which `actual` differs from these terms.
    pub fn changes_from(&self, actual: &Terms) -> Vec<Change> {
        let Terms { permission, deadline, description } = self;
        let text = |field, current: &str, desired: &str| Change {
            field,
            current: current.to_owned(),
            desired: desired.to_owned(),
        };
        let wire = (actual.deadline.on_the_wire(), deadline.on_the_wire());
        [
            (*permission != actual.permission, text("permission", &actual.permission, permission)),
            (!deadline.is_met_by(actual.deadline), text("deadline", &wire.0, &wire.1)),
            (
                !is_same_text(description, &actual.description),
                text("description", &actual.description, description),
            ),
        ]
        .into_iter()
        .filter_map(|(differs, change)| differs.then_some(change))
        .collect()
    }
}

/// Whether two texts differ at most in white space at their ends, or in how Unicode composes their
/// characters: what a cloud may change of a text that it keeps.
fn is_same_text(a: &str, b: &str) -> bool {
    a == b || {
        let nfc = ComposingNormalizer::new_nfc();
        nfc.normalize(a.trim()) == nfc.normalize(b.trim())
    }
}

/// A field in which a share is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// The field's name in the spec; `share` if there is no share at all.
    pub field: &'static str,
    /// What SWR holds.
    pub current: String,
    /// What it should be.
    pub desired: String,
}

impl Change {
    /// There is no share, and there should be one.
    pub fn of_existence() -> Self {
        Self { field: "share", current: "absent".to_owned(), desired: "present".to_owned() }
    }

    /// Several changes in at most about `max` characters: long values are cut alike, and show where they
    /// differ.
    pub fn all_within(changes: &[Self], max: usize) -> String {
        let join = |changes: &[Self]| {
            changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let empty =
            |change: &Self| Self { current: String::new(), desired: String::new(), ..*change };
        let values = changes.iter().flat_map(|change| [&*change.current, &*change.desired]);
        let around = join(&changes.iter().map(empty).collect::<Vec<_>>()).chars().count();
        let length = fair_length(values, max.saturating_sub(around));
        join(&changes.iter().map(|change| change.cut_to(length)).collect::<Vec<_>>())
    }

    /// With values of at most this length, from shortly before the point where they part.
    fn cut_to(&self, length: usize) -> Self {
        let pairs = self.current.chars().zip(self.desired.chars());
        let same = pairs.take_while(|(current, desired)| current == desired).count();
        let cut = |text: &str| {
            if text.chars().count() <= length || same < length / 2 {
                return printable(text, length);
            }
            let end = text.chars().skip(same - length / 4);
            printable(&['…'].into_iter().chain(end).collect::<String>(), length)
        };
        Self { field: self.field, current: cut(&self.current), desired: cut(&self.desired) }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: SWR has {:?}, the spec says {:?}", self.field, self.current, self.desired)
    }
}

/// A share as SWR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteShare {
    /// The terms, as SWR gives them back.
    pub terms: Terms,
    /// The API's `status`: false once the deadline has passed. The share stays listed.
    pub valid: bool,
    /// When it was created, RFC 3339 UTC with 0 to 6 fraction digits.
    pub created: Option<String>,
    /// When it was last changed, likewise.
    pub updated: Option<String>,
    /// The name of the IAM user who created it.
    pub creator: Option<String>,
}

impl RemoteShare {
    /// What a write that SWR accepted has made, until a look says more.
    pub fn as_written(terms: Terms) -> Self {
        Self { terms, valid: true, created: None, updated: None, creator: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(current: &str, desired: &str) -> Change {
        Change { field: "description", current: current.into(), desired: desired.into() }
    }

    #[test]
    fn long_values_of_changes_are_cut_alike() {
        let (long, short) =
            (description(&"a".repeat(1000), &"b".repeat(900)), description("c", ""));
        assert_eq!(
            Change::all_within(&[long, short], 120),
            r#"description: SWR has "aaaaaaaaaaaaaaaa…", the spec says "bbbbbbbbbbbbbbbb…"; description: SWR has "c", the spec says """#
        );
        let short = description("one", "two");
        assert_eq!(Change::all_within(std::slice::from_ref(&short), 120), short.to_string());
    }

    #[test]
    fn what_is_kept_of_long_values_is_where_they_part() {
        let same = "x".repeat(500);
        let change = description(&format!("{same}one"), &format!("{same}two"));
        assert_eq!(
            Change::all_within(&[change], 70),
            r#"description: SWR has "…xxxone", the spec says "…xxxtwo""#
        );
    }

    proptest::proptest! {
        #[test]
        fn changes_keep_to_their_room(current in "[a-zé]{0,300}", desired in "[a-zé]{0,300}") {
            let text = Change::all_within(&[description(&current, &desired)], 130);
            proptest::prop_assert!(text.chars().count() <= 130, "{}", text);
            proptest::prop_assert!(current == desired || !text.is_empty());
        }
    }

    #[test]
    fn a_description_may_come_back_trimmed_or_composed_in_another_way_and_nothing_else() {
        let terms = |description: &str| Terms {
            permission: "read".into(),
            deadline: Deadline::Forever,
            description: description.into(),
        };
        for (wanted, kept, is_same) in [
            ("line\n", "line", true),
            ("line", " \tline\r\n", true),
            ("\u{3000}line", "line", true),
            (" \n", "", true),
            ("Zu\u{308}rich", "Z\u{fc}rich", true),
            ("\u{1100}\u{1161}", "\u{ac00}", true),
            ("\u{212b}", "\u{c5}", true),
            ("two  words", "two words", false),
            ("a\nb", "a\r\nb", false),
            ("line", "Line", false),
            ("\u{fb01}", "fi", false),
            ("\u{200b}line", "line", false),
        ] {
            for (wanted, kept) in [(wanted, kept), (kept, wanted)] {
                let (wanted, kept) = (terms(wanted), terms(kept));
                assert_eq!(wanted.are_met_by(&kept), is_same, "{wanted:?} {kept:?}");
                assert_eq!(wanted.changes_from(&kept).is_empty(), is_same, "{wanted:?} {kept:?}");
            }
        }
    }
}
