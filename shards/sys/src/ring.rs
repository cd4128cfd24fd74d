//! io_uring: the `COOP_TASKRUN` flag for each executor's main ring, and a probe.
//!
//! Without `IORING_SETUP_COOP_TASKRUN` every readiness event interrupts the shard's core from the core that
//! received the packet, which costs a quarter of the CPU per request. glommio has no option for it, but makes
//! all its rings through one C function; the linker argument `--wrap=io_uring_queue_init_params` (emitted by
//! `build.rs` of every package that links a program) leads those calls to `__wrap_io_uring_queue_init_params`.
//! Where the argument is missing everything works, only slower: [`rings_flagged`] tells which it is.

use std::{
    cell::Cell,
    ffi::{c_int, c_uint, c_void},
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The head of `struct io_uring_params`, whose first three fields have been stable since Linux 5.1.
#[repr(C)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
}

const SETUP_IOPOLL: u32 = 1;
const SETUP_COOP_TASKRUN: u32 = 1 << 8;
/// glommio probes the kernel's features with a ring of this many entries; it is never served from.
const PROBE_ENTRIES: c_uint = 2;

/// Rings made with the flag in effect, over all threads. Written by each shard thread at its start.
static FLAGGED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// True once this thread's main ring was made. glommio makes main, poll and latency ring in this order,
    /// and the latency ring must not have the flag: it would delay preemption.
    static MAIN_MADE: Cell<bool> = const { Cell::new(false) };
}

/// How many rings of this process run with `COOP_TASKRUN`: one per shard when the link argument is in effect
/// and the kernel knows the flag (5.19 and later).
pub fn rings_flagged() -> usize {
    FLAGGED.load(Ordering::Relaxed)
}

unsafe extern "C" {
    fn __real_io_uring_queue_init_params(entries: c_uint, ring: *mut c_void, params: *mut Params) -> c_int;
}

/// Called instead of liburing's `io_uring_queue_init_params` by glommio, which is the only caller.
///
/// # Safety
/// As for the wrapped function: `ring` and `params` point to memory of the C structs' size, valid for writes.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_io_uring_queue_init_params(
    entries: c_uint,
    ring: *mut c_void,
    params: *mut Params,
) -> c_int {
    // SAFETY: the caller passes a valid `io_uring_params`, which begins with the three fields of `Params`.
    let flags = unsafe { (*params).flags };
    let is_main = entries > PROBE_ENTRIES && flags & SETUP_IOPOLL == 0 && !MAIN_MADE.replace(true);
    if is_main {
        // SAFETY: as above, and nothing else refers to `params` during the call.
        unsafe { (*params).flags = flags | SETUP_COOP_TASKRUN };
        // SAFETY: the arguments are the caller's own, still valid.
        let made = unsafe { __real_io_uring_queue_init_params(entries, ring, params) };
        if made != -libc::EINVAL {
            FLAGGED.fetch_add(usize::from(made >= 0), Ordering::Relaxed);
            return made;
        }
        // A kernel before 5.19 refuses the flag: take it back and do as if we had not been here.
        // SAFETY: as above.
        unsafe { (*params).flags = flags };
    }
    // SAFETY: the arguments are the caller's own.
    unsafe { __real_io_uring_queue_init_params(entries, ring, params) }
}

/// Asks the kernel for a two-entry ring and gives it back: `Ok` if io_uring may be used by this process.
///
/// # Errors
/// `EPERM` where a sysctl or a seccomp filter denies it, `ENOSYS` on kernels without it, `ENOMEM` where the
/// locked-memory limit is exhausted.
pub fn probe() -> io::Result<()> {
    // The kernel reads and writes `struct io_uring_params`, 120 bytes, 8-byte aligned.
    let mut params = [0u64; 15];
    // SAFETY: `params` is valid for reads and writes of 120 bytes; the call keeps no pointer to it.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, PROBE_ENTRIES, params.as_mut_ptr()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = c_int::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the call above returned this descriptor to us alone; it is closed once, here.
    unsafe { libc::close(fd) };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_executor_runs_with_the_flag() {
        if let Err(denied) = probe() {
            eprintln!("skipped: io_uring is not usable here: {denied}");
            assert!(std::env::var_os("CI").is_none(), "the ring tests must run in CI");
            return;
        }
        let before = rings_flagged();
        let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(make_executor)).collect();
        for thread in threads {
            thread.join().expect("an executor thread ends without a panic");
        }
        assert_eq!(
            rings_flagged() - before,
            2,
            "one flagged ring per executor: is --wrap passed to the linker?"
        );
    }

    fn make_executor() {
        let executor = glommio::LocalExecutorBuilder::new(glommio::Placement::Unbound)
            .io_memory(64 << 10)
            .make()
            .expect("an executor can be made where the probe passed");
        assert_eq!(executor.run(async { 7 }), 7);
    }
}
