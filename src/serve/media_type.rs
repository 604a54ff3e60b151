//! Media types of files: by extension from an own table, by signature where that does not tell.
//!
//! Text is declared as UTF-8, which files are today. What is not known is `application/octet-stream`,
//! and responses carry `nosniff`, so that a browser never makes a page out of it.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// A type for everything that is not known.
pub(super) const UNKNOWN: &str = "application/octet-stream";
/// How many octets of a file's beginning [`sniff`] looks at.
pub(super) const SNIFFED: usize = 512;

/// What sort of thing a file is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A still picture that browsers show.
    Picture,
    /// Something to listen to.
    Audio,
    /// Something to watch.
    Video,
    /// Something to read: text, page, book.
    Document,
    /// Something packed.
    Archive,
    /// Anything else.
    Other,
}

/// The type that a file's name promises.
pub(super) fn by_name(name: &OsStr) -> Option<&'static str> {
    let extension = Path::new(name).extension()?.to_str()?.to_ascii_lowercase();
    let at = TABLE.binary_search_by(|(known, _)| (*known).cmp(&extension)).ok()?;
    Some(TABLE[at].1)
}

/// The type that a file's first octets show. Plain text is believed only without an extension: that is
/// how people name a README.
pub(super) fn sniff(name: &OsStr, head: &[u8]) -> &'static str {
    let bare = !name.as_bytes().contains(&b'.');
    by_signature(head).unwrap_or(match head {
        [_, ..] if bare && is_text(head) => "text/plain; charset=utf-8",
        _ => UNKNOWN,
    })
}

/// The type whose signature stands at the beginning of a content.
pub(super) fn by_signature(head: &[u8]) -> Option<&'static str> {
    let stands = |(offset, magic): (usize, &[u8])| {
        head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    };
    let mut known = SIGNATURES.iter().filter(|(offset, magic, _)| stands((*offset, magic)));
    known.next().map(|(_, _, media_type)| *media_type)
}

/// The sort of thing that a type is.
pub(super) fn kind(media_type: &str) -> Kind {
    let (main, sub) = media_type.split_once('/').unwrap_or_default();
    match main {
        "image" if SHOWN.contains(&sub) => Kind::Picture,
        "audio" if sub != "x-mpegurl" => Kind::Audio,
        "video" => Kind::Video,
        "text" => Kind::Document,
        "application" if ARCHIVES.contains(&sub) => Kind::Archive,
        "application" if sub == "octet-stream" || sub == "wasm" => Kind::Other,
        "application" => Kind::Document,
        _ => Kind::Other,
    }
}

/// Whether files of a type become much smaller when they are compressed.
pub(super) fn is_compressible(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || COMPRESSIBLE.contains(&media_type)
        || media_type.ends_with("+xml")
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // the last character may have been cut
        Err(error) => error.error_len().is_none() && head.len() == SNIFFED,
    };
    valid && !head.iter().any(|octet| matches!(octet, 0..=8 | 14..=26 | 28..=31 | 127))
}

/// Pictures that browsers of today show.
const SHOWN: [&str; 8] = ["avif", "bmp", "gif", "jpeg", "png", "svg+xml", "webp", "x-icon"];

const COMPRESSIBLE: [&str; 5] = [
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/wasm",
    "application/xml",
];

const ARCHIVES: [&str; 11] = [
    "gzip",
    "java-archive",
    "vnd.android.package-archive",
    "vnd.debian.binary-package",
    "vnd.rar",
    "x-7z-compressed",
    "x-bzip2",
    "x-tar",
    "x-xz",
    "zip",
    "zstd",
];

const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"\xFF\xD8\xFF", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1A\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"\x1A\x45\xDF\xA3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1F\x8B", "application/gzip"),
    (0, b"7z\xBC\xAF\x27\x1C", "application/x-7z-compressed"),
    (0, b"\xFD7zXZ\0", "application/x-xz"),
    (0, b"\x28\xB5\x2F\xFD", "application/zstd"),
    (0, b"\0asm", "application/wasm"),
];

