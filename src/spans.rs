//! What the operator does, as spans for an OpenTelemetry collector: one for each pass, and in it one for each
//! call to the cloud. Off unless the administrator names a collector. A span has the names of the object, of the
//! operation and of the region, and never a header or a body.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use reqwest::Url;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use crate::access::endpoint::is_loopback;
use crate::telemetry::Spans;

/// How long the collector has for a batch. It is away, and nothing waits for it: what does not fit into the
/// queue is dropped.
const EXPORT: Duration = Duration::from_secs(5);
/// How long the last batch may take when the operator ends.
pub const LAST: Duration = Duration::from_millis(400);

/// Where spans go to.
pub struct Collector(SdkTracerProvider);

impl Collector {
    /// One at this address: spans go to `v1/traces` below it, by the OTLP over HTTP.
    pub fn at(base: &Url) -> Result<Self, String> {
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(EXPORT);
        // This machine is never reached through a proxy.
        let client = if is_loopback(base) { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", base.as_str().trim_end_matches('/')))
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name("imageshare-operator")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        Ok(Self(provider))
    }

    /// What gives our own spans to it, whatever is logged.
    pub fn layer(&self) -> Spans {
        let tracer = self.0.tracer("imageshare");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        // Spans alone: lines of the log have words in them that are for the log.
        let ours = filter_fn(|about| about.is_span() && about.target().starts_with("imageshare"));
        layer.with_filter(ours).boxed()
    }

    /// Sends what is left, if that is done soon.
    pub async fn close(self) {
        let closing = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(LAST));
        let _ = tokio::time::timeout(LAST, closing).await;
    }
}
