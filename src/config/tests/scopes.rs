//! What is fetched, and whether whole lists may be.

use super::accepted::{EDGE, check, edge};

#[test]
fn start_scope() {
    let scope = |c| edge(c).start_scope;
    check(EDGE, &[], scope, "Dynamic");
    check(&format!("{EDGE} -t a:b.c"), &[], scope, "Strict");
    check(&format!("{EDGE} -t a:b.c --strict"), &[], scope, "Strict");
    check(&format!("{EDGE} -t a:b.c"), &["DYNAMIC=true"], scope, "Dynamic");
    check(&format!("{EDGE} -t a:b.c --dynamic"), &["STRICT=false"], scope, "Dynamic");
    check(
        &format!("{EDGE} --strict"),
        &["UNLEASH_CLIENT_SECRET=s", "DESIRED_ENVIRONMENTS=a"],
        scope,
        "Strict",
    );
}

#[test]
fn repairs() {
    let repairs = |c| edge(c).repairs_by_polling;
    check(&format!("{EDGE} -t a:b.c --streaming"), &[], repairs, "true");
    check(&format!("{EDGE} -t a:b.c --streaming"), &["STRICT=1"], repairs, "false");
    check(&format!("{EDGE} -t a:b.c --strict"), &["STREAMING_FALLBACK=1"], repairs, "true");
}
