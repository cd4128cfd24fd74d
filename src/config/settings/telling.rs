//! What the program says about itself: logs and the export of telemetry.

use std::{fmt, str::FromStr};

use crate::config::secret::{Secret, SecretUrl};

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text.
    Plain,
    /// One JSON object per line.
    Json,
    /// Several lines.
    Pretty,
}

/// A share of requests, from 0 (none) to 1 (all).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share(f64);

/// The text is no number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoShare;

/// Export of traces, metrics and logs.
#[derive(Debug, Clone, PartialEq)]
pub struct Otlp {
    /// The collector.
    pub endpoint: SecretUrl,
    /// How to speak to it.
    pub protocol: OtlpProtocol,
    /// More headers of each call.
    pub headers: OtlpHeaders,
    /// Of requests that become spans.
    pub spans: Share,
}

/// Headers by what is sent; names in lower case, the values are often keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtlpHeaders {
    /// With spans.
    pub traces: Vec<(String, Secret)>,
    /// With log records.
    pub logs: Vec<(String, Secret)>,
    /// With metrics.
    pub metrics: Vec<(String, Secret)>,
}

/// `--otel-exporter-otlp-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// Protobuf over gRPC.
    Grpc,
    /// JSON over HTTP.
    Http,
}

impl Share {
    /// All of them.
    pub const ALL: Self = Self(1.0);

    /// Whether nothing is in it.
    pub fn is_none(self) -> bool {
        self.0 <= 0.0
    }

    /// How many of 2^32 draws are in it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 2^32 by construction"
    )]
    pub fn of_draws(self) -> u64 {
        (self.0 * 4_294_967_296.0) as u64
    }
}

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        let share: f64 = text.parse().map_err(|_| NoShare)?;
        // Also refuses what is not a number.
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(NoShare) }
    }
}

impl fmt::Display for NoShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1 is needed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_from_none_to_all() {
        let check = |text: &str, draws: Option<u64>| {
            assert_eq!(text.parse::<Share>().ok().map(Share::of_draws), draws, "{text}");
        };
        check("0", Some(0));
        check("-0", Some(0));
        check("1", Some(1 << 32));
        check("0.5", Some(1 << 31));
        check("1e-3", Some(4_294_967));
        for text in ["1.1", "-0.1", "NaN", "inf", "half", ""] {
            check(text, None);
        }
        assert!(Share::default().is_none() && !Share::ALL.is_none());
    }
}
