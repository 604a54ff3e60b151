//! The program `p2p`; everything it does is in the library.

use std::process::ExitCode;

#[cfg(target_env = "musl")]
use dlmalloc::GlobalDlmalloc;
#[cfg(target_env = "musl")]
use p2p::runtime::Heap;

/// The musl of zig, with which static programs are linked, brings an allocator that gives nothing back, rounds to
/// powers of two, and writes over what the kernel has cleared. The last is done by dlmalloc too.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: Heap<GlobalDlmalloc> = Heap(GlobalDlmalloc);

fn main() -> ExitCode {
    p2p::cli::main()
}
