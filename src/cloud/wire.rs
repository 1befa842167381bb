//! Paths and JSON of the sharing API, both ways. Pure.
//!
//! `/` becomes `$` here and nowhere else; every segment is percent-encoded.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Deadline, RemoteShare, ShareId, SwrError, Terms, evidence};
use crate::reason::Reason;

/// What stays as it is in a path segment: RFC 3986's unreserved characters, and `$`, which stands
/// for a repository's slash.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'$');

/// A name that no path can hold: its request would be about something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name cannot stand in a path")]
pub struct Unaddressable;

/// No call is made, as the rules for names promise; this is the last wall behind them.
impl From<Unaddressable> for SwrError {
    fn from(_: Unaddressable) -> Self {
        Self::without_answer(Reason::InvalidSpec)
    }
}

/// The URL of all shares of a repository; `base` is `scheme://host[:port]/`.
pub fn shares_url(base: &Url, id: &ShareId) -> Result<Url, Unaddressable> {
    url(base, id, None)
}

/// The URL of one share.
pub fn share_url(base: &Url, id: &ShareId) -> Result<Url, Unaddressable> {
    url(base, id, Some(&id.account))
}

fn url(base: &Url, id: &ShareId, account: Option<&str>) -> Result<Url, Unaddressable> {
    // It would be read as a slash.
    if id.repository.contains('$') {
        return Err(Unaddressable);
    }
    let organization = segment(&id.organization)?;
    let repository = segment(&id.repository.replace('/', "$"))?;
    let mut path =
        format!("/v2/manage/namespaces/{organization}/repositories/{repository}/access-domains");
    if let Some(account) = account {
        path = path + "/" + &segment(account)?;
    }
    let mut url = base.clone();
    url.set_path(&path);
    Ok(url)
}

/// A name as a segment. One that is empty names what is above it, and dots climb: URLs leave them out,
/// also where they are percent-encoded.
fn segment(text: &str) -> Result<String, Unaddressable> {
    match text {
        "" | "." | ".." => Err(Unaddressable),
        _ => Ok(utf8_percent_encode(text, SEGMENT).to_string()),
    }
}

/// The body of a create.
#[derive(Serialize)]
pub struct CreateBody<'a> {
    access_domain: &'a str,
    #[serde(flatten)]
    terms: UpdateBody<'a>,
}

/// The body of an update. A description that is left out would be cleared, so all three are sent.
#[derive(Serialize)]
pub struct UpdateBody<'a> {
    permit: &'a str,
    deadline: String,
    description: &'a str,
}

impl<'a> CreateBody<'a> {
    /// Shares `id` on `terms`.
    pub fn new(id: &'a ShareId, terms: &'a Terms) -> Self {
        Self { access_domain: &id.account, terms: UpdateBody::new(terms) }
    }
}

impl<'a> UpdateBody<'a> {
    /// Changes a share to `terms`.
    pub fn new(terms: &'a Terms) -> Self {
        Self {
            permit: &terms.permission,
            deadline: terms.deadline.on_the_wire(),
            description: &terms.description,
        }
    }
}

/// A share, as both a show and a list give it. Only `exist` is certain to be there in a show, when it is
/// false; a list has none.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    exist: Option<bool>,
    #[serde(default)]
    access_domain: Option<String>,
    #[serde(default)]
    permit: Option<String>,
    #[serde(default)]
    deadline: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    creator_name: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    updated: Option<String>,
    #[serde(default)]
    status: Option<bool>,
}

/// An answer that is not what the API page documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not the share that was asked for")]
pub struct Unreadable;

/// Reads the answer of a show; `None` is a share that does not exist.
///
/// Anything that is missing or speaks of another account is refused rather than guessed: what is
/// read here decides whether access is granted.
pub fn read_share(id: &ShareId, body: &[u8]) -> Result<Option<RemoteShare>, Unreadable> {
    let answer = std::str::from_utf8(body).map_err(|_| Unreadable).and_then(entry)?;
    if !answer.exist.ok_or(Unreadable)? {
        return Ok(None);
    }
    let (account, share) = read_entry(answer)?;
    if same_account(&account, &id.account) { Ok(Some(share)) } else { Err(Unreadable) }
}

/// Reads the answer of a list: the shares of a repository by their accounts, in lower case.
///
/// An entry that cannot be read is left out: a list only ever confirms, and what is missing from it
/// is looked at alone.
pub fn read_shares(body: &[u8]) -> Result<HashMap<String, RemoteShare>, Unreadable> {
    let shares: Option<Listed> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    Ok(shares.unwrap_or_default().0)
}

