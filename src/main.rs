//! The program `p2p`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    p2p::cli::main()
}
