//! io_uring: the `COOP_TASKRUN` flag for each executor's main ring, a bound for its sleep, and a probe.
//!
//! Without `IORING_SETUP_COOP_TASKRUN` every readiness event interrupts the shard's core from the core that
//! received the packet, which costs a quarter of the CPU per request. glommio has no option for it, but makes
//! all its rings through one C function; the linker argument `--wrap=io_uring_queue_init_params` (emitted by
//! `build.rs` of every package that links a program) leads those calls to `__wrap_io_uring_queue_init_params`.
//! Where the argument is missing everything works, only slower: [`rings_flagged`] tells which it is.
//!
//! The sleep: when the preempt timer fires after it was armed and before the first task has run, which takes no
//! more than a busy host, glommio 0.9 takes the untouched queue for an empty one and goes to sleep on runnable
//! tasks. Nothing but a new event wakes it: a shard may never begin to accept, or stop for good. So its wait
//! (`io_uring_wait_cqes`) is led through here as well and ends early, which glommio takes for a signal and looks
//! at its tasks again. See [`SLEEP_MIN`] for the price.

use std::{
    cell::Cell,
    ffi::{c_int, c_uint, c_void},
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// The head of `struct io_uring_params`, whose first three fields have been stable since Linux 5.1.
#[repr(C)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
}

/// `struct __kernel_timespec`: 64 bits each on every architecture.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
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
    /// How long this thread's next sleep may be; `None` if its main ring has no flag. A kernel that knows the
    /// flag also knows waits with a time-out; on an older one liburing would need an entry of the ring for it.
    static SLEEP: Cell<Option<Duration>> = const { Cell::new(None) };
    /// Sleeps of this thread that the limit ended.
    #[cfg(test)]
    static ROUSED: Cell<usize> = const { Cell::new(0) };
}

/// The first sleep after an event; each that passes without one is followed by a sleep twice as long. Runnable
/// tasks are thus never left for longer than they have been left already, plus this; a shard that ticks twice
/// a second looks around seven times in between, for some 75 microseconds of CPU each.
pub const SLEEP_MIN: Duration = Duration::from_millis(8);

/// No sleep is longer: on a host so busy that it happens twice in a row, a shard goes on all the same.
pub const SLEEP_MAX: Duration = Duration::from_millis(128);

/// How many rings of this process run with `COOP_TASKRUN`: one per shard when the link argument is in effect
/// and the kernel knows the flag (5.19 and later).
pub fn rings_flagged() -> usize {
    FLAGGED.load(Ordering::Relaxed)
}

unsafe extern "C" {
    fn __real_io_uring_queue_init_params(entries: c_uint, ring: *mut c_void, params: *mut Params) -> c_int;
    fn __real_io_uring_wait_cqes(
        ring: *mut c_void,
        cqe: *mut *mut c_void,
        count: c_uint,
        timeout: *const KernelTimespec,
        mask: *const c_void,
    ) -> c_int;
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
            SLEEP.set((made >= 0).then_some(SLEEP_MIN));
            return made;
        }
        // A kernel before 5.19 refuses the flag: take it back and do as if we had not been here.
        // SAFETY: as above.
        unsafe { (*params).flags = flags };
    }
    // SAFETY: the arguments are the caller's own.
    unsafe { __real_io_uring_queue_init_params(entries, ring, params) }
}

/// Called instead of liburing's `io_uring_wait_cqes` by glommio, which calls it to sleep on the main ring, without
/// a time limit.
///
/// # Safety
/// As for the wrapped function: `ring` is an initialised ring of this thread, `cqe` is valid for a write,
/// `timeout` and `mask` are null or point to their C structs.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_io_uring_wait_cqes(
    ring: *mut c_void,
    cqe: *mut *mut c_void,
    count: c_uint,
    timeout: *const KernelTimespec,
    mask: *const c_void,
) -> c_int {
    let Some(sleep) = SLEEP.get().filter(|_| timeout.is_null()) else {
        // SAFETY: the arguments are the caller's own.
        return unsafe { __real_io_uring_wait_cqes(ring, cqe, count, timeout, mask) };
    };
    let limit = KernelTimespec {
        seconds: i64::try_from(sleep.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i64::from(sleep.subsec_nanos()),
    };
    // SAFETY: the arguments are the caller's own but for `limit`, which outlives the call.
    let waited = unsafe { __real_io_uring_wait_cqes(ring, cqe, count, &raw const limit, mask) };
    let over = waited == -libc::ETIME;
    SLEEP.set(Some(if over { (sleep * 2).min(SLEEP_MAX) } else { SLEEP_MIN }));
    #[cfg(test)]
    ROUSED.set(ROUSED.get() + usize::from(over));
    if over { -libc::EINTR } else { waited }
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
            let flagged = thread.join().expect("an executor thread ends without a panic");
            assert!(flagged, "is --wrap passed to the linker?");
        }
        assert!(rings_flagged() >= before + 2, "one flagged ring per executor");
    }

    /// The shorter the preempt timer, the more often it fires before the first task: shortens it until an
    /// executor has slept on its task and has run it all the same.
    #[test]
    fn a_task_that_was_preempted_before_it_ran_is_not_slept_on() {
        if probe().is_err() {
            return; // Said by the test above.
        }
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut timers = (1..=200_u64).rev().map(|count| Duration::from_nanos(500 * count));
            let slept = timers.any(|timer| {
                let before = ROUSED.get();
                assert_eq!(executor(timer).run(async { 7 }), 7);
                ROUSED.get() > before
            });
            let _ = done.send(slept);
        });
        let slept = ended.recv_timeout(Duration::from_secs(30));
        assert_eq!(slept, Ok(true), "is --wrap passed to the linker?");
    }

    fn executor(preempt_timer: Duration) -> glommio::LocalExecutor {
        glommio::LocalExecutorBuilder::new(glommio::Placement::Unbound)
            .io_memory(64 << 10)
            .preempt_timer(preempt_timer)
            .make()
            .expect("an executor can be made where the probe passed")
    }

    /// True if the main ring of the executor has the flag.
    fn make_executor() -> bool {
        assert_eq!(executor(Duration::from_millis(2)).run(async { 7 }), 7);
        SLEEP.get().is_some()
    }
}
