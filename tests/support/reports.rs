//! Reports of SDKs, for the service of one shard.

/// A POST request with a JSON body, each header line with its line end.
pub fn post(target: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let lines = format!("{headers}content-type: application/json\r\ncontent-length: {length}\r\n");
    format!("POST {target} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n{body}").into_bytes()
}

/// What an SDK reports about so many flags.
pub fn usage_of(flags: usize) -> String {
    let toggles = (0..flags).map(|at| {
        format!(r#""team-{}.flag-{at}":{{"yes":{at},"no":1,"variants":{{"blue":{at},"green":1}}}}"#, at % 10)
    });
    let toggles = toggles.collect::<Vec<_>>().join(",");
    let metadata =
        r#""sdkVersion":"unleash-client-node:6.1.0","platformName":"node","platformVersion":"24.0""#;
    format!(
        r#"{{"appName":"shop","instanceId":"shop-1","connectionId":"0193-22",{metadata},"bucket":{{
        "start":"2026-01-01T00:00:00.123Z","stop":"2026-01-01T00:01:00.123Z","toggles":{{{toggles}}}}}}}"#
    )
}
