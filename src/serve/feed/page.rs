//! One page of a feed, ready to be written in any format: what stands above, the items, where the other
//! pages are (RFC 5005, section 3).

use std::collections::HashMap;

use crate::identity::Destination;
use crate::serve::folder::Folder;

use super::{
    base_url::BaseUrl,
    catalog::{Catalog, Entry},
    guid::{self, Owner},
    made::{COVER, FeedKind},
    tags::clean,
};

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Of which feed.
    pub kind: FeedKind,
    /// Its number, from 1.
    pub number: usize,
    /// How many items a page has at most.
    pub size: usize,
}

/// A page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// Which feed it is of.
    pub kind: FeedKind,
    /// Where the client finds the folder.
    pub base: &'a BaseUrl,
    /// The folder.
    pub catalog: &'a Catalog,
    /// Whose it is.
    pub owner: &'a Owner,
    /// Its number, from 1.
    pub number: usize,
    /// The number of the last page.
    pub last: usize,
    /// Its items, newest first.
    pub items: Vec<Item<'a>>,
}

/// An item, with the URLs that the client can use.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// The file.
    pub entry: &'a Entry,
    /// What it is called.
    pub title: Box<str>,
    /// The same in all access forms and after renaming.
    pub guid: String,
    /// Where it is.
    pub url: String,
    /// Where the picture in it is, if there is one.
    pub picture: Option<String>,
    /// Where its subtitles are, with their media type.
    pub transcripts: Vec<(String, &'static str)>,
    /// Where its chapters are.
    pub chapters: Option<String>,
}

/// Octets of a title; what file systems allow for a name.
const MAX_TITLE: usize = 255;
const TRANSCRIPTS: [(&str, &str); 2] = [("vtt", "text/vtt"), ("srt", "application/x-subrip")];

impl<'a> Page<'a> {
    /// The page that is wanted. None when there is no such page; the first always is.
    ///
    /// Reads the files of the page that are new to it.
    pub(super) fn of(
        catalog: &'a Catalog,
        folder: &Folder,
        Wanted { kind, number, size }: Wanted,
        base: &'a BaseUrl,
        owner: &'a Owner,
    ) -> Option<Page<'a>> {
        let all: Vec<&Entry> =
            catalog.entries.iter().filter(|entry| kind.takes(entry.media.medium)).collect();
        let last = all.len().div_ceil(size).max(1);
        if number == 0 || number > last {
            return None;
        }
        let on_page = all.into_iter().skip((number - 1) * size).take(size);
        let mut copies = HashMap::new();
        let items = on_page.filter_map(|entry| {
            // what cannot be read cannot be fetched either
            let fingerprint = entry.fingerprint(folder)?;
            let copy: &mut usize = copies.entry(fingerprint.hash).or_default();
            let guid = guid::of_item(owner.name.as_ref(), fingerprint, *copy);
            *copy += 1;
            let url = base.file(&entry.path);
            let picture = fingerprint.has_picture.then(|| format!("{url}?cover"));
            let beside = |extension| Some(base.file(&catalog.sidecar(entry, extension)?));
            let transcripts =
                TRANSCRIPTS.iter().filter_map(|(ext, mime)| Some((beside(ext)?, *mime)));
            let (transcripts, chapters) = (transcripts.collect(), beside("chapters.json"));
            Some(Item { entry, title: entry.title(), guid, url, picture, transcripts, chapters })
        });
        let items = items.collect();
        Some(Page { kind, base, catalog, owner, number, last, items })
    }

    /// What the feed is called.
    pub(super) fn title(&self) -> String {
        match self.kind {
            FeedKind::Photos => format!("{} (photos)", self.catalog.about.title),
            _ => self.catalog.about.title.to_string(),
        }
    }

    /// What it is about, in plain text.
    pub(super) fn description(&self) -> String {
        match &self.catalog.about.description {
            Some(description) => description.to_string(),
            None => format!("Files shared by {}", self.author()),
        }
    }

    /// Who makes it.
    pub(super) fn author(&self) -> &str {
        let name = self.owner.name.as_ref().map(|name| name.as_str());
        self.catalog.about.author.as_deref().or(name).unwrap_or("somebody without a name")
    }

    /// The picture that stands for the feed.
    pub(super) fn image(&self) -> String {
        match &self.catalog.cover {
            Some(cover) => self.base.file(cover),
            None => self.base.join(COVER),
        }
    }

    /// The `podcast:guid`; a service without a name has none that would stay.
    pub(super) fn podcast_guid(&self) -> Option<String> {
        let name = self.owner.name.clone()?;
        let service = Destination { name, port: self.owner.port };
        Some(guid::of_podcast(&service, self.kind.file_name()))
    }

    /// The relations to other pages and their URLs, this one first.
    pub(super) fn links(&self) -> Vec<(&'static str, String)> {
        let mut links = vec![("self", self.url(self.number))];
        if self.last > 1 {
            links.push(("first", self.url(1)));
            links.push(("last", self.url(self.last)));
        }
        if self.number > 1 {
            links.push(("previous", self.url(self.number - 1)));
        }
        links.extend(self.next().map(|next| ("next", next)));
        links
    }

    /// Where the older items are.
    pub(super) fn next(&self) -> Option<String> {
        (self.number < self.last).then(|| self.url(self.number + 1))
    }

    /// Where page `number` is.
    pub(super) fn url(&self, number: usize) -> String {
        let first = self.base.join(self.kind.file_name());
        if number == 1 { first } else { format!("{first}?page={number}") }
    }
}

