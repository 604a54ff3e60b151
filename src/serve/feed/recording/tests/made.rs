//! Files made octet by octet, of what encoders at hand do not write.

use data_encoding::BASE64;

pub(super) const PICTURE: &[u8] =
    b"\xFF\xD8\xFF\xE0 a picture \xFF\0\xFF\xE1\0\0 of some octets \xFF\xD9";

/// A frame of an ID3v2 tag.
pub(super) fn frame(version: u8, name: &str, flags: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32;
    let length = match version {
        2 => length.to_be_bytes()[1..].to_vec(),
        3 => length.to_be_bytes().to_vec(),
        _ => seven_bits(length),
    };
    let flags: &[u8] = if version == 2 { &[] } else { &[0, flags] };
    [name.as_bytes(), &length, flags, content].concat()
}

/// An ID3v2 tag.
pub(super) fn id3v2(version: u8, flags: u8, content: &[u8]) -> Vec<u8> {
    let head: &[u8] = &[b'I', b'D', b'3', version, 0, flags];
    [head, &seven_bits(content.len() as u32), content].concat()
}

fn seven_bits(number: u32) -> Vec<u8> {
    [21, 14, 7, 0].map(|shift| (number >> shift) as u8 & 0x7F).to_vec()
}

pub(super) fn unsynchronised(octets: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    for (at, octet) in octets.iter().enumerate() {
        made.push(*octet);
        if *octet == 0xFF && octets.get(at + 1).is_none_or(|next| *next == 0 || *next >= 0xE0) {
            made.push(0);
        }
    }
    made
}

/// Text with the octet of its encoding in front.
pub(super) fn text(encoding: u8, text: &str) -> Vec<u8> {
    [vec![encoding], encoded(encoding, text)].concat()
}

pub(super) fn encoded(encoding: u8, text: &str) -> Vec<u8> {
    let units =
        |octets: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(octets).collect::<Vec<_>>();
    match encoding {
        0 => text.chars().map(|character| u32::from(character) as u8).collect(),
        1 => [vec![0xFF, 0xFE], units(u16::to_le_bytes)].concat(),
        2 => units(u16::to_be_bytes),
        _ => text.into(),
    }
}

/// MPEG audio of version 1, layer III, 128 kbit/s, 44.1 kHz, stereo; the first frame with
/// `contents`.
pub(super) fn mpeg(contents: &[u8], frames: usize) -> Vec<u8> {
    let mut made = Vec::new();
    for at in 0..frames {
        let begin = made.len();
        made.extend(b"\xFF\xFB\x90\0");
        made.resize(begin + 36, 0);
        made.extend(if at == 0 { contents } else { &[] });
        made.resize(begin + 417, 0);
    }
    made
}

/// AAC in ADTS of 44.1 kHz, stereo, in frames of so many octets.
pub(super) fn adts(lengths: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let mut made = Vec::new();
    for length in lengths {
        let begin = made.len();
        let bits = length as u32;
        let low = (bits << 5) as u8 | 0x1F;
        made.extend([0xFF, 0xF1, 0x50, 0x80 | (bits >> 11) as u8, (bits >> 3) as u8, low, 0xFC]);
        made.resize(begin + length, 0);
    }
    made
}

/// An ID3v1.1 tag.
pub(super) fn id3v1(title: &str, track: u8) -> Vec<u8> {
    let mut made = b"TAG".to_vec();
    for (text, end) in [(title, 33), ("Alice of the end", 63), ("Album", 93), ("1999", 97)] {
        made.extend(encoded(0, text));
        made.resize(end, 0);
    }
    made.extend(b"Remark");
    made.resize(125, 0);
    made.extend([0, track, 0]);
    made.truncate(128);
    made
}

/// An APEv2 tag with header and footer.
pub(super) fn ape(items: &[(&str, &str)]) -> Vec<u8> {
    let mut made = Vec::new();
    for (name, value) in items {
        made.extend((value.len() as u32).to_le_bytes());
        made.extend([&[0; 4], name.as_bytes(), b"\0", value.as_bytes()].concat());
    }
    let length = made.len() as u32 + 32;
    let around = |flags: u32| {
        let numbers = [2000, length, items.len() as u32, flags].map(u32::to_le_bytes).concat();
        [b"APETAGEX", &*numbers, &[0; 8]].concat()
    };
    [around(0xA000_0000), made, around(0x8000_0000)].concat()
}

/// Vorbis comments.
pub(super) fn comments(lines: &[&str]) -> Vec<u8> {
    let long = |octets: &[u8]| [&(octets.len() as u32).to_le_bytes(), octets].concat();
    let count = (lines.len() as u32).to_le_bytes();
    let lines = lines.iter().flat_map(|line| long(line.as_bytes()));
    [long(b"maker"), count.into(), lines.collect()].concat()
}

/// A picture of FLAC's structure.
pub(super) fn flac_picture(kind: u32, content: &[u8]) -> Vec<u8> {
    let long = |octets: &[u8]| [&(octets.len() as u32).to_be_bytes(), octets].concat();
    [&kind.to_be_bytes(), &*long(b"image/jpeg"), &long(b"what it is"), &[0; 16], &long(content)]
        .concat()
}

