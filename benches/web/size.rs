//! Sizes of binaries.

use std::{env, fs, process::Command};

use crate::people::P2P;
use crate::process::progress;
use crate::table::{Table, number, verdict};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What `Cargo.toml` says beside the profile.
const FLAGS: &str = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
                     -C link-arg=-Wl,--no-eh-frame-hdr";
/// Of the static binary, in MB.
const GOAL: f64 = 5.0;

pub(crate) fn measure(table: &mut Table) {
    table.heading("binaries, MB");
    let release = P2P;
    table.row("  release", megabytes(release).map_or("none".into(), number), String::new(), "", "");
    let built = env::var_os("P2P_BENCH_SMALL").is_none() || build();
    let small = format!("{}/target/{TARGET}/small/p2p", env!("CARGO_MANIFEST_DIR"));
    match megabytes(&small).filter(|_| built) {
        Some(size) => {
            let goal = verdict(format!("< {GOAL} MB"), size < GOAL);
            table.row("  small, static", number(size), String::new(), "", &goal);
        }
        None => table.skipped("  small, static", "P2P_BENCH_SMALL=1"),
    }
}

fn build() -> bool {
    progress("building the profile `small`");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", "small", "--target", TARGET, "--bin", "p2p"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("RUSTFLAGS", FLAGS);
    cargo.status().is_ok_and(|status| status.success())
}

fn megabytes(path: &str) -> Option<f64> {
    Some(fs::metadata(path).ok()?.len() as f64 / 1e6)
}
