//! House rules that rustc cannot check: who may import whom, and what the sans-IO layers may name.

use std::{fs, path::Path};

/// Modules from the bottom up; each uses lower layers only. The table in `lib.rs` says the same.
const LAYERS: &[&[&str]] = &[
    &["identity"],
    &["trust"],
    &["registration"],
    &["runtime"],
    &["link", "overlay"],
    &["transport"],
    &["serve", "service"],
    &["web"],
    &["daemon"],
    &["cli"],
];

/// Parts of the daemon from the bottom up; what puts them together, beside and above them, uses all of them.
const PARTS_OF_THE_DAEMON: &[&[&str]] =
    &[&["home"], &["books"], &["meeting_room"], &["presence", "finder"]];

/// Files and folders that take time and bytes as arguments and touch nothing outside.
const PURE: &[&str] = &[
    "identity/",
    "trust/",
    "registration/",
    "link/agent",
    "link/candidate",
    "link/datagram",
    "link/early",
    "link/initial",
    "link/introducing",
    "link/exclusions",
    "link/gathering",
    "link/held",
    "link/limit",
    "link/locator_set",
    "link/network",
    "link/observed",
    "link/path",
    "link/peer",
    "link/refusals",
    "link/rendezvous/carrier",
    "link/rendezvous/channels",
    "link/rendezvous/client",
    "link/rendezvous/frames",
    "link/rendezvous/header",
    "link/rendezvous/introductions",
    "link/rendezvous/message",
    "link/rendezvous/meter",
    "link/rendezvous/refusal",
    "link/rendezvous/relay",
    "link/rendezvous/rules",
    "link/rendezvous/saved",
    "link/rendezvous/forwarding",
    "link/rendezvous/server",
    "link/rendezvous/session",
    "link/seal",
    "link/volley",
    "link/portmap/gateway",
    "link/portmap/igd",
    "link/portmap/nat_pmp",
    "link/portmap/pcp",
    "link/teredo/address",
    "link/teredo/bare",
    "link/teredo/client",
    "link/teredo/encapsulation",
    "link/teredo/ipv6",
    "link/teredo/peers",
    "link/teredo/qualification",
    "link/teredo/setting",
    "link/teredo/state",
    "link/stun/address",
    "link/stun/behaviour",
    "link/stun/client",
    "link/stun/integrity",
    "link/stun/message",
    "link/stun/reflexive",
    "link/stun/transaction",
    "link/turn/",
    "link/selected_path",
    "link/silence",
    "link/way",
    "overlay/bep44",
    "overlay/address",
    "overlay/base_url",
    "overlay/folder/signature",
    "overlay/folder/url",
    "overlay/family",
    "overlay/host",
    "overlay/lan/message",
    "overlay/pkarr/dns",
    "overlay/store/datagram",
    "overlay/store/framing",
    "overlay/store/places",
    "overlay/tracker/announcement",
    "overlay/tracker/bencode",
    "overlay/tracker/url",
    "runtime/events/timers",
    "runtime/ip",
    "runtime/load",
    "runtime/network/message",
    "serve/conditional",
    "serve/range",
    "service/access_rules",
    "service/registry",
    "transport/admission",
    "transport/congestion",
    "transport/throughput",
    "transport/tolerant",
    "web/gate",
    "web/hop",
    "web/target",
    "web/terse/",
];

/// What no pure file may name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "Instant::now",
    "SystemTime",
    "Async<",
    "Async::",
    "blocking::",
    "SystemRandom",
    "runtime::clock",
    "runtime::file",
    "runtime::random",
    "runtime::spawn",
];

