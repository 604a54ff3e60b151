//! Runs parsers over their corpus and over mutations of it.

use std::{env, fs, path::Path, thread, time::Duration};

use data_encoding::HEXLOWER;
use p2p::runtime::{clock, random};
use testbed::dice::Dice;

use crate::random::Random;

/// Runs a parser over its corpus and over mutations of it; how many mutations it accepted.
pub(crate) fn fuzz(
    folder: &str,
    rounds: u64,
    mutate: impl Fn(&mut Random, &[Vec<u8>]) -> Vec<u8>,
    accepts: impl Fn(&[u8]) -> bool,
) -> u64 {
    let corpus = corpus(folder);
    for (file, bytes) in &corpus {
        let witness = Witness { what: format!("{folder}/{file}"), bytes };
        assert_eq!(accepts(bytes), file.starts_with("ok-"), "{}", witness.what);
    }
    let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    let number = |variable| env::var(variable).ok().and_then(|text| text.parse().ok());
    let span = number("P2P_FUZZ_SECONDS").map(Duration::from_secs);
    let first = if span.is_some() { random::number() } else { 0x5eed };
    let seed = number("P2P_FUZZ_SEED").unwrap_or(first);
    println!("{folder}: P2P_FUZZ_SEED={seed}");
    let mut random = Random(Dice(seed));
    let start = clock::now();
    let mut accepted = 0;
    for round in 0.. {
        let over = span.map_or(round >= rounds, |span| clock::now() - start >= span);
        if over {
            break;
        }
        let bytes = mutate(&mut random, &seeds);
        let _witness = Witness { what: format!("{folder}, seed {seed}, {round}"), bytes: &bytes };
        accepted += u64::from(accepts(&bytes));
    }
    println!("{folder}: accepted {accepted}");
    accepted
}

/// Prints the input on the way out of a panic.
struct Witness<'a> {
    what: String,
    bytes: &'a [u8],
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let Witness { what, bytes } = self;
            println!("{what}: {}\n{}", HEXLOWER.encode(bytes), bytes.escape_ascii());
        }
    }
}

fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    let begins = |with| files.iter().filter(move |(name, _)| name.starts_with(with)).count();
    assert!(begins("ok-") > 1 && begins("bad-") > 0, "{} is incomplete", folder.display());
    assert_eq!(begins("ok-") + begins("bad-"), files.len(), "{}", folder.display());
    files
}
