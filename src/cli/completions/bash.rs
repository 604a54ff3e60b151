//! Completions for bash, from version 3.2 on.

use super::{Entry, Kind, SHELLS, Switch};

/// The script.
pub(super) fn script(table: &[Entry]) -> String {
    let below: Vec<String> = table.iter().skip(1).map(|entry| quote(&entry.path())).collect();
    let mut script = format!(
        "{HEAD}        {}) at=\"$at $word\" ;;\n        esac\n    done\n\
         \x20   if [[ $current == = ]]; then\n        current=''\n\
         \x20   elif [[ $option == = ]]; then\n        option=${{COMP_WORDS[COMP_CWORD - 2]}}\n    fi\n\
         \x20   case \"$at $option\" in\n",
        below.join(" | ")
    );
    for kind in [Kind::Folder, Kind::File, Kind::Unknown] {
        let patterns = valued(table, kind);
        if !patterns.is_empty() {
            let (patterns, proposal) = (patterns.join(" | "), propose(kind));
            script.push_str(&format!("    {patterns})\n        {proposal}\n        return ;;\n"));
        }
    }
    script.push_str("    esac\n    case $at in\n");
    for entry in table {
        let mut options = Vec::new();
        for option in &entry.options {
            options.push(option.long.to_owned());
            options.extend(option.short.map(|letter| format!("-{letter}")));
        }
        let commands: Vec<&str> = entry.commands.iter().map(|command| command.0).collect();
        let kind = entry.arguments.last().map_or(Kind::Unknown, |argument| argument.kind);
        let otherwise =
            if entry.leads_on() { words(&commands.join(" ")) } else { propose(kind).to_owned() };
        script.push_str(&format!(
            "    {})\n        case $current in\n        -*) {} ;;\n        *) {otherwise} ;;\n        esac ;;\n",
            quote(&entry.path()),
            words(&options.join(" "))
        ));
    }
    script + TAIL
}

const HEAD: &str = "\
# bash completions, printed by p2p completions bash
# shellcheck disable=SC2207 # names with spaces are split at line ends only
_p2p() {
    local IFS=$'\\n' at=p2p word i
    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case \"$at $word\" in
        *' --home') ((i++)) ;;
";

const TAIL: &str = "\
    esac
}
complete -F _p2p p2p";

/// The options whose value is of a kind, each behind its command.
fn valued(table: &[Entry], kind: Kind) -> Vec<String> {
    let mut patterns = Vec::new();
    for entry in table {
        let takes = |option: &&Switch| option.value.as_ref().is_some_and(|v| v.kind == kind);
        for option in entry.options.iter().filter(takes) {
            patterns.push(quote(&format!("{} {}", entry.path(), option.long)));
        }
    }
    patterns
}

fn quote(text: &str) -> String {
    format!("'{text}'")
}

fn words(words: &str) -> String {
    let lines = words.replace(' ', "\\n");
    format!("COMPREPLY=($(compgen -W $'{lines}' -- \"$current\"))")
}

fn propose(kind: Kind) -> String {
    let files = |letter| {
        format!(
            "compopt -o filenames 2>/dev/null\n        COMPREPLY=($(compgen -{letter} -- \"$current\"))"
        )
    };
    match kind {
        Kind::Folder => files('d'),
        Kind::File => files('f'),
        Kind::Shell => words(&SHELLS.join(" ")),
        Kind::Unknown => ":".into(),
    }
}
