//! Octets of a file that may be damaged or lie about itself: nothing here panics or trusts a
//! length.

use std::io::{self, Read, Seek, SeekFrom};

/// What a file is to the readers: one type for all, so that their machine code is there once.
pub(super) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// A file, of which the place and the end are known.
pub(super) struct Source<'a> {
    file: &'a mut dyn ReadSeek,
    at: u64,
    length: u64,
}

impl<'a> Source<'a> {
    /// From the beginning; None if the file cannot be sought in.
    pub(super) fn new(file: &'a mut dyn ReadSeek) -> Option<Source<'a>> {
        let length = file.seek(SeekFrom::End(0)).ok()?;
        file.rewind().ok()?;
        Some(Source { file, at: 0, length })
    }

    /// The place of the next octet.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Octets of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Goes to a place in the file.
    pub(super) fn seek(&mut self, to: u64) -> Option<()> {
        if to > self.length {
            return None;
        }
        // a relative step keeps what is in the buffer
        let step = i64::try_from(to).ok()?.checked_sub(i64::try_from(self.at).ok()?)?;
        self.file.seek_relative(step).ok()?;
        self.at = to;
        Some(())
    }

    /// Leaves out so many octets.
    pub(super) fn skip(&mut self, count: u64) -> Option<()> {
        self.seek(self.at.checked_add(count)?)
    }

    /// The next octets, all of them or none.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut octets = [0; N];
        self.fill(&mut octets).then_some(octets)
    }

    /// Up to so many octets: fewer where the file ends. Takes no memory for those that are not
    /// there.
    pub(super) fn up_to(&mut self, count: u64) -> Vec<u8> {
        let mut octets = Vec::new();
        let _ = self.take(count).read_to_end(&mut octets);
        octets
    }

    /// So many octets, if there are.
    pub(super) fn octets(&mut self, count: u64) -> Option<Vec<u8>> {
        let octets = self.up_to(count);
        (octets.len() as u64 == count).then_some(octets)
    }

    /// The next octets, up to so many, as a reader.
    pub(super) fn part(&mut self, count: u64) -> impl Read {
        self.take(count)
    }

    fn fill(&mut self, mut octets: &mut [u8]) -> bool {
        while !octets.is_empty() {
            let Ok(count @ 1..) = self.read(octets) else { return false };
            octets = octets.get_mut(count..).unwrap_or_default();
        }
        true
    }
}

impl Read for Source<'_> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(octets)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// What is left of some octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets<'a>(pub(super) &'a [u8]);

impl<'a> Octets<'a> {
    /// The next octets, if there are so many.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many octets, the highest first.
    pub(super) fn big(&mut self, count: usize) -> Option<u64> {
        self.take(count).map(big)
    }

    /// A number of so many octets, the lowest first.
    pub(super) fn little(&mut self, count: usize) -> Option<u64> {
        self.take(count).map(little)
    }
}

/// The number that octets make, the highest first; of more than eight, the last eight.
pub(super) fn big(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// The number that octets make, the lowest first.
pub(super) fn little(octets: &[u8]) -> u64 {
    octets.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn nothing_is_read_behind_the_end() {
        let mut file = Cursor::new(b"0123456789");
        let mut source = Source::new(&mut file).unwrap();
        assert_eq!((source.at(), source.length()), (0, 10));
        assert_eq!(source.array(), Some(*b"012"));
        assert_eq!(source.skip(u64::MAX), None);
        assert_eq!(source.seek(11), None);
        assert_eq!(source.octets(8), None);
        source.seek(5).unwrap();
        assert_eq!(source.up_to(u64::MAX), b"56789");
        assert_eq!(source.array::<1>(), None);
        source.seek(9).unwrap();
        assert_eq!(source.octets(1).unwrap(), b"9");
    }

    #[test]
    fn numbers_have_both_orders() {
        let mut octets = Octets(&[1, 2, 3, 4, 5]);
        assert_eq!(octets.big(2), Some(0x0102));
        assert_eq!(octets.little(2), Some(0x0403));
        assert_eq!(octets.big(2), None);
        assert_eq!(octets.little(1), Some(5));
    }
}
