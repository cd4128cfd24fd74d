//! Starts a process on a given core.

use std::io;
use std::process::{Child, Command};
use std::thread;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Starts a process that may run on one core only, or anywhere for `None`.
///
/// The core is set on a thread of our own, from which the child inherits it: so all threads of the
/// child are bound from their first instruction, and no code has to run between fork and exec.
pub fn spawn_on(core: Option<usize>, command: &mut Command) -> io::Result<Child> {
    let Some(core) = core else { return command.spawn() };
    thread::scope(|scope| {
        let spawned = scope.spawn(|| {
            let mut cores = CpuSet::new();
            cores.set(core);
            sched_setaffinity(None, &cores)?;
            command.spawn()
        });
        spawned.join().unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_inherits_the_core() {
        let mut command = Command::new("grep");
        command.args(["Cpus_allowed_list", "/proc/self/status"]).stdout(std::process::Stdio::piped());
        let output = spawn_on(Some(0), &mut command).and_then(Child::wait_with_output).expect("grep runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "Cpus_allowed_list:\t0");
    }
}
