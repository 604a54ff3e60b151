//! Completions for fish.

use super::{Entry, Kind, SHELLS, Switch};

/// The script.
pub(super) fn script(table: &[Entry]) -> String {
    let below: Vec<String> = table.iter().skip(1).map(|entry| quote(&at(entry))).collect();
    let mut script = HEAD.replace("PATHS", &below.join(" "));
    for entry in table {
        let condition = quote(&format!("__p2p_at {}", quote_inside(&at(entry))));
        for (name, description) in &entry.commands {
            script.push_str(&format!(
                "complete -c p2p -n {condition} -a {name} -d {}\n",
                quote(description)
            ));
        }
        for option in &entry.options {
            script.push_str(&format!("complete -c p2p -n {condition} {}\n", describe(option)));
        }
        if let Some(argument) = entry.arguments.last() {
            match argument.kind {
                Kind::Folder => script.push_str(&format!(
                    "complete -c p2p -n {condition} -a '(__fish_complete_directories)'\n"
                )),
                Kind::File => script.push_str(&format!("complete -c p2p -n {condition} -F\n")),
                Kind::Shell => script.push_str(&format!(
                    "complete -c p2p -n {condition} -a {}\n",
                    quote(&SHELLS.join(" "))
                )),
                Kind::Unknown => {}
            }
        }
    }
    script.truncate(script.trim_end().len());
    script
}

const HEAD: &str = "\
# fish completions, printed by p2p completions fish
function __p2p_at -d 'whether the commands typed so far are those given'
    set -l at ''
    set -l skip ''
    for word in (commandline -opc)[2..-1]
        if test -n \"$skip\"
            set skip ''
            continue
        end
        switch \"$at $word\"
            case '* --home'
                set skip yes
            case PATHS
                set at \"$at $word\"
        end
    end
    test \"$at\" = \"$argv\"
end
complete -c p2p -f
";

/// The words behind the program's name, each after a space.
fn at(entry: &Entry) -> String {
    entry.path.iter().skip(1).map(|word| format!(" {word}")).collect()
}

fn describe(option: &Switch) -> String {
    let mut words = vec![format!("-l {}", option.long.trim_start_matches('-'))];
    words.extend(option.short.map(|letter| format!("-s {letter}")));
    if let Some(value) = &option.value {
        words.push(match value.kind {
            Kind::Folder => "-x -a '(__fish_complete_directories)'".into(),
            Kind::File => "-r -F".into(),
            Kind::Shell | Kind::Unknown => "-x".into(),
        });
    }
    words.push(format!("-d {}", quote(option.description)));
    words.join(" ")
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn quote_inside(text: &str) -> String {
    format!("\"{text}\"")
}