fn sources() -> Vec<(String, String)> {
    let mut found = below("src");
    found.retain(|(name, _)| !name.ends_with("tests.rs") && !name.contains("/tests/")); // those may use the edge
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// All sources below a folder, with their paths in it.
fn below(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn module_of(name: &str) -> &str {
    name.split(['/', '.']).next().unwrap()
}

/// The first word of what follows `crate::`.
fn module_of_path(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// Whether a path at that place of a line is that of a `use`, not of `pub(in …)`.
fn is_import(line: &str, at: usize) -> bool {
    line[..at].trim_end().ends_with("use")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The lines that are code, without the tests at the bottom of a file.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_look_down() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let module = module_of(&name);
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let Some(own) = layer(module) else {
            wrong.push(format!("{name}: give `{module}` a layer"));
            continue;
        };
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (at, _) in line.match_indices("crate::") {
                let to = module_of_path(&line[at + "crate::".len()..]);
                if to.is_empty() {
                    wrong.push(format!("{name}: name one module per `use crate::…`"));
                } else if to != module && layer(to).is_none_or(|to| to >= own) {
                    wrong.push(format!("{name}: {module} may not use {to}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn parts_of_the_daemon_look_down() {
    let part = |name: &str| PARTS_OF_THE_DAEMON.iter().position(|parts| parts.contains(&name));
    let mut wrong = Vec::new();
    for (name, text) in below("src/daemon") {
        let own = module_of(&name);
        let Some(place) = part(own) else { continue };
        let is_part = name.split_once(own).is_some_and(|(_, rest)| rest == ".rs");
        for line in code(&text) {
            let siblings = if is_part { "super::" } else { "crate::daemon::" };
            for (at, _) in line.match_indices(siblings).filter(|(at, _)| is_import(line, *at)) {
                let to = module_of_path(&line[at + siblings.len()..]);
                if to != own && part(to).is_none_or(|to| to >= place) {
                    wrong.push(format!("daemon/{name}: {own} may not use `{to}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_sans_io() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        if !PURE.iter().any(|pure| name.starts_with(pure)) {
            continue;
        }
        for line in code(&text) {
            let bad = IMPURE.iter().filter(|word| line.contains(**word));
            wrong.extend(bad.map(|word| format!("{name}: {word} in a sans-IO module")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an authority is made of: nothing that could open a socket.
const OFFLINE: &[&str] = &["cli/ca/", "cli/passphrase", "daemon/home", "trust/", "identity/"];
/// What these may import of this program; `runtime` only as far as it is files, clock and chance.
const OFFLINE_MAY_USE: &[&str] = &[
    "identity::",
    "trust::",
    "daemon::Home;",
    "runtime::clock",
    "runtime::file",
    "runtime::plain",
    "runtime::random",
    "runtime::unblock;",
    "runtime::{",
];
/// What they may never name.
const SOCKETS: &[&str] =
    &["::net::", "Async<", "socket2", "hyper", "quinn", "http", "link::", "overlay::"];

#[test]
fn an_authority_opens_no_socket() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, text) in sources() {
        if !OFFLINE.iter().any(|offline| name.starts_with(offline)) {
            continue;
        }
        seen += 1;
        let strict = name.starts_with("cli/ca/") || name == "cli/passphrase.rs";
        let mut inside_runtime = false;
        for line in code(&text) {
            let bad = SOCKETS.iter().filter(|word| strict && line.contains(**word));
            wrong.extend(bad.map(|word| format!("{name}: {word}")));
            if let Some((_, import)) = line.split_once("use crate::").filter(|_| strict) {
                if !OFFLINE_MAY_USE.iter().any(|may| import.starts_with(may)) {
                    wrong.push(format!("{name}: {import}"));
                }
                inside_runtime = import.starts_with("runtime::{");
            } else if inside_runtime {
                let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
                let known = ["clock", "file", "self", "Access", "plain", "random", ""];
                wrong.extend(
                    words.filter(|word| !known.contains(word)).map(|w| format!("{name}: {w}")),
                );
                inside_runtime = !line.contains("};");
            }
        }
    }
    assert!(seen > 20, "the files were not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|s| s.0).collect();
    assert!(silent.is_empty(), "no module documentation: {silent:?}");
}

#[test]
fn one_file_is_trusted_beyond_the_compiler() {
    let trusted: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| code(text).any(|line| line.contains("unsafe_code")))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(trusted, ["runtime/memory.rs"]);
}

/// Where tests and benches get the program from.
const PROGRAMS: &str = "testbed/src/programs.rs";
/// Programs that would start ours without what [`PROGRAMS`] sets.
const SHELLS: &[&str] = &["bash", "env", "nsenter", "script", "setsid", "sh", "unshare"];

#[test]
fn no_test_asks_the_overlays_that_people_use() {
    // in pieces, so that this file is none of those
    let path = concat!("CARGO_BIN", "_EXE_p2p");
    let (new, remove) = (concat!("Command::", "new("), concat!("env_", "remove(\"P2P_OVERLAYS"));
    let everywhere =
        [path.to_owned(), format!("{new}p2p_path"), remove.into(), concat!("env_", "clear").into()];
    let by_shells = SHELLS.iter().map(|shell| format!("{new}\"{shell}\")")).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for (name, text) in ["tests", "benches"].iter().flat_map(|folder| below(folder)) {
        if name == PROGRAMS {
            assert!(text.contains("fn p2p_path") && text.contains("(\"P2P_OVERLAYS\", \"lan\")"));
            continue;
        }
        let names_it = text.contains("p2p_path");
        let forbidden = everywhere.iter().chain(by_shells.iter().filter(|_| names_it));
        let found = forbidden.filter(|forbidden| text.contains(*forbidden));
        wrong.extend(found.map(|what| format!("{name}: {what} in place of tests/{PROGRAMS}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