/// Sorted by extension.
const TABLE: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("apk", "application/vnd.android.package-archive"),
    ("asc", "text/plain; charset=utf-8"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("bz2", "application/x-bzip2"),
    ("c", "text/plain; charset=utf-8"),
    ("cfg", "text/plain; charset=utf-8"),
    ("conf", "text/plain; charset=utf-8"),
    ("cpp", "text/plain; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("deb", "application/vnd.debian.binary-package"),
    ("diff", "text/plain; charset=utf-8"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("go", "text/plain; charset=utf-8"),
    ("gpx", "application/gpx+xml"),
    ("gz", "application/gzip"),
    ("h", "text/plain; charset=utf-8"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("ini", "text/plain; charset=utf-8"),
    ("jar", "application/java-archive"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u", "audio/x-mpegurl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mid", "audio/midi"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mka", "audio/matroska"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opml", "text/x-opml; charset=utf-8"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("patch", "text/plain; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("py", "text/plain; charset=utf-8"),
    ("rar", "application/vnd.rar"),
    ("rs", "text/plain; charset=utf-8"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sh", "text/plain; charset=utf-8"),
    ("srt", "application/x-subrip"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "text/plain; charset=utf-8"),
    ("torrent", "application/x-bittorrent"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("vcf", "text/vcard; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wma", "audio/x-ms-wma"),
    ("wmv", "video/x-ms-wmv"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "text/plain; charset=utf-8"),
    ("yml", "text/plain; charset=utf-8"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_text_says_its_charset() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (extension, media_type) in TABLE {
            assert_eq!(
                media_type.starts_with("text/"),
                media_type.contains("charset"),
                "{extension}"
            );
        }
    }

    #[test]
    fn names_tell() {
        let type_of = |name: &str| by_name(OsStr::new(name));
        assert_eq!(type_of("a.m4a"), Some("audio/mp4"));
        assert_eq!(type_of("A.B.MP3"), Some("audio/mpeg"));
        assert_eq!(type_of("page.HTML"), Some("text/html; charset=utf-8"));
        assert_eq!(type_of("archive.tar.gz"), Some("application/gzip"));
        assert_eq!(type_of("noextension"), None);
        assert_eq!(type_of("a.unknown"), None);
        assert_eq!(by_name(OsStr::from_bytes(b"\xFF\xFE.png")), Some("image/png"));
    }

    #[test]
    fn signatures_tell_where_names_do_not() {
        let type_of = |name: &str, head: &[u8]| sniff(OsStr::new(name), head);
        assert_eq!(type_of("x", b"\x89PNG\r\n\x1A\nrest"), "image/png");
        assert_eq!(type_of("x.what", b"\0\0\0\x20ftypM4A "), "audio/mp4");
        assert_eq!(type_of("x", b"RIFF\0\0\0\0WAVEfmt "), "audio/wav");
        assert_eq!(type_of("README", "h\u{e9}llo\n".as_bytes()), "text/plain; charset=utf-8");
        assert_eq!(type_of("x.what", b"hello"), UNKNOWN);
        assert_eq!(type_of("x", b"\x01\x02"), UNKNOWN);
        assert_eq!(type_of("x", b"caf\xE9"), UNKNOWN);
        assert_eq!(type_of("x", b""), UNKNOWN);
        assert_eq!(type_of("x", b"<script>alert(1)</script>"), "text/plain; charset=utf-8");
    }

    #[test]
    fn kinds() {
        for (media_type, sort) in [
            ("image/jpeg", Kind::Picture),
            ("image/tiff", Kind::Other),
            ("audio/mp4", Kind::Audio),
            ("audio/x-mpegurl", Kind::Other),
            ("video/mp4", Kind::Video),
            ("text/plain; charset=utf-8", Kind::Document),
            ("application/pdf", Kind::Document),
            ("application/zip", Kind::Archive),
            (UNKNOWN, Kind::Other),
            ("font/woff2", Kind::Other),
        ] {
            assert_eq!(kind(media_type), sort, "{media_type}");
        }
    }
}
