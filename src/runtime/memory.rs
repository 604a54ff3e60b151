//! The allocator, and what it keeps for later.
//!
//! glibc keeps what was freed unless it lies at the end of its heap, and a heap for each of the threads,
//! of which it gives back even less: some megabytes after a download. Static programs have an allocator of
//! their own, see [`Heap`].
//!
//! This is the one place in the program where the compiler takes our word for something.
#![allow(
    unsafe_code,
    reason = "allocators give out addresses; functions of the C library have to be declared"
)]

#[cfg(target_os = "linux")]
mod heap;

#[cfg(target_os = "linux")]
pub use heap::Heap;

/// Makes all threads use one heap, if called before there is a second thread. One thread does nearly all
/// of the work, so that they seldom wait for each other.
pub fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::mallopt(gnu::M_ARENA_MAX, 1); // a refusal costs memory only
}

/// Returns free memory to the operating system, which takes about a millisecond.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::malloc_trim(0); // there may be nothing to return
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod gnu {
    use std::ffi::c_int;

    /// From `malloc.h`.
    pub(super) const M_ARENA_MAX: c_int = -8;

    // SAFETY: the signatures are those of mallopt(3) and malloc_trim(3). Both may be called with any
    // numbers, by any thread, at any time: they take the allocator's locks and touch nothing in use.
    unsafe extern "C" {
        pub(super) safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
        pub(super) safe fn malloc_trim(pad: usize) -> c_int;
    }
}
