//! Sizes of binaries.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use crate::process::progress;
use testbed::bench::table::{Table, number, verdict};
use testbed::programs::p2p_path;

/// Of the static binary, in MB.
const GOAL: f64 = 5.0;

pub(crate) fn measure(table: &mut Table) {
    table.heading("binaries, MB");
    let release = p2p_path();
    table.row("  release", megabytes(release).map_or("none".into(), number), String::new(), "", "");
    let small = env::var_os("P2P_BENCH_SMALL").and_then(|_| build());
    match small.as_deref().and_then(megabytes) {
        Some(size) => {
            let goal = verdict(format!("< {GOAL} MB"), size < GOAL);
            table.row("  small, static", number(size), String::new(), "", &goal);
        }
        None => table.skipped("  small, static", "P2P_BENCH_SMALL=1"),
    }
}

/// What people get: builds the static binary, and tells where it lies.
fn build() -> Option<String> {
    progress("building the profile `small`");
    let mut script = Command::new("packaging/build-static");
    script.arg("x86_64").current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
    let output = script.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().into())
}

fn megabytes(path: &str) -> Option<f64> {
    Some(fs::metadata(path).ok()?.len() as f64 / 1e6)
}
