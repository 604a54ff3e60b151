//! `p2p completions`: scripts that let a shell complete the command line. They are made from the tables
//! that the command line is parsed with, so they know what this version of the program knows.

mod bash;
mod fish;
#[cfg(test)]
mod tests;
mod zsh;

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfo, FlagInfoKind, FromArgs, Optionality};

use super::{
    EVERYWHERE, commands,
    speak::{self, Outcome},
};

/// Print the completions of a shell: bash, zsh or fish.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "completions")]
pub(super) struct Completions {
    /// bash, zsh or fish
    #[argh(positional, from_str_fn(shell))]
    shell: Shell,
}

#[derive(Clone, Copy)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

fn shell(text: &str) -> Result<Shell, String> {
    match text {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        _ => Err(format!("{text:?} is not one of {}", SHELLS.join(", "))),
    }
}

impl Completions {
    pub(super) fn run(self) -> Outcome {
        let table = table(&commands());
        speak::line(match self.shell {
            Shell::Bash => bash::script(&table),
            Shell::Zsh => zsh::script(&table),
            Shell::Fish => fish::script(&table),
        })
    }
}

/// A command that can be typed.
struct Entry {
    /// The words that lead to it, the program first.
    path: Vec<&'static str>,
    /// What can come next, with descriptions.
    commands: Vec<(&'static str, &'static str)>,
    options: Vec<Switch>,
    /// Arguments without a name, in order.
    arguments: Vec<Argument>,
}

/// Something that begins with a hyphen.
struct Switch {
    long: &'static str,
    short: Option<char>,
    description: &'static str,
    value: Option<Argument>,
    repeats: bool,
}

/// A value to be typed.
struct Argument {
    name: &'static str,
    repeats: bool,
    kind: Kind,
}

/// What a shell can propose for a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Shell,
    /// Only the person knows.
    Unknown,
}

impl Kind {
    /// By the name of the value, which says the same to the reader of `--help`.
    fn of(name: &str) -> Kind {
        match name {
            "dir" | "folder" => Kind::Folder,
            "file" | "key-file" | "out" | "svg" => Kind::File,
            "shell" => Kind::Shell,
            _ => Kind::Unknown,
        }
    }
}

/// All commands, each before those below it.
fn table(program: &CommandInfoWithArgs) -> Vec<Entry> {
    let mut entries = Vec::new();
    enter(program, &[], &mut entries);
    entries
}

fn enter(command: &CommandInfoWithArgs, above: &[&'static str], entries: &mut Vec<Entry>) {
    let path = [above, &[command.name]].concat();
    let own = command.flags.iter().filter(|flag| !flag.hidden);
    let own = own.filter(|flag| EVERYWHERE.iter().all(|known| known.long != flag.long));
    entries.push(Entry {
        path: path.clone(),
        commands: command.commands.iter().map(|c| (c.name, c.command.description)).collect(),
        options: own.chain(EVERYWHERE).map(option).collect(),
        arguments: command
            .positionals
            .iter()
            .filter(|positional| !positional.hidden)
            .map(|positional| argument(positional.name, &positional.optionality))
            .collect(),
    });
    for below in &command.commands {
        enter(&below.command, &path, entries);
    }
}

fn option(flag: &FlagInfo<'static>) -> Switch {
    let value = match flag.kind {
        FlagInfoKind::Switch => None,
        FlagInfoKind::Option { arg_name } => Some(argument(arg_name, &Optionality::Required)),
    };
    let repeats = flag.optionality == Optionality::Repeating;
    Switch { long: flag.long, short: flag.short, description: flag.description, value, repeats }
}

fn argument(name: &'static str, optionality: &Optionality) -> Argument {
    let repeats = matches!(optionality, Optionality::Repeating | Optionality::Greedy);
    Argument { name, repeats, kind: Kind::of(name) }
}

impl Entry {
    fn path(&self) -> String {
        self.path.join(" ")
    }

    /// Arguments of the paths below it are those of this one's commands.
    fn leads_on(&self) -> bool {
        !self.commands.is_empty()
    }
}
