//! Which files are media: kind and media type by file name extension.
//!
//! Only what feed readers and browsers can do something with; everything else in a folder is no item.

use std::path::Path;

/// What an item is to the person who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// Something to listen to.
    Audio,
    /// Something to watch.
    Video,
    /// A picture.
    Photo,
}

/// Kind and media type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// What it is.
    pub medium: Medium,
    /// Its `Content-Type`.
    pub mime: &'static str,
}

impl MediaType {
    /// The type that a file's extension tells, in any case; None for everything that is no media.
    pub(super) fn of(path: &Path) -> Option<MediaType> {
        let extension = path.extension()?.to_str()?;
        let known = TYPES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(extension))?;
        Some(MediaType { medium: known.1, mime: known.2 })
    }
}

/// `.m4a` is `audio/mp4`: podcast programs refuse the unregistered `audio/m4a`.
const TYPES: &[(&str, Medium, &str)] = &[
    ("mp3", Medium::Audio, "audio/mpeg"),
    ("m4a", Medium::Audio, "audio/mp4"),
    ("m4b", Medium::Audio, "audio/mp4"),
    ("aac", Medium::Audio, "audio/aac"),
    ("ogg", Medium::Audio, "audio/ogg"),
    ("oga", Medium::Audio, "audio/ogg"),
    ("opus", Medium::Audio, "audio/ogg"),
    ("flac", Medium::Audio, "audio/flac"),
    ("wav", Medium::Audio, "audio/wav"),
    ("aif", Medium::Audio, "audio/aiff"),
    ("aiff", Medium::Audio, "audio/aiff"),
    ("weba", Medium::Audio, "audio/webm"),
    ("mka", Medium::Audio, "audio/matroska"),
    ("mp4", Medium::Video, "video/mp4"),
    ("m4v", Medium::Video, "video/mp4"),
    ("mov", Medium::Video, "video/quicktime"),
    ("webm", Medium::Video, "video/webm"),
    ("mkv", Medium::Video, "video/matroska"),
    ("ogv", Medium::Video, "video/ogg"),
    ("mpg", Medium::Video, "video/mpeg"),
    ("mpeg", Medium::Video, "video/mpeg"),
    ("jpg", Medium::Photo, "image/jpeg"),
    ("jpeg", Medium::Photo, "image/jpeg"),
    ("png", Medium::Photo, "image/png"),
    ("gif", Medium::Photo, "image/gif"),
    ("webp", Medium::Photo, "image/webp"),
    ("avif", Medium::Photo, "image/avif"),
    ("heic", Medium::Photo, "image/heic"),
];
