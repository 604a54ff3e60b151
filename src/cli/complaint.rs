//! What argh finds wrong with a command line, in the words of this program.

use argh::SubCommands;

use super::speak::Failure;
use super::{Command, authority, ca, certificate, contact};

/// Turns argh's complaint about `arguments` into one line, with the help that is about them as hint.
pub(super) fn translate(complaint: &str, arguments: &[&str]) -> Failure {
    let mut path = Vec::new();
    let mut commands = names::<Command>();
    for argument in arguments {
        let Some(command) = commands.iter().find(|command| *command == argument) else { break };
        path.push(*command);
        commands = match *command {
            "authority" => names::<authority::Action>(),
            "ca" => names::<ca::Action>(),
            "certificate" => names::<certificate::Action>(),
            "contact" => names::<contact::Action>(),
            _ => Vec::new(),
        };
    }
    let text = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = reword(&text, &commands);
    let help = ["p2p"].into_iter().chain(path).chain(["--help"]).collect::<Vec<_>>().join(" ");
    Failure::usage(told).hint(help)
}

fn names<T: SubCommands>() -> Vec<&'static str> {
    T::COMMANDS.iter().map(|command| command.name).collect()
}

/// The complaint in our words; `commands` are those that could have come next.
fn reword(text: &str, commands: &[&str]) -> String {
    let there_are = || format!("there are {}", commands.join(", "));
    if let Some(what) = text.strip_prefix("Unrecognized argument:") {
        let what = what.trim();
        return if what.starts_with('-') {
            format!("there is no option {what}")
        } else if commands.is_empty() {
            format!("{what:?} is one argument too many")
        } else {
            format!("there is no command {what:?} ({})", there_are())
        };
    }
    if text.starts_with("One of the following subcommands must be present") {
        return format!("a command is missing ({})", there_are());
    }
    const OPTIONS: &str = "Required options not provided: ";
    if let Some(what) = text.strip_prefix("Required positional arguments not provided: ") {
        // options that are missing too are told when the arguments are there
        let what = what.split(OPTIONS).next().unwrap_or(what).trim();
        return format!("{} is missing", what.to_uppercase().replace(' ', " and "));
    }
    if let Some(what) = text.strip_prefix(OPTIONS) {
        return format!("{} is missing", what.replace(' ', " and "));
    }
    if let Some((option, _)) = between(text, "No value provided for option '", "'") {
        return format!("{option} needs a value");
    }
    let parsing = between(text, "Error parsing option '", "' with value '")
        .map(|(option, rest)| (option.to_owned(), rest))
        .or_else(|| {
            let (argument, rest) =
                between(text, "Error parsing positional argument '", "' with value '")?;
            Some((argument.to_uppercase(), rest))
        });
    match parsing {
        Some((option, rest)) if rest.ends_with("': duplicate values provided") => {
            format!("{option} is given twice")
        }
        // the value may hold anything, also what stands behind it; our own readers repeat it
        Some((option, rest)) => {
            let problem = rest.split_once("': ").map_or(rest, |(_, problem)| problem);
            format!("{option}: {problem}")
        }
        None => lower_case(text.trim_end_matches('.')),
    }
}

/// What stands between two texts, and what follows.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(before)?.split_once(behind)
}

fn lower_case(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
