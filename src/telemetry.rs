//! The log, on standard error. Must never show the body of an answer: kube's client quotes what it
//! cannot decode, and for a Secret that is the secret.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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

/// The level speaks of our own code only; kube's client module that quotes bodies stays silent.
fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(format!("error,imageshare={},kube_client::client=off", level.as_str()))
}

/// A subscriber that writes to `writer`.
pub fn subscriber<W>(
    level: LogLevel,
    format: LogFormat,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_ansi(false)
        .with_writer(writer);
    match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => {
            Box::new(builder.json().flatten_event(true).with_span_list(false).finish())
        }
    }
}
