//! The photo feed: RSS 2.0 with Media RSS, and an enclosure for readers that know only these.

use super::{
    page::{Item, Page},
    rss,
    xml::{Xml, html_image},
};

const NAMESPACES: &[(&str, &str)] = &[
    ("version", "2.0"),
    ("xmlns:atom", "http://www.w3.org/2005/Atom"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
    ("xmlns:media", "http://search.yahoo.com/mrss/"),
];

/// Writes a page.
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.element("rss", NAMESPACES, |xml| {
        xml.element("channel", &[], |xml| {
            rss::head(xml, page);
            for item in &page.items {
                xml.element("item", &[], |xml| photo(xml, item));
            }
        });
    });
    xml.finish()
}

fn photo(xml: &mut Xml, item: &Item<'_>) {
    let tags = &item.entry.content.tags;
    rss::common(xml, item);
    xml.text("link", &item.url);
    xml.text("description", &html_image(&item.url, &item.title));
    if let Some(artist) = &tags.artist {
        xml.text("dc:creator", artist);
    }
    let length = item.entry.state.size.to_string();
    let size = tags.size.map(|(width, height)| (width.to_string(), height.to_string()));
    let mut attributes = vec![
        ("url", item.url.as_str()),
        ("type", item.entry.media.mime),
        ("medium", "image"),
        ("fileSize", &length),
    ];
    if let Some((width, height)) = &size {
        attributes.extend([("width", width.as_str()), ("height", height.as_str())]);
    }
    xml.element("media:content", &attributes, |xml| {
        xml.text_with("media:title", &[("type", "plain")], &item.title);
        xml.empty("media:thumbnail", &[("url", item.picture.as_ref().unwrap_or(&item.url))]);
    });
}
