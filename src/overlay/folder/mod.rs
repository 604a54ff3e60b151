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
use ureq::{
    Body,
    http::{Request, Response},
};

use super::http::{self, Hosts, HttpClient, in_time, refusal, translate};
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

    /// Sends a request about a slot and gives the answer to `read`.
    fn send<T: Send + 'static>(
        &self,
        method: &'static str,
        slot: Slot,
        packet: Vec<u8>,
        read: impl FnOnce(Response<Body>) -> Result<T, OverlayError> + Send + 'static,
    ) -> BoxFuture<Result<T, OverlayError>> {
        let url = self.url.base().join(&slot.to_string());
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in self.authorization(method, &url, &packet) {
            request = request.header(name, value);
        }
        let agent = self.http.agent();
        in_time(move || {
            let malformed = |_| OverlayError::Refused;
            let response = if method == "PUT" {
                let request = request.header("content-type", "application/octet-stream");
                agent.run(request.body(&packet[..]).map_err(malformed)?)
            } else {
                agent.run(request.body(()).map_err(malformed)?)
            };
            read(response.map_err(translate)?)
        })
    }

    /// What proves that the request is ours.
    fn authorization(&self, method: &str, url: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let Some((user, password)) = self.url.credentials() else { return Vec::new() };
        match self.url.kind() {
            Kind::WebDav => {
                let credentials = BASE64.encode(format!("{user}:{password}").as_bytes());
                vec![("authorization", format!("Basic {credentials}"))]
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
        self.send("GET", slot, Vec::new(), |mut response| match response.status().as_u16() {
            200 => Ok(vec![http::body(&mut response, Packet::MAX_LENGTH)?]),
            404 => Ok(Vec::new()),
            status => Err(refusal(status)),
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
        self.send("PUT", slot, packet.to_vec(), |response| match response.status().as_u16() {
            200 | 201 | 204 => Ok(()),
            status => Err(refusal(status)),
        })
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        self.send("DELETE", slot, Vec::new(), |response| match response.status().as_u16() {
            200 | 202 | 204 | 404 => Ok(()),
            status => Err(refusal(status)),
        })
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
