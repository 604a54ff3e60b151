//! The manual pages say what the program does: every command, option, argument, setting and variable is in
//! them, and nothing else.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind};
use testbed::programs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    let path = root().join("man").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        fs::read_dir(root().join("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// What a section, or a part of one, says.
fn section<'a>(page: &'a str, macro_: &str, title: &str) -> &'a str {
    let begin = format!(".{macro_} {title}\n");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin}in\n{page}"));
    let ends = [Some("\n.Sh "), (macro_ == "Ss").then_some("\n.Ss ")];
    let end = ends.into_iter().flatten().filter_map(|end| rest.find(end)).min();
    &rest[..end.unwrap_or(rest.len())]
}

/// The items of all lists with the given macro, without it.
fn items<'a>(text: &'a str, macro_: &str) -> Vec<&'a str> {
    let begin = format!(".It {macro_} ");
    text.lines().filter_map(|line| line.strip_prefix(&begin)).collect()
}

/// An option as its item in a list has to be: `v , -verbose` or `-home Ar dir`.
fn item(flag: &FlagInfo<'_>) -> String {
    let short = flag.short.map_or_else(String::new, |letter| format!("{letter} , "));
    let value = match flag.kind {
        FlagInfoKind::Switch => String::new(),
        FlagInfoKind::Option { arg_name } => format!(" Ar {arg_name}"),
    };
    format!("{short}{}{value}", &flag.long[1..])
}

/// The options of a command that are its own.
fn own(command: &CommandInfoWithArgs) -> impl Iterator<Item = &FlagInfo<'static>> {
    command.flags.iter().filter(|flag| !flag.hidden && flag.long != "--help")
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

/// Compares a command with the text about it.
fn agree(path: &str, command: &CommandInfoWithArgs, synopsis: &str, text: &str) {
    let wanted = set(own(command).map(item));
    let found = set(items(text, "Fl").into_iter().map(str::to_owned));
    assert_eq!(found, wanted, "options of p2p {path}");

    let begin = format!(".Nm p2p {path}\n");
    let (_, rest) = synopsis.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let rest = rest.split(".Nm ").next().unwrap();
    let mut arguments = BTreeSet::new();
    let mut options = BTreeSet::new();
    for line in rest.lines() {
        let words = line.trim_start_matches('.').trim_start_matches("Op ");
        match words.split_once(' ') {
            Some(("Ar", argument)) => {
                arguments.insert(argument.trim_end_matches(" ...").to_owned())
            }
            Some(("Fl", option)) => options.insert(option.to_owned()),
            _ => panic!("{line} in the synopsis of {path}"),
        };
    }
    assert_eq!(options, wanted, "synopsis of p2p {path}");
    let positionals = command.positionals.iter().filter(|positional| !positional.hidden);
    let wanted = set(positionals.map(|positional| positional.name.to_owned()));
    assert_eq!(arguments, wanted, "synopsis of p2p {path}");
    for argument in wanted {
        assert!(text.contains(&format!(".Ar {argument}")), "{argument} of p2p {path}");
    }
}

#[test]
fn every_command_has_a_page_that_tells_all_it_takes() {
    let program = p2p::cli::commands();
    let overview = page("p2p.1");
    let listed = items(section(&overview, "Sh", "COMMANDS"), "Xr");
    let wanted: Vec<String> =
        program.commands.iter().map(|c| format!("p2p-{} 1", c.name)).collect();
    assert_eq!(listed, wanted, "the commands in p2p.1");
    let everywhere = set(items(section(&overview, "Sh", "OPTIONS"), "Fl"));
    let wanted: Vec<String> = program.flags.iter().map(item).collect();
    assert_eq!(everywhere, set(wanted.iter().map(String::as_str)));

    for command in &program.commands {
        let page = page(&format!("p2p-{}.1", command.name));
        let synopsis = section(&page, "Sh", "SYNOPSIS");
        let description = section(&page, "Sh", "DESCRIPTION");
        if command.command.commands.is_empty() {
            agree(command.name, &command.command, synopsis, description);
        }
        for below in &command.command.commands {
            let path = format!("{} {}", command.name, below.name);
            agree(&path, &below.command, synopsis, section(&page, "Ss", below.name));
        }
    }
}

#[test]
fn no_page_tells_of_what_is_not_there() {
    let program = p2p::cli::commands();
    let mut wanted = set(program.commands.iter().map(|command| format!("p2p-{}.1", command.name)));
    let others = ["p2p.1", "p2p.7", "p2p.toml.5", "p2p-store-php.7", "p2p-store-worker.7"];
    wanted.extend(others.map(str::to_owned));
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(set(pages().into_iter().map(name)), wanted);
    for command in program.commands.iter().filter(|command| !command.command.commands.is_empty()) {
        let page = page(&format!("p2p-{}.1", command.name));
        let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".Ss ")).collect();
        let there: Vec<&str> = command.command.commands.iter().map(|below| below.name).collect();
        assert_eq!(told, there, "parts of p2p-{}.1", command.name);
    }
}

#[test]
fn every_setting_is_told() {
    // the program names its settings to whoever writes one that it does not have
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), "no-such-setting = 1\n").unwrap();
    let mut command = programs::p2p();
    command.args(["lookup", "alice@example.com", "--home"]).arg(home.path());
    let told = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let (_, keys) = told.split_once("(there are ").unwrap_or_else(|| panic!("{told}"));
    let keys = keys.split(')').next().unwrap().split(", ");
    let page = page("p2p.toml.5");
    assert_eq!(items(section(&page, "Sh", "SETTINGS"), "Ic"), keys.collect::<Vec<_>>());
}

#[test]
fn every_variable_is_told() {
    let overview = page("p2p.1");
    let told = set(items(section(&overview, "Sh", "ENVIRONMENT"), "Ev"));
    let mut folders = vec![root().join("src")];
    let mut asked = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let quoted = text.split('"').skip(1).step_by(2);
                asked.extend(quoted.filter(|word| word.starts_with("P2P_")).map(str::to_owned));
            }
        }
    }
    assert!(asked.contains("P2P_HOME"));
    let missing: Vec<_> = asked.iter().filter(|name| !told.contains(name.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn the_pages_are_written_as_mdoc_wants() {
    let Some(mandoc) = programs::find("mandoc") else { return };
    let output = Command::new(mandoc).args(["-Tlint", "-Wstyle"]).args(pages()).output().unwrap();
    let complaints = String::from_utf8(output.stdout).unwrap();
    // which other pages this machine has is its own affair
    let complaints =
        complaints.lines().filter(|line| !line.contains("referenced manual not found"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new());
    for path in pages() {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some(reference) = line.strip_prefix(".Xr p2p") else { continue };
            let mut words = reference.split(' ');
            let file = format!("p2p{}.{}", words.next().unwrap(), words.next().unwrap());
            assert!(root().join("man").join(&file).is_file(), "{file} in {}", path.display());
        }
    }
}
