//! What the kernel counts for a process.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Clock ticks of `/proc/PID/stat` in a second: the same on all Linux that matters here.
const TICKS: f64 = 100.0;

/// Ends a child when it is dropped.
#[derive(Debug)]
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of several processes, all threads, in seconds.
pub(crate) fn cpu_seconds(ids: &[u32]) -> f64 {
    ids.iter().map(|id| cpu_of(*id)).sum()
}

fn cpu_of(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("the process runs");
    // the name of the program stands in parentheses and may hold anything
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 1..].split(' ').collect();
    // utime and stime: fields 14 and 15 of proc_pid_stat(5), the first here being the second
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(12) + ticks(13)) / TICKS
}

/// A line of `/proc/PID/status`, in its own unit.
pub(crate) fn status(id: u32, field: &str) -> f64 {
    field_of(&format!("/proc/{id}/status"), field)
}

/// How often the threads of a process have gone to sleep: each ended in a wake-up.
pub(crate) fn sleeps(id: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("the process runs");
    let paths = threads.filter_map(|thread| Some(thread.ok()?.path().join("status")));
    paths.map(|path| field_of(&path.to_string_lossy(), "voluntary_ctxt_switches")).sum()
}

fn field_of(path: &str, field: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let value = value.and_then(|value| value.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
}

/// This program again, in another part.
pub(crate) fn again(arguments: &[&str]) -> Killed {
    let mut command = Command::new(std::env::current_exe().expect("its own path"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    Killed(command.spawn().expect("it starts again"))
}

/// Where a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // where Debian puts daemons, which is not in everybody's path
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Tells what is going on; the table comes at the end.
pub(crate) fn progress(text: &str) {
    eprintln!("{text} …");
    let _ = std::io::stderr().flush();
}
