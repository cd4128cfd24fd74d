//! `/internal-backstage`: probes. No token, no CORS headers.

use brink_shards::{Body, Call, Outcome};

use crate::messages::Verdict;

const JSON: &[u8] = b"content-type: application/json\r\n";

/// The process is alive and its shards answer.
pub fn health(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"OK"}"#))
}

/// There is something to serve.
pub fn ready(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"READY"}"#))
}
