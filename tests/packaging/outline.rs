//! What makes programs for MIPS smaller leaves them what they are.

use std::{path::Path, process::Command};

use testbed::programs;

#[test]
fn smaller_programs_do_the_same_and_damage_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/outline");
    let mut test = Command::new(programs::python());
    let output = test.args(["-B", "test.py", "100"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
