//! Durations as people write them: `20ms`, `1s`, `72h`.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};

/// Reads a duration that is not negative.
pub fn parse(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| format!("`{text}` is not a duration such as 20ms, 1s or 72h"))
}

/// The same for JSON: `#[serde(deserialize_with = "duration::deserialize")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        assert_eq!(parse("72h"), Ok(Duration::from_hours(72)));
        for wrong in ["", "20", "-1s", "soon"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
