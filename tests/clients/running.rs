//! A client program in the background.

use std::{
    io::BufReader,
    process::{Child, ChildStdout, Command, Stdio},
};

/// It ends with the test.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it; what it writes is for the test to read.
    pub(crate) fn start(mut command: Command) -> (Running, BufReader<ChildStdout>) {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        (Running(child), stdout)
    }

    /// Waits for its end.
    pub(crate) fn succeeds(&mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
