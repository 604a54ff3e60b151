//! One entry of a listing as markup: picture or drawing, name, player, size, time.

use std::ffi::OsStr;

use super::quantity::human_size;
use super::scan::Entry;
use crate::identity::CivilTime;
use crate::runtime::html::escape;
use crate::serve::media_type::{Kind, kind};
use crate::serve::{path, thumbnail};

/// Videos on one page whose first picture is fetched; each costs a request or two.
const PREVIEWED: usize = 12;

/// An entry as a row of the table, with its player where it has one.
pub(super) fn row(entry: &Entry, previews: &mut usize) -> String {
    let (href, name) = (href(entry), escape(&entry.name.to_string_lossy()));
    let picture = row_picture(entry, &href);
    let link = if entry.is_folder {
        format!("<a class=\"folder\" href=\"{href}\"><bdi>{name}</bdi></a>")
    } else {
        format!("<a href=\"{href}\"><bdi>{name}</bdi></a>")
    };
    let player = match kind_of(entry) {
        Some(Kind::Audio) => format!(
            "<audio controls preload=\"none\" src=\"{href}\" aria-label=\"{name}\"></audio>"
        ),
        Some(Kind::Video) => video(&href, &name, previews),
        _ => String::new(),
    };
    let class = if player.is_empty() { "" } else { " class=\"played\"" };
    format!(
        "<tr{class}><th scope=\"row\"><div class=\"entry\">{picture}{link}</div>{player}</th>\
         <td class=\"size\">{}</td><td class=\"time\">{}</td></tr>\n",
        size_of(entry),
        time_of(entry),
    )
}

fn row_picture(entry: &Entry, href: &str) -> String {
    match thumbnail_of(entry, href) {
        Some(source) => {
            format!("<img src=\"{source}\" alt=\"\" loading=\"lazy\">")
        }
        None => icon(entry),
    }
}

/// A picture or video as a cell of the grid.
pub(super) fn cell(entry: &Entry, previews: &mut usize) -> String {
    let (href, name) = (href(entry), escape(&entry.name.to_string_lossy()));
    let view = match (kind_of(entry), thumbnail_of(entry, &href)) {
        (Some(Kind::Video), _) => video(&href, &name, previews),
        (_, Some(source)) => {
            format!(
                "<a href=\"{href}\" tabindex=\"-1\" aria-hidden=\"true\"><img src=\"{source}\" alt=\"\" loading=\"lazy\"></a>"
            )
        }
        (_, None) => format!(
            "<a href=\"{href}\" tabindex=\"-1\" aria-hidden=\"true\"><span class=\"blank\">{}</span></a>",
            icon(entry)
        ),
    };
    format!(
        "<li>{view}<a href=\"{href}\"><span class=\"name\"><bdi>{name}</bdi></span></a><small>{}</small></li>\n",
        size_of(entry),
    )
}

fn video(href: &str, name: &str, previews: &mut usize) -> String {
    *previews += 1;
    let preload = if *previews <= PREVIEWED { "metadata" } else { "none" };
    format!("<video controls preload=\"{preload}\" src=\"{href}\" aria-label=\"{name}\"></video>")
}

/// Where a small version of a picture is to be had; None for one that is too large to be shown small.
fn thumbnail_of(entry: &Entry, href: &str) -> Option<String> {
    if kind_of(entry) != Some(Kind::Picture) {
        return None;
    }
    match entry.media_type() {
        "image/jpeg" => Some(format!("{href}?thumb")),
        _ if entry.measure?.size <= thumbnail::LARGEST_WHOLE => Some(href.to_owned()),
        _ => None,
    }
}

fn icon(entry: &Entry) -> String {
    let name = match kind_of(entry) {
        None => "folder",
        Some(Kind::Picture) => "picture",
        Some(Kind::Audio) => "audio",
        Some(Kind::Video) => "video",
        Some(Kind::Document) => "document",
        Some(Kind::Archive) => "archive",
        Some(Kind::Other) => "other",
    };
    format!("<svg class=\"icon {name}\" aria-hidden=\"true\"><use href=\"#{name}\"/></svg>")
}

/// None for a folder.
fn kind_of(entry: &Entry) -> Option<Kind> {
    (!entry.is_folder).then(|| kind(entry.media_type()))
}

fn href(entry: &Entry) -> String {
    let name: &OsStr = &entry.name;
    path::encode(name) + if entry.is_folder { "/" } else { "" }
}

fn size_of(entry: &Entry) -> String {
    match entry.measure {
        Some(measure) if !entry.is_folder => human_size(measure.size),
        _ => String::new(),
    }
}

fn time_of(entry: &Entry) -> String {
    entry.measure.map_or(String::new(), |measure| {
        let time = CivilTime::from_unix(measure.modified);
        format!("<time datetime=\"{time}\">{}</time>", time.plain())
    })
}
