//! The readers beside lofty, which knows more and does not survive everything; and what only ours
//! can read.

mod damage;
mod made;
mod oracle;

use std::{fs, io::Cursor, path::Path, time::Duration};

use super::*;
use made::{PICTURE, atom, chunk, encoded, form, frame, id3v2, text};

/// A Sunday in November 2026.
const MODIFIED: i64 = 1_795_332_316;
/// The difference of playing times that nobody sees: of a frame that the other one rounds.
const TOLERANCE: Duration = Duration::from_millis(30);

fn read_tags(octets: &[u8]) -> Tags {
    filled(read(&mut Cursor::new(octets), Found::new(false)), CivilTime::from_unix(MODIFIED))
}

fn read_cover(octets: &[u8]) -> Option<Vec<u8>> {
    read(&mut Cursor::new(octets), Found::new(true)).cover
}

/// The files of `tests/media` that are recordings.
fn media() -> impl Iterator<Item = (String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media");
    let names = ["clip.mp4", "episode.flac", "episode.m4a", "episode.mp3", "episode.ogg"];
    let more = ["episode.opus", "jingle.wav", "talk.aac", "talk.aiff", "talk.mov"];
    names
        .into_iter()
        .chain(more)
        .map(move |name| (name.to_owned(), fs::read(folder.join(name)).unwrap()))
}

