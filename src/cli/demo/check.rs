//! `p2p demo --check`: every file in every form, every octet compared.

use std::{
    fs::{self, File},
    io::{self, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::{
    Failure, fetch,
    speak::{self, Outcome},
};
use crate::identity::{AccessForm, Destination, milliseconds};
use crate::runtime::{clock, plain, unblock};

/// What a URL's path needs no escape for.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Pages that the folder makes, and what each must hold in every form.
const PAGES: [(&str, &str); 4] =
    [("/", "<html"), ("/feed.xml", "<rss"), ("/photos.xml", "<rss"), ("/feed.json", "jsonfeed")];

/// One row of the table.
#[derive(Default)]
struct Tally {
    files: usize,
    octets: u64,
    pages: usize,
    time: Duration,
    wrong: Vec<String>,
}

/// Fetches and compares everything; fails when anything differs.
pub(super) async fn run(proxy: SocketAddr, destination: &Destination, folder: &Path) -> Outcome {
    let root = folder.to_owned();
    let files = unblock(move || files_below(&root)).await.map_err(|error| {
        Failure::failed(format!("cannot list {}: {}", folder.display(), plain(&error)))
    })?;
    speak::line("form         files       bytes  pages       time  result")?;
    let mut wrong = Vec::new();
    let forms = [
        ("own origin", AccessForm::OwnOrigin),
        ("path", AccessForm::Path),
        ("proxy", AccessForm::Proxy),
    ];
    for (title, form) in forms {
        let mut tally = Tally::default();
        let started = clock::now();
        for file in &files {
            tally.file(proxy, destination, form, folder, file).await;
        }
        for (page, mark) in PAGES {
            tally.page(proxy, destination, form, page, mark).await;
        }
        tally.time = clock::now() - started;
        let result = if tally.wrong.is_empty() { "equal" } else { "DIFFERENT" };
        let Tally { files, octets, pages, time, .. } = &tally;
        let ms = milliseconds(*time);
        speak::line(format!(
            "{title:<10} {files:>7} {octets:>11} {pages:>6} {ms:>7.1} ms  {result}"
        ))?;
        wrong.append(&mut tally.wrong);
    }
    match wrong.first() {
        None => Ok(()),
        Some(first) => {
            Err(Failure::failed(format!("{} of the answers are wrong: {first}", wrong.len())))
        }
    }
}

impl Tally {
    async fn file(
        &mut self,
        proxy: SocketAddr,
        destination: &Destination,
        form: AccessForm,
        folder: &Path,
        file: &Path,
    ) {
        let relative = file.strip_prefix(folder).unwrap_or(file);
        let octets = std::os::unix::ffi::OsStrExt::as_bytes(relative.as_os_str());
        let path = format!("/{}", percent_encode(octets, PATH));
        self.files += 1;
        match compare(proxy, destination, form, &path, file).await {
            Ok(length) => self.octets += length,
            Err(problem) => self.wrong.push(format!("{path}: {problem}")),
        }
    }

    async fn page(
        &mut self,
        proxy: SocketAddr,
        destination: &Destination,
        form: AccessForm,
        page: &str,
        mark: &str,
    ) {
        self.pages += 1;
        let answer = async {
            let response =
                fetch::get(proxy, destination, form, page).await.map_err(|e| e.to_string())?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
            let holds = body.windows(mark.len()).any(|part| part == mark.as_bytes());
            // a folder with an index.html of its own may say anything
            if status == StatusCode::OK && (holds || page == "/") {
                Ok(())
            } else {
                Err(status.to_string())
            }
        };
        if let Err(problem) = answer.await {
            self.wrong.push(format!("{page}: {problem}"));
        }
    }
}

/// Compares a file with what the URL gives, piece by piece; its length if they are equal.
async fn compare(
    proxy: SocketAddr,
    destination: &Destination,
    form: AccessForm,
    path: &str,
    file: &Path,
) -> Result<u64, String> {
    let mut response =
        fetch::get(proxy, destination, form, path).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(response.status().to_string());
    }
    let path = file.to_owned();
    let mut source = unblock(move || File::open(path)).await.map_err(|error| error.to_string())?;
    let mut length = 0;
    while let Some(frame) = response.body_mut().frame().await {
        let Ok(piece) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
        length += piece.len() as u64;
        let equal;
        (source, equal) = unblock(move || continues_with(source, &piece)).await;
        if !equal {
            return Err(format!("differs within the first {length} bytes"));
        }
    }
    let ended = unblock(move || matches!(source.read(&mut [0]), Ok(0))).await;
    if ended { Ok(length) } else { Err(format!("ends after {length} bytes")) }
}

fn continues_with(mut source: File, piece: &Bytes) -> (File, bool) {
    let mut own = vec![0; piece.len()];
    let equal = source.read_exact(&mut own).is_ok() && own == piece[..];
    (source, equal)
}

/// All files that a folder serves: no links, nothing hidden.
fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if std::os::unix::ffi::OsStrExt::as_bytes(entry.file_name().as_os_str())
                .starts_with(b".")
            {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}
