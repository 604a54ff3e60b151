//! A reader that gives up after so much work, for parsers of files from anywhere.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

/// Reads at most so many octets of another reader, wherever they lie; then every call fails.
#[derive(Debug)]
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
}

/// What a seek counts in octets, so that a file whose parts point at each other ends too.
const SEEK: u64 = 64;

/// A file from its beginning, of which at most `limit` octets are read. None if it cannot be rewound.
pub(super) fn from_start(mut file: &File, limit: u64) -> Option<BufReader<Bounded<&File>>> {
    file.rewind().ok()?;
    Some(BufReader::new(Bounded::new(file, limit)))
}

impl<R> Bounded<R> {
    /// Allows `limit` octets.
    pub(super) fn new(inner: R, limit: u64) -> Bounded<R> {
        Bounded { inner, left: limit }
    }

    fn spend(&mut self, octets: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(octets).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.spend(count as u64)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.spend(SEEK)?;
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn reading_and_seeking_end() {
        let mut all = Vec::new();
        Bounded::new(Cursor::new([7; 100]), 100).read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), 100);
        let short = Bounded::new(Cursor::new([7; 100]), 99).read_to_end(&mut all);
        assert_eq!(short.unwrap_err().kind(), io::ErrorKind::FileTooLarge);

        let mut circling = Bounded::new(Cursor::new([7; 100]), 640);
        let rounds = (0..).take_while(|_| circling.rewind().is_ok()).count();
        assert_eq!(rounds, 10);
    }
}
