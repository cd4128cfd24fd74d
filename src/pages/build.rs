//! `/internal-backstage/info` (http-api.md 11.8): what was built, as Unleash Edge answered up to version 19.

use serde_json::json;

/// The document.
pub fn write(app_name: &str) -> Vec<u8> {
    json!({
        "package_version": env!("CARGO_PKG_VERSION"),
        "app_name": app_name,
        "package_major": env!("CARGO_PKG_VERSION_MAJOR"),
        "package_minor": env!("CARGO_PKG_VERSION_MINOR"),
        "package_patch": env!("CARGO_PKG_VERSION_PATCH"),
        "package_version_pre": env!("CARGO_PKG_VERSION_PRE"),
        "branch": option_env!("BRINK_BRANCH"),
        "tag": option_env!("BRINK_TAG"),
        "rust_version": env!("CARGO_PKG_RUST_VERSION"),
        "rust_channel": "stable",
        "short_commit_hash": option_env!("BRINK_COMMIT").map(|hash| hash.get(..8).unwrap_or(hash)),
        "full_commit_hash": option_env!("BRINK_COMMIT"),
        "build_os": std::env::consts::OS,
        "build_target": std::env::consts::ARCH,
    })
    .to_string()
    .into_bytes()
}
