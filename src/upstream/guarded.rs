//! For the threads that make calls: a panic over an answer is a call that failed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{CallError, Unreachable};

/// Does a job whose result must come back, or it would never be done again.
pub fn guarded<T>(job: impl FnOnce() -> Result<T, CallError>) -> Result<T, CallError> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| {
        let cause = Unreachable::Other("a worker panicked over the answer".to_owned());
        Err(CallError::Unreachable { cause })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failed_call() {
        assert_eq!(guarded(|| Ok(7)), Ok(7));
        let panicked: Result<(), _> = guarded(|| panic!("as told"));
        assert!(matches!(panicked, Err(CallError::Unreachable { .. })));
    }
}
