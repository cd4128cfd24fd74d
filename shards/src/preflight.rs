//! Looks before any ring is made: may io_uring be used, is there memory to lock, are there descriptors?
//!
//! Reads the system and raises soft limits to hard ones; what is left to complain about comes back as
//! [`Problem`]s, each one paragraph with the remedy for the places where such programs run.
#![expect(clippy::disallowed_methods, reason = "reads files of /proc, before there is any shard")]

use std::{fmt, fs, io};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::limits::DESCRIPTORS_RESERVED;

/// glommio refuses to start an executor below this limit of locked memory.
const MEMLOCK_MIN: u64 = 512 << 10;
/// Locked memory that one executor charges to the user.
const MEMLOCK_PER_SHARD: u64 = 224 << 10;
/// Descriptors of one executor.
const DESCRIPTORS_PER_SHARD: u64 = 4;
/// glommio needs the operations of Linux 5.8.
const KERNEL_MIN: (u32, u32) = (5, 8);
/// The capability that lifts the locked-memory limit (`CAP_IPC_LOCK`).
const CAP_IPC_LOCK: u32 = 14;

/// Something that keeps the shards from starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The kernel has no io_uring, or one that is too old.
    KernelTooOld {
        /// `uname -r`.
        release: String,
    },
    /// `kernel.io_uring_disabled` denies it.
    DeniedBySysctl {
        /// Its value: 1 lets only a group and privileged processes use it, 2 nobody.
        value: String,
    },
    /// A seccomp filter denies it, as container runtimes do by default.
    DeniedBySeccomp,
    /// Something else denies it.
    Denied {
        /// What the system said.
        cause: String,
    },
    /// Too little memory may be locked.
    LockedMemory {
        /// The hard limit in bytes.
        limit: u64,
        /// What the planned shards need, in bytes.
        needed: u64,
        /// Number of shards planned.
        shards: usize,
    },
    /// Too few descriptors may be open.
    OpenFiles {
        /// The hard limit.
        limit: u64,
        /// What the planned shards need before the first connection.
        needed: u64,
    },
}

/// What the process may use, after soft limits were raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Connections that fit below the descriptor limit.
    pub connections_max: usize,
}

/// Checks for this many shards.
///
/// # Errors
/// All problems found, at least one.
pub fn check(shards: usize) -> Result<Room, Vec<Problem>> {
    let files = raise(Resource::RLIMIT_NOFILE);
    let locked = raise(Resource::RLIMIT_MEMLOCK);
    let mut problems = Vec::new();
    if let Some(needed) = files_lacking(shards, files) {
        problems.push(Problem::OpenFiles { limit: files, needed });
    }
    match brink_sys::ring::probe() {
        Err(error) => problems.push(explain(&error, &Witness::here(), shards, locked)),
        Ok(()) => problems.extend(memory_lacking(shards, locked, may_lock_any())),
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let room = files.saturating_sub(descriptors_of(shards));
    Ok(Room { connections_max: usize::try_from(room).unwrap_or(usize::MAX) })
}

/// Raises the soft limit to the hard one; returns what is in force.
fn raise(resource: Resource) -> u64 {
    let Ok((soft, hard)) = getrlimit(resource) else { return u64::MAX };
    if soft < hard && setrlimit(resource, hard, hard).is_err() {
        return soft;
    }
    hard
}

fn descriptors_of(shards: usize) -> u64 {
    DESCRIPTORS_RESERVED.saturating_add(DESCRIPTORS_PER_SHARD.saturating_mul(shards as u64))
}

/// The need, if the limit is below it: room for as many connections as for everything else.
fn files_lacking(shards: usize, limit: u64) -> Option<u64> {
    let needed = descriptors_of(shards).saturating_mul(2);
    (limit < needed).then_some(needed)
}

fn memory_lacking(shards: usize, limit: u64, unlimited: bool) -> Option<Problem> {
    let needed = MEMLOCK_PER_SHARD.saturating_mul(shards as u64).max(MEMLOCK_MIN);
    (!unlimited && limit < needed).then_some(Problem::LockedMemory { limit, needed, shards })
}

/// Whether the locked-memory limit does not bind this process.
fn may_lock_any() -> bool {
    status_field("CapEff")
        .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .is_some_and(|mask| mask >> CAP_IPC_LOCK & 1 == 1)
}

/// What tells one denial of io_uring from another.
struct Witness {
    release: String,
    sysctl: Option<String>,
    filtered: bool,
}

impl Witness {
    fn here() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let sysctl = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
        Self {
            release: release.trim().to_owned(),
            sysctl: sysctl.map(|value| value.trim().to_owned()),
            filtered: status_field("Seccomp").is_some_and(|mode| mode == "2"),
        }
    }
}

fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn explain(error: &io::Error, witness: &Witness, shards: usize, locked: u64) -> Problem {
    const ENOMEM: i32 = 12;
    let old = parse_release(&witness.release).is_some_and(|version| version < KERNEL_MIN);
    let sysctl = witness.sysctl.clone().filter(|value| value != "0");
    match (error.raw_os_error(), sysctl) {
        (Some(ENOMEM), _) => Problem::LockedMemory {
            limit: locked,
            needed: MEMLOCK_PER_SHARD.saturating_mul(shards as u64).max(MEMLOCK_MIN),
            shards,
        },
        _ if old => Problem::KernelTooOld { release: witness.release.clone() },
        (_, Some(value)) => Problem::DeniedBySysctl { value },
        _ if witness.filtered => Problem::DeniedBySeccomp,
        _ => Problem::Denied { cause: error.to_string() },
    }
}

fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KernelTooOld { release } => write!(
                f,
                "This kernel ({release}) is too old: brink serves through io_uring and needs Linux {}.{} or later \
                 (5.19 for full speed). Bare metal and systemd: install a newer kernel. Docker and Kubernetes: the \
                 kernel is the host's, so move to a node with a newer one.",
                KERNEL_MIN.0, KERNEL_MIN.1
            ),
            Self::DeniedBySysctl { value } => write!(
                f,
                "io_uring is switched off on this host by the sysctl kernel.io_uring_disabled = {value}. Bare metal \
                 and systemd: `sysctl -w kernel.io_uring_disabled=0`, and the same line in /etc/sysctl.d to keep it \
                 (with value 1, adding brink's group to kernel.io_uring_group is enough). Docker and Kubernetes: the \
                 sysctl is the host's; set it on the node, it cannot be set for one container."
            ),
            Self::DeniedBySeccomp => f.write_str(
                "io_uring is denied to this process by a seccomp filter. Docker: run with a profile that allows \
                 io_uring_setup, io_uring_enter and io_uring_register (`--security-opt seccomp=profile.json`), or \
                 `--security-opt seccomp=unconfined`. Kubernetes: set securityContext.seccompProfile to such a \
                 Localhost profile or to Unconfined. systemd: remove @aio from SystemCallFilter's denials, or \
                 allow `io_uring_setup io_uring_enter io_uring_register`. Bare metal: start brink outside the \
                 sandbox that filters it.",
            ),
            Self::Denied { cause } => write!(
                f,
                "io_uring cannot be used by this process: {cause}. Bare metal and systemd: look for a security \
                 module (SELinux, AppArmor) that denies io_uring to brink, and for `RestrictAddressFamilies` or \
                 `SystemCallFilter` in the unit. Docker and Kubernetes: check the seccomp profile and the security \
                 module of the node."
            ),
            Self::LockedMemory { limit, needed, shards } => write!(
                f,
                "Only {} KiB of memory may be locked, and {shards} shards need {} KiB (about 224 KiB each, at least \
                 512 KiB, counted over all processes of the user). Bare metal: `ulimit -l unlimited` before the \
                 start, or a memlock line in /etc/security/limits.d. systemd: LimitMEMLOCK=infinity. Docker: \
                 `--ulimit memlock=-1`. Kubernetes: raise the limit in the container runtime's unit, or add the \
                 capability IPC_LOCK. Fewer shards (--workers, WORKERS) need less.",
                limit / 1024,
                needed.div_ceil(1024)
            ),
            Self::OpenFiles { limit, needed } => write!(
                f,
                "Only {limit} files may be open, and the planned shards need at least {needed} with some room for \
                 connections. Bare metal: `ulimit -n 65536` before the start, or a nofile line in \
                 /etc/security/limits.d. systemd: LimitNOFILE=65536. Docker: `--ulimit nofile=65536:65536`. \
                 Kubernetes: raise the limit in the container runtime's unit. Fewer shards (--workers, WORKERS) \
                 need less."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(release: &str, sysctl: Option<&str>, filtered: bool) -> Witness {
        Witness { release: release.into(), sysctl: sysctl.map(Into::into), filtered }
    }

    #[test]
    fn each_denial_names_who_denies() {
        let check = |errno, witness: Witness, expected: &Problem| {
            assert_eq!(&explain(&io::Error::from_raw_os_error(errno), &witness, 2, 8 << 10), expected);
        };
        const EPERM: i32 = 1;
        const ENOMEM: i32 = 12;
        const ENOSYS: i32 = 38;
        check(
            EPERM,
            witness("6.1.0-13-amd64", Some("2"), true),
            &Problem::DeniedBySysctl { value: "2".into() },
        );
        check(EPERM, witness("6.1.0", Some("0"), true), &Problem::DeniedBySeccomp);
        check(EPERM, witness("5.15.0", None, true), &Problem::DeniedBySeccomp);
        check(ENOSYS, witness("5.4.0-1", None, false), &Problem::KernelTooOld { release: "5.4.0-1".into() });
        let unknown = Problem::Denied { cause: "Operation not permitted (os error 1)".into() };
        check(EPERM, witness("6.1.0", Some("0"), false), &unknown);
        let memory = Problem::LockedMemory { limit: 8 << 10, needed: 512 << 10, shards: 2 };
        check(ENOMEM, witness("6.1.0", None, false), &memory);
    }

    #[test]
    fn every_problem_has_a_remedy_for_every_place() {
        let problems = [
            Problem::KernelTooOld { release: "4.19.0".into() },
            Problem::DeniedBySysctl { value: "2".into() },
            Problem::DeniedBySeccomp,
            Problem::Denied { cause: "cause".into() },
            Problem::LockedMemory { limit: 64 << 10, needed: 512 << 10, shards: 1 },
            Problem::OpenFiles { limit: 64, needed: 520 },
        ];
        for problem in problems {
            let text = problem.to_string();
            for place in ["Bare metal", "systemd", "Docker", "Kubernetes"] {
                assert!(text.contains(place), "{place} is missing in: {text}");
            }
            assert!(!text.contains('\n'), "one paragraph: {text}");
        }
    }

    #[test]
    fn limits_are_compared_with_the_need() {
        assert_eq!(memory_lacking(2, 448 << 10, true), None);
        assert!(memory_lacking(1, 511 << 10, false).is_some());
        assert_eq!(memory_lacking(2, 512 << 10, false), None);
        assert!(memory_lacking(3, 512 << 10, false).is_some());
        assert_eq!(files_lacking(2, 1024), None);
        assert_eq!(files_lacking(2, 100), Some(528));
    }
}
