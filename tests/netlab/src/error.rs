//! What goes wrong with a laboratory, said to the person who wrote the topology or the test.

use std::{fmt, io};

/// Why a lab could not be built or changed.
#[derive(Debug)]
pub enum Error {
    /// A statement of a topology cannot be read.
    Statement {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        fault: Box<Error>,
    },
    /// A setting, a number or an address is none.
    Setting(String),
    /// No node has this name, or it is not of the kind that is needed.
    Node(String),
    /// A command that builds the network failed.
    Script {
        /// What was run.
        script: String,
        /// What it said.
        complaint: String,
    },
    /// The kernel refused.
    System {
        /// What was asked of it.
        what: String,
        /// Its answer.
        error: io::Error,
    },
}

impl Error {
    /// For `map_err`: the kernel refused to do `what`.
    pub(crate) fn system<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Error {
        move |error| Error::System { what: what.into(), error: error.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Statement { line, fault } => write!(f, "topology, line {line}: {fault}"),
            Error::Setting(text) => f.write_str(text),
            Error::Node(text) => f.write_str(text),
            Error::Script { script, complaint } => {
                write!(f, "{complaint} in the script:\n{script}")
            }
            Error::System { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for Error {}
