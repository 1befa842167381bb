//! What the API server says of a write that it does not allow. Pure.

use kube::core::Status;

use crate::redact::printable;

/// How many characters of the API server's own words are passed on.
const WORDS_MAX: usize = 300;

/// In what words something forbids a write, if it does. A policy and a webhook choose code and reason
/// themselves, and are known by their words.
pub fn words(status: &Status) -> Option<String> {
    let is_denied = matches!(status.reason.as_str(), "Forbidden" | "Invalid")
        || ["denied request", "denied the request"].iter().any(|by| status.message.contains(by));
    is_denied.then(|| printable(&in_order(&status.message), WORDS_MAX))
}

/// What somebody has written for this occasion comes first, since a message may be cut at its end; which
/// object it is about is known.
fn in_order(message: &str) -> String {
    let by_object =
        [" is forbidden: ", " is invalid: "].iter().find_map(|by| message.split_once(by));
    let message = by_object.map_or(message, |(_, rest)| rest).trim_start_matches([':', ' ']);
    let denied = [" denied the request: ", " denied request: "];
    match denied.iter().find_map(|by| message.split_once(by)) {
        Some((who, words)) => format!("{words}, says {who}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_known_by_its_reason_and_a_policy_by_its_words() {
        let policy = "imageshares \"demo\" is invalid: ValidatingAdmissionPolicy 'team' with binding 'team' denied request: a label team";
        let webhook = "admission webhook \"team.example\" denied the request: a label team";
        let rights = "imageshares \"demo\" is forbidden: User \"x\" cannot patch resource";
        let by_policy = "a label team, says ValidatingAdmissionPolicy 'team' with binding 'team'";
        let by_webhook = "a label team, says admission webhook \"team.example\"";
        for (reason, code, message, expected) in [
            ("Forbidden", 403, rights, Some("User \"x\" cannot patch resource")),
            ("Forbidden", 403, "may not", Some("may not")),
            ("Invalid", 422, policy, Some(by_policy)),
            ("Unauthorized", 401, policy, Some(by_policy)),
            ("", 400, webhook, Some(by_webhook)),
            ("Conflict", 409, webhook, Some(by_webhook)),
            ("NotFound", 404, "x", None),
            ("Conflict", 409, "x", None),
            ("InternalError", 500, "<html>", None),
            // A page of something in between.
            ("Failed to parse error data", 403, "<html>", None),
        ] {
            let status = Status::failure(message, reason).with_code(code);
            let said = words(&status);
            assert_eq!(said.as_deref(), expected, "{reason} {code}");
        }
        let long = Status::failure(&"x\n".repeat(1000), "Forbidden").with_code(403);
        let said = words(&long).unwrap();
        assert!(said.chars().count() <= WORDS_MAX && !said.contains('\n'), "{said}");
    }
}
