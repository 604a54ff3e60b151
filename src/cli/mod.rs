//! The command line: one file per subcommand.
//!
//! Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 refused (trust or access).

mod allow;
mod authority;
mod backup;
mod ca;
mod certificate;
mod complaint;
mod completions;
mod contact;
mod demo;
mod doctor;
mod expose;
mod given_file;
mod home;
mod init;
mod joining;
mod log;
mod lookup;
mod open;
mod passphrase;
mod proxy;
mod publish;
mod ready;
mod rendezvous;
mod rotate;
mod running;
mod serve;
mod speak;
mod status;
mod stop;
mod store;
mod values;
mod why;
mod wish;

use std::{env, ffi::OsString, path::PathBuf, process::ExitCode};

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind, FromArgs, Optionality};

use crate::runtime;
use speak::{Failure, Outcome};

/// Publish and open HTTP services under names like alice@example.com,
/// without a service provider.
#[derive(ArgsInfo, FromArgs)]
#[argh(
    note = "Everywhere: --home DIR keeps the state elsewhere than in ~/.config/p2p, -v logs more, --passphrase-fd N reads the passphrase of a locked key.",
    example = "p2p init alice@example.com\np2p serve ./media --port 1000\np2p proxy",
    error_code(0, "Done."),
    error_code(1, "It failed."),
    error_code(2, "The command line is wrong."),
    error_code(3, "Refused: trust or access.")
)]
struct Arguments {
    #[argh(subcommand)]
    command: Command,
}

#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand)]
enum Command {
    Init(init::Init),
    Backup(backup::BackupCommand),
    Rotate(rotate::Rotate),
    Serve(serve::Serve),
    Expose(expose::Expose),
    Proxy(proxy::Proxy),
    Open(open::Open),
    Allow(allow::Allow),
    Contact(contact::ContactCommand),
    Ca(ca::Ca),
    Certificate(certificate::CertificateCommand),
    Authority(authority::AuthorityCommand),
    Lookup(lookup::Lookup),
    Publish(publish::Publish),
    Status(status::Status),
    Why(why::Why),
    Doctor(doctor::Doctor),
    Store(store::Store),
    Rendezvous(rendezvous::RendezvousCommand),
    Demo(demo::Demo),
    Completions(completions::Completions),
}

/// What can be given with every command, before or behind its name.
#[derive(Debug, Default, PartialEq)]
struct Everywhere {
    home: Option<PathBuf>,
    verbosity: usize,
    version: bool,
    passphrase_fd: Option<u32>,
}

/// What can be given with every command, as the completions and the manual name it.
const EVERYWHERE: &[FlagInfo<'static>] = &[
    FlagInfo {
        kind: FlagInfoKind::Option { arg_name: "dir" },
        optionality: Optionality::Optional,
        long: "--home",
        short: None,
        description: "where the state is kept, ~/.config/p2p unless given",
        hidden: false,
    },
    switch("--verbose", Some('v'), "log more; twice, still more"),
    switch("--version", Some('V'), "print the version"),
    switch("--help", None, "display usage information"),
];

const fn switch(
    long: &'static str,
    short: Option<char>,
    description: &'static str,
) -> FlagInfo<'static> {
    let optionality = Optionality::Optional;
    FlagInfo { kind: FlagInfoKind::Switch, optionality, long, short, description, hidden: false }
}

/// The command line as data: what the completions are made of and what the manual is compared with. The
/// options of the program itself are those that can be given with every command.
pub fn commands() -> CommandInfoWithArgs {
    CommandInfoWithArgs { name: "p2p", flags: EVERYWHERE, ..Arguments::get_args_info() }
}

