//! One fault rule, as the side door takes it; `docs/simulator.md` shows them.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::history;
use crate::shapes::Shape;
use crate::{duration, http_fields};

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
        #[serde(rename = "for", deserialize_with = "duration::deserialize")]
        time: Duration,
        /// Effect first.
        #[serde(default)]
        applied: bool,
    },
    /// No answer ever comes; the connection stays open until the client leaves.
    Hang {
        /// Effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// The connection ends without an answer.
    Drop {
        /// Effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// The connection is reset (TCP RST) without an answer.
    Reset {
        /// Effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// The call's own answer, its body cut short of its `Content-Length`.
    Truncate {},
    /// 200 with a body of this many bytes that mean nothing.
    Huge {
        /// How many.
        bytes: u64,
        /// Effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// A read is answered from the shares as they were so long ago.
    Stale {
        /// By the simulated clock.
        #[serde(deserialize_with = "duration::deserialize")]
        by: Duration,
    },
    /// The connection of a write ends without an answer, and its effect comes so much later.
    Late {
        /// By the machine's clock.
        #[serde(deserialize_with = "duration::deserialize")]
        by: Duration,
    },
    /// A redirect; no effect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        #[serde(default = "temporary_redirect", deserialize_with = "http_fields::redirect")]
        status: StatusCode,
        /// Where to.
        #[serde(deserialize_with = "http_fields::header_value")]
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
    #[serde(deserialize_with = "http_fields::final_status")]
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
    #[serde(default, deserialize_with = "http_fields::headers")]
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
        } else if matches!(self.action, Action::Stale { by } if by > history::KEPT) {
            "`stale` goes back five minutes at most"
        } else {
            return Ok(());
        };
        Err(wrong.to_owned())
    }

    /// Whether it matches this call.
    pub fn is_about(&self, method: &str, key: Option<&str>) -> bool {
        self.action.is_for(method) && self.matcher.is_about(method, key)
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
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .key
                .as_deref()
                .is_none_or(|wanted| key.is_some_and(|key| matches_key(wanted, key)))
    }

    /// Whether it fires at a call it names: the `seen`-th of them, when it has fired so often before.
    pub fn is_due(&self, seen: u64, fired: u64) -> bool {
        match self.call {
            Some(call) => seen == call,
            None => seen >= self.from.unwrap_or(1) && self.times.is_none_or(|times| fired < times),
        }
    }
}

fn matches_key(wanted: &str, key: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => key == wanted,
    }
}
