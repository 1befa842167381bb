//! What of an answer may be shown: in a status, an event or the log. Pure.
//!
//! Whoever answers may be hostile, or repeat the request by mistake (the API gateway does so in its
//! answer to a bad signature). So only what looks as SWR documents it is shown, and even that not if
//! it holds a part of the credential that the call was made with: a token can look like a request id.

use super::error::Reply;
use super::{RemoteShare, SwrError};
use crate::access::authorize::Confidential;
use crate::api::rules::DESCRIPTION_MAX;
use crate::redact::printable;

/// The longest name and the longest permission that are kept, in characters.
const NAME_MAX: usize = 64;
/// The longest instant: with nine digits of a second and an offset.
const INSTANT_MAX: usize = "2027-03-31T23:59:59.123456789+00:00".len();
/// In place of a text that somebody has put a part of the credential into.
pub const NOT_SHOWN: &str = "(not shown: it holds a part of the credential)";

/// A request id of SWR: 32 hexadecimal digits, or a UUID.
pub fn is_request_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.len() {
        32 => is_hex(text),
        36 => {
            let groups: Vec<_> = text.split('-').collect();
            groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(|group| is_hex(group))
        }
        _ => false,
    }
}

/// An error code as SWR, its gateway and IAM have them: `SVCSTG.SWR.4001090`, `APIGW.0301`, `IAM.0061`,
/// or a bare number.
pub fn is_code(text: &str) -> bool {
    let mut parts: Vec<_> = text.split('.').collect();
    let number = parts.pop().unwrap_or_default();
    let is_service = |part: &&str| {
        (2..=10).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    (3..=8).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && parts.len() <= 2
        && parts.iter().all(is_service)
}

/// An instant, and nothing beside it: RFC 9557 allows a text of one's own in brackets.
pub fn is_instant(text: &str) -> bool {
    text.len() <= INSTANT_MAX && !text.contains('[') && text.parse::<jiff::Timestamp>().is_ok()
}

/// Somebody's name, or one of the API's words.
pub fn name(text: &str) -> String {
    printable(text, NAME_MAX)
}

/// A description, cut where it is longer than any that is wanted.
pub fn description(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(DESCRIPTION_MAX + 1) {
        text.truncate(end);
    }
    text
}

/// The credential that a call was made with: nothing that is shown of its answer holds a part of it.
pub struct Unshown<'a>(&'a dyn Confidential);

impl<'a> Unshown<'a> {
    /// Of a call that was made with this.
    pub fn new(secret: &'a dyn Confidential) -> Self {
        Self(secret)
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.is_shown_by(text)
    }

    fn without(&self, text: Option<String>) -> Option<String> {
        text.filter(|text| !self.is_in(text))
    }

    /// The failure, as it may be shown.
    pub fn error(&self, error: SwrError) -> SwrError {
        SwrError {
            code: self.without(error.code),
            request_id: self.without(error.request_id),
            ..error
        }
    }

    /// The same of what an answer outside 2xx says.
    pub fn reply(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Done => Reply::Done,
            Reply::Absent(error) => Reply::Absent(self.error(error)),
            Reply::AlreadyExists(error) => Reply::AlreadyExists(self.error(error)),
            Reply::Nobodys(error) => Reply::Nobodys(self.error(error)),
        }
    }

    /// The share, as it may be shown. A text that may not be is another one than was wanted.
    pub fn share(&self, mut share: RemoteShare) -> RemoteShare {
        for text in [&mut share.terms.permission, &mut share.terms.description] {
            if self.is_in(text) {
                NOT_SHOWN.clone_into(text);
            }
        }
        RemoteShare {
            created: self.without(share.created),
            updated: self.without(share.updated),
            creator: self.without(share.creator),
            ..share
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_32_hexadecimal_digits_or_a_uuid() {
        for id in ["0123456789abcdef0123456789ABCDEF", "01234567-89ab-cdef-0123-456789ABCDEF"] {
            assert!(is_request_id(id), "{id}");
        }
        for other in [
            "",
            "r-1",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdef0",
            "g123456789abcdef0123456789abcdef",
            "0123456-789ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123_456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "0123456789abcdef0123456789abcdeä",
        ] {
            assert!(!is_request_id(other), "{other}");
        }
    }

    #[test]
    fn a_code_is_services_and_a_number() {
        for code in ["SVCSTG.SWR.4001090", "APIGW.0301", "APIG.0301", "IAM.0061", "401"] {
            assert!(is_code(code), "{code}");
        }
        for other in [
            "",
            ".",
            "SVCSTG.SWR.",
            "SVCSTG.SWR",
            "svcstg.swr.4001090",
            "A.B.C.4001090",
            "SVCSTG.SWR.400109011",
            "VERYLONGSERVICE.0301",
            "APIGW-0301",
            "12345678901234567890",
        ] {
            assert!(!is_code(other), "{other}");
        }
    }

    #[test]
    fn an_instant_brings_no_text_along() {
        for text in
            ["2021-06-10T08:14:42Z", "2021-06-10T08:14:42.56632Z", "2021-06-10T08:14:42+08:00"]
        {
            assert!(is_instant(text), "{text}");
        }
        for text in ["", "soon", "2021-06-10", "2021-06-10T08:14:42Z[canary]"] {
            assert!(!is_instant(text), "{text}");
        }
    }

    #[test]
    fn a_description_is_cut_in_characters_and_keeps_those_it_has() {
        let longest = "ä\n".repeat(DESCRIPTION_MAX / 2);
        assert_eq!(description(longest.clone()), longest);
        assert_eq!(description("ä".repeat(5000)).chars().count(), DESCRIPTION_MAX + 1);
    }
}
