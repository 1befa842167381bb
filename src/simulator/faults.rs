//! The rules by which calls go wrong: what the side door takes (`docs/simulator.md` shows them), and which rule a call
//! meets.
//!
//! Pure: [`crate::front`] acts on what is found here. A rule holds HTTP's own types, so that a wrong one is refused when it
//! is posted.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Value, json};

use crate::answer::Shape;
use crate::share::HISTORY_KEPT;
use crate::time::deserialize_duration;

/// The rules in force, in the order in which they were posted.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Planted>,
}

#[derive(Debug)]
struct Planted {
    rule: Rule,
    /// As posted, to be shown again.
    source: Value,
    seen: u64,
    fired: u64,
}

impl Faults {
    /// Adds a rule or an array of rules: all of them, or none when one is wrong.
    pub fn plant(&mut self, posted: Value) -> Result<(), String> {
        let sources = match posted {
            Value::Array(rules) => rules,
            rule => vec![rule],
        };
        let planted = sources.into_iter().map(Planted::read).collect::<Result<Vec<_>, _>>()?;
        self.rules.extend(planted);
        Ok(())
    }

    /// Forgets every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with how often each matched and fired.
    pub fn list(&self) -> Vec<Value> {
        self.rules.iter().map(Planted::view).collect()
    }

    /// What happens to this call: the action of the first rule that is due. Every matching rule counts the call.
    pub fn meet(&mut self, method: &str, key: Option<&str>) -> Option<Action> {
        let mut met = None;
        for Planted { rule, seen, fired, .. } in &mut self.rules {
            if !rule.action.is_for(method) || !rule.matcher.is_about(method, key) {
                continue;
            }
            *seen += 1;
            if met.is_none() && rule.matcher.is_due(*seen, *fired) {
                *fired += 1;
                met = Some(rule.action.clone());
            }
        }
        met
    }
}

impl Planted {
    fn read(source: Value) -> Result<Self, String> {
        let rule: Rule =
            serde_json::from_value(source.clone()).map_err(|error| error.to_string())?;
        rule.check()?;
        Ok(Self { rule, source, seen: 0, fired: 0 })
    }

    fn view(&self) -> Value {
        let mut view = self.source.clone();
        view["seen"] = json!(self.seen);
        view["fired"] = json!(self.fired);
        view
    }
}

/// One rule, as the side door takes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which calls.
    #[serde(default, rename = "match")]
    pub matcher: Matcher,
    /// What happens to them.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Which calls a rule is about; what is left out matches everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    method: Option<String>,
    /// As in the ledger; a `*` at the end matches whatever follows.
    key: Option<String>,
    /// Only this one of the matching calls, counted from 1 since the rule was posted.
    call: Option<u64>,
    /// This one of the matching calls and those after it.
    from: Option<u64>,
    /// Not more than so many of them.
    times: Option<u64>,
}

/// What happens to a call. `applied` asks for the call's own effect to take place all the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Another answer than the call's own.
    Answer(CannedAnswer),
    /// The call takes longer; `applied` puts the effect before the wait instead of behind it.
    Delay {
        /// How much longer.
        #[serde(rename = "for", deserialize_with = "deserialize_duration")]
        time: Duration,
        /// Effect first.
        #[serde(default)]
        applied: bool,
    },
    /// No answer ever comes; the connection stays open until the client leaves.
    Hang {
        #[serde(default)]
        applied: bool,
    },
    /// The connection ends without an answer.
    Drop {
        #[serde(default)]
        applied: bool,
    },
    /// The connection is reset (TCP RST) without an answer.
    Reset {
        #[serde(default)]
        applied: bool,
    },
    /// The call's own answer, its body cut short of its `Content-Length`.
    Truncate {},
    /// 200 with a body of this many bytes that mean nothing.
    Huge {
        /// How many.
        bytes: u64,
        #[serde(default)]
        applied: bool,
    },
    /// A read is answered from the shares as they were so long ago.
    Stale {
        /// By the simulated clock.
        #[serde(deserialize_with = "deserialize_duration")]
        by: Duration,
    },
    /// The connection of a write ends without an answer, and its effect comes so much later.
    Late {
        /// By the machine's clock.
        #[serde(deserialize_with = "deserialize_duration")]
        by: Duration,
    },
    /// A redirect; no effect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        #[serde(default = "temporary_redirect", deserialize_with = "redirect")]
        status: StatusCode,
        /// Where to.
        #[serde(deserialize_with = "header_value")]
        location: HeaderValue,
    },
}

fn temporary_redirect() -> StatusCode {
    StatusCode::TEMPORARY_REDIRECT
}

/// An answer that a rule gives in full.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedAnswer {
    /// The HTTP status.
    #[serde(deserialize_with = "final_status")]
    pub status: StatusCode,
    /// How code and message are wrapped.
    #[serde(default)]
    pub shape: Shape,
    /// Left out: `SVCSTG.SWR.<status>0000`, as in the documented 4010000.
    pub code: Option<String>,
    /// For people.
    #[serde(default = "injected")]
    pub message: String,
    /// Sent as it is, instead of `shape`, `code` and `message`.
    pub body: Option<String>,
    /// Such as `Retry-After`.
    #[serde(default, deserialize_with = "headers")]
    pub headers: HeaderMap,
    /// Effect all the same.
    #[serde(default)]
    pub applied: bool,
}

fn injected() -> String {
    "Injected by a fault rule.".to_owned()
}