impl Entry {
    /// The title in its tags, else its file name without extension.
    fn title(&self) -> Box<str> {
        let tagged = self.content.tags.title.clone();
        let named = || clean(&self.path.file_stem()?.to_string_lossy(), MAX_TITLE, false);
        tagged.or_else(named).unwrap_or_else(|| "untitled".into())
    }

    /// How long it plays, in whole seconds; a jingle of 300 ms does not last none.
    pub(super) fn seconds(&self) -> Option<u64> {
        let milliseconds = self.content.tags.duration?.as_millis();
        Some(u64::try_from((milliseconds + 500) / 1000).unwrap_or(u64::MAX).max(1))
    }

    /// What is told about it in plain text: the description in its tags, else artist and album.
    pub(super) fn description(&self) -> Option<String> {
        let tags = &self.content.tags;
        match (&tags.description, &tags.artist, &tags.album) {
            (Some(description), ..) => Some(description.to_string()),
            (None, Some(artist), Some(album)) => Some(format!("{artist}: {album}")),
            (None, artist, album) => {
                artist.as_ref().or(album.as_ref()).map(|text| text.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hyper::HeaderMap;

    use crate::identity::ServicePort;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_no_item() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["a.mp3", "b.mp3"] {
            fs::write(temp.path().join(name), name).unwrap();
        }
        let folder = Folder::open(temp.path()).unwrap();
        let catalog = Catalog::scan(&folder, &Catalog::default()).unwrap();
        // it goes between the walk and the page
        fs::remove_file(temp.path().join("a.mp3")).unwrap();
        let host = HeaderMap::from_iter([(hyper::header::HOST, "h".parse().unwrap())]);
        let base = BaseUrl::of(&host).unwrap();
        let owner = Owner { name: None, port: ServicePort::HTTP };
        let page = |number| {
            let wanted = Wanted { kind: FeedKind::Podcast, number, size: 10 };
            Page::of(&catalog, &folder, wanted, &base, &owner)
        };
        let first = page(1).unwrap();
        let titles: Vec<_> = first.items.iter().map(|item| &*item.title).collect();
        assert_eq!(titles, ["b"]);
        assert!(page(0).is_none() && page(2).is_none());
    }
}
