//! MPEG audio of layers I to III (ISO/IEC 11172-3 and 13818-3) and AAC in ADTS (13818-7): frames
//! one after the other, ID3v2 tags in front, others at the end.
//!
//! Files do not tell how long they play. Where an encoder has put a table of contents into the
//! first frame of layer III (Xing, Info or VBRI), it has the number of frames; else the bit rate of
//! the first frame is taken for that of all. Frames of ADTS are counted, of long files those in the
//! beginning.

use super::{
    ape,
    found::Found,
    id3v1, id3v2,
    source::{Octets, Source},
    tag::Tag,
};

/// Octets in which the first frame is looked for.
const SEARCHED: u64 = 16 << 10;
/// Octets in front of the first frame in a file that begins with neither a tag nor a frame.
pub(super) const MAX_JUNK: usize = 1024;
/// Octets of ADTS frames that are counted one by one.
const COUNTED: u64 = 1 << 20;
/// Tags in front of the audio.
const MAX_TAGS: usize = 8;

/// Samples per second; the two later versions have a half and a quarter of it.
const RATES: [u64; 3] = [44_100, 48_000, 32_000];
/// Kilobits per second of version 1, layers I, II and III, and of the later versions, layers I and
/// II or III.
const BIT_RATES: [[u64; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Samples per second of AAC.
const AAC_RATES: [u64; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Octets of the header of an ADTS frame, and of the part that is equal in all frames of a file.
const ADTS: usize = 7;
/// Samples of each block in an ADTS frame.
const AAC_SAMPLES: u64 = 1024;

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    /// Octets with the header.
    length: u64,
    samples: u64,
    /// Samples per second.
    rate: u64,
    sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// With kilobits per second, and where Xing and Info begin in the frame.
    Mpeg {
        version: u8,
        layer: u8,
        bit_rate: u64,
        contents: usize,
    },
    Adts,
}

impl Frame {
    /// A header at the beginning of these octets.
    fn parse(octets: &[u8]) -> Option<Frame> {
        let [0xFF, second, third, fourth, ..] = *octets else { return None };
        if second & 0xF6 == 0xF0 {
            return Frame::adts(octets);
        }
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        if second < 0xE0 || version == 1 || layer == 0 {
            return None;
        }
        // versions are numbered 2.5, reserved, 2 and 1; layers reserved, III, II and I
        let first_version = version == 3;
        let table = match (first_version, layer) {
            (true, layer) => 3 - usize::from(layer),
            (false, 3) => 3,
            (false, _) => 4,
        };
        let bit_rate = *BIT_RATES.get(table)?.get(usize::from(third >> 4).checked_sub(1)?)?;
        let halvings = match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
        let rate = RATES.get(usize::from(third >> 2 & 3))? >> halvings;
        let padding = u64::from(third >> 1 & 1);
        let samples = match layer {
            3 => 384,
            1 if !first_version => 576,
            _ => 1152,
        };
        let length = match layer {
            3 => (48_000 * bit_rate / rate / 4 + padding) * 4,
            _ => samples * 125 * bit_rate / rate + padding,
        };
        let single = fourth >> 6 == 3;
        let contents = match (first_version, single) {
            (true, false) => 36,
            (true, true) | (false, false) => 21,
            (false, true) => 13,
        };
        let sort = Sort::Mpeg { version, layer, bit_rate, contents };
        Some(Frame { length, samples, rate, sort })
    }

    fn adts(octets: &[u8]) -> Option<Frame> {
        let mut header = Octets(octets.get(..ADTS)?);
        let _synchronisation = header.take(2)?;
        let bits = header.big(5)?;
        let rate = *AAC_RATES.get((bits >> 34 & 15) as usize)?;
        let length = bits >> 13 & 0x1FFF;
        let samples = ((bits & 3) + 1) * AAC_SAMPLES;
        (length >= ADTS as u64).then_some(Frame { length, samples, rate, sort: Sort::Adts })
    }

    /// Whether both can be frames of one stream.
    fn goes_with(&self, other: &Frame) -> bool {
        let same = match (self.sort, other.sort) {
            (Sort::Adts, Sort::Adts) => true,
            (Sort::Mpeg { version, layer, .. }, Sort::Mpeg { version: v, layer: l, .. }) => {
                (version, layer) == (v, l)
            }
            _ => false,
        };
        same && self.rate == other.rate
    }
}

/// The first frame that another follows, and its place.
fn first_frame(octets: &[u8], most: usize) -> Option<(usize, Frame)> {
    let candidates = octets.iter().enumerate().take(most).filter(|(_, octet)| **octet == 0xFF);
    let mut frames = candidates.filter_map(|(at, _)| {
        let frame = Frame::parse(octets.get(at..)?)?;
        let next = Frame::parse(octets.get(at + frame.length as usize..)?)?;
        next.goes_with(&frame).then_some((at, frame))
    });
    frames.next()
}

/// Whether a file whose beginning says nothing is of this kind.
pub(super) fn is_behind_junk(octets: &[u8]) -> bool {
    first_frame(octets, MAX_JUNK).is_some()
}

/// Reads a file of frames.
pub(super) fn read(source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let (length, mut own) = (source.length(), Tag::default());
    for _ in 0..MAX_TAGS {
        if id3v2::read(source, length, &mut own, found).is_none() {
            break;
        }
    }
    found.tags.push(own);
    let start = source.at();
    let octets = source.up_to(SEARCHED);
    let end = tags_behind(source, found);
    let (at, frame) = first_frame(&octets, octets.len())?;
    let (start, octets) = (start + at as u64, octets.get(at..)?);
    let length = end.saturating_sub(start);
    match frame.sort {
        Sort::Mpeg { bit_rate, contents, .. } => match frames_told(octets, contents) {
            Some(frames) => found.lasts(frames * frame.samples, frame.rate),
            None => found.lasts(length * 8, bit_rate * 1000),
        },
        Sort::Adts => {
            source.seek(start)?;
            let (samples, counted) = count(source, &frame, end);
            let all = samples.checked_mul(length)?.checked_div(counted)?;
            found.lasts(all, frame.rate);
        }
    }
    Some(())
}

/// The tags at the end of a file, and where they begin.
fn tags_behind(source: &mut Source<'_>, found: &mut Found) -> u64 {
    let mut end = source.length();
    if let Some(tag) = id3v1::read(source) {
        found.tags.push(tag);
        end -= id3v1::LENGTH;
    }
    if let Some((tag, start)) = ape::read(source, end) {
        found.tags.push(tag);
        end = start;
    }
    end
}

/// The number of frames, if the first one tells.
fn frames_told(frame: &[u8], contents: usize) -> Option<u64> {
    let mut octets = Octets(frame.get(contents..)?);
    if [b"Xing", b"Info"].contains(&octets.take(4)?.first_chunk()?) {
        // it has both the number of frames and that of octets, and neither is nothing
        let flags = octets.big(4)?;
        let (frames, length) = (octets.big(4)?, octets.big(4)?);
        return (flags & 3 == 3 && frames > 0 && length > 0).then_some(frames);
    }
    // VBRI stands in one place, behind what a stereo frame of version 1 needs
    let mut octets = Octets(frame.get(36..)?.strip_prefix(b"VBRI")?);
    let _version_delay_and_quality = octets.take(6)?;
    let (length, frames) = (octets.big(4)?, octets.big(4)?);
    (frames > 0 && length > 0).then_some(frames)
}

/// Samples of the frames from this place on, and the octets that they take.
fn count(source: &mut Source<'_>, first: &Frame, end: u64) -> (u64, u64) {
    let start = source.at();
    let (mut samples, mut next) = (0, start);
    while next < end && next - start < COUNTED {
        let header = source.array::<ADTS>();
        let frame = header.and_then(|header| Frame::parse(&header));
        let Some(frame) = frame.filter(|frame| frame.goes_with(first)) else { break };
        samples += frame.samples;
        next += frame.length;
        if source.seek(next).is_none() {
            break;
        }
    }
    (samples, next - start)
}
