//! What is installed beside the program: the manual and the completions say what the program does, and the
//! libraries in it may be passed on.

mod completions;
mod manual;
mod openwrt;
mod outline;
mod release;
mod supply;
