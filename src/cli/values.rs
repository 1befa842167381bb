//! The values of flags, from text. Pure.

use std::time::Duration;

use jiff::SignedDuration;

use crate::api;
use crate::leader::election::{LEASE_MAX, LEASE_MIN};

/// A length of time, such as `20ms`, `1s` or `72h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|length| length.try_into().ok());
    parsed.ok_or_else(|| format!("`{text}` is not a duration such as 20ms, 1s or 72h"))
}

/// The name of a region, as an object may give it.
pub(super) fn region(text: &str) -> Result<String, &'static str> {
    let label = regex::Regex::new(api::rules::REGION).map_err(|_| "cannot check a region")?;
    if text.len() <= api::rules::REGION_MAX && label.is_match(text) {
        Ok(text.to_owned())
    } else {
        Err("a region is lowercase letters, digits and inner hyphens, such as eu-west-101")
    }
}

/// The name of a Secret.
pub(super) fn secret_name(text: &str) -> Result<String, &'static str> {
    if api::rules::is_secret_name(text) {
        Ok(text.to_owned())
    } else {
        Err("the name of a Secret is lowercase letters, digits, inner hyphens and periods")
    }
}

/// Empty where there is none: behind a last comma, or in a variable that is set to nothing.
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    const LABEL_MAX: usize = 63;
    let text = text.trim();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.len() <= LABEL_MAX && text.chars().all(is_part) {
        Ok(text.to_owned())
    } else {
        Err(
            "a namespace is lowercase letters, digits and inner hyphens; several are separated by commas",
        )
    }
}

/// How long a Lease lasts.
pub(super) fn lease_duration(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    if (LEASE_MIN..=LEASE_MAX).contains(&length) && length.subsec_nanos() == 0 {
        Ok(length)
    } else {
        let (min, max) = (LEASE_MIN.as_secs(), LEASE_MAX.as_secs());
        Err(format!("{text} is not in whole seconds from {min} to {max}"))
    }
}

/// The name of a Lease, by the rules for Secrets.
pub(super) fn lease_name(text: &str) -> Result<String, &'static str> {
    secret_name(text)
        .map_err(|_| "the name of a Lease is lowercase letters, digits, inner hyphens and periods")
}
