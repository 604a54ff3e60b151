//! Whole files with all that matters in them, made octet by octet.

use super::made::{self, PICTURE, atom, chunk, encoded, form, frame, id3v2, text};

/// All of them, each with what is particular about it.
pub(super) fn all() -> Vec<(String, Vec<u8>)> {
    let mut samples = Samples::default();
    samples.id3v2();
    samples.mpeg();
    samples.vorbis_comments();
    samples.mp4();
    samples.wav();
    samples.aiff();
    samples.0
}

#[derive(Default)]
struct Samples(Vec<(String, Vec<u8>)>);

impl Samples {
    fn add(&mut self, name: &str, parts: &[&[u8]]) {
        self.0.push((name.to_owned(), parts.concat()));
    }

    fn id3v2(&mut self) {
        let audio = made::mpeg(b"", 40);
        for (version, encoding) in [(2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2), (4, 3)]
        {
            let plain = id3v2_with(version, encoding, 0, |content| content);
            let name = format!("2.{version}, encoding {encoding}");
            self.add(&name, &[&id3v2(version, 0, &plain), &audio]);
            if version < 4 {
                let tag = id3v2(version, 0x80, &made::unsynchronised(&plain));
                self.add(&format!("{name}, unsynchronised"), &[&tag, &audio]);
            } else {
                let frames = id3v2_with(version, encoding, 2, |it| made::unsynchronised(&it));
                self.add(&format!("{name}, unsynchronised"), &[&id3v2(4, 0x80, &frames), &audio]);
                self.add(
                    &format!("{name}, unsynchronised frames"),
                    &[&id3v2(4, 0, &frames), &audio],
                );
                let frames = id3v2_with(version, encoding, 0x41, |it| [&[9; 5], &*it].concat());
                self.add(&format!("{name}, group and length"), &[&id3v2(4, 0, &frames), &audio]);
                let extended = [&[0, 0, 0, 6, 1, 0], &*plain].concat();
                self.add(
                    &format!("{name}, extended header"),
                    &[&id3v2(4, 0x40, &extended), &audio],
                );
                let footer = id3v2(4, 0x10, &plain);
                self.add(&format!("{name}, footer"), &[&footer, b"3DI\x04\0\0\0\0\0\0", &audio]);
            }
        }
    }

    fn mpeg(&mut self) {
        let audio = made::mpeg(b"", 40);
        let user = |description: &str, value: &str| {
            frame(4, "TXXX", 0, &[text(3, description), b"\0".into(), value.into()].concat())
        };
        let podcast = [
            user("ALBUM ARTIST", "Everybody"),
            user("comment", "not this"),
            frame(4, "TDES", 0, &text(3, "What is\r\nin it")),
            frame(4, "COMM", 0, &text(3, "engx\0not this either")),
            frame(4, "TIT2", 0, &text(3, "replaced")),
            frame(4, "TIT2", 0, &text(3, "Soup")),
        ];
        self.add("podcast", &[&id3v2(4, 0, &podcast.concat()), &audio]);
        let short =
            [frame(3, "TT2\0", 0, &text(0, "Soup")), frame(3, "TP1\0", 0, &text(0, "Alice"))];
        self.add("names of 2.2 in 2.3", &[&id3v2(3, 0, &short.concat()), &audio]);
        let title = id3v2(
            4,
            0,
            &frame(4, "TIT2", 0, &text(3, "The long title of an episode of a podcast")),
        );
        let end = made::id3v1("The long title of an episode of", 9);
        self.add("ID3v1 too", &[&title, &audio, &end]);
        self.add("ID3v1 only", &[&audio, &end]);
        let ape = made::ape(&[
            ("Title", "Of APE"),
            ("ALBUM ARTIST", "Bob"),
            ("Year", "2001-02-03"),
            ("Track", "3/4"),
        ]);
        self.add("APE", &[&audio, &ape]);
        self.add("APE and ID3v1", &[&audio, &ape, &end]);
        self.add("ID3v2, APE and ID3v1", &[&title, &audio, &ape, &end]);
        self.add(
            "two tags",
            &[&title, &id3v2(3, 0, &frame(3, "TALB", 0, &text(0, "Album"))), &audio],
        );
        let told = |name: &[u8], flags: u8, frames: u32| {
            [name, &[0, 0, 0, flags], &frames.to_be_bytes(), &9_999_u32.to_be_bytes()].concat()
        };
        self.add("Xing", &[&made::mpeg(&told(b"Xing", 15, 5000), 40)]);
        self.add("Info", &[&title, &made::mpeg(&told(b"Info", 3, 1234), 40)]);
        self.add("Info without octets", &[&made::mpeg(&told(b"Info", 1, 1234), 40)]);
        self.add("Info of nothing", &[&made::mpeg(&told(b"Info", 3, 0), 40)]);
        let vbri = [b"VBRI\0\x01\0\0\0\x32", &9_999_u32.to_be_bytes()[..], &777_u32.to_be_bytes()]
            .concat();
        self.add("VBRI", &[&made::mpeg(&vbri, 40)]);
        self.add("zeros in front", &[&[0; 200], &audio]);
    }

