//! `p2p contact add`: accepts somebody's key.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
};

use argh::{ArgsInfo, FromArgs};

use super::super::{
    home,
    speak::{self, Failure, Outcome},
    values::overlay,
};
use super::{not_pinned, parse_name, take, usable};
use crate::daemon::{ContactBook, Home, claims_of};
use crate::identity::{Name, PublicKey, PublicKeyFile, ShareLink};
use crate::overlay::OverlayAddress;
use crate::runtime::{block_on, file, plain};
use crate::trust::Binding;

/// Accept somebody's key.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "add")]
pub(in crate::cli) struct Add {
    /// a share link p2p://…, a file with one, or a name
    #[argh(positional)]
    who: String,

    /// the public key or a file with it, where a name is given; without it the overlays are asked
    #[argh(positional)]
    key: Option<String>,

    /// take overlays of a link also where they are on this machine or its network
    #[argh(switch)]
    nearby: bool,

    /// where to ask for a name, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,
}

/// A share link or a public key in a file, with something around it.
const MAX_FILE: usize = 16 * 1024;

impl Add {
    pub(super) fn run(self, home: &Home, book: &ContactBook) -> Outcome {
        if let Some(key) = &self.key {
            let name = parse_name(&self.who)?;
            let key = read_key(key)?;
            usable(&key)?;
            book.pin(&name, key).map_err(|error| not_pinned(&name, &error))?;
            return said(&name, &key);
        }
        let is_link = self.who.trim_start().to_ascii_lowercase().starts_with("p2p:");
        if !is_link && self.who.contains('@') && !Path::new(&self.who).exists() {
            return meet(home, book, &parse_name(&self.who)?, &self.overlay);
        }
        let text = if is_link { self.who.clone() } else { link_in(&self.who)? };
        let link = ShareLink::parse(&text).map_err(|error| {
            Failure::usage(format!("{:?} is not a share link: {error}", self.who))
                .hint("p2p contact add NAME KEY takes a name and a key")
        })?;
        take(home, &link, self.nearby)?;
        said(&link.name, &link.key)
    }
}

fn said(name: &Name, key: &PublicKey) -> Outcome {
    speak::line(format!("{name}  {}", key.fingerprint()))
}

/// The first share link in a file, or the text itself where there is no such file.
fn link_in(path: &str) -> Result<String, Failure> {
    match file::read(Path::new(path), MAX_FILE) {
        Ok(content) => {
            let content = String::from_utf8_lossy(&content).into_owned();
            let link = content.split_whitespace().find(|word| {
                word.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("p2p://"))
            });
            link.map(str::to_owned).ok_or_else(|| {
                Failure::failed(format!("there is no share link in {path}"))
                    .hint("the other side finds it with p2p status")
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(Failure::failed(format!("cannot read {path}: {}", plain(&error)))),
    }
}

/// A key as 52 characters, or in a minisign file.
fn read_key(text: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let content = file::read(Path::new(text), MAX_FILE).unwrap_or_default();
    let file = PublicKeyFile::parse(&String::from_utf8_lossy(&content));
    file.map(|file| file.key).map_err(|_| {
        Failure::usage(format!("{text:?} is not a public key of 52 characters"))
            .hint("it is the last part of the share link that p2p init printed")
    })
}

/// Asks the overlays who claims a name, and the person whether to trust the key.
fn meet(home: &Home, book: &ContactBook, name: &Name, given: &[OverlayAddress]) -> Outcome {
    let overlays = home::config(home)?.overlays(given).map_err(Failure::usage)?;
    let found = block_on(claims_of(home, &overlays, name));
    let found = found.map_err(|error| Failure::failed(&error).hint(error.words().advice))?;
    let [claimed] = &found.claimed[..] else {
        return Err(Failure::refused(&found.reason)
            .hint(format!("ask {name} for the share link and run p2p contact add LINK")));
    };
    if let Some(known) = book.contacts().map_err(Failure::failed)?.get(name) {
        if known.key != claimed.key {
            return Err(Failure::refused(&found.reason).hint(format!(
                "p2p contact remove {name} forgets the known key, once its owner confirms the new one"
            )));
        }
        if known.binding == Binding::Pinned {
            return said(name, &known.key);
        }
    }
    speak::note(&found.reason);
    speak::note(format!("key           {}", claimed.words()));
    if let Some(phrase) = &found.phrase {
        speak::note(format!("safety phrase {phrase}"));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::refused("nobody is here to compare the fingerprint")
            .hint("run it on a terminal, or p2p contact add NAME KEY with the key that you know"));
    }
    eprint!("have you compared it with {name}, and is it the same? (yes/no) ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    if answer.trim() != "yes" {
        return Err(Failure::refused(format!("the key of {name} is not accepted")));
    }
    let accepted = book.accept(name, claimed.key, Binding::Pinned);
    accepted.map_err(|error| not_pinned(name, &error))?;
    said(name, &claimed.key)
}
