//! Sequence floors: the newest packet seen of each key, so that an old one cannot be offered again.

use std::{collections::HashMap, fmt};

use crate::identity::{PublicKey, Timestamp};

/// The lowest acceptable sequence of each remembered key. Bounded; the lowest floors are forgotten
/// first, since what they protect from has most likely expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floors {
    floors: HashMap<PublicKey, Timestamp>,
}

impl Floors {
    /// How many keys are remembered.
    pub const CAPACITY: usize = 4096;

    /// A book without entries.
    pub fn new() -> Floors {
        Floors::default()
    }

    /// The lowest acceptable sequence of a key; zero if it is not remembered.
    pub fn of(&self, key: &PublicKey) -> Timestamp {
        self.floors.get(key).copied().unwrap_or_default()
    }

    /// Remembers that a packet with this sequence was accepted. Never lowers a floor.
    pub fn raise(&mut self, key: PublicKey, sequence: Timestamp) {
        if !self.floors.contains_key(&key) && self.floors.len() >= Floors::CAPACITY {
            self.forget_lowest();
        }
        let floor = self.floors.entry(key).or_default();
        *floor = sequence.max(*floor);
    }

    /// How many keys are remembered now.
    pub fn len(&self) -> usize {
        self.floors.len()
    }

    /// True if no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.floors.is_empty()
    }

    /// The text form: a line per key with its sequence in microseconds, sorted.
    pub fn to_text(&self) -> String {
        let mut lines: Vec<String> = self
            .floors
            .iter()
            .map(|(key, sequence)| format!("{key} {}\n", sequence.as_micros()))
            .collect();
        lines.sort();
        lines.concat()
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// At the first line that is not a key and a sequence, or beyond [`Floors::CAPACITY`].
    pub fn parse(text: &str) -> Result<Floors, FloorsError> {
        let mut floors = Floors::new();
        for (index, line) in text.lines().enumerate() {
            let entry = read_line(line).filter(|_| index < Floors::CAPACITY);
            let (key, sequence) = entry.ok_or(FloorsError { line: index + 1 })?;
            floors.raise(key, sequence);
        }
        Ok(floors)
    }

    fn forget_lowest(&mut self) {
        if let Some(lowest) = self.floors.iter().min_by_key(|(_, s)| **s).map(|(key, _)| *key) {
            self.floors.remove(&lowest);
        }
    }
}

fn read_line(line: &str) -> Option<(PublicKey, Timestamp)> {
    let (key, micros) = line.split_once(' ')?;
    let digits = !micros.is_empty() && micros.bytes().all(|b| b.is_ascii_digit());
    let micros = if digits { micros.parse().ok()? } else { return None };
    Some((key.parse().ok()?, Timestamp::from_micros(micros)))
}

/// A line of the text form that is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorsError {
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for FloorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: not a key and a sequence", self.line)
    }
}

impl std::error::Error for FloorsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> PublicKey {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&number.to_be_bytes());
        PublicKey(octets)
    }

    fn at(micros: usize) -> Timestamp {
        Timestamp::from_micros(micros as u64)
    }

    #[test]
    fn a_floor_only_rises() {
        let mut floors = Floors::new();
        assert_eq!(floors.of(&key(1)), at(0));
        for sequence in [5, 9, 7] {
            floors.raise(key(1), at(sequence));
        }
        assert_eq!(floors.of(&key(1)), at(9));
        assert_eq!(floors.of(&key(2)), at(0));
    }

    #[test]
    fn the_lowest_goes_when_it_is_full() {
        let mut floors = Floors::new();
        for number in 0..Floors::CAPACITY {
            floors.raise(key(number), at(1000 + number));
        }
        floors.raise(key(0), at(9000));
        floors.raise(key(999_999), at(5000));
        assert_eq!(floors.len(), Floors::CAPACITY);
        assert_eq!(floors.of(&key(0)), at(9000), "an old friend who was raised stays");
        assert_eq!(floors.of(&key(1)), at(0));
        assert_eq!(floors.of(&key(2)), at(1002));
    }

    #[test]
    fn the_text_form_comes_back() {
        let mut floors = Floors::new();
        (1..50).for_each(|number| floors.raise(key(number), at(number * 77)));
        assert_eq!(Floors::parse(&floors.to_text()), Ok(floors.clone()));
        assert_eq!(Floors::parse(""), Ok(Floors::new()));
        let good = floors.to_text();
        let line = good.lines().next().unwrap();
        for bad in
            ["", "x 1", &line.replace(' ', "  "), &line.replace(' ', " +"), &format!("{line}1x")]
        {
            let text = format!("{line}\n{bad}\n");
            assert_eq!(Floors::parse(&text), Err(FloorsError { line: 2 }), "{bad:?}");
        }
        let too_many: String = (0..5000).map(|n| format!("{} {n}\n", key(n))).collect();
        assert_eq!(Floors::parse(&too_many), Err(FloorsError { line: 4097 }));
    }
}
