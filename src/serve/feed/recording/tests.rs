//! The readers beside lofty, which knows more and does not survive everything; and what only ours
//! can read.

mod damage;
mod made;
mod oracle;
mod samples;

use std::{fs, io::Cursor, path::Path, time::Duration};

use super::*;
use made::{PICTURE, atom, frame, id3v2, text};
use samples::id3v2_with_head;

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
    for (name, octets) in samples::all() {
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
        samples::all().into_iter().filter(|(_, it)| read_cover(it).is_some_and(|it| it == PICTURE));
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
    let extended = read_tags(&[id3v2(3, 0x40, &extended), audio.clone()].concat());
    assert_eq!(extended.title.as_deref(), Some("Soup"));

    let frames = (0..3000).map(|at| 100 + at % 400);
    let aac = [made::adts(frames), made::id3v1("Soup", 1)].concat();
    let aac = read_tags(&aac);
    assert_eq!(aac.title.as_deref(), Some("Soup"));
    assert_eq!(aac.duration.unwrap().as_millis(), 69_660);

    let (_, aac) = media().find(|(name, _)| name == "talk.aac").unwrap();
    assert_eq!(read_tags(&aac).duration, Some(Duration::from_millis(17 * 1024 / 8)));

    // what iTunes keeps in a comment is none
    let comment = |description, says| {
        let described = [&b"\0eng"[..], description, b"\0", says].concat();
        frame(3, "COMM", 0, &described)
    };
    let comments = [comment(b"iTunNORM", b" 000003E8 000003E8"), comment(b"", b"Slowly")];
    assert_eq!(tags(3, &comments).description.as_deref(), Some("Slowly"));
    assert_eq!(tags(3, &comments[..1]).description, None);

    // a film without sound
    let moov =
        [atom(b"mvhd", &made::times(0, 600, 1200)), made::track(b"vide", &made::times(0, 9, 9))];
    let silent = [atom(b"ftyp", b"qt  \0\0\0\0"), atom(b"moov", &moov.concat())].concat();
    assert_eq!(read_tags(&silent).duration, Some(Duration::from_secs(2)));
}

/// With each block or chunk as dear as all before it together, these would take hours.
#[test]
fn many_empty_parts_are_passed_over() {
    let comments = [&b"fLaC"[..], &b"\x04\0\0\0".repeat(1 << 18)].concat();
    assert_eq!(read_tags(&comments).title, None);
    let frames = frame(3, "XXXX", 0, b"").repeat(800);
    let head = [&b"ID3\x03\0\0\0\0\x7F\x7F"[..], &frame(3, "XXXX", 0, b"")].concat();
    let tags = made::chunk(b"ID3 ", &head, false).repeat(1 << 17);
    let wav = made::form(b"RIFF", b"WAVE", &[tags, frames]);
    assert_eq!(read_tags(&wav).title, None);
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