    fn vorbis_comments(&mut self) {
        let lines = [
            "title=Soup",
            "Artist=Alice Ähm",
            "artist=second",
            "ALBUM=Kitchen",
            "tracknumber=7/12",
            "DISCNUMBER=2",
            "DATE=2025-12-31",
            "DESCRIPTION=In short",
            "COMMENT=Slowly",
            "no line",
        ];
        let (front, back) = (made::picture_line(3, PICTURE), made::picture_line(4, b"the back"));
        let comments = made::comments(&lines);
        self.add("FLAC", &[&made::flac(100_000, &[(4, comments.clone())])]);
        let pictures = [
            (4, comments.clone()),
            (3, vec![0; 18]),
            (6, made::flac_picture(0, b"any")),
            (6, made::flac_picture(3, PICTURE)),
        ];
        self.add("FLAC with pictures", &[&made::flac(100_000, &pictures)]);
        self.add("FLAC behind ID3v2", &[&id3v2_with_head(), &made::flac(100_000, &pictures)]);
        let long = format!("LYRICS={}", "la ".repeat(50_000));
        let mut all_lines = vec![&*long, &*back, &*front];
        all_lines.extend(lines);
        let comments = [b"\x03vorbis", &*made::comments(&all_lines), &[1]].concat();
        let packets = [made::vorbis_head(), comments, b"\x05vorbis and the code books".into()];
        for most in [1, 7, 255] {
            self.add(&format!("Vorbis in pages of {most}"), &[&made::ogg(&packets, most, 123_456)]);
        }
    }

    fn mp4(&mut self) {
        let kind = atom(b"ftyp", b"M4A \0\0\0\0M4A mp42");
        let items = made::items(&[
            (b"\xA9nam", 1, b"Soup"),
            (b"\xA9ART", 1, "Alice Ähm".as_bytes()),
            (b"aART", 1, b"Everybody"),
            (b"\xA9alb", 2, b"\0K\0i\0t\0c\0h\0e\0n"),
            (b"\xA9day", 1, b"2025-12-31T23:59:58Z"),
            (b"trkn", 0, b"\0\0\0\x07\0\x0C\0\0"),
            (b"disk", 0, b"\0\0\0\x02\0\0"),
            (b"desc", 1, b"In short"),
            (b"ldes", 1, b"What is in it"),
            (b"\xA9lyr", 1, b"La"),
            (b"covr", 13, PICTURE),
        ]);
        let mdat = atom(b"mdat", &[7; 3000]);
        let (sound, picture) = (made::times(0, 44_100, 100_000), made::times(0, 600, 9_999));
        let moov = |times: &[u8], tracks: &[Vec<u8>]| {
            [atom(b"mvhd", times), tracks.concat(), items.clone()].concat()
        };
        let tracks = [made::track(b"vide", &picture), made::track(b"soun", &sound)];
        let movie = moov(&made::times(0, 1000, 8000), &tracks);
        self.add("moov in front", &[&kind, &atom(b"moov", &movie), &mdat]);
        self.add("moov behind", &[&kind, &mdat, &atom(b"moov", &movie)]);
        self.add(
            "long boxes",
            &[&kind, &made::long_atom(b"mdat", &[7; 300]), &made::long_atom(b"moov", &movie)],
        );
        let later = [made::track(b"soun", &made::times(1, 48_000, 4_800_000_000_000))];
        self.add(
            "times of version 1",
            &[&kind, &atom(b"moov", &moov(&made::times(1, 600, 5), &later)), &mdat],
        );
    }

