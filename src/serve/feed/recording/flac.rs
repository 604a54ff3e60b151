//! FLAC (RFC 9639): blocks of metadata in front of the audio, the first with the playing time.

use super::{
    found::Found,
    id3v2,
    source::{Octets, Source},
    tag::Tag,
    vorbis_comment,
};

/// Begins every file (6).
pub(super) const MARK: &[u8; 4] = b"fLaC";

/// Types of blocks (8.1).
const STREAMINFO: u8 = 0;
const VORBIS_COMMENT: u8 = 4;
const PICTURE: u8 = 6;

/// Reads a file, maybe with an ID3v2 tag in front, which does not belong there.
pub(super) fn read(source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let mut foreign = Tag::default();
    let length = source.length();
    let _ = id3v2::read(source, length, &mut foreign, found);
    found.tags.push(foreign);
    source.array::<4>().filter(|mark| mark == MARK)?;
    let (mut is_last, mut has_comment) = (false, false);
    while !is_last {
        let [kind, length @ ..] = source.array::<4>()?;
        let length = Octets(&length).big(3)?;
        let next = source.at() + length;
        is_last = kind & 0x80 != 0;
        match kind & 0x7F {
            STREAMINFO if found.duration.is_none() => {
                let _ = duration(&source.up_to(length), found);
            }
            // a file has one at most (8.6)
            VORBIS_COMMENT if !has_comment => {
                has_comment = true;
                let tag = vorbis_comment::read(&mut source.part(length), found);
                found.tags.insert(0, tag);
            }
            PICTURE if found.wants_picture(length) => {
                let _ = vorbis_comment::picture(source.octets(length)?, found);
            }
            _ => {}
        }
        source.seek(next)?;
    }
    Some(())
}

/// From STREAMINFO (8.2): the rate has 20 bits, and the number of samples 36.
fn duration(octets: &[u8], found: &mut Found) -> Option<()> {
    let mut octets = Octets(octets);
    let _sizes_of_blocks_and_frames = octets.take(10)?;
    let bits = octets.big(8)?;
    found.lasts(bits & 0xF_FFFF_FFFF, bits >> 44);
    Some(())
}