/// Runs the program: reads the command line, does it, and maps the result to an exit code.
pub fn main() -> ExitCode {
    runtime::share_heap();
    let arguments = match env::args_os().skip(1).map(OsString::into_string).collect() {
        Ok(arguments) => arguments,
        Err(bad) => {
            let bad = bad.to_string_lossy().into_owned();
            return Failure::usage(format!("{bad:?} is not UTF-8")).report();
        }
    };
    match split(arguments).and_then(|(everywhere, rest)| run(&everywhere, &rest)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(everywhere: &Everywhere, arguments: &[String]) -> Outcome {
    if everywhere.version {
        return speak::line(format!("p2p {}", env!("CARGO_PKG_VERSION")));
    }
    log::start(everywhere.verbosity);
    if let Some(descriptor) = everywhere.passphrase_fd {
        passphrase::take_from(descriptor)?;
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.is_empty() {
        return Err(Failure::usage("a command is missing")
            .hint("p2p demo shows everything on this machine, p2p --help lists the commands"));
    }
    let parsed = match Arguments::from_args(&["p2p"], &arguments) {
        Ok(parsed) => parsed,
        Err(early) if early.status.is_ok() => return speak::line(early.output.trim_end()),
        Err(early) => return Err(complaint::translate(&early.output, &arguments)),
    };
    let home = everywhere.home.as_deref();
    match parsed.command {
        Command::Init(command) => command.run(home),
        Command::Backup(command) => command.run(home),
        Command::Rotate(command) => command.run(home),
        Command::Serve(command) => command.run(home),
        Command::Expose(command) => command.run(home),
        Command::Proxy(command) => command.run(home),
        Command::Open(command) => command.run(home),
        Command::Allow(command) => command.run(home),
        Command::Contact(command) => command.run(home),
        Command::Ca(command) => command.run(home),
        Command::Certificate(command) => command.run(home),
        Command::Authority(command) => command.run(home),
        Command::Lookup(command) => command.run(home),
        Command::Publish(command) => command.run(home),
        Command::Status(command) => command.run(home),
        Command::Why(command) => command.run(home),
        Command::Doctor(command) => command.run(home),
        Command::Store(command) => command.run(),
        Command::Rendezvous(command) => command.run(home),
        Command::Demo(command) => command.run(),
        Command::Completions(command) => command.run(),
    }
}

/// Takes what holds everywhere out of the arguments.
fn split(arguments: Vec<String>) -> Result<(Everywhere, Vec<String>), Failure> {
    let (mut everywhere, mut rest) = (Everywhere::default(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--" => {
                rest.push(argument);
                rest.extend(arguments);
                break;
            }
            "--home" => everywhere.home = Some(home(arguments.next().as_deref())?),
            "--passphrase-fd" => {
                everywhere.passphrase_fd = Some(descriptor(arguments.next().as_deref())?);
            }
            "-v" | "--verbose" => everywhere.verbosity += 1,
            "-vv" => everywhere.verbosity += 2,
            "-V" | "--version" => everywhere.version = true,
            text => match text.split_once('=').filter(|_| text.starts_with("--")) {
                Some(("--home", text)) => everywhere.home = Some(home(Some(text))?),
                Some(("--passphrase-fd", text)) => {
                    everywhere.passphrase_fd = Some(descriptor(Some(text))?);
                }
                // argh knows options and values as separate words only
                Some((option, value)) => rest.extend([option.to_owned(), value.to_owned()]),
                None => rest.push(argument),
            },
        }
    }
    Ok((everywhere, rest))
}

fn home(text: Option<&str>) -> Result<PathBuf, Failure> {
    let text = text.filter(|text| !text.is_empty());
    text.map(PathBuf::from).ok_or_else(|| {
        Failure::usage("--home needs a directory").hint("p2p --home ~/elsewhere status")
    })
}

fn descriptor(text: Option<&str>) -> Result<u32, Failure> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Failure::usage("--passphrase-fd needs the number of an open file descriptor")
            .hint("p2p --passphrase-fd 3 serve . 3< passphrase")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn global_options_stand_anywhere() {
        let (everywhere, rest) = split(words("serve -v . --home /h --port 1 -- -v")).ok().unwrap();
        assert_eq!(everywhere.home, Some("/h".into()));
        assert_eq!(everywhere.verbosity, 1);
        assert_eq!(rest, words("serve . --port 1 -- -v"));
        assert!(split(words("serve --home")).is_err());
        assert!(split(words("--home= serve")).is_err());
    }

    #[test]
    fn what_holds_everywhere_is_taken_everywhere() {
        for flag in EVERYWHERE.iter().filter(|flag| flag.long != "--help") {
            let short = flag.short.map(|letter| format!("-{letter}"));
            for name in [Some(flag.long.to_owned()), short].into_iter().flatten() {
                let mut arguments = vec!["status".to_owned(), name.clone()];
                if flag.kind != FlagInfoKind::Switch {
                    arguments.push("value".into());
                }
                let (everywhere, rest) = split(arguments).ok().unwrap();
                assert_eq!(rest, ["status"], "{name}");
                assert_ne!(everywhere, Everywhere::default(), "{name}");
            }
        }
    }

    #[test]
    fn values_may_follow_an_equals_sign() {
        let (everywhere, rest) =
            split(words("serve --overlay=store:http://a/?k={slot} --home=/h -- --a=b"))
                .ok()
                .unwrap();
        assert_eq!(everywhere.home, Some("/h".into()));
        assert_eq!(rest, words("serve --overlay store:http://a/?k={slot} -- --a=b"));
    }
}
