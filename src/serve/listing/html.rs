//! A listing for people: rows, or a grid where most files are pictures and videos.
//!
//! Every link is relative to the folder. Names are text everywhere and stand in an element of their own
//! (`bdi`), so that neither markup nor writing direction of a name reaches beyond it.

use std::{ffi::OsStr, fmt::Write};

use super::scan::{Entry, Scan};
use super::{Direction, Key, Listing};
use crate::serve::date::Date;
use crate::serve::media_type::{Kind, kind};
use crate::serve::page::{escape, frame};
use crate::serve::path;
use crate::serve::thumbnail;

/// Videos on one page whose first picture is fetched; each costs a request or two.
const PREVIEWED: usize = 12;

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
        Some(owner) if *owner != title => format!("{title} \u{2013} {owner}"),
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
    listing.owner.clone().unwrap_or_else(|| "Shared files".to_owned())
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
    for feed in feeds(listing) {
        let Feed { href, name, .. } = feed;
        let _ = write!(
            about,
            "<a class=\"feed\" href=\"{href}\"><svg class=\"icon\" aria-hidden=\"true\">\
             <use href=\"#feed\"/></svg>{name}</a>",
        );
    }
    if about.is_empty() { about } else { format!("<div class=\"about\">{about}</div>\n") }
}

struct Feed {
    href: &'static str,
    name: &'static str,
    media_type: &'static str,
}

/// The feeds of the shared folder, which its own listing announces.
fn feeds(listing: &Listing) -> Vec<Feed> {
    let Scan { audio, videos, pictures, .. } = listing.scan;
    let rss = "application/rss+xml";
    let mut feeds = Vec::new();
    if !listing.path.segments.is_empty() {
        return feeds;
    }
    if audio + videos > 0 {
        feeds.push(Feed { href: "feed.xml", name: "Podcast", media_type: rss });
    }
    if pictures > 0 {
        feeds.push(Feed { href: "photos.xml", name: "Photo feed", media_type: rss });
    }
    if !feeds.is_empty() {
        feeds.push(Feed {
            href: "feed.json",
            name: "JSON feed",
            media_type: "application/feed+json",
        });
    }
    feeds
}

fn feed_links(listing: &Listing) -> String {
    feeds(listing).iter().fold(String::new(), |links, Feed { href, name, media_type }| {
        links
            + &format!(
                "<link rel=\"alternate\" type=\"{media_type}\" title=\"{name}\" href=\"{href}\">\n"
            )
    })
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

fn row(entry: &Entry, previews: &mut usize) -> String {
    let (href, name) = (href(entry), escape(&entry.name.to_string_lossy()));
    let picture = row_picture(entry, &href);
    let link = if entry.is_folder {
        format!("<a class=\"folder\" href=\"{href}\"><bdi>{name}</bdi></a>")
    } else {
        format!("<a href=\"{href}\"><bdi>{name}</bdi></a>")
    };
    let player = match kind_of(entry) {
        Some(Kind::Audio) => format!("<audio controls preload=\"none\" src=\"{href}\"></audio>"),
        Some(Kind::Video) => video(&href, previews),
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

fn cell(entry: &Entry, previews: &mut usize) -> String {
    let (href, name) = (href(entry), escape(&entry.name.to_string_lossy()));
    let view = match (kind_of(entry), thumbnail_of(entry, &href)) {
        (Some(Kind::Video), _) => video(&href, previews),
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

fn video(href: &str, previews: &mut usize) -> String {
    *previews += 1;
    let preload = if *previews <= PREVIEWED { "metadata" } else { "none" };
    format!("<video controls preload=\"{preload}\" src=\"{href}\"></video>")
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
        let date = Date::from_unix(measure.modified);
        format!("<time datetime=\"{date}\">{}</time>", date.plain())
    })
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

/// `3 files`; None for none.
fn count(number: usize, thing: &str) -> Option<String> {
    let plural = if number == 1 { "" } else { "s" };
    (number > 0).then(|| format!("{} {thing}{plural}", grouped(number)))
}

/// Digits in groups of three, with thin spaces that do not break.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

/// Decimal units, as disks and file managers have them: `999 B`, `1.2 MB`, `35 GB`.
fn human_size(octets: u64) -> String {
    if octets < 1000 {
        return format!("{octets} B");
    }
    let mut tenths = octets / 100; // of the present unit
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next();
    while tenths >= 9_995 {
        tenths /= 1000;
        unit = units.next().or(unit);
    }
    let unit = unit.unwrap_or_default();
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (octets, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (999_499, "999 kB"),
            (1_234_567, "1.2 MB"),
            (35_000_000_000, "35 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(human_size(octets), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0, "file"), None);
        assert_eq!(count(1, "file").unwrap(), "1 file");
        assert_eq!(count(20_000, "file").unwrap(), "20\u{202F}000 files");
        assert_eq!(grouped(1_234_567), "1\u{202F}234\u{202F}567");
    }
}
