//! Completions for zsh.

use super::{Argument, Entry, Kind, SHELLS, Switch};

/// The script.
pub(super) fn script(table: &[Entry]) -> String {
    let functions: Vec<String> = table.iter().map(function).collect();
    format!("{HEAD}{}{TAIL}", functions.join(""))
}

const HEAD: &str = "\
#compdef p2p
# zsh completions, printed by p2p completions zsh

";

const TAIL: &str = "\
if [ \"$funcstack[1]\" = _p2p ]; then
    _p2p \"$@\"
else
    compdef _p2p p2p
fi";

fn function(entry: &Entry) -> String {
    let name = format!("_{}", entry.path.join("_"));
    let mut specs: Vec<String> = entry.options.iter().flat_map(describe).collect();
    if entry.leads_on() {
        specs.push("'1: :->command'".into());
        specs.push("'*::: :->argument'".into());
    } else {
        specs.extend(entry.arguments.iter().map(positional));
    }
    let arguments = format!("    _arguments -C -s {}\n", specs.join(" \\\n        "));
    if !entry.leads_on() {
        return format!("{name}() {{\n{arguments}}}\n\n");
    }
    let commands: Vec<String> =
        entry.commands.iter().map(|(name, text)| quote(&format!("{name}:{text}"))).collect();
    let names: Vec<&str> = entry.commands.iter().map(|command| command.0).collect();
    format!(
        "{name}() {{\n    local curcontext=\"$curcontext\" state line\n    typeset -A opt_args\n{arguments}\
         \x20   case $state in\n    command)\n        local -a commands=(\n            {}\n        )\n\
         \x20       _describe command commands ;;\n    argument)\n\
         \x20       words=(\"$line[1]\" \"${{words[@]}}\")\n        (( CURRENT += 1 ))\n\
         \x20       case $line[1] in\n        {}) {name}_$line[1] ;;\n        esac ;;\n    esac\n}}\n\n",
        commands.join("\n            "),
        names.join(" | ")
    )
}

/// One specification of `_arguments` for each way to write it.
fn describe(option: &Switch) -> Vec<String> {
    let short = option.short.map(|letter| format!("-{letter}"));
    let names = [Some(option.long.to_owned()), short];
    let repeats = if option.repeats { "*" } else { "" };
    let description = option.description.replace('[', "\\[").replace(']', "\\]");
    let value = option
        .value
        .as_ref()
        .map_or_else(String::new, |value| format!(":{}:{}", value.name, action(value.kind)));
    let takes = if option.value.is_some() { "=" } else { "" };
    names
        .into_iter()
        .flatten()
        .map(|name| quote(&format!("{repeats}{name}{takes}[{description}]{value}")))
        .collect()
}

fn positional(argument: &Argument) -> String {
    let repeats = if argument.repeats { "*" } else { "" };
    quote(&format!("{repeats}:{}:{}", argument.name, action(argument.kind)))
}

fn action(kind: Kind) -> String {
    match kind {
        Kind::Folder => "_directories".into(),
        Kind::File => "_files".into(),
        Kind::Shell => format!("({})", SHELLS.join(" ")),
        Kind::Unknown => " ".into(),
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