/// The shares of a list. They are read one by one, and nothing but them is kept: a megabyte of the
/// smallest values would take a hundred in memory.
#[derive(Default)]
struct Listed(HashMap<String, RemoteShare>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Listed;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of shares")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Listed, A::Error> {
        let mut shares = HashMap::new();
        while let Some(raw) = entries.next_element::<&RawValue>()? {
            if let Ok((account, share)) = entry(raw.get()).and_then(read_entry) {
                shares.insert(account.to_lowercase(), share);
            }
        }
        Ok(Listed(shares))
    }
}

/// An object: serde would take a list of its values in their order as well.
fn entry(json: &str) -> Result<Entry, Unreadable> {
    if !json.trim_start().starts_with('{') {
        return Err(Unreadable);
    }
    serde_json::from_str(json).map_err(|_| Unreadable)
}

fn read_entry(answer: Entry) -> Result<(String, RemoteShare), Unreadable> {
    let account = answer.access_domain.ok_or(Unreadable)?;
    let deadline: Deadline = answer.deadline.ok_or(Unreadable)?.parse().map_err(|_| Unreadable)?;
    let share = RemoteShare {
        terms: Terms {
            permission: evidence::name(&answer.permit.ok_or(Unreadable)?),
            deadline,
            description: evidence::description(answer.description.unwrap_or_default()),
        },
        valid: answer.status.ok_or(Unreadable)?,
        created: answer.created.filter(|text| evidence::is_instant(text)),
        updated: answer.updated.filter(|text| evidence::is_instant(text)),
        creator: answer.creator_name.map(|name| evidence::name(&name)),
    };
    Ok((account, share))
}

