//! A folder as a zip archive that is made while it is sent.
//!
//! Entries are stored, not compressed: what people share is mostly compressed already, and a router has
//! better things to do. One thread walks the folder and writes through a bounded channel, so the archive
//! is made as fast as the client takes it; when the client goes, the channel closes and the thread ends.
//! Only the names stay in memory until the end, where a zip has its table of contents.
//!
//! Links are followed to files inside of the shared folder, but not to folders, which could be loops.
//! What cannot be opened is left out, as it is in listings.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    sync::Arc,
};

use ::zip::{
    CompressionMethod, DateTime, ZipWriter,
    result::ZipError,
    write::{SimpleFileOptions, StreamWriter},
};
use async_channel::{Receiver, Sender};
use async_lock::SemaphoreGuardArc;
use bytes::Bytes;
use futures_lite::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Method,
    body::Frame,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};

use super::directory::NameType;
use super::folder::{Folder, Node, OpenFile};
use super::path::{self, RequestPath};
use crate::identity::{CivilTime, Name};
use crate::runtime::http::{self, Body, BoxError, Response};
use crate::runtime::unblock;

/// Octets that travel through the channel at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the client.
const PIECES: usize = 4;
/// Files from this size on get 64-bit sizes, which old programs do not read; 4 GiB is where they must.
const LARGE: u64 = 0xFFFF_0000;

/// Answers with the archive of the folder at `path`. Nothing is read before the body is polled by
/// somebody who wants it.
pub(super) fn respond(
    folder: Arc<Folder>,
    owner: Option<&Name>,
    path: RequestPath,
    head: &Parts,
    permit: SemaphoreGuardArc,
) -> Response {
    let owner = owner.map_or("files", Name::as_str);
    let name = path.name().unwrap_or(OsStr::new(owner)).to_owned();
    let mut response = Response::new(http::empty());
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    let disposition = HeaderValue::try_from(disposition(&name));
    fields.extend(disposition.ok().map(|value| (CONTENT_DISPOSITION, value)));
    if head.method != Method::HEAD {
        *response.body_mut() = archive(folder, path.segments, permit);
    }
    response
}

/// `attachment` with the name in ASCII for old programs and in UTF-8 for others (RFC 6266).
fn disposition(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.@ ".contains(c) { c } else { '_' })
        .collect();
    let exact = path::encode(OsStr::new(name.as_ref()));
    format!("attachment; filename=\"{plain}.zip\"; filename*=UTF-8''{exact}.zip")
}

fn archive(folder: Arc<Folder>, segments: Vec<OsString>, permit: SemaphoreGuardArc) -> Body {
    let (sender, receiver) = async_channel::bounded(PIECES);
    unblock(move || {
        let _permit = permit;
        if let Err(error) = write(&folder, segments, &sender) {
            let _ = sender.send_blocking(Err(error.into())); // a client that is gone need not know
        }
    })
    .detach();
    StreamBody::new(stream::unfold(Some(receiver), next)).boxed_unsync()
}

type Piece = Result<Bytes, BoxError>;

/// The next piece; an error is the last one.
async fn next(
    receiver: Option<Receiver<Piece>>,
) -> Option<(Result<Frame<Bytes>, BoxError>, Option<Receiver<Piece>>)> {
    let receiver = receiver?;
    match receiver.recv().await.ok()? {
        Ok(piece) => Some((Ok(Frame::data(piece)), Some(receiver))),
        Err(error) => Some((Err(error), None)),
    }
}

/// Walks the folder, depth first, and writes the archive.
fn write(folder: &Folder, start: Vec<OsString>, sender: &Sender<Piece>) -> Result<(), ZipError> {
    let depth = start.len();
    let mut archive = Archive {
        writer: ZipWriter::new_stream(Outlet { sender: sender.clone(), piece: Vec::new() }),
        sender,
    };
    let mut open = vec![start];
    while let Some(segments) = open.pop() {
        let Ok(Node::Directory(directory)) = folder.find(&segments) else { continue };
        if segments.len() > depth {
            archive.add_folder(&segments[depth..])?;
        }
        let Ok(names) = directory.names() else { continue };
        let mut names: Vec<_> = names.collect();
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut folders = Vec::new();
        for (name, name_type) in names {
            let segments: Vec<_> = segments.iter().cloned().chain([name]).collect();
            if name_type == NameType::Folder {
                folders.push(segments);
            } else if let Ok(Node::File(open)) = folder.find(&segments) {
                archive.add_file(&segments[depth..], &open)?;
            }
        }
        open.extend(folders.into_iter().rev());
    }
    archive.finish()
}

struct Archive<'a> {
    writer: ZipWriter<StreamWriter<Outlet>>,
    sender: &'a Sender<Piece>,
}

impl Archive<'_> {
    fn add_folder(&mut self, segments: &[OsString]) -> Result<(), ZipError> {
        self.writer.add_directory(entry_name(segments), OPTIONS)
    }

    fn add_file(&mut self, segments: &[OsString], open: &OpenFile) -> Result<(), ZipError> {
        let length = open.metadata.len();
        let options =
            OPTIONS.last_modified_time(time(open.metadata.mtime())).large_file(length >= LARGE);
        let name = entry_name(segments);
        match self.writer.start_file(&name, options) {
            // escaping has made two names equal
            Err(ZipError::InvalidArchive(_)) => self.writer.start_file(name + "~", options)?,
            started => started?,
        }
        let mut content = (&*open.file).take(length);
        let mut piece = vec![0; PIECE];
        loop {
            if self.sender.is_closed() {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
            }
            let count = content.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.writer.write_all(&piece[..count])?;
        }
    }

    fn finish(self) -> Result<(), ZipError> {
        self.writer.finish()?.into_inner().flush()?;
        Ok(())
    }
}

const OPTIONS: SimpleFileOptions =
    SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);

/// Names in an archive are UTF-8 with slashes. Octets that are no UTF-8 become escapes, and so do
/// backslashes, which some programs take for slashes.
fn entry_name(segments: &[OsString]) -> String {
    let segments = segments.iter().map(|segment| {
        let mut name = String::new();
        for chunk in segment.as_bytes().utf8_chunks() {
            name.push_str(&chunk.valid().replace('\\', "%5C"));
            name.extend(chunk.invalid().iter().map(|octet| format!("%{octet:02X}")));
        }
        name
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The time as archives have it, which begins in 1980.
fn time(secs: i64) -> DateTime {
    let CivilTime { year, month, day, hour, minute, second } = CivilTime::from_unix(secs);
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

/// The way into the channel. It never fails, so that an archive which is given up can be closed without
/// complaint; whoever writes asks the channel whether somebody listens.
struct Outlet {
    sender: Sender<Piece>,
    piece: Vec<u8>,
}

impl Write for Outlet {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(octets);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        if !piece.is_empty() {
            let _ = self.sender.send_blocking(Ok(piece.into()));
        }
        Ok(())
    }
}