/// A line of comments with a picture.
pub(super) fn picture_line(kind: u32, content: &[u8]) -> String {
    format!("metadata_block_picture={}", BASE64.encode(&flac_picture(kind, content)))
}

/// FLAC of so many samples at 44.1 kHz, with further blocks.
pub(super) fn flac(samples: u32, blocks: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let information =
        [&[0; 10], &0x0AC4_42F0_u32.to_be_bytes()[..], &samples.to_be_bytes(), &[0; 16]];
    let mut made = [b"fLaC\0\0\0\x22", &*information.concat()].concat();
    for (kind, content) in blocks {
        made.push(*kind);
        made.extend(&(content.len() as u32).to_be_bytes()[1..]);
        made.extend(content);
    }
    made.extend(b"\x81\0\0\x04\0\0\0\0\xFF\xF8 and then audio");
    made
}

/// Ogg with these packets and a last page with that granule; packets over `most` segments go on in
/// another page.
pub(super) fn ogg(packets: &[Vec<u8>], most: usize, granule: u64) -> Vec<u8> {
    let mut made = Vec::new();
    let mut number = 0_u32;
    let mut page = |flags: u8, granule: u64, segments: &[&[u8]]| {
        made.extend(
            [b"OggS\0", &[flags][..], &granule.to_le_bytes(), &7_u32.to_le_bytes()].concat(),
        );
        made.extend([&number.to_le_bytes(), &[0; 4], &[segments.len() as u8][..]].concat());
        number += 1;
        made.extend(segments.iter().map(|segment| segment.len() as u8));
        segments.iter().for_each(|segment| made.extend(*segment));
    };
    for (at, packet) in packets.iter().enumerate() {
        let mut segments: Vec<&[u8]> = packet.chunks(255).collect();
        if packet.len() % 255 == 0 {
            segments.push(&[]);
        }
        for (part, segments) in segments.chunks(most).enumerate() {
            let flags = if part > 0 { 1 } else { 2 * u8::from(at == 0) };
            page(flags, 0, segments);
        }
    }
    page(4, granule, &[b"some audio"]);
    made
}

/// The first packet of Vorbis at 44.1 kHz.
pub(super) fn vorbis_head() -> Vec<u8> {
    [b"\x01vorbis\0\0\0\0\x02", &44_100_u32.to_le_bytes()[..], &[0; 12], &[0xB8, 1]].concat()
}

/// A box of MP4.
pub(super) fn atom(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &name[..], content].concat()
}

/// A box of MP4 with its length in 64 bits.
pub(super) fn long_atom(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = content.len() as u64 + 16;
    [&1_u32.to_be_bytes(), &name[..], &length.to_be_bytes(), content].concat()
}

/// A header of movie or media: of version 0, or 1 with wider numbers.
pub(super) fn times(version: u8, rate: u32, units: u64) -> Vec<u8> {
    if version == 1 {
        [&[1, 0, 0, 0], &[0; 16][..], &rate.to_be_bytes(), &units.to_be_bytes(), &[0; 80]].concat()
    } else {
        let units = (units as u32).to_be_bytes();
        [&[0; 12], &rate.to_be_bytes()[..], &units, &[0; 80]].concat()
    }
}

/// A track of that kind with its header.
pub(super) fn track(kind: &[u8; 4], header: &[u8]) -> Vec<u8> {
    let handler = [&[0; 8], &kind[..], &[0; 12]].concat();
    let media = [atom(b"mdhd", header), atom(b"hdlr", &handler)].concat();
    atom(b"trak", &[atom(b"tkhd", &[0; 84]), atom(b"mdia", &media)].concat())
}

/// The box with a list of items, each of a type and octets.
pub(super) fn items(items: &[(&[u8; 4], u32, &[u8])]) -> Vec<u8> {
    let item = |(name, kind, content): &(&[u8; 4], u32, &[u8])| {
        atom(name, &atom(b"data", &[&kind.to_be_bytes(), &[0; 4], *content].concat()))
    };
    let freeform = [
        atom(b"mean", b"\0\0\0\0com.apple.iTunes"),
        atom(b"name", b"\0\0\0\0ISRC"),
        atom(b"data", b"\0\0\0\x01\0\0\0\0ABC"),
    ];
    let mut list = atom(b"----", &freeform.concat());
    items.iter().for_each(|it| list.extend(item(it)));
    let handler = atom(b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let meta = [&[0; 4], &*handler, &atom(b"ilst", &list)].concat();
    atom(b"udta", &atom(b"meta", &meta))
}

/// A chunk of RIFF or IFF, padded.
pub(super) fn chunk(name: &[u8; 4], content: &[u8], is_big: bool) -> Vec<u8> {
    let length = content.len() as u32;
    let length = if is_big { length.to_be_bytes() } else { length.to_le_bytes() };
    let padding: &[u8] = if content.len() % 2 == 1 { &[0] } else { &[] };
    [&name[..], &length, content, padding].concat()
}

/// A file of chunks.
pub(super) fn form(name: &[u8; 4], kind: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(name, &[&kind[..], &chunks.concat()].concat(), name == b"FORM")
}