impl Rule {
    /// What serde alone does not see.
    pub fn check(&self) -> Result<(), String> {
        let Matcher { method, call, from, times, .. } = &self.matcher;
        let wrong = if call.is_some() && (from.is_some() || times.is_some()) {
            "`call` is one call; it does not go with `from` or `times`"
        } else if method.as_ref().is_some_and(|method| !self.action.is_for(method)) {
            "`stale` is for GET only, `late` for the other methods"
        } else if matches!(self.action, Action::Stale { by } if by > HISTORY_KEPT) {
            "`stale` goes back five minutes at most"
        } else {
            return Ok(());
        };
        Err(wrong.to_owned())
    }
}

impl Action {
    /// Whether it makes sense for calls with this method.
    fn is_for(&self, method: &str) -> bool {
        let reads = method.eq_ignore_ascii_case("GET");
        match self {
            Self::Stale { .. } => reads,
            Self::Late { .. } => !reads,
            _ => true,
        }
    }
}

impl Matcher {
    /// Whether it names this call.
    fn is_about(&self, method: &str, key: Option<&str>) -> bool {
        let is_key = |wanted: &str, key: &str| match wanted.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == wanted,
        };
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.key.as_ref().is_none_or(|wanted| key.is_some_and(|key| is_key(wanted, key)))
    }

    /// Whether it fires at a call it names: the `seen`-th of them, when it has fired so often before.
    pub fn is_due(&self, seen: u64, fired: u64) -> bool {
        match self.call {
            Some(call) => seen == call,
            None => seen >= self.from.unwrap_or(1) && self.times.is_none_or(|times| fired < times),
        }
    }
}

/// A status that ends a call.
fn final_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    status_from(deserializer, |status| status.as_u16() >= 200, "a status that ends a call")
}

/// A status that redirects.
fn redirect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    status_from(deserializer, StatusCode::is_redirection, "a redirect")
}

/// The value of one header.
fn header_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderValue, D::Error> {
    String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

/// Headers by name.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in BTreeMap::<String, String>::deserialize(deserializer)? {
        let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
        headers.insert(name, HeaderValue::try_from(value).map_err(D::Error::custom)?);
    }
    Ok(headers)
}

fn status_from<'de, D: Deserializer<'de>>(
    deserializer: D,
    allowed: impl Fn(&StatusCode) -> bool,
    expected: impl Display,
) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(number).ok().filter(allowed);
    status.ok_or_else(|| D::Error::custom(format!("{number} is not {expected}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of five POSTs to one share meet the rule.
    fn met(matcher: &Value) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.plant(json!({"match": matcher, "do": {"hang": {}}})).unwrap();
        (0..5).map(|_| faults.meet("POST", Some("group/tools/busybox/demo")).is_some()).collect()
    }

    #[test]
    fn a_rule_meets_the_calls_it_names() {
        let (yes, no) = (vec![true; 5], vec![false; 5]);
        for (matcher, expected) in [
            (json!({}), yes.clone()),
            (json!({"method": "post"}), yes.clone()),
            (json!({"method": "PATCH"}), no.clone()),
            (json!({"key": "group/tools/busybox/demo"}), yes.clone()),
            (json!({"key": "group/tools/*"}), yes),
            (json!({"key": "group/tools"}), no),
            (json!({"call": 2}), vec![false, true, false, false, false]),
            (json!({"from": 4}), vec![false, false, false, true, true]),
            (json!({"from": 2, "times": 2}), vec![false, true, true, false, false]),
            (json!({"times": 1}), vec![true, false, false, false, false]),
        ] {
            assert_eq!(met(&matcher), expected, "{matcher}");
        }
    }

    #[test]
    fn stale_rules_are_about_reads_and_late_ones_about_writes() {
        let mut faults = Faults::default();
        faults
            .plant(json!([{"do": {"stale": {"by": "1s"}}}, {"do": {"late": {"by": "1s"}}}]))
            .unwrap();
        for method in ["POST", "PATCH", "DELETE"] {
            assert!(matches!(faults.meet(method, None), Some(Action::Late { .. })), "{method}");
        }
        assert!(matches!(faults.meet("GET", None), Some(Action::Stale { .. })));
        assert_eq!((&faults.list()[0]["seen"], &faults.list()[1]["seen"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn the_first_rule_that_is_due_wins_and_all_count() {
        let mut faults = Faults::default();
        faults
            .plant(json!([{"match": {"call": 1}, "do": {"hang": {}}}, {"do": {"truncate": {}}}]))
            .unwrap();
        assert!(matches!(faults.meet("GET", None), Some(Action::Hang { .. })));
        assert!(matches!(faults.meet("GET", None), Some(Action::Truncate {})));
        assert_eq!(faults.list()[1]["seen"], 2);
        assert_eq!(faults.list()[1]["fired"], 1);
    }

    #[test]
    fn a_wrong_rule_is_refused_and_nothing_is_planted() {
        let mut faults = Faults::default();
        for wrong in [
            json!({}),
            json!({"do": {"explode": {}}}),
            json!({"do": {"hang": {}}, "mach": {}}),
            json!({"do": {"hang": {"aplied": true}}}),
            json!({"do": {"delay": {"for": "soon"}}}),
            json!({"do": {"answer": {"status": 99}}}),
            json!({"do": {"redirect": {"status": 200, "location": "/"}}}),
            json!({"match": {"call": 1, "times": 2}, "do": {"hang": {}}}),
            json!({"do": {"stale": {}}}),
            json!({"do": {"stale": {"by": "6m"}}}),
            json!({"match": {"method": "POST"}, "do": {"stale": {"by": "30s"}}}),
            json!({"match": {"method": "get"}, "do": {"late": {"by": "3s"}}}),
        ] {
            let posted = json!([{"do": {"hang": {}}}, wrong]);
            assert!(faults.plant(posted).is_err(), "{wrong}");
        }
        assert!(faults.list().is_empty());
    }
}
