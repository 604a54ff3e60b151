//! JSON Feed 1.1: everything in the folder that is media, for programs and scripts.

use nanoserde::SerJson;

use super::page::{Item, Page};

#[derive(SerJson)]
struct Feed {
    version: String,
    title: String,
    home_page_url: String,
    feed_url: String,
    next_url: Option<String>,
    description: String,
    icon: String,
    language: String,
    authors: Vec<Author>,
    items: Vec<Entry>,
}

#[derive(SerJson)]
struct Author {
    name: String,
}

#[derive(SerJson)]
struct Entry {
    id: String,
    url: String,
    title: String,
    content_text: String,
    image: Option<String>,
    date_published: String,
    authors: Option<Vec<Author>>,
    attachments: Vec<Attachment>,
}

#[derive(SerJson)]
struct Attachment {
    url: String,
    mime_type: String,
    title: String,
    size_in_bytes: u64,
    duration_in_seconds: Option<u64>,
}

/// Writes a page.
pub(super) fn render(page: &Page<'_>) -> Vec<u8> {
    let feed = Feed {
        version: "https://jsonfeed.org/version/1.1".into(),
        title: page.title(),
        home_page_url: page.base.to_string(),
        feed_url: page.url(page.number),
        next_url: page.next(),
        description: page.description(),
        icon: page.image(),
        language: page.catalog.about.language.to_string(),
        authors: vec![Author { name: page.author().into() }],
        items: page.items.iter().map(entry).collect(),
    };
    feed.serialize_json().into_bytes()
}

fn entry(item: &Item<'_>) -> Entry {
    let tags = &item.entry.content.tags;
    let attachment = Attachment {
        url: item.url.clone(),
        mime_type: item.entry.media.mime.into(),
        title: item.title.to_string(),
        size_in_bytes: item.entry.state.size,
        duration_in_seconds: item.entry.seconds(),
    };
    Entry {
        id: item.guid.clone(),
        url: item.url.clone(),
        title: item.title.to_string(),
        // an item must have content, be it empty
        content_text: item.entry.description().unwrap_or_default(),
        image: item.picture.clone(),
        date_published: item.entry.date().to_string(),
        authors: tags.artist.as_ref().map(|name| vec![Author { name: name.to_string() }]),
        attachments: vec![attachment],
    }
}
