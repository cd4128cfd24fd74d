//! Leads glommio's ring set-up through `brink-sys`; the argument reaches only this package's programs, tests and benches.
fn main() {
    println!("cargo::rustc-link-arg=-Wl,--wrap=io_uring_queue_init_params");
    println!("cargo::rerun-if-changed=build.rs");
}
