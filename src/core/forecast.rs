//! When credentials end: what the status says of it, and who is warned. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::effect::CredentialsEnd;

/// How long before the end of credentials that nobody renews an event says so.
pub const WARNED_BEFORE: Duration = Duration::from_hours(2);

/// What the status says, after `before`. The end of what the operator renews itself is written anew only
/// when the one that stands there has passed, or each renewal would be a write for each object.
pub fn shown(before: Option<&str>, end: Option<CredentialsEnd>, now: Timestamp) -> Option<String> {
    let end = end?;
    let is_to_come = |shown: &&str| shown.parse().is_ok_and(|shown: Timestamp| shown > now);
    if let Some(shown) = before.filter(|shown| end.is_renewed && is_to_come(shown)) {
        return Some(shown.to_owned());
    }
    Some(Timestamp::from_second(end.at.as_second()).unwrap_or(end.at).to_string())
}

/// The end to warn of: it is near, the operator does not renew the credentials, and nobody was warned of it
/// before.
pub fn to_warn_of(
    end: Option<CredentialsEnd>,
    warned_of: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let end = end.filter(|end| !end.is_renewed && Some(end.at) != warned_of)?;
    (left(end.at, now)? <= WARNED_BEFORE).then_some(end.at)
}

/// How long until somebody is to be warned.
pub fn until_warning(end: Option<CredentialsEnd>, now: Timestamp) -> Option<Duration> {
    let end = end.filter(|end| !end.is_renewed)?;
    left(end.at, now)?.checked_sub(WARNED_BEFORE).filter(|left| !left.is_zero())
}

/// `None` once it has passed: then SWR says so itself.
fn left(end: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(end.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn end(text: &str, is_renewed: bool) -> Option<CredentialsEnd> {
        Some(at(text)).map(|at| CredentialsEnd { at, is_renewed })
    }

    const NOW: &str = "2026-01-01T12:00:00Z";

    #[test]
    fn the_end_of_what_renews_itself_is_written_once_in_each_of_its_lives() {
        let later = "2026-01-02T06:00:00.5Z";
        for (before, is_renewed, expected) in [
            (None, true, Some("2026-01-02T06:00:00Z")),
            (Some("2026-01-01T13:00:00Z"), true, Some("2026-01-01T13:00:00Z")),
            (Some(NOW), true, Some("2026-01-02T06:00:00Z")),
            (Some("soon"), true, Some("2026-01-02T06:00:00Z")),
            (Some("2026-01-01T13:00:00Z"), false, Some("2026-01-02T06:00:00Z")),
        ] {
            let shown = shown(before, end(later, is_renewed), at(NOW));
            assert_eq!(shown.as_deref(), expected, "{before:?}");
        }
        assert_eq!(shown(Some(later), None, at(NOW)), None);
    }

    #[test]
    fn somebody_is_warned_once_in_the_last_two_hours_of_what_nobody_renews() {
        for (text, is_renewed, expected) in [
            ("2026-01-01T14:00:01Z", false, false),
            ("2026-01-01T14:00:00Z", false, true),
            ("2026-01-01T14:00:00Z", true, false),
            ("2026-01-01T11:00:00Z", false, false),
        ] {
            let end = end(text, is_renewed);
            assert_eq!(to_warn_of(end, None, at(NOW)).is_some(), expected, "{text}");
            assert_eq!(to_warn_of(end, Some(at(text)), at(NOW)), None);
        }
        let wait = until_warning(end("2026-01-01T15:30:00Z", false), at(NOW));
        assert_eq!(wait, Some(Duration::from_mins(90)));
        for near in [end("2026-01-01T14:00:00Z", false), end("2026-01-01T15:30:00Z", true), None] {
            assert_eq!(until_warning(near, at(NOW)), None);
        }
    }
}
