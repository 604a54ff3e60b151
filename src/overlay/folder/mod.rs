//! Folders that a group of people writes to: a file for each slot, in a WebDAV folder (RFC 4918) or in a
//! bucket of an S3-compatible storage.
//!
//! | request | answer |
//! |---|---|
//! | `GET /SLOT` | 200 and the packet; 404 |
//! | `PUT /SLOT` | 200, 201 or 204; 401 or 403 who may not write; 413 length |
//! | `DELETE /SLOT` | 204; 404 |
//!
//! The two differ in how a request is authorized. Nothing else of either is needed, so that any server that
//! takes `PUT` will do. A file has no end of life, and whoever may write can replace what others wrote: this
//! is for people who trust one another. The password stands in the configured URL and nowhere else.

mod signature;
mod url;

use std::time::Duration;

use data_encoding::BASE64;
use hyper::{
    Method,
    header::{AUTHORIZATION, HeaderName},
};

use super::http::{Hosts, HttpClient, Request};
use super::{Abilities, Overlay, OverlayError, check_length};
use crate::identity::Slot;
use crate::registration::Packet;
use crate::runtime::clock;
use crate::runtime::http::BoxFuture;
use signature::Signing;
pub use url::FolderUrl;
use url::Kind;

/// A folder at a URL.
#[derive(Debug)]
pub struct Folder {
    url: FolderUrl,
    http: HttpClient,
}

impl Folder {
    /// The folder at `url`.
    pub(super) fn new(hosts: Hosts, url: &FolderUrl) -> Folder {
        Folder { url: url.clone(), http: HttpClient::new(hosts) }
    }

    /// A request about a slot.
    fn request(&self, method: Method, slot: Slot, packet: &[u8]) -> Request {
        let url = self.url.base().join(&slot.to_string());
        let authorization = self.authorization(method.as_str(), &url, packet);
        let request = self.http.request(method, &url);
        authorization.into_iter().fold(request, |request, (name, value)| request.field(name, value))
    }

    /// What proves that the request is ours.
    fn authorization(&self, method: &str, url: &str, body: &[u8]) -> Vec<(HeaderName, String)> {
        let Some((user, password)) = self.url.credentials() else { return Vec::new() };
        match self.url.kind() {
            Kind::WebDav => {
                let credentials = BASE64.encode(format!("{user}:{password}").as_bytes());
                vec![(AUTHORIZATION, format!("Basic {credentials}"))]
            }
            Kind::Bucket { region } => {
                let signing = Signing { id: user, secret: password, region };
                signing.headers(method, url, body, clock::wall())
            }
        }
    }
}

impl Overlay for Folder {
    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let request = self.request(Method::GET, slot, &[]);
        Box::pin(async {
            let mut answer = request.send().await?;
            if !answer.is_found()? {
                return Ok(Vec::new());
            }
            Ok(vec![answer.body(Packet::MAX_LENGTH).await?])
        })
    }

    fn put(
        &self,
        slot: Slot,
        packet: &[u8],
        _ttl: Duration,
    ) -> BoxFuture<Result<(), OverlayError>> {
        if let Err(error) = check_length(packet) {
            return Box::pin(async { Err(error) });
        }
        let request = self.request(Method::PUT, slot, packet);
        let request = request.body("application/octet-stream", packet.to_vec());
        let is_webdav = *self.url.kind() == Kind::WebDav;
        Box::pin(async move {
            let answer = request.send().await?;
            match answer.status() {
                409 if is_webdav => Err(OverlayError::NoFolder), // RFC 4918, 9.7.1
                // another write at the same time, as storage by Amazon calls it
                409 => Err(OverlayError::Busy),
                _ => answer.must_be(&[200, 201, 204]),
            }
        })
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let request = self.request(Method::DELETE, slot, &[]);
        Box::pin(async { request.send().await?.must_be(&[200, 202, 204, 404]) })
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
    }

    fn address(&self) -> &str {
        self.url.base().spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { keeps: true, remote: true, shared: false, ..Abilities::SLOTS }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::overlay::http::tests::{head, server};
    use crate::runtime::block_on;

    #[test]
    fn a_conflict_means_what_the_kind_of_storage_means_by_it() {
        let address = server(|_, mut stream| {
            head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n");
        });
        let url = format!("http://id:secret@{address}/no-such-folder/");
        for (url, error) in [
            (FolderUrl::parse_webdav(&url), OverlayError::NoFolder),
            (FolderUrl::parse_bucket(&url), OverlayError::Busy),
        ] {
            let folder = Folder::new(Hosts::Loopback, &url.unwrap());
            let put = folder.put(Slot([1; 20]), b"packet", Duration::ZERO);
            assert_eq!(block_on(put), Err(error));
        }
    }
}