/// SWR may give an account's name back in another case.
fn same_account(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::fixtures::spec;

    fn id(organization: &str, repository: &str, account: &str) -> ShareId {
        ShareId {
            region: "eu-west-101".into(),
            organization: organization.into(),
            repository: repository.into(),
            account: account.into(),
        }
    }

    fn base() -> Url {
        Url::parse("https://swr.example:8443/").unwrap()
    }

    #[test]
    fn a_slash_in_a_repository_becomes_a_dollar_and_an_account_is_percent_encoded() {
        let url = share_url(&base(), &id("group", "team/app/web", "user name+1@x")).unwrap();
        assert_eq!(
            url.as_str(),
            "https://swr.example:8443/v2/manage/namespaces/group/repositories/team$app$web/access-domains/user%20name%2B1%40x"
        );
    }

    #[test]
    fn a_list_gives_what_can_be_read_of_it_by_account() {
        let good = r#"{"access_domain":"Demo","permit":"read","deadline":"forever","status":true}"#;
        let bad = r#"{"access_domain":"other","permit":"read","deadline":"soon","status":true}"#;
        let positional = r#"[true,"third","read","forever",null,null,null,null,true]"#;
        let list = format!("[{good},{bad},7,{positional}]");
        let shares = read_shares(list.as_bytes()).unwrap();
        assert_eq!(shares.keys().collect::<Vec<_>>(), ["demo"], "whatever the case");
        assert!(shares["demo"].valid);
        for empty in ["[]", "null"] {
            assert!(read_shares(empty.as_bytes()).unwrap().is_empty(), "{empty}");
        }
        for wrong in ["{}", "hello", ""] {
            assert_eq!(read_shares(wrong.as_bytes()).err(), Some(Unreadable), "{wrong}");
        }
    }

    #[test]
    fn an_update_always_sends_permission_deadline_and_description() {
        let terms = Terms {
            permission: "read".into(),
            deadline: Deadline::Forever,
            description: String::new(),
        };
        assert_eq!(
            serde_json::to_value(UpdateBody::new(&terms)).unwrap(),
            serde_json::json!({"permit": "read", "deadline": "forever", "description": ""})
        );
        assert_eq!(
            serde_json::to_value(CreateBody::new(&id("g", "r", "demo"), &terms)).unwrap(),
            serde_json::json!({"access_domain": "demo", "permit": "read", "deadline": "forever", "description": ""})
        );
    }

    #[test]
    fn the_documented_answer_is_read_whole() {
        let body = br#"{"exist":true,"namespace":"group","repository":"busybox","access_domain":"DEMO","permit":"read",
            "deadline":"2021-10-01T16:00:00Z","description":"description","creator_id":"0504186e6a8010e01f3ec009a7279baa",
            "creator_name":"xxx","created":"2021-06-10T08:14:42.56632Z","updated":"2021-06-10T08:14:42.566325Z","status":false}"#;
        let share = read_share(&id("group", "busybox", "demo"), body).unwrap().unwrap();
        assert_eq!(share.terms.deadline, "2021-10-01T16:00:00Z".parse().unwrap());
        assert_eq!(share.created.as_deref(), Some("2021-06-10T08:14:42.56632Z"));
        assert_eq!(share.creator.as_deref(), Some("xxx"));
        assert!(!share.valid);
    }

    #[test]
    fn a_share_that_does_not_exist_needs_no_other_field() {
        assert_eq!(read_share(&id("g", "r", "a"), br#"{"exist":false}"#), Ok(None));
    }

    #[test]
    fn an_answer_that_says_too_little_or_something_else_is_unreadable() {
        for body in [
            "",
            "[]",
            "{}",
            "null",
            "<html>",
            r#"{"exist":true}"#,
            r#"{"exist":true,"access_domain":"other","permit":"read","deadline":"forever","status":true}"#,
            r#"{"exist":true,"access_domain":"a","permit":"read","deadline":"soon","status":true}"#,
            r#"{"exist":true,"access_domain":"a","permit":"read","deadline":"forever"}"#,
            r#"{"exist":null,"access_domain":"a","permit":"read","deadline":"forever","status":true}"#,
            // Its values in the order of our fields.
            r#"[true,"a","read","forever",null,null,null,null,true]"#,
        ] {
            assert_eq!(read_share(&id("g", "r", "a"), body.as_bytes()), Err(Unreadable), "{body}");
        }
    }

    /// Generators take a pattern without its anchors.
    fn unanchored(pattern: &'static str) -> &'static str {
        pattern.trim_start_matches('^').trim_end_matches('$')
    }

    /// What stands in a path, as the server reads it.
    fn names_in(url: &Url) -> Vec<String> {
        let decode = |segment| percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
        url.path_segments().unwrap().map(|segment| decode(segment).into_owned()).collect()
    }

    /// Whether a URL is where the shares of exactly this repository are, on the configured server.
    fn is_about(url: &Url, base: &Url, id: &ShareId, account: Option<&str>) -> bool {
        let names = names_in(url);
        let repository = names[5].replace('$', "/");
        let fixed = [&*names[0], &*names[1], &*names[2], &*names[4], &*names[6]];
        url.origin() == base.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && fixed == ["v2", "manage", "namespaces", "repositories", "access-domains"]
            && (names[3] == id.organization && repository == id.repository)
            && names[7..].iter().map(String::as_str).eq(account)
    }

    /// Names that somebody would try: pieces of URLs, dots, what is decoded twice, and any text.
    fn name() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("."),
            Just(".."),
            Just("/"),
            Just("\\"),
            Just("%"),
            Just("%2e"),
            Just("%2F"),
            Just("$"),
            Just("?"),
            Just("#"),
            Just("@evil.example"),
            Just(":80"),
            Just("//"),
            Just("\0"),
            Just("\r\n"),
            Just("\t"),
            Just(" "),
            Just(";"),
            Just("\u{202e}"),
            Just("\u{ff0f}"),
            Just("a"),
            Just("é"),
        ];
        prop_oneof![
            proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
            any::<String>(),
        ]
    }

    #[test]
    fn a_name_that_would_climb_or_stand_for_another_is_in_no_url() {
        for (organization, repository, account) in [
            ("..", "app", "demo"),
            (".", "app", "demo"),
            ("", "app", "demo"),
            ("group", "..", "demo"),
            ("group", "", "demo"),
            ("group", "a$b", "demo"),
            ("group", "app", ".."),
            ("group", "app", "."),
            ("group", "app", ""),
        ] {
            let id = id(organization, repository, account);
            assert_eq!(share_url(&base(), &id), Err(Unaddressable), "{id:?}");
        }
        let refused = SwrError::from(Unaddressable);
        assert!(refused.reason.is_certain_refusal(), "nothing was sent");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_url_leads_to_exactly_what_was_named_or_there_is_none(
            organization in name(), repository in name(), account in name(),
        ) {
            let id = id(&organization, &repository, &account);
            for base in ["https://swr.example:8443/", "http://127.0.0.1:1/", "https://[::1]/"] {
                let base = Url::parse(base).unwrap();
                if let Ok(url) = share_url(&base, &id) {
                    prop_assert!(is_about(&url, &base, &id, Some(&account)), "{}", url);
                }
                if let Ok(url) = shares_url(&base, &id) {
                    prop_assert!(is_about(&url, &base, &id, None), "{}", url);
                }
            }
        }

        #[test]
        fn whatever_an_object_may_name_has_a_url(
            organization in prop_oneof![unanchored(crate::api::rules::ORGANIZATION), name()],
            repository in prop_oneof![unanchored(crate::api::rules::REPOSITORY), name()],
            account in prop_oneof![r"[^\p{Cc}/\\]{1,40}", name()],
        ) {
            let spec = crate::api::ImageShareSpec { organization, repository, account, ..spec() };
            if let Ok(id) = crate::core::desired::share_id(&spec, None, None) {
                prop_assert!(share_url(&base(), &id).is_ok(), "{:?}", id);
            }
        }

        #[test]
        fn no_answer_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_share(&id("g", "r", "a"), &body);
        }
    }
}
