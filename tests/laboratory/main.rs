//! Homes, routers and servers in a laboratory of namespaces, with real processes: who reaches whom, by what, and what
//! goes on while people move.

mod calls;
mod mobility;
mod moving;
mod nat;
mod outside;
mod teredo;

use std::process::ExitCode;

/// A test and its name.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let tests =
        [calls::TESTS, mobility::TESTS, moving::TESTS, nat::TESTS, outside::TESTS, teredo::TESTS];
    netlab::harness::run(&tests.concat())
}
