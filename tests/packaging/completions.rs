//! The completions in the shells they are for.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use testbed::programs;

/// Writes the script of a shell into a folder that has another folder and a file in it.
fn script(shell: &str, folder: &Path) -> String {
    let output = programs::p2p().args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let path = folder.join(format!("completions.{shell}"));
    fs::write(&path, &output.stdout).unwrap();
    fs::create_dir(folder.join("my media")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A line as typed so far, with what the shell proposes for its last word.
const PROPOSALS: [(&str, &[&str]); 9] = [
    ("p2p con", &["contact"]),
    ("p2p contact ", &["add", "list", "remove"]),
    ("p2p contact list --j", &["--json"]),
    ("p2p --home contact contact r", &["remove"]),
    ("p2p serve --po", &["--port"]),
    ("p2p serve my", &["my media"]),
    ("p2p store --dir my", &["my media"]),
    ("p2p serve --port my", &[]),
    ("p2p completions ", &["bash", "fish", "zsh"]),
];

fn has_all(line: &str, got: &[&str], wanted: &[&str]) {
    let missing: Vec<_> = wanted.iter().filter(|word| !got.contains(word)).collect();
    assert!(missing.is_empty(), "{line:?}: {got:?} is without {missing:?}");
    assert!(!wanted.is_empty() || got.is_empty(), "{line:?}: {got:?}");
}

#[test]
fn bash_proposes_what_comes_next() {
    let Some(bash) = programs::find("bash") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = script("bash", folder.path());
    for (line, wanted) in PROPOSALS {
        // bash splits the line before it calls the function; no word here has a space
        let mut shell = Command::new(&bash);
        shell.args(["--norc", "-c"]).arg(
            "source \"$1\"; read -ra COMP_WORDS <<<\"$2\"; [[ $2 == *' ' ]] && COMP_WORDS+=('')\n\
             COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _p2p 2>/dev/null\n\
             (( ${#COMPREPLY[@]} == 0 )) || printf '%s\\n' \"${COMPREPLY[@]}\"",
        );
        let output = shell.args(["bash", &script, line]).current_dir(&folder).output().unwrap();
        let got = said(&output);
        has_all(line, &got.lines().collect::<Vec<_>>(), wanted);
    }
    let Some(shellcheck) = programs::find("shellcheck") else { return };
    let output = Command::new(shellcheck).args(["--shell=bash", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn fish_proposes_what_comes_next() {
    let Some(fish) = programs::find("fish") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = script("fish", folder.path());
    for (line, wanted) in PROPOSALS {
        let mut shell = Command::new(&fish);
        shell.env("HOME", folder.path()).current_dir(&folder);
        let output = shell
            .args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"])
            .args([&script, line])
            .output()
            .unwrap();
        let got = said(&output);
        let got: Vec<&str> = got
            .lines()
            .map(|line| line.split('\t').next().unwrap().trim_end_matches('/'))
            .collect();
        has_all(line, &got, wanted);
    }
}

#[test]
fn zsh_completes_a_line_that_is_typed() {
    let Some(zsh) = programs::find("zsh") else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = script("zsh", folder.path());
    // what a person types; the tabulator completes, and the function shows what became of the line
    let typed = "p2p con\tli\t--js\t\np2p sto\t--di\tmy\t\np2p ser\tmy\t --ov\tlan\n";
    let driver = format!(
        "zmodload zsh/zpty\nzpty inner env HOME={0} TERM=dumb zsh -f -i\n\
         zpty -w inner 'unsetopt zle_bracketed_paste 2>/dev/null; autoload -Uz compinit; compinit -u -D'\n\
         zpty -w inner 'cd {0}; source {script}; p2p() {{ print \"<$*>\" }}'\n\
         zpty -w inner $'{1}'\nzpty -r inner got '*<serve*>*'; print -r -- $got\n",
        folder.path().display(),
        typed.replace('\n', "\\n").replace('\t', "\\t")
    );
    let mut shell = Command::new("timeout");
    let output = shell.arg("60").arg(zsh).args(["-f", "-c", &driver]).output().unwrap();
    let got = String::from_utf8_lossy(&output.stdout);
    for line in
        ["<contact list --json>", "<store --dir=my media>", "<serve my media --overlay=lan>"]
    {
        assert!(got.contains(line), "{line} in {output:?}");
    }
}
