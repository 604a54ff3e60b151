//! How shared state is locked here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is changed in single steps, so that a thread that panics while it holds the lock leaves it whole:
/// others go on.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
