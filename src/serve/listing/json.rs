//! A listing for programs.
//!
//! ```json
//! {"path": "/music/", "folders": 0, "files": 1, "page": 1, "pages": 1, "entries": [
//!   {"name": "a b.mp3", "href": "a%20b.mp3", "type": "file", "size": 1234,
//!    "modified": "2026-11-22T07:25:14Z", "media_type": "audio/mpeg"}]}
//! ```
//!
//! `href` is relative to the folder and exact; `name` has replacement characters where a name is not
//! UTF-8. A folder has no size and no media type.

use std::fmt::Write;

use super::Listing;
use super::scan::Entry;
use crate::identity::CivilTime;
use crate::serve::path;

/// The page as JSON.
pub(super) fn render(listing: &Listing) -> String {
    let mut json = format!(
        "{{\"path\":{},\"folders\":{},\"files\":{},\"left_out\":{},\"page\":{},\"pages\":{},\"entries\":[",
        quote(&path_of(listing)),
        listing.scan.folders,
        listing.scan.files,
        listing.scan.left_out,
        listing.page,
        listing.pages,
    );
    for (index, entry) in listing.scan.entries.iter().enumerate() {
        json.push_str(if index == 0 { "\n" } else { ",\n" });
        json.push_str(&render_entry(entry));
    }
    json.push_str("\n]}\n");
    json
}

fn render_entry(entry: &Entry) -> String {
    let slash = if entry.is_folder { "/" } else { "" };
    let mut json = format!(
        "{{\"name\":{},\"href\":\"{}{slash}\",\"type\":\"{}\"",
        quote(&entry.name.to_string_lossy()),
        path::encode(&entry.name),
        if entry.is_folder { "folder" } else { "file" },
    );
    // a String takes everything
    if let Some(measure) = entry.measure {
        if !entry.is_folder {
            let _ = write!(json, ",\"size\":{}", measure.size);
        }
        let _ = write!(json, ",\"modified\":\"{}\"", CivilTime::from_unix(measure.modified));
    }
    if !entry.is_folder {
        let _ = write!(json, ",\"media_type\":{}", quote(entry.media_type()));
    }
    json.push('}');
    json
}

/// The path of the folder, encoded as in a request.
fn path_of(listing: &Listing) -> String {
    let segments = listing.path.segments.iter().map(|name| path::encode(name) + "/");
    segments.fold("/".to_owned(), |path, segment| path + &segment)
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(
            quote("a\"b\\c\n\0\u{7f}\u{1F600}"),
            "\"a\\\"b\\\\c\\u000a\\u0000\\u007f\u{1F600}\""
        );
    }
}