    fn wav(&mut self) {
        let format = |rate: u32| {
            [&[1, 0, 1, 0], &rate.to_le_bytes()[..], &(rate * 2).to_le_bytes(), &[2, 0, 16, 0]]
                .concat()
        };
        let tag = id3v2_with_head();
        let info = [
            b"INFO".into(),
            chunk(b"INAM", b"Soup\0", false),
            chunk(b"IART", b"Alice", false),
            chunk(b"ICRD", b"2024-05-06", false),
            chunk(b"ITRK", b"4", false),
            chunk(b"ICMT", b"Slowly", false),
        ];
        let sound = chunk(b"data", &[3; 12_345], false);
        let wav =
            [chunk(b"fmt ", &format(8000), false), chunk(b"LIST", &info.concat(), false), sound];
        self.add("WAV with INFO", &[&form(b"RIFF", b"WAVE", &wav)]);
        let with_tag = [&wav[..], &[chunk(b"id3 ", &tag, false)]].concat();
        self.add("WAV with a tag", &[&form(b"RIFF", b"WAVE", &with_tag)]);
        let codec = [&[0x55, 0, 1, 0], &format(8000)[4..]].concat();
        let counted = [
            chunk(b"fmt ", &codec, false),
            chunk(b"fact", &24_000_u32.to_le_bytes(), false),
            wav[2].clone(),
        ];
        self.add("WAV with another codec", &[&form(b"RIFF", b"WAVE", &counted)]);
    }

    fn aiff(&mut self) {
        let tag = id3v2_with_head();
        let rate = [0x40, 0x0E, 0xAC, 0x44, 0, 0, 0, 0, 0, 0];
        let common = [&[0, 1, 0, 1, 0, 0, 0, 16], &rate[..]].concat();
        let mut aiff = vec![
            chunk(b"COMM", &common, true),
            chunk(b"NAME", b"Soup!", true),
            chunk(b"AUTH", b"Alice", true),
            chunk(b"COMT", b"\0\x01\0\0\0\0\0\0\0\x04text", true),
            chunk(b"ANNO", b"Slowly", true),
        ];
        aiff.push(chunk(b"SSND", &[3; 1001], true));
        self.add("AIFF", &[&form(b"FORM", b"AIFF", &aiff)]);
        aiff.push(chunk(b"ID3 ", &tag, true));
        self.add("AIFF with a tag", &[&form(b"FORM", b"AIFF", &aiff)]);
    }
}

/// An ID3v2 tag of that version and encoding with all frames that matter, and some that do not.
pub(super) fn id3v2_with(
    version: u8,
    encoding: u8,
    flags: u8,
    adapt: fn(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let name = |short, long| if version == 2 { short } else { long };
    let texts = [
        ("TT2", "TIT2", "Soup ÿÿÿ & <bread>\0second"),
        ("TP1", "TPE1", "Alice Ähm"),
        ("TP2", "TPE2", "Everybody"),
        ("TAL", "TALB", "Kitchen"),
        ("TRK", "TRCK", "7/12"),
        ("TPA", "TPOS", "2"),
    ];
    let of_frame = if version == 4 { flags } else { 0 };
    let mut frames = Vec::new();
    for (short, long, value) in texts {
        frames.extend(frame(version, name(short, long), of_frame, &adapt(text(encoding, value))));
    }
    let dates: &[(&str, &str)] = match version {
        2 => &[("TYE", "2025")],
        3 => &[("TYER", "2025"), ("TDAT", "3112"), ("TIME", "2359")],
        _ => &[("TDRC", "2025-12-31T23:59:58")],
    };
    for (name, value) in dates {
        frames.extend(frame(version, name, of_frame, &adapt(text(0, value))));
    }
    let end: &[u8] = if [1, 2].contains(&encoding) { b"\0\0" } else { b"\0" };
    let described = |language: &str, description: &str, value: &str| {
        let begin = [&[encoding], language.as_bytes()].concat();
        [begin, encoded(encoding, description), end.into(), encoded(encoding, value)].concat()
    };
    let comment = described("eng", "what", "Slowly\nÿ");
    frames.extend(frame(version, name("COM", "COMM"), of_frame, &adapt(comment)));
    let words = described("eng", "", "La la");
    frames.extend(frame(version, name("ULT", "USLT"), of_frame, &adapt(words)));
    for (kind, picture) in [(4, &b"the back"[..]), (3, PICTURE)] {
        let format: &[u8] = if version == 2 { b"JPG" } else { b"image/jpeg\0" };
        let description = encoded(encoding, "front");
        let picture = [&[encoding], format, &[kind], &*description, end, picture].concat();
        frames.extend(frame(version, name("PIC", "APIC"), of_frame, &adapt(picture)));
    }
    frames.extend(frame(version, name("XYZ", "XYZW"), 0, b"whatever"));
    frames.extend([0; 40]);
    frames
}

pub(super) fn id3v2_with_head() -> Vec<u8> {
    id3v2(3, 0, &id3v2_with(3, 1, 0, |content| content))
}
