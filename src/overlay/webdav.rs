//! A WebDAV folder (RFC 4918) that a group of people writes to: a file for each slot.
//!
//! | request | answer |
//! |---|---|
//! | `GET /SLOT` | 200 and the packet; 404 |
//! | `PUT /SLOT` | 201 or 204; 401 who may not write; 413 length |
//! | `DELETE /SLOT` | 204; 404 |
//!
//! Nothing else of WebDAV is needed, so that any server that takes `PUT` will do. A file has no end of life,
//! and whoever may write can replace what others wrote: this is for people who trust one another. The
//! password stands in the configured URL and nowhere else.

use std::{
    fmt,
    hash::{Hash, Hasher},
    time::Duration,
};

use data_encoding::BASE64;
use ureq::RequestBuilder;
use zeroize::Zeroizing;

use super::address::AddressError;
use super::http::{self, Hosts, HttpClient, in_time, refusal, translate};
use super::{Abilities, BaseUrl, Overlay, OverlayError, check_length};
use crate::identity::Slot;
use crate::registration::Packet;
use crate::runtime::http::BoxFuture;

/// A folder's URL, and what opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct FolderUrl {
    base: BaseUrl,
    /// What stands in `Authorization`.
    authorization: Option<Zeroizing<String>>,
}

impl FolderUrl {
    /// Reads `https://user:password@host/folder`, or one without a password.
    pub(super) fn parse(url: &str) -> Result<FolderUrl, AddressError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split('/').next().unwrap_or_default();
        let Some((credentials, _)) = authority.rsplit_once('@') else {
            let base = BaseUrl::parse(&format!("webdav:{url}"), url)?;
            return Ok(FolderUrl { base, authorization: None });
        };
        let bare = format!("{scheme}://{}", &rest[credentials.len() + 1..]);
        let base = BaseUrl::parse(&format!("webdav:{bare}"), &bare)?;
        let credentials = percent_encoding::percent_decode_str(credentials).collect::<Vec<u8>>();
        let credentials = Zeroizing::new(credentials);
        let authorization = Zeroizing::new(format!("Basic {}", BASE64.encode(&credentials)));
        Ok(FolderUrl { base, authorization: Some(authorization) })
    }

    /// Where it is, without the password.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }
}

impl Hash for FolderUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.base.hash(state);
    }
}

impl fmt::Debug for FolderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FolderUrl").field(&self.base.spelling()).finish()
    }
}

/// A folder at a URL.
#[derive(Debug)]
pub struct WebDav {
    url: FolderUrl,
    http: HttpClient,
}

impl WebDav {
    /// The folder at `url`.
    pub fn new(url: &FolderUrl) -> WebDav {
        let hosts = if url.base.is_loopback() { Hosts::Loopback } else { Hosts::Any };
        WebDav { url: url.clone(), http: HttpClient::new(hosts) }
    }

    fn url(&self, slot: Slot) -> String {
        self.url.base.join(&slot.to_string())
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.url.authorization {
            Some(authorization) => request.header("authorization", authorization.as_str()),
            None => request,
        }
    }
}

impl Overlay for WebDav {
    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let request = self.authorized(self.http.agent().get(self.url(slot)));
        in_time(move || {
            let mut response = request.call().map_err(translate)?;
            match response.status().as_u16() {
                200 => {}
                404 => return Ok(Vec::new()),
                status => return Err(refusal(status)),
            }
            Ok(vec![http::body(&mut response, Packet::MAX_LENGTH)?])
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
        let request = self.authorized(self.http.agent().put(self.url(slot)));
        let (request, packet) = (request.content_type("application/octet-stream"), packet.to_vec());
        in_time(move || match request.send(&packet[..]).map_err(translate)?.status().as_u16() {
            200 | 201 | 204 => Ok(()),
            status => Err(refusal(status)),
        })
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let request = self.authorized(self.http.agent().delete(self.url(slot)));
        in_time(move || match request.call().map_err(translate)?.status().as_u16() {
            200 | 202 | 204 | 404 => Ok(()),
            status => Err(refusal(status)),
        })
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
    }

    fn address(&self) -> &str {
        self.url.base.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { keeps: true, remote: true, shared: false, ..Abilities::SLOTS }
    }
}
