//! What is installed beside the program: the manual and the completions say what the program does, and the
//! libraries in it may be passed on.

mod completions;
mod manual;
mod openwrt;
#[path = "../people/mod.rs"]
mod people;
mod release;
mod supply;

use people::programs;
