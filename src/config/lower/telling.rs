//! Logs and the export of telemetry (cli.md 2, 8 and 9).

use http::{HeaderName, HeaderValue};

use super::{reader::Reader, server::secret_url};
use crate::{
    config::{
        option::Opt,
        options::program as options,
        problem::Reason,
        secret::Secret,
        settings::{LogFormat, Otlp, OtlpHeaders, OtlpProtocol, Share},
    },
    tokens::mask::HIDDEN,
};

pub fn log_format(reader: &mut Reader<'_>) -> LogFormat {
    match reader.word(&options::LOG_FORMAT) {
        "json" => LogFormat::Json,
        "pretty" => LogFormat::Pretty,
        _ => LogFormat::Plain,
    }
}

pub fn access_log(reader: &mut Reader<'_>) -> Share {
    reader.parsed(&options::ACCESS_LOG).unwrap_or_default()
}

pub fn otlp(reader: &mut Reader<'_>) -> Option<Otlp> {
    let protocol = match reader.word(&options::OTEL_EXPORTER_OTLP_PROTOCOL) {
        "http" => OtlpProtocol::Http,
        _ => OtlpProtocol::Grpc,
    };
    let spans = reader.parsed(&options::OTEL_TRACES_SHARE).unwrap_or_default();
    let all = headers(reader, &options::OTEL_EXPORTER_OTLP_HEADERS);
    let mut of = |option: &'static Opt| replaced(&all, headers(reader, option));
    let headers = OtlpHeaders {
        traces: of(&options::OTEL_EXPORTER_OTLP_TRACES_HEADERS),
        logs: of(&options::OTEL_EXPORTER_OTLP_LOGS_HEADERS),
        metrics: of(&options::OTEL_EXPORTER_OTLP_METRICS_HEADERS),
    };
    let endpoint = secret_url(reader, &options::OTEL_EXPORTER_OTLP_ENDPOINT)?;
    if !matches!(endpoint.expose().scheme(), "http" | "https") {
        let reason = Reason::Text("the scheme must be http or https".to_owned());
        reader.reject(&options::OTEL_EXPORTER_OTLP_ENDPOINT, HIDDEN, reason);
    }
    Some(Otlp { endpoint, protocol, headers, spans })
}

/// What every call has, and what this one has in addition or instead.
fn replaced(all: &[(String, Secret)], own: Vec<(String, Secret)>) -> Vec<(String, Secret)> {
    let is_kept = |(name, _): &&(String, Secret)| own.iter().all(|(other, _)| other != name);
    all.iter().filter(is_kept).cloned().chain(own.iter().cloned()).collect()
}

/// `name=value` pairs as OpenTelemetry writes them, values percent-encoded. What cannot be a header is refused without
/// its value, which may be a key.
fn headers(reader: &mut Reader<'_>, option: &'static Opt) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for element in reader.list(option).unwrap_or_default() {
        match pair(&element) {
            Ok(header) => headers.push(header),
            Err(reason) => {
                let shown =
                    element.split_once('=').map_or(HIDDEN.to_owned(), |(name, _)| format!("{name}={HIDDEN}"));
                reader.reject(option, &shown, Reason::Text(reason.to_owned()));
            }
        }
    }
    headers
}

fn pair(element: &str) -> Result<(String, Secret), &'static str> {
    let (name, value) = element.split_once('=').ok_or("headers are written <name>=<value>")?;
    let value = brink_shards::http::path::percent_decode(value.trim()).ok_or("the value is not UTF-8")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| "not a legal header name")?;
    HeaderValue::from_str(&value).map_err(|_| "not a legal header value")?;
    Ok((name.as_str().to_owned(), Secret::new(value)))
}
