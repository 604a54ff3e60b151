//! Vorbis (Vorbis I, annex A) and Opus (RFC 7845) in Ogg (RFC 3533): pages, each with pieces of
//! packets.
//!
//! The first packet says what the stream is, the second has the comments, and the last page tells
//! how many samples there are.

use std::{
    io::{self, Read},
    time::Duration,
};

use super::{
    found::Found,
    source::{Octets, Source, little},
    vorbis_comment,
};

/// Begins every page (RFC 3533, 6), with the version.
const PAGE: &[u8] = b"OggS\0";
/// Octets of a page's header without its table of segments.
const HEADER: usize = 27;
/// Octets of the longest page.
const MAX_PAGE: u64 = 65_307;
/// Octets of a segment, unless a packet ends in it.
const FULL: u8 = 255;

/// Where the first packet begins that tells the codec.
const FIRST_PACKET: usize = HEADER + 1;
/// Granule positions of Opus count samples at this rate, whatever the input had.
const OPUS_RATE: u32 = 48_000;

/// What is in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Vorbis.
    Vorbis,
    /// Opus.
    Opus,
}

impl Codec {
    /// The codec of a file that begins like this.
    pub(super) fn of(file: &[u8]) -> Option<Codec> {
        let packet =
            file.strip_prefix(PAGE).and_then(|page| page.get(FIRST_PACKET - PAGE.len()..))?;
        match packet {
            _ if packet.starts_with(b"OpusHead") => Some(Codec::Opus),
            _ if packet.starts_with(b"\x01vorbis") => Some(Codec::Vorbis),
            _ => None,
        }
    }
}

/// Reads a stream.
pub(super) fn read(codec: Codec, source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let mut packets = Packets::new(source);
    let mut first = [0; 16];
    packets.read_exact(&mut first).ok()?;
    packets.next_packet()?;
    let mark: &[u8] = if codec == Codec::Opus { b"OpusTags" } else { b"\x03vorbis" };
    let mut begin = vec![0; mark.len()];
    if packets.read_exact(&mut begin).is_ok() && begin == mark {
        let tag = vorbis_comment::read(&mut packets, found);
        found.tags.push(tag);
    }
    let samples = last_granule(source)?;
    match codec {
        Codec::Vorbis => found.lasts(samples, little(first.get(12..16)?)),
        // those are left out that the decoder drops in the beginning
        Codec::Opus => {
            let samples = samples.checked_sub(little(first.get(10..12)?))?;
            let rate = u64::from(OPUS_RATE);
            let rest = Duration::from_secs(samples % rate) / OPUS_RATE;
            found.duration = Some(Duration::from_secs(samples / rate) + rest);
        }
    }
    Some(())
}

/// The sample at which the last page ends where a packet does.
fn last_granule(source: &mut Source<'_>) -> Option<u64> {
    source.seek(source.length().saturating_sub(MAX_PAGE))?;
    let octets = source.up_to(MAX_PAGE);
    let pages = octets.windows(PAGE.len() + 9).rev().filter_map(|it| it.strip_prefix(PAGE));
    // an octet with flags is in front of it
    let mut granules = pages.map(|page| little(page.get(1..).unwrap_or_default()));
    // all ones mean that no packet ends on the page
    granules.find(|granule| *granule != u64::MAX)
}

/// The octets of one packet after the other, of the stream that begins the file.
struct Packets<'a, 'b> {
    source: &'a mut Source<'b>,
    serial: Option<u64>,
    /// Lengths of segments of this page that were not begun, the next one last.
    segments: Vec<u8>,
    /// Octets left in this segment.
    left: u8,
    /// Whether the packet ends with this segment.
    is_last: bool,
}

impl<'a, 'b> Packets<'a, 'b> {
    fn new(source: &'a mut Source<'b>) -> Packets<'a, 'b> {
        Packets { source, serial: None, segments: Vec::new(), left: 0, is_last: false }
    }

    /// Goes to the next packet.
    fn next_packet(&mut self) -> Option<()> {
        loop {
            self.source.skip(self.left.into())?;
            self.left = 0;
            if self.is_last {
                self.is_last = false;
                return Some(());
            }
            self.next_segment()?;
        }
    }

    fn next_segment(&mut self) -> Option<()> {
        while self.segments.is_empty() {
            self.next_page()?;
        }
        self.left = self.segments.pop()?;
        self.is_last = self.left < FULL;
        Some(())
    }

    fn next_page(&mut self) -> Option<()> {
        let header = self.source.array::<HEADER>()?;
        let mut fields = Octets(header.strip_prefix(PAGE)?);
        let _flags_and_granule = fields.take(9)?;
        let serial = fields.little(4)?;
        let mut segments = self.source.octets(u64::from(*header.last()?))?;
        if *self.serial.get_or_insert(serial) == serial {
            segments.reverse();
            self.segments = segments;
        } else {
            let length = segments.iter().map(|segment| u64::from(*segment)).sum();
            self.source.skip(length)?;
        }
        Some(())
    }
}

impl Read for Packets<'_, '_> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            if self.is_last || self.next_segment().is_none() {
                return Ok(0);
            }
        }
        let most = octets.len().min(self.left.into());
        let count = octets.get_mut(..most).map_or(Ok(0), |octets| self.source.read(octets))?;
        // a segment has at most 255 octets
        self.left -= count.min(most) as u8;
        Ok(count)
    }
}
