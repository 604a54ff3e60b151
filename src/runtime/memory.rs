//! Memory that the allocator keeps for later.
//!
//! glibc keeps what was freed unless it lies at the end of its heap: after a download some megabytes.
//! This is the one place in the program where the compiler takes our word for something.
#![allow(unsafe_code, reason = "a function of the C library has to be declared")]

/// Returns free memory to the operating system; takes about a millisecond.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    use std::ffi::c_int;

    // SAFETY: the signature is that of malloc_trim(3), which is safe to call from any thread at any
    // time: it takes the allocator's own locks and touches free memory only
    unsafe extern "C" {
        safe fn malloc_trim(pad: usize) -> c_int;
    }
    malloc_trim(0); // whether there was anything to return does not matter
}

/// Other C libraries keep little.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back() {}
