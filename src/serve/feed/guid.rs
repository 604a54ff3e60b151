//! Names that feed readers keep: of an item, whatever it is called and however it is reached, and of a
//! podcast, wherever it lies.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::identity::{Destination, Name, ServicePort};

use super::fingerprint::Fingerprint;

/// Whose site it is: the identifiers of feeds and their items depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name of the identity that serves the folder, if it has one.
    pub name: Option<Name>,
    /// The port at which it serves the folder.
    pub port: ServicePort,
}

/// The namespace of `podcast:guid` (Podcasting 2.0).
const PODCAST_NAMESPACE: [u8; 16] = [
    0xea, 0xd4, 0xc2, 0x36, 0xbf, 0x58, 0x58, 0xc6, 0xa2, 0xc6, 0xa6, 0xb2, 0x8d, 0x12, 0x8c, 0xb6,
];

/// The guid of an item: a tag URI (RFC 4151) of its owner and its content.
///
/// `copy` counts the files with the same content that come before this one.
pub(super) fn of_item(owner: Option<&Name>, fingerprint: Fingerprint, copy: usize) -> String {
    let hash = data_encoding::HEXLOWER.encode(&fingerprint.hash);
    let owner = owner.map_or("p2p.invalid", Name::as_str);
    match copy {
        0 => format!("tag:{owner},2026:sha256/{hash}"),
        copy => format!("tag:{owner},2026:sha256/{hash}/{copy}"),
    }
}

/// The `podcast:guid` of the feed `name` of a service, from its canonical URL without scheme.
pub(super) fn of_podcast(service: &Destination, name: &str) -> String {
    uuid5(PODCAST_NAMESPACE, &format!("{}/{name}", service.proxy_host()))
}

/// A UUID made from a name (RFC 9562, 5.5).
fn uuid5(namespace: [u8; 16], name: &str) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&namespace);
    context.update(name.as_bytes());
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&context.finish().as_ref()[..16]);
    uuid[6] = uuid[6] & 0x0f | 0x50;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&uuid);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podcast_guids_are_those_of_the_specification() {
        // the two examples of the specification of podcast:guid
        let guid = |url| uuid5(PODCAST_NAMESPACE, url);
        assert_eq!(guid("podnews.net/rss"), "9b024349-ccf0-5f69-a609-6b82873eab3c");
        assert_eq!(
            guid("mp3s.nashownotes.com/pc20rss.xml"),
            "917393e3-1b1e-5cef-ace4-edaa54e1f810"
        );
        let name = Name::parse("alice@example.com").unwrap();
        let service = Destination { name, port: ServicePort::new(1000).unwrap() };
        let own = of_podcast(&service, "feed.xml");
        assert_eq!(own, guid("alice.at.example.com:1000/feed.xml"));
    }
}
