//! A listing for people: rows, or a grid where most files are pictures and videos.
//!
//! Every link is relative to the folder. Names are text everywhere and stand in an element of their own
//! (`bdi`), so that neither markup nor writing direction of a name reaches beyond it.

use std::fmt::Write;

use super::Listing;
use super::entry::{cell, row};
use super::quantity::{count, grouped};
use super::scan::{Entry, Scan};
use crate::identity::Name;
use crate::runtime::html::escape;
use crate::serve::media_type::Kind;
use crate::serve::page::frame;
use crate::serve::query::{Direction, Key};

/// The page as HTML.
pub(super) fn render(listing: &Listing) -> String {
    let title = title(listing);
    let entries = entries(listing);
    let about_times =
        if entries.contains("<time") { "<footer>Times are in UTC.</footer>" } else { "" };
    let main = format!(
        "<header>\n{}<h1><bdi>{}</bdi></h1>\n{}</header>\n<main>\n{entries}{}</main>\n{about_times}",
        breadcrumb(listing),
        escape(&title),
        about(listing),
        pages(listing),
    );
    let page_title = match &listing.owner {
        Some(owner) if owner.as_str() != title => format!("{title} \u{2013} {owner}"),
        _ => title,
    };
    frame(&page_title, &feed_links(listing), &main)
}

fn title(listing: &Listing) -> String {
    match listing.path.name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => home(listing),
    }
}

/// What the shared folder itself is called; its name on disk is nobody's business.
fn home(listing: &Listing) -> String {
    listing.owner.as_ref().map_or("Shared files", Name::as_str).to_owned()
}

/// The folders above, nearest last.
fn breadcrumb(listing: &Listing) -> String {
    let above = listing.path.segments.split_last().map_or(&[][..], |(_, above)| above);
    if listing.path.segments.is_empty() {
        return String::new();
    }
    let mut steps = String::new();
    let names = [home(listing)]
        .into_iter()
        .chain(above.iter().map(|name| name.to_string_lossy().into_owned()));
    for (index, name) in names.enumerate() {
        let up = "../".repeat(above.len() + 1 - index);
        let _ = write!(steps, "<li><a href=\"{up}\"><bdi>{}</bdi></a></li>", escape(&name));
    }
    format!("<nav class=\"path\" aria-label=\"Folders above\"><ol>{steps}</ol></nav>\n")
}

/// How much there is, and what can be done with all of it.
fn about(listing: &Listing) -> String {
    let Scan { folders, files, left_out, .. } = listing.scan;
    let counts: Vec<_> =
        [count(folders, "folder"), count(files, "file")].into_iter().flatten().collect();
    let mut about = if counts.is_empty() {
        String::new()
    } else {
        format!("<span>{}</span>", counts.join(", "))
    };
    if left_out > 0 {
        let _ = write!(about, "<span>{} more are not listed</span>", grouped(left_out));
    }
    if folders + files > 0 {
        about += "<a href=\"?zip\" download rel=\"nofollow\"><svg class=\"icon\" aria-hidden=\"true\">\
                  <use href=\"#download\"/></svg>Download all (zip)</a>";
    }
    for feed in &listing.feeds {
        let _ = write!(
            about,
            "<a class=\"feed\" href=\"{}\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#feed\"/></svg>{}</a>",
            feed.file_name(),
            feed.title(),
        );
    }
    if about.is_empty() { about } else { format!("<div class=\"about\">{about}</div>\n") }
}

fn feed_links(listing: &Listing) -> String {
    let mut links = String::new();
    for feed in &listing.feeds {
        let _ = writeln!(
            links,
            "<link rel=\"alternate\" type=\"{}\" title=\"{}\" href=\"{}\">",
            feed.media_type(),
            feed.title(),
            feed.file_name(),
        );
    }
    links
}

fn entries(listing: &Listing) -> String {
    let Scan { entries, files, pictures, videos, .. } = &listing.scan;
    if entries.is_empty() {
        return "<p class=\"empty\">This folder is empty.</p>\n".to_owned();
    }
    let mostly_pictures = *pictures >= 3 && (pictures + videos) * 10 >= files * 6;
    let in_grid = |entry: &&Entry| {
        mostly_pictures && !entry.is_folder && matches!(entry.kind(), Kind::Picture | Kind::Video)
    };
    let (cells, rows): (Vec<_>, Vec<_>) = entries.iter().partition(in_grid);
    let mut previews = 0;
    let mut out = String::new();
    if !rows.is_empty() {
        out += &table(listing, &rows, &mut previews);
    }
    if !cells.is_empty() {
        if rows.is_empty() {
            out += &sort_bar(listing);
        }
        let cells: String = cells.iter().map(|entry| cell(entry, &mut previews)).collect();
        let _ = writeln!(out, "<ul class=\"gallery\">\n{cells}</ul>");
    }
    out
}

fn table(listing: &Listing, rows: &[&Entry], previews: &mut usize) -> String {
    let heads: String = SORTS
        .iter()
        .map(|(key, class, name)| {
            let sorted = match (listing.key == *key, listing.direction) {
                (false, _) => "",
                (true, Direction::Ascending) => " aria-sort=\"ascending\"",
                (true, Direction::Descending) => " aria-sort=\"descending\"",
            };
            let link = sort_link(listing, *key, name);
            format!("<th scope=\"col\" class=\"{class}\"{sorted}>{link}</th>")
        })
        .collect();
    let rows: String = rows.iter().map(|entry| row(entry, previews)).collect();
    format!("<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
}

/// Where there is no table to carry it.
fn sort_bar(listing: &Listing) -> String {
    let links: String = SORTS.iter().map(|(key, _, name)| sort_link(listing, *key, name)).collect();
    format!("<nav class=\"sort\" aria-label=\"Order\"><span>Order by</span>{links}</nav>\n")
}

const SORTS: [(Key, &str, &str); 3] =
    [(Key::Name, "name", "Name"), (Key::Size, "size", "Size"), (Key::Time, "time", "Changed")];

/// Sorts by a key; by the one that is in use, the other way round.
fn sort_link(listing: &Listing, key: Key, name: &str) -> String {
    let current = listing.key == key;
    let direction = if current { listing.direction.reverse() } else { key.natural_direction() };
    let (mark, arrow) = match (current, listing.direction) {
        (false, _) => ("", ""),
        (true, Direction::Ascending) => {
            (" aria-current=\"true\"", " <span aria-hidden=\"true\">\u{2191}</span>")
        }
        (true, Direction::Descending) => {
            (" aria-current=\"true\"", " <span aria-hidden=\"true\">\u{2193}</span>")
        }
    };
    format!("<a href=\"?sort={key}&amp;order={direction}\"{mark}>{name}{arrow}</a>")
}

fn pages(listing: &Listing) -> String {
    let (page, pages) = (listing.page, listing.pages);
    if pages == 1 {
        return String::new();
    }
    let link = |to: usize, rel: &str, name: &str| {
        let query = escape(&listing.link_to(to));
        format!("<a rel=\"{rel}\" href=\"{query}\">{name}</a>")
    };
    let previous = if page > 1 {
        link(page - 1, "prev", "\u{2190} Previous")
    } else {
        "<span></span>".to_owned()
    };
    let next = if page < pages {
        link(page + 1, "next", "Next \u{2192}")
    } else {
        "<span></span>".to_owned()
    };
    format!(
        "<nav class=\"pages\" aria-label=\"Pages\">{previous}<span>Page {page} of {pages}</span>{next}</nav>\n"
    )
}
