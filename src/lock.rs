//! Locks of ours, which a panic elsewhere does not close for good: what they guard is whole between two
//! statements, and a pass that panicked is made again.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
