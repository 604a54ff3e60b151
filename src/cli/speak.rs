//! How the program speaks: results on stdout, everything else on stderr; an error is one line of what
//! happened to what and why, then a line with what helps.

use std::{
    fmt::{self, Display},
    io::{self, Write},
    process::ExitCode,
};

use crate::runtime::plain;

/// Why a command ended without doing its work.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

/// What a command gives.
pub(super) type Outcome = Result<(), Failure>;

impl Failure {
    /// It was tried and failed: exit code 1.
    pub(super) fn failed(message: impl Display) -> Failure {
        Failure { message: message.to_string(), hint: None, code: 1 }
    }

    /// The command line asks for what cannot be: exit code 2.
    pub(super) fn usage(message: impl Display) -> Failure {
        Failure { message: message.to_string(), hint: None, code: 2 }
    }

    /// Trust or access forbids it: exit code 3.
    pub(super) fn refused(message: impl Display) -> Failure {
        Failure { message: message.to_string(), hint: None, code: 3 }
    }

    /// Adds the one thing that helps.
    pub(super) fn hint(self, hint: impl Display) -> Failure {
        Failure { hint: Some(hint.to_string()), ..self }
    }

    /// Says it on stderr and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let mut text = format!("p2p: error: {}\n", self.message);
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        let _ = io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Writes a line of results. A reader that went away has what it wanted.
///
/// # Errors
/// When stdout cannot be written for another reason, such as a full disk.
pub(super) fn line(text: impl Display) -> Outcome {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to stdout: {}", plain(&error))))
        }
        _ => Ok(()),
    }
}

/// Writes a line for people on stderr.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
