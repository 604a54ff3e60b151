//! The picture inside of a media file.

use std::fs::File;

use crate::serve::camera;
use crate::serve::media_type::{self, Kind};

use super::{
    media::{MediaType, Medium},
    recording,
};

/// A picture that browsers show.
#[derive(Debug)]
pub(super) struct Picture {
    /// Its media type.
    pub mime: &'static str,
    /// Its octets.
    pub content: Vec<u8>,
}

impl Picture {
    /// The picture in a file: the front cover of a recording, the thumbnail of a photograph. None for
    /// what no browser shows or what could be more than a picture.
    pub(super) fn inside(file: &File, media: MediaType) -> Option<Picture> {
        let content = match media.medium {
            Medium::Audio | Medium::Video => recording::cover(file)?,
            Medium::Photo => camera::thumbnail(file)?,
        };
        // what a tag says about its picture may be wrong
        let mime = media_type::by_signature(&content)?;
        (media_type::kind(mime) == Kind::Picture).then_some(Picture { mime, content })
    }
}
