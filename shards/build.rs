//! Leads glommio's ring set-up and sleep through `brink-sys`; the argument reaches only this package's tests.
fn main() {
    println!("cargo::rustc-link-arg=-Wl,--wrap=io_uring_queue_init_params");
    println!("cargo::rustc-link-arg=-Wl,--wrap=io_uring_wait_cqes");
    println!("cargo::rerun-if-changed=build.rs");
}