/// An ID3v2 tag of that version and encoding with all frames that matter, and some that do not.
fn id3v2_with(version: u8, encoding: u8, flags: u8, adapt: fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
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

/// Whole files, made octet by octet.
fn made() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, parts: &[&[u8]]| all.push((name.to_owned(), parts.concat()));
    let audio = made::mpeg(b"", 40);
    for (version, encoding) in [(2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2), (4, 3)] {
        let plain = id3v2_with(version, encoding, 0, |content| content);
        let name = format!("2.{version}, encoding {encoding}");
        add(&name, &[&id3v2(version, 0, &plain), &audio]);
        if version < 4 {
            let tag = id3v2(version, 0x80, &made::unsynchronised(&plain));
            add(&format!("{name}, unsynchronised"), &[&tag, &audio]);
        } else {
            let frames = id3v2_with(version, encoding, 2, |it| made::unsynchronised(&it));
            add(&format!("{name}, unsynchronised"), &[&id3v2(4, 0x80, &frames), &audio]);
            add(&format!("{name}, unsynchronised frames"), &[&id3v2(4, 0, &frames), &audio]);
            let frames = id3v2_with(version, encoding, 0x41, |it| [&[9; 5], &*it].concat());
            add(&format!("{name}, group and length"), &[&id3v2(4, 0, &frames), &audio]);
            let extended = [&[0, 0, 0, 6, 1, 0], &*plain].concat();
            add(&format!("{name}, extended header"), &[&id3v2(4, 0x40, &extended), &audio]);
            let footer = id3v2(4, 0x10, &plain);
            add(&format!("{name}, footer"), &[&footer, b"3DI\x04\0\0\0\0\0\0", &audio]);
        }
    }
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
    add("podcast", &[&id3v2(4, 0, &podcast.concat()), &audio]);
    let short = [frame(3, "TT2\0", 0, &text(0, "Soup")), frame(3, "TP1\0", 0, &text(0, "Alice"))];
    add("names of 2.2 in 2.3", &[&id3v2(3, 0, &short.concat()), &audio]);
    let title =
        id3v2(4, 0, &frame(4, "TIT2", 0, &text(3, "The long title of an episode of a podcast")));
    let end = made::id3v1("The long title of an episode of", 9);
    add("ID3v1 too", &[&title, &audio, &end]);
    add("ID3v1 only", &[&audio, &end]);
    let ape = made::ape(&[
        ("Title", "Of APE"),
        ("ALBUM ARTIST", "Bob"),
        ("Year", "2001-02-03"),
        ("Track", "3/4"),
    ]);
    add("APE", &[&audio, &ape]);
    add("APE and ID3v1", &[&audio, &ape, &end]);
    add("ID3v2, APE and ID3v1", &[&title, &audio, &ape, &end]);
    add("two tags", &[&title, &id3v2(3, 0, &frame(3, "TALB", 0, &text(0, "Album"))), &audio]);
    let told = |name: &[u8], flags: u8, frames: u32| {
        [name, &[0, 0, 0, flags], &frames.to_be_bytes(), &9_999_u32.to_be_bytes()].concat()
    };
    add("Xing", &[&made::mpeg(&told(b"Xing", 15, 5000), 40)]);
    add("Info", &[&title, &made::mpeg(&told(b"Info", 3, 1234), 40)]);
    add("Info without octets", &[&made::mpeg(&told(b"Info", 1, 1234), 40)]);
    add("Info of nothing", &[&made::mpeg(&told(b"Info", 3, 0), 40)]);
    let vbri =
        [b"VBRI\0\x01\0\0\0\x32", &9_999_u32.to_be_bytes()[..], &777_u32.to_be_bytes()].concat();
    add("VBRI", &[&made::mpeg(&vbri, 40)]);
    add("zeros in front", &[&[0; 200], &audio]);

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
    add("FLAC", &[&made::flac(100_000, &[(4, comments.clone())])]);
    let pictures = [
        (4, comments.clone()),
        (3, vec![0; 18]),
        (6, made::flac_picture(0, b"any")),
        (6, made::flac_picture(3, PICTURE)),
    ];
    add("FLAC with pictures", &[&made::flac(100_000, &pictures)]);
    add("FLAC behind ID3v2", &[&id3v2_with_head(), &made::flac(100_000, &pictures)]);
    let long = format!("LYRICS={}", "la ".repeat(50_000));
    let mut all_lines = vec![&*long, &*back, &*front];
    all_lines.extend(lines);
    let comments = [b"\x03vorbis", &*made::comments(&all_lines), &[1]].concat();
    let packets = [made::vorbis_head(), comments, b"\x05vorbis and the code books".into()];
    for most in [1, 7, 255] {
        add(&format!("Vorbis in pages of {most}"), &[&made::ogg(&packets, most, 123_456)]);
    }

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
    add("moov in front", &[&kind, &atom(b"moov", &movie), &mdat]);
    add("moov behind", &[&kind, &mdat, &atom(b"moov", &movie)]);
    add(
        "long boxes",
        &[&kind, &made::long_atom(b"mdat", &[7; 300]), &made::long_atom(b"moov", &movie)],
    );
    let later = [made::track(b"soun", &made::times(1, 48_000, 4_800_000_000_000))];
    add(
        "times of version 1",
        &[&kind, &atom(b"moov", &moov(&made::times(1, 600, 5), &later)), &mdat],
    );

    let format = |rate: u32| {
        [&[1, 0, 1, 0], &rate.to_le_bytes()[..], &(rate * 2).to_le_bytes(), &[2, 0, 16, 0]].concat()
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
    let wav = [chunk(b"fmt ", &format(8000), false), chunk(b"LIST", &info.concat(), false), sound];
    add("WAV with INFO", &[&form(b"RIFF", b"WAVE", &wav)]);
    let with_tag = [&wav[..], &[chunk(b"id3 ", &tag, false)]].concat();
    add("WAV with a tag", &[&form(b"RIFF", b"WAVE", &with_tag)]);
    let codec = [&[0x55, 0, 1, 0], &format(8000)[4..]].concat();
    let counted = [
        chunk(b"fmt ", &codec, false),
        chunk(b"fact", &24_000_u32.to_le_bytes(), false),
        wav[2].clone(),
    ];
    add("WAV with another codec", &[&form(b"RIFF", b"WAVE", &counted)]);

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
    add("AIFF", &[&form(b"FORM", b"AIFF", &aiff)]);
    aiff.push(chunk(b"ID3 ", &tag, true));
    add("AIFF with a tag", &[&form(b"FORM", b"AIFF", &aiff)]);
    all
}

fn id3v2_with_head() -> Vec<u8> {
    id3v2(3, 0, &id3v2_with(3, 1, 0, |content| content))
}

fn compare(name: &str, octets: &[u8], tolerance: Duration) {
    let modified = CivilTime::from_unix(MODIFIED);
    let (mut ours, mut theirs) = (read_tags(octets), oracle::tags(octets, modified));
    match (ours.duration.take(), theirs.duration.take()) {
        (Some(a), Some(b)) => assert!(a.abs_diff(b) <= tolerance, "{name}: {a:?} and {b:?}"),
        (a, b) => assert_eq!(a, b, "{name}"),
    }
    assert_eq!(ours, theirs, "{name}");
    assert!(read_cover(octets) == oracle::cover(octets), "{name}: other covers");
}

#[test]
fn files_of_encoders_say_what_lofty_finds() {
    for (name, octets) in media() {
        // lofty estimates the playing time of ADTS with whole kilobits, of 1024 bits
        let tolerance = if name == "talk.aac" { Duration::from_millis(500) } else { TOLERANCE };
        compare(&name, &octets, tolerance);
    }
}

#[test]
fn made_files_say_what_lofty_finds() {
    for (name, octets) in made() {
        compare(&name, &octets, TOLERANCE);
    }
}

#[test]
fn everything_is_found() {
    let tags = read_tags(&[id3v2_with_head(), made::mpeg(b"", 40)].concat());
    assert_eq!(tags.title.as_deref(), Some("Soup ÿÿÿ & <bread>"));
    assert_eq!(tags.artist.as_deref(), Some("Alice Ähm"));
    assert_eq!(tags.album.as_deref(), Some("Kitchen"));
    assert_eq!(tags.description.as_deref(), Some("Slowly\nÿ"));
    assert_eq!((tags.track, tags.disk), (Some(7), Some(2)));
    assert_eq!(tags.date.unwrap().to_string(), "2025-12-31T23:59:00Z");
    assert_eq!(tags.duration.unwrap().as_millis(), 1_043);
    let covered =
        made().into_iter().filter(|(_, it)| read_cover(it).is_some_and(|it| it == PICTURE));
    assert!(covered.count() > 30);
}

/// What lofty refuses, leaves out or gets wrong.
#[test]
fn more_is_found_than_by_lofty() {
    let audio = made::mpeg(b"", 40);
    let tags = |version, frames: &[Vec<u8>]| {
        read_tags(&[id3v2(version, 0, &frames.concat()), audio.clone()].concat())
    };
    let title = |version| frame(version, "TIT2", 0, &text(0, "Soup"));
    // one frame of an unknown encoding costs lofty the whole file
    let odd = tags(3, &[frame(3, "TPE1", 0, &text(9, "x")), title(3)]);
    assert_eq!(odd.title.as_deref(), Some("Soup"));
    let odd = tags(4, &[frame(4, "TDRC", 0, &text(0, "yesterday")), title(4)]);
    assert_eq!((odd.title.as_deref(), odd.date), (Some("Soup"), None));
    // a date of 2.4 in a tag of 2.3, and the date of publication alone
    for (name, value) in [("TDRC", "2025-12-31"), ("TYER", "2025-12-31"), ("TDRL", "2025-12-31")] {
        let date = tags(3, &[frame(3, name, 0, &text(0, value))]).date.unwrap();
        assert_eq!(date.to_string(), "2025-12-31T00:00:00Z", "{name}");
    }
    // the extended header of 2.3 has another length than that of 2.4
    let extended = [&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0], &*title(3)].concat();
    let extended = read_tags(&[id3v2(3, 0x40, &extended), audio].concat());
    assert_eq!(extended.title.as_deref(), Some("Soup"));

    let frames = (0..3000).map(|at| 100 + at % 400);
    let aac = [made::adts(frames), made::id3v1("Soup", 1)].concat();
    let aac = read_tags(&aac);
    assert_eq!(aac.title.as_deref(), Some("Soup"));
    assert_eq!(aac.duration.unwrap().as_millis(), 69_660);

    let (_, aac) = media().find(|(name, _)| name == "talk.aac").unwrap();
    assert_eq!(read_tags(&aac).duration, Some(Duration::from_millis(17 * 1024 / 8)));

    // a film without sound
    let moov =
        [atom(b"mvhd", &made::times(0, 600, 1200)), made::track(b"vide", &made::times(0, 9, 9))];
    let silent = [atom(b"ftyp", b"qt  \0\0\0\0"), atom(b"moov", &moov.concat())].concat();
    assert_eq!(read_tags(&silent).duration, Some(Duration::from_secs(2)));
}

