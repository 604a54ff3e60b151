//! Which files are items, and of which sort.
//!
//! Everything that is audio or video, and the pictures that are photographs rather than drawings.

use std::path::Path;

use crate::serve::media_type::{self, Kind};

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

/// Sort and media type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// What it is.
    pub medium: Medium,
    /// Its `Content-Type`.
    pub mime: &'static str,
}

impl MediaType {
    /// The type that a file's name promises; None for everything that is no item.
    pub(super) fn of(path: &Path) -> Option<MediaType> {
        let mime = media_type::by_name(path.file_name()?)?;
        let medium = match media_type::kind(mime) {
            Kind::Audio => Medium::Audio,
            Kind::Video => Medium::Video,
            Kind::Picture if !DRAWINGS.contains(&mime) => Medium::Photo,
            _ if TELEPHONE_PHOTOS.contains(&mime) => Medium::Photo,
            _ => return None,
        };
        Some(MediaType { medium, mime })
    }
}

/// Pictures that belong to pages and programs.
const DRAWINGS: [&str; 2] = ["image/svg+xml", "image/x-icon"];
/// What telephones take; not every browser shows it, but readers of feeds may.
const TELEPHONE_PHOTOS: [&str; 2] = ["image/heic", "image/heif"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_an_item() {
        let of = |name: &str| MediaType::of(Path::new(name)).map(|it| (it.medium, it.mime));
        // podcast programs refuse the unregistered audio/m4a
        assert_eq!(of("sub/a.M4A"), Some((Medium::Audio, "audio/mp4")));
        assert_eq!(of("a.mka"), Some((Medium::Audio, "audio/matroska")));
        assert_eq!(of("a.webm"), Some((Medium::Video, "video/webm")));
        assert_eq!(of("a.jpeg"), Some((Medium::Photo, "image/jpeg")));
        assert_eq!(of("a.heic"), Some((Medium::Photo, "image/heic")));
        for none in ["favicon.ico", "logo.svg", "scan.tiff", "list.m3u", "a.txt", "mp3", ".."] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
