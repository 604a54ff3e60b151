//! Datagrams on a TCP connection: each behind its length in two octets, big-endian (as in RFC 4571).

/// The longest datagram; nothing that this program sends is longer than an Ethernet frame. A longer one
/// ends the connection.
const MAX_FRAME: usize = 2048;
const LENGTH: usize = 2;
/// What is read at once.
const BUFFER: usize = 16 * 1024;

/// Puts a datagram behind what is to be sent.
pub(super) fn push(octets: &mut Vec<u8>, datagram: &[u8]) {
    let Ok(length) = u16::try_from(datagram.len()) else { return };
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend_from_slice(datagram);
}

/// Takes datagrams out of what is received.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Box<[u8]>,
    /// What was received and not taken.
    start: usize,
    end: usize,
}

/// Something that cannot be a datagram of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Frames {
    pub(super) fn new() -> Frames {
        Frames { buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where to put what comes next; [`Frames::received`] says how much it was. Never empty once
    /// [`Frames::next`] has nothing more to give.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    pub(super) fn received(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// The next datagram, if a whole one is there.
    ///
    /// # Errors
    /// When the other end announces one that is too long.
    pub(super) fn next(&mut self) -> Result<Option<&mut [u8]>, TooLong> {
        let received = &self.buffer[self.start..self.end];
        let Some((length, rest)) = received.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > MAX_FRAME {
            return Err(TooLong);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let datagram = self.start + LENGTH;
        self.start = datagram + length;
        Ok(Some(&mut self.buffer[datagram..self.start]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn datagrams_come_back_however_they_are_cut(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..40),
            cut in 1usize..3000,
        ) {
            let mut octets = Vec::new();
            datagrams.iter().for_each(|datagram| push(&mut octets, datagram));
            let (mut frames, mut back) = (Frames::new(), Vec::new());
            for part in octets.chunks(cut) {
                let room = frames.room();
                prop_assert!(room.len() >= part.len());
                room[..part.len()].copy_from_slice(part);
                frames.received(part.len());
                while let Some(datagram) = frames.next().unwrap() {
                    back.push(datagram.to_vec());
                }
            }
            prop_assert_eq!(back, datagrams);
        }

        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let mut frames = Frames::new();
            frames.room()[..octets.len()].copy_from_slice(&octets);
            frames.received(octets.len());
            while let Ok(Some(datagram)) = frames.next() {
                prop_assert!(datagram.len() <= MAX_FRAME);
            }
            prop_assert!(!frames.room().is_empty() || frames.next().is_err());
        }
    }
}
