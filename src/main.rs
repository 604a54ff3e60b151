//! The program `p2p`; everything it does is in the library.

use std::process::ExitCode;

/// The musl of zig, with which static programs are linked, brings an allocator that gives nothing back, rounds to
/// powers of two, and writes over what the kernel has cleared.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    p2p::cli::main()
}
