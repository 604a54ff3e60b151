//! Bodies that come from an open file: one region, or several between the heads of a multipart.
//!
//! Octets are read off the executor in pieces of [`PIECE`]. While one piece is being sent the next one
//! is read, and no further one: a client that reads slowly makes the file be read slowly, and a transfer
//! holds two pieces at most. A file that became shorter ends the body with an error, so that the client
//! does not take what it got for the whole.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use rustix::{buffer::spare_capacity, io::Errno};

use crate::runtime::http::{Body, BoxError, BoxFuture};
use crate::runtime::unblock;

/// Something that a body is put together from.
#[derive(Clone, Debug)]
pub(super) enum Section {
    /// Octets at hand.
    Text(Bytes),
    /// Octets of the file.
    Region(Range<u64>),
}

/// Octets of a file that are read at a time.
const PIECE: u64 = 256 * 1024;
/// Octets that are read before the response begins: most small files, and the head of large ones.
const FIRST: u64 = 64 * 1024;

/// A body of `sections`. Reads its first piece before it returns, so it blocks as the disk does; a
/// failure to do so is found in the body.
pub(super) fn from_file(file: Arc<File>, sections: impl IntoIterator<Item = Section>) -> Body {
    let mut body =
        FileBody { file, sections: sections.into_iter().collect(), ready: None, reading: None };
    body.ready = body.next_step(FIRST).map(|step| read(&body.file, step));
    body.boxed_unsync()
}

/// Octets of `sections` together.
pub(super) fn length(sections: &[Section]) -> u64 {
    sections.iter().map(Section::length).sum()
}

impl Section {
    fn length(&self) -> u64 {
        match self {
            Section::Text(text) => text.len() as u64,
            Section::Region(region) => region.end - region.start,
        }
    }
}

struct FileBody {
    file: Arc<File>,
    /// What has not been read yet.
    sections: VecDeque<Section>,
    /// Read, not yet handed over.
    ready: Option<io::Result<Bytes>>,
    /// Being read.
    reading: Option<BoxFuture<io::Result<Bytes>>>,
}

impl FileBody {
    /// Takes the next text, or at most `limit` octets of the next region.
    fn next_step(&mut self, limit: u64) -> Option<Section> {
        loop {
            match self.sections.front_mut()? {
                Section::Region(region) if region.end - region.start > limit => {
                    let middle = region.start + limit;
                    let step = region.start..middle;
                    region.start = middle;
                    return Some(Section::Region(step));
                }
                Section::Region(region) if region.is_empty() => {
                    self.sections.pop_front();
                }
                _ => return self.sections.pop_front(),
            }
        }
    }

    /// Starts the next read, if none is under way and there is something to read.
    fn read_ahead(&mut self) {
        if self.ready.is_some() || self.reading.is_some() {
            return;
        }
        match self.next_step(PIECE) {
            Some(Section::Text(text)) => self.ready = Some(Ok(text)),
            Some(step) => {
                let file = self.file.clone();
                self.reading = Some(Box::pin(unblock(move || read(&file, step))));
            }
            None => {}
        }
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.read_ahead();
        let read = match (self.ready.take(), &mut self.reading) {
            (Some(read), _) => read,
            (None, Some(reading)) => {
                let read = ready!(reading.as_mut().poll(cx));
                self.reading = None;
                read
            }
            (None, None) => return Poll::Ready(None),
        };
        if read.is_err() {
            self.sections.clear();
        }
        self.read_ahead();
        Poll::Ready(Some(read.map(Frame::data).map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_none() && self.reading.is_none() && self.sections.is_empty()
    }

    /// Exact, as long as nothing is on its way from the disk: hyper asks at the beginning.
    fn size_hint(&self) -> SizeHint {
        let left: u64 = self.sections.iter().map(Section::length).sum();
        match (&self.ready, &self.reading) {
            (Some(Ok(ready)), _) => SizeHint::with_exact(left + ready.len() as u64),
            (None, None) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}

fn read(file: &File, step: Section) -> io::Result<Bytes> {
    let region = match step {
        Section::Text(text) => return Ok(text),
        Section::Region(region) => region,
    };
    // steps are no longer than a piece
    let length = usize::try_from(region.end - region.start).unwrap_or_default();
    let mut piece = Vec::with_capacity(length);
    while piece.len() < length {
        let at = region.start + piece.len() as u64;
        // into memory that nobody has to clear before
        match rustix::io::pread(file, spare_capacity(&mut piece), at) {
            Ok(0) => {
                let text = "the file became shorter while it was sent";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    piece.truncate(length); // capacity may be more than was asked for
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::runtime::block_on;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i / 251 + i) as u8).collect()
    }

    #[test]
    fn sends_sections_in_order() {
        let content = pattern(1_000_000);
        let sections = vec![
            Section::Text("head".into()),
            Section::Region(10..700_000),
            Section::Region(5..5),
            Section::Text("between".into()),
            Section::Region(999_999..1_000_000),
            Section::Text("end".into()),
        ];
        let total = length(&sections);
        let body = from_file(Arc::new(file(&content)), sections);
        assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(total));
        let sent = block_on(body.collect()).unwrap().to_bytes();
        let wanted =
            [b"head", &content[10..700_000], b"between", &content[999_999..], b"end"].concat();
        assert!(sent == wanted);
        assert_eq!(sent.len() as u64, total);
    }

    #[test]
    fn nothing_is_nothing() {
        let body = from_file(Arc::new(file(b"")), [Section::Region(0..0)]);
        assert!(hyper::body::Body::is_end_stream(&body));
        assert!(block_on(body.collect()).unwrap().to_bytes().is_empty());
    }

    #[test]
    fn reads_one_piece_ahead_and_waits() {
        let content = pattern(4 * PIECE as usize);
        let file = file(&content);
        let mut body = FileBody {
            file: Arc::new(file),
            sections: [Section::Region(0..content.len() as u64)].into(),
            ready: None,
            reading: None,
        };
        block_on(body.frame()).unwrap().unwrap();
        let left: u64 = body.sections.iter().map(Section::length).sum();
        assert_eq!(left, 2 * PIECE);
        assert!(body.reading.is_some());
    }

    #[test]
    fn a_truncated_file_is_an_error_not_an_end() {
        let file = file(&pattern(2_000_000));
        let mut body =
            from_file(Arc::new(file.try_clone().unwrap()), [Section::Region(0..2_000_000)]);
        block_on(async {
            body.frame().await.unwrap().unwrap();
            file.set_len(100_000).unwrap();
            let error = loop {
                match body.frame().await.expect("no clean end") {
                    Ok(_) => continue,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.to_string(), "the file became shorter while it was sent");
            assert!(body.frame().await.is_none());
        });
    }
}
