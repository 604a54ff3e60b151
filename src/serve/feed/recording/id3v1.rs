//! The tag at the end of many MPEG files, of 128 octets (ID3v1, and 1.1 with the number of the
//! track). It cuts all texts to 30 characters, so that any other tag is better.

use super::{
    source::{Octets, Source},
    tag::{Key, Tag},
    text::{Encoding, latin1},
};

/// Octets of the tag.
pub(super) const LENGTH: u64 = 128;

const FIELDS: [(Key, usize); 4] =
    [(Key::Title, 30), (Key::Artist, 30), (Key::Album, 30), (Key::Year, 4)];

/// The tag at the end of a file.
pub(super) fn read(source: &mut Source<'_>) -> Option<Tag> {
    source.seek(source.length().checked_sub(LENGTH)?)?;
    let octets = source.array::<{ LENGTH as usize }>()?;
    let mut octets = Octets(octets.strip_prefix(b"TAG")?);
    let mut tag = Tag::default();
    let mut text = |key, octets| tag.add(key, &latin1(Encoding::Latin1.split(octets).0));
    for (key, length) in FIELDS {
        text(key, octets.take(length)?);
    }
    let comment = octets.take(30)?;
    text(Key::Comment, comment);
    if let [.., 0, track @ 1..=0xFF] = comment {
        tag.number(Key::Track, Some(u32::from(*track)));
    }
    Some(tag)
}
