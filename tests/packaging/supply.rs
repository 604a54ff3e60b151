//! What comes with the program from others: licences that may be passed on, nothing without use, nothing that
//! wants a newer compiler than we say.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::Command,
};

use nanoserde::DeJson;

/// Licences under which a library may be part of the program.
const ALLOWED: [&str; 8] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

#[derive(DeJson)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(DeJson)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    rust_version: Option<String>,
}

#[derive(DeJson)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<String>,
}

#[derive(DeJson)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(DeJson)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(DeJson)]
struct DependencyKind {
    /// None for what is linked, else `build` or `dev`.
    kind: Option<String>,
}

/// All packages that take part in building the program, on any system, without the tests.
fn packages() -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata = Metadata::deserialize_json(str::from_utf8(&output.stdout).unwrap()).unwrap();
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let root = metadata.resolve.root.as_deref().unwrap();
    let (mut reached, mut waiting) = (BTreeSet::from([root]), vec![root]);
    while let Some(id) = waiting.pop() {
        for dependency in &nodes[id].deps {
            let dev = |kind: &DependencyKind| kind.kind.as_deref() == Some("dev");
            if !dependency.dep_kinds.iter().all(dev) && reached.insert(&dependency.pkg) {
                waiting.push(&dependency.pkg);
            }
        }
    }
    let taken: BTreeSet<String> =
        reached.into_iter().filter(|id| *id != root).map(str::to_owned).collect();
    assert!(taken.len() > 50);
    metadata.packages.into_iter().filter(|package| taken.contains(&package.id)).collect()
}

/// Whether an SPDX expression can be met with allowed licences alone.
fn allows(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    let met = any(&mut words);
    assert!(words.is_empty(), "{expression}");
    met
}

fn any(words: &mut &[&str]) -> bool {
    let mut met = all(words);
    while let ["OR", rest @ ..] = words {
        *words = rest;
        met |= all(words);
    }
    met
}

fn all(words: &mut &[&str]) -> bool {
    let mut met = one(words);
    while let ["AND", rest @ ..] = words {
        *words = rest;
        met &= one(words);
    }
    met
}

fn one(words: &mut &[&str]) -> bool {
    match words {
        ["(", rest @ ..] => {
            *words = rest;
            let met = any(words);
            assert_eq!(words.first(), Some(&")"));
            *words = &words[1..];
            met
        }
        // an exception only permits more
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => {
            *words = rest;
            ALLOWED.contains(licence)
        }
        [] => false,
    }
}

#[test]
fn expressions_are_understood() {
    for (expression, allowed) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT OR (GPL-2.0-only AND ISC)", true),
        ("(MIT AND GPL-2.0-only) OR GPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT/Apache-2.0", true),
        ("", false),
    ] {
        assert_eq!(allows(expression), allowed, "{expression}");
    }
}

#[test]
fn every_licence_is_allowed_and_listed() {
    let mut lines = BTreeSet::new();
    for package in packages() {
        let licence = package.license.unwrap_or_default();
        assert!(allows(&licence), "{}: {licence:?} is not allowed", package.name);
        lines.insert(format!("{:<28} {licence}\n", package.name));
    }
    let list = lines.into_iter().collect::<String>();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/licences.txt");
    if env::var_os("UPDATE").is_some() {
        fs::write(path, &list).unwrap();
    }
    let known = fs::read_to_string(path).unwrap_or_default();
    assert!(
        known == list,
        "the libraries are others: UPDATE=1 cargo test --test packaging licence"
    );
}

#[test]
fn no_library_wants_a_newer_compiler() {
    let ours = numbers(env!("CARGO_PKG_RUST_VERSION"));
    let newer: Vec<String> = packages()
        .into_iter()
        .filter_map(|package| Some((package.name, package.rust_version?)))
        .filter(|(_, version)| numbers(version) > ours)
        .map(|(name, version)| format!("{name} wants {version}"))
        .collect();
    assert_eq!(newer, Vec::<String>::new());
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[test]
fn every_library_asked_for_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut unused: Vec<String> = Vec::new();
    for (heading, folders) in
        [("[dependencies]", &["src"][..]), ("[dev-dependencies]", &["src", "tests", "benches"])]
    {
        let (_, section) = manifest.split_once(heading).unwrap();
        let section = section.split("\n[").next().unwrap();
        // what is asked for its features alone changes a library that others use
        let for_features = |line: &str| line.contains("release_max_level_off");
        let names = section.lines().filter(|line| !line.starts_with('#') && !for_features(line));
        let names = names.filter_map(|line| line.split_once(" =")).map(|(name, _)| name);
        let names: Vec<String> = names.map(|name| name.replace('-', "_")).collect();
        assert!(names.len() > 3, "{heading}");
        let code: String = folders.iter().map(|folder| code(&root.join(folder))).collect();
        unused.extend(names.into_iter().filter(|name| !is_used(import(name), &code)));
    }
    assert_eq!(unused, Vec::<String>::new());
}

/// Whether a path begins with it.
fn is_used(package: &str, code: &str) -> bool {
    let path = format!("{package}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// As what a package is imported, where that is not its name.
fn import(package: &str) -> &str {
    match package {
        "kamadak_exif" => "exif",
        "md_5" => "md5",
        named => named,
    }
}

/// All code below a folder, without comments.
fn code(folder: &Path) -> String {
    let mut code = String::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            code.push_str(&self::code(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.extend(lines.flat_map(|line| [line, "\n"]));
        }
    }
    code
}
