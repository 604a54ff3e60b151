//! Asks the linker for a layout that takes less memory. Each wish is tried first with a small program: linkers differ,
//! and a program that can be linked may still not start with the C library that is here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn main() {
    let layout = "packaging/layout.ld";
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={layout}");
    // debug builds are linked often and run shortly
    if variable("CARGO_CFG_TARGET_OS") != "linux" || variable("PROFILE") != "release" {
        return;
    }
    // Cargo mends paths into this folder when a checkout is moved with what it has built, and no others
    let copy = Path::new(&variable("OUT_DIR")).join("layout.ld");
    fs::copy(layout, &copy).expect("the layout can be copied");
    let layout = format!("-Wl,-T,{}", copy.display());
    // functions that run side by side; addresses that the loader has to fill in as a bitmap
    for wish in [&layout, "-Wl,-z,pack-relative-relocs"] {
        if is_granted(wish) {
            println!("cargo::rustc-link-arg-bins={wish}");
        }
    }
}

/// Whether a program is linked with this and runs.
fn is_granted(argument: &str) -> bool {
    let folder = PathBuf::from(variable("OUT_DIR"));
    let (source, program) = (folder.join("probe.rs"), folder.join("probe"));
    fs::write(&source, "fn main() {}\n").expect("the folder for outputs can be written");
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.arg(&source).arg("-o").arg(&program);
    compiler.args(["--target", &variable("TARGET"), "-C", &format!("link-arg={argument}")]);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        compiler.arg("-C").arg(format!("linker={}", linker.display()));
    }
    compiler
        .args(variable("CARGO_ENCODED_RUSTFLAGS").split('\u{1f}').filter(|flag| !flag.is_empty()));
    let runs = |command: &mut Command| {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let is_native = variable("HOST") == variable("TARGET");
    runs(&mut compiler) && (!is_native || runs(&mut Command::new(&program)))
}

/// What Cargo tells; empty if it does not.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