#[test]
fn what_is_behind_gigabytes_is_found() {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = tempfile::tempfile().unwrap();
    let length: u64 = 5 << 30;
    file.write_all(&atom(b"ftyp", b"M4A \0\0\0\0")).unwrap();
    file.write_all(&[&1_u32.to_be_bytes(), &b"mdat"[..], &length.to_be_bytes()].concat()).unwrap();
    file.seek(SeekFrom::Start(16 + length)).unwrap();
    let track = made::track(b"soun", &made::times(1, 1000, 7000));
    let moov = [track, made::items(&[(b"\xA9nam", 1, b"Soup"), (b"covr", 13, PICTURE)])];
    file.write_all(&atom(b"moov", &moov.concat())).unwrap();
    let found = tags(&file, CivilTime::from_unix(MODIFIED));
    assert_eq!(
        (found.title.as_deref(), found.duration),
        (Some("Soup"), Some(Duration::from_secs(7)))
    );
    assert_eq!(cover(&file).unwrap(), PICTURE);
}

#[test]
fn the_playing_time_of_opus_is_what_is_heard() {
    let file = |pre_skip: u16, end| {
        let head = [b"OpusHead\x01\x01", &pre_skip.to_le_bytes()[..], &[0; 7]].concat();
        let tags = [b"OpusTags", &*made::comments(&["TITLE=Soup"])].concat();
        made::ogg(&[head, tags], 255, end)
    };
    let duration = |pre_skip, end| read_tags(&file(pre_skip, end)).duration;
    assert_eq!(duration(312, 96_312), Some(Duration::from_secs(2)));
    assert_eq!(duration(0, 24_000), Some(Duration::from_millis(500)));
    assert_eq!(duration(312, 311), None);
    assert_eq!(duration(0, u64::MAX), None);
    assert!(duration(0, u64::MAX - 1).is_some());
    assert_eq!(read_tags(&file(312, 311)).title.as_deref(), Some("Soup"));
}
