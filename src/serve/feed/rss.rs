//! The podcast: RSS 2.0 with the tags of Apple Podcasts and of Podcasting 2.0.
//!
//! It is nobody's business but the visitors': directories are asked not to list it.

use super::{
    media::Medium,
    page::{Item, Page},
    xml::{Xml, html},
};

const NAMESPACES: &[(&str, &str)] = &[
    ("version", "2.0"),
    ("xmlns:atom", "http://www.w3.org/2005/Atom"),
    ("xmlns:itunes", "http://www.itunes.com/dtds/podcast-1.0.dtd"),
    ("xmlns:podcast", "https://podcastindex.org/namespace/1.0"),
];

/// Writes a page.
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.element("rss", NAMESPACES, |xml| {
        xml.element("channel", &[], |xml| {
            channel(xml, page);
            for item in &page.items {
                xml.element("item", &[], |xml| entry(xml, page, item));
            }
        });
    });
    xml.finish()
}

/// What every RSS 2.0 channel here begins with.
pub(super) fn head(xml: &mut Xml, page: &Page<'_>) {
    let home = page.base.to_string();
    xml.text("title", &page.title());
    xml.text("link", &home);
    xml.text("description", &html(&page.description()));
    xml.text("language", &page.catalog.about.language);
    xml.text("generator", "p2p");
    if let Some(newest) = page.items.first() {
        xml.text("lastBuildDate", &newest.entry.date().rfc2822());
    }
    xml.element("image", &[], |xml| {
        xml.text("url", &page.image());
        xml.text("title", &page.title());
        xml.text("link", &home);
    });
    for (relation, url) in page.links() {
        let attributes = [("rel", relation), ("type", "application/rss+xml"), ("href", &url)];
        xml.empty("atom:link", &attributes);
    }
}

/// What every item here has.
pub(super) fn common(xml: &mut Xml, item: &Item<'_>) {
    let (media, length) = (item.entry.media, item.entry.state.size.to_string());
    xml.text("title", &item.title);
    xml.text_with("guid", &[("isPermaLink", "false")], &item.guid);
    xml.text("pubDate", &item.entry.date().rfc2822());
    xml.empty("enclosure", &[("url", &item.url), ("length", &length), ("type", media.mime)]);
}

fn channel(xml: &mut Xml, page: &Page<'_>) {
    let about = &page.catalog.about;
    head(xml, page);
    xml.empty("itunes:image", &[("href", &page.image())]);
    xml.element("itunes:category", &[("text", &about.category.0)], |xml| {
        if let Some(within) = &about.category.1 {
            xml.empty("itunes:category", &[("text", within)]);
        }
    });
    xml.text("itunes:explicit", if about.explicit { "true" } else { "false" });
    xml.text("itunes:author", page.author());
    xml.text("itunes:type", "episodic");
    xml.text("itunes:block", "Yes");
    xml.text("podcast:block", "yes");
    xml.text("podcast:locked", "yes");
    if let Some(guid) = page.podcast_guid() {
        xml.text("podcast:guid", &guid);
    }
    xml.text("podcast:medium", medium(page));
}

fn entry(xml: &mut Xml, page: &Page<'_>, item: &Item<'_>) {
    let tags = &item.entry.content.tags;
    common(xml, item);
    if let Some(description) = item.entry.description() {
        xml.text("description", &html(&description));
    }
    if let Some(artist) = &tags.artist {
        xml.text("itunes:author", artist);
    }
    if let Some(seconds) = item.entry.seconds() {
        xml.text("itunes:duration", &seconds.to_string());
    }
    if let Some(picture) = &item.picture {
        xml.empty("itunes:image", &[("href", picture)]);
    }
    xml.text("itunes:explicit", if page.catalog.about.explicit { "true" } else { "false" });
    // Apple takes numbers from 1 only
    if let Some(season) = tags.disk.filter(|number| *number > 0) {
        xml.text("itunes:season", &season.to_string());
        xml.text("podcast:season", &season.to_string());
    }
    if let Some(episode) = tags.track.filter(|number| *number > 0) {
        xml.text("itunes:episode", &episode.to_string());
        xml.text("podcast:episode", &episode.to_string());
    }
    for (url, mime) in &item.transcripts {
        xml.empty("podcast:transcript", &[("url", url), ("type", mime)]);
    }
    if let Some(url) = &item.chapters {
        xml.empty("podcast:chapters", &[("url", url), ("type", "application/json+chapters")]);
    }
}

fn medium(page: &Page<'_>) -> &'static str {
    let mut items = page.items.iter().peekable();
    let any = items.peek().is_some();
    if any && items.all(|item| item.entry.media.medium == Medium::Video) {
        "video"
    } else {
        "podcast"
    }
}
