//! What chance changes in a file, the same for the same seed.

use testbed::dice::Dice;

/// Changes one to four things in a file of the corpus.
pub(crate) fn mutate(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).clone();
    for _ in 0..=random.below(4) {
        let (from, to) = random.range(bytes.len());
        match random.below(8) {
            0 if from < bytes.len() => bytes[from] ^= 1 << random.below(8),
            1 if from < bytes.len() => bytes[from] = random.interesting(),
            2 => bytes.truncate(from),
            3 => drop(bytes.drain(from..to)),
            4 => {
                let copy = bytes[from..to.min(from + 200)].to_vec();
                bytes.splice(to..to, copy);
            }
            5 => {
                let other = random.pick(corpus);
                let (start, end) = random.range(other.len());
                bytes.splice(from..to, other[start..end].iter().copied());
            }
            6 => bytes.insert(from, random.interesting()),
            _ if from + 1 < bytes.len() => {
                // a length, if one lies here
                let length = u16::from_be_bytes([bytes[from], bytes[from + 1]]);
                let changed = [length.wrapping_add(1), length.wrapping_sub(1), 0, u16::MAX];
                bytes[from..from + 2].copy_from_slice(&random.pick(&changed).to_be_bytes());
            }
            _ => {}
        }
    }
    bytes
}

/// Dice for octets and places.
pub(crate) struct Random(pub(crate) Dice);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.roll(limit as u64) as usize
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.0.roll(256) as u8
    }

    /// An octet that parsers treat specially, or any.
    fn interesting(&mut self) -> u8 {
        let octet = self.octet();
        *self
            .pick(&[0, 1, 0x7f, 0x80, 0xff, b'\n', b' ', b'.', b'-', b'@', b'%', b'/', b'A', octet])
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Two places in order, up to and including the end.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let (one, other) = (self.below(length + 1), self.below(length + 1));
        (one.min(other), one.max(other))
    }
}
