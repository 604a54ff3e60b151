//! The log: one line an event on stderr, lower case, without time (the journal adds it).

use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

/// Starts logging; `verbosity` counts how often `-v` was given.
pub(super) fn start(verbosity: usize) {
    let level = match verbosity {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // libraries speak of their own insides; theirs is worth a line only when asked for twice
        metadata.target().starts_with("p2p") || log::max_level() >= LevelFilter::Debug
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            let _ = writeln!(io::stderr(), "p2p: {level}: {}", record.args());
        }
    }

    fn flush(&self) {}
}
