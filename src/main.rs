//! The program `p2p`; everything it does is in the library.

fn main() {}
