//! How many shards to run, and whether to pin them.

use std::thread::available_parallelism;

use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};

/// The shards' CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Number of shards.
    pub shards: usize,
    /// One CPU per shard, or none if they are not pinned.
    pub pinned: Option<Vec<usize>>,
}

impl Plan {
    /// The CPU a shard is pinned to.
    pub fn cpu(&self, shard: usize) -> Option<usize> {
        self.pinned.as_ref().and_then(|cpus| cpus.get(shard)).copied()
    }
}

/// Plans for this process: `workers` shards, or one per usable CPU.
pub fn plan(workers: Option<usize>) -> Plan {
    let allowed = allowed_cpus();
    // Respects the affinity mask and the cgroup's cpu.max, rounded down, at least one.
    let usable = available_parallelism().map_or(1, usize::from);
    plan_for(workers, &allowed, usable)
}

/// Shards are pinned only if there is one for each allowed CPU and no quota: otherwise several instances on one
/// host would all meet on the first cores, and a throttled core would throttle one shard alone.
fn plan_for(workers: Option<usize>, allowed: &[usize], usable: usize) -> Plan {
    let shards = workers.unwrap_or(usable).max(1);
    let has_quota = usable < allowed.len();
    let pinned = (shards == allowed.len() && !has_quota).then(|| allowed.to_vec());
    Plan { shards, pinned }
}

/// The CPUs of the affinity mask; empty if the system does not tell.
fn allowed_cpus() -> Vec<usize> {
    sched_getaffinity(Pid::from_raw(0)).map_or_else(
        |_| Vec::new(),
        |mask| (0..CpuSet::count()).filter(|cpu| mask.is_set(*cpu).unwrap_or(false)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_per_usable_cpu_and_pinned_only_when_the_host_is_ours() {
        let check = |workers, allowed: &[usize], usable, shards, pinned: bool| {
            let plan = plan_for(workers, allowed, usable);
            assert_eq!(plan.shards, shards, "{workers:?} {allowed:?} {usable}");
            assert_eq!(plan.pinned.is_some(), pinned, "{workers:?} {allowed:?} {usable}");
        };
        check(None, &[0, 1, 2, 3], 4, 4, true);
        check(None, &[0, 1, 2, 3], 2, 2, false);
        check(Some(2), &[0, 1, 2, 3], 4, 2, false);
        check(Some(4), &[0, 1, 2, 3], 4, 4, true);
        check(Some(8), &[0, 1], 2, 8, false);
        check(Some(1), &[5], 1, 1, true);
        check(None, &[], 1, 1, false);
        assert_eq!(plan_for(None, &[2, 5], 2).cpu(1), Some(5));
    }

    #[test]
    fn this_machine_has_a_plan() {
        let plan = plan(None);
        assert!(plan.shards >= 1 && plan.shards <= 4096);
    }
}
