//! The reference engine is there for tests only: nothing the program is built from depends on it.

use std::process::Command;

const TEST_ONLY: &[&str] = &["unleash-yggdrasil", "unleash-types", "serde_qs"];

/// Names of all packages that a package is built from, build scripts included.
fn packages_of(package: &str) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = ["tree", "--offline", "--edges", "normal,build", "--prefix", "none"];
    let output = Command::new(cargo)
        .args(tree)
        .args(["--format", "{p}", "--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_program_is_built_without_the_reference_engine() {
    for package in ["brink", "brink-shards", "brink-sys", "brink-loadtest"] {
        let packages = packages_of(package);
        assert!(packages.iter().any(|name| name == package));
        let found: Vec<_> = packages.iter().filter(|name| TEST_ONLY.contains(&name.as_str())).collect();
        assert!(found.is_empty(), "{package} is built from {found:?}");
    }
}

#[test]
fn this_package_is_built_with_it() {
    let packages = packages_of("brink-reference");
    for name in TEST_ONLY {
        assert!(packages.iter().any(|package| package == name), "{name}");
    }
}
