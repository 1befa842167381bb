//! The log, on standard error. Must never show the body of an answer: kube's client quotes what it
//! cannot decode, and for a Secret that is the secret.

use std::str::FromStr;

use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What ends the operator's work.
    Error,
    /// What a person should look at.
    Warn,
    /// One line per change.
    Info,
    /// Every pass and every failed call.
    Debug,
    /// As debug: nothing logs more.
    Trace,
}

impl LogLevel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How much is logged, and how much by some of our modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevels {
    /// By all that name no other level.
    pub all: LogLevel,
    /// Each a module such as `operator::watch`, with its own.
    pub modules: Vec<(String, LogLevel)>,
}

impl From<LogLevel> for LogLevels {
    fn from(all: LogLevel) -> Self {
        Self { all, modules: Vec::new() }
    }
}

impl FromStr for LogLevels {
    type Err = String;

    /// `info`, or `info,cloud=debug,operator::watch=trace`.
    fn from_str(text: &str) -> Result<Self, String> {
        let level = |text: &str| {
            let known = <LogLevel as clap::ValueEnum>::from_str(text, false);
            known.map_err(|_| format!("`{text}` is not one of error, warn, info, debug, trace"))
        };
        let mut parts = text.split(',').map(str::trim);
        let mut levels = Self::from(level(parts.next().unwrap_or_default())?);
        for part in parts {
            let (module, its_own) = part.split_once('=').ok_or_else(|| {
                format!("`{part}` is not a module with its level, such as cloud=debug")
            })?;
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c == ':';
            if module.is_empty() || !module.chars().all(is_name) {
                return Err(format!("`{module}` is not a module of ours, such as operator::watch"));
            }
            levels.modules.push((module.to_owned(), level(its_own)?));
        }
        Ok(levels)
    }
}

/// The levels speak of our own code only; kube's client module that quotes bodies stays silent.
fn filter(levels: &LogLevels) -> EnvFilter {
    let mut directives =
        format!("error,imageshare={},kube_client::client=off", levels.all.as_str());
    for (module, level) in &levels.modules {
        for part in [",imageshare::", module, "=", level.as_str()] {
            directives.push_str(part);
        }
    }
    EnvFilter::new(directives)
}

/// A layer for spans that go elsewhere.
pub type Spans = Box<dyn Layer<Registry> + Send + Sync>;

/// A subscriber that writes to `writer`, and gives its spans to `spans`.
pub fn subscriber<W>(
    levels: &LogLevels,
    format: LogFormat,
    writer: W,
    spans: Option<Spans>,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_ansi(false).with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_filter(filter(levels)).boxed(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_span_list(false);
            lines.with_filter(filter(levels)).boxed()
        }
    };
    let layers: Vec<_> = [Some(lines), spans].into_iter().flatten().collect();
    Box::new(tracing_subscriber::registry().with(layers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_be_followed_by_those_of_modules() {
        let parse = |text: &str| text.parse::<LogLevels>();
        assert_eq!(parse("info"), Ok(LogLevel::Info.into()));
        let levels = parse("warn, cloud=debug,operator::watch=trace").unwrap();
        assert_eq!(levels.all, LogLevel::Warn);
        let shown = filter(&levels).to_string();
        for directive in [
            "imageshare=warn",
            "imageshare::cloud=debug",
            "imageshare::operator::watch=trace",
            "kube_client::client=off",
        ] {
            assert!(shown.contains(directive), "{shown}");
        }
    }

    #[test]
    fn a_level_that_is_none_is_named_and_nobody_elses_module_is_switched_on() {
        for (text, named) in [
            ("loud", "`loud`"),
            ("", "``"),
            ("info,cloud", "`cloud`"),
            ("info,cloud=loud", "`loud`"),
            ("info,kube_client::client[x]=trace", "`kube_client::client[x]`"),
            ("info,=debug", "``"),
        ] {
            let refusal = text.parse::<LogLevels>().unwrap_err();
            assert!(refusal.contains(named), "{refusal}");
        }
        // The name is one of ours, whatever it is.
        let levels = "info,kube_client::client=trace".parse().unwrap();
        assert!(filter(&levels).to_string().contains("imageshare::kube_client::client=trace"));
    }
}
