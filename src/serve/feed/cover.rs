//! Pictures that stand for something: for a file the one inside of it, for a feed one of its files'.

use std::{ffi::OsStr, path::Path};

use hyper::http::request::Parts;

use crate::runtime::clock;
use crate::runtime::http::Response;
use crate::serve::etag::Validators;
use crate::serve::folder::{Folder, OpenFile};
use crate::serve::problem::Problem;
use crate::serve::representation;

use super::{
    catalog::Catalog,
    media::{MediaType, Medium},
    picture::Picture,
};

/// What a feed without any picture shows: 1400 pixels square, as podcast directories want it.
const DEFAULT_COVER: &[u8] = include_bytes!("cover.png");
/// How many of the newest recordings are searched for a picture.
const SEARCHED: usize = 20;

/// Answers `?cover` with the picture inside of a file. Blocks.
///
/// # Errors
/// When there is none.
pub(in crate::serve) fn respond(
    open: &OpenFile,
    name: &OsStr,
    head: &Parts,
) -> Result<Response, Problem> {
    let media = MediaType::of(Path::new(name)).ok_or(Problem::NoPicture)?;
    let Picture { mime, content } = Picture::inside(&open.file, media).ok_or(Problem::NoPicture)?;
    let mut validators = Validators::of_file(&open.metadata, clock::wall());
    validators.tag = validators.tag.derived("cover");
    Ok(representation::of_content(content, mime, &validators, head))
}

/// The picture of a feed whose folder has no `cover.jpg`: that in the newest recording which has one.
pub(super) fn of_catalog(catalog: &Catalog, folder: &Folder) -> Picture {
    let recordings = catalog.entries.iter().filter(|it| it.media.medium != Medium::Photo);
    let mut pictures = recordings.take(SEARCHED).filter_map(|entry| {
        entry.fingerprint(folder)?.has_picture.then_some(())?;
        Picture::inside(&folder.file(&entry.path).ok()?.file, entry.media)
    });
    let standard = || Picture { mime: "image/png", content: DEFAULT_COVER.into() };
    pictures.next().unwrap_or_else(standard)
}
