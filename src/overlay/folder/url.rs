//! How a folder and what opens it are spelled.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::overlay::BaseUrl;
use crate::overlay::address_error::AddressError;

/// The region of storage that has none.
const DEFAULT_REGION: &str = "us-east-1";

/// A folder's URL, and what opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct FolderUrl {
    kind: Kind,
    base: BaseUrl,
    user: Zeroizing<String>,
    password: Zeroizing<String>,
}

/// How requests are authorized.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// With a password.
    WebDav,
    /// With a signature.
    Bucket {
        /// For where it is made out.
        region: String,
    },
}

impl FolderUrl {
    /// Reads `https://user:password@host/folder`, or one without a password.
    pub(in crate::overlay) fn parse_webdav(url: &str) -> Result<FolderUrl, AddressError> {
        FolderUrl::parse(Kind::WebDav, "webdav:", url)
    }

    /// Reads `https://id:secret@host/bucket`, with `region:` before it where there is one.
    pub(in crate::overlay) fn parse_bucket(text: &str) -> Result<FolderUrl, AddressError> {
        let is_region = |text: &str| text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        match text.split_once(':') {
            Some((region, url)) if url.contains("://") && is_region(region) => {
                let kind = Kind::Bucket { region: region.to_owned() };
                FolderUrl::parse(kind, &format!("s3:{region}:"), url)
            }
            _ => FolderUrl::parse(Kind::Bucket { region: DEFAULT_REGION.into() }, "s3:", text),
        }
    }

    fn parse(kind: Kind, prefix: &str, url: &str) -> Result<FolderUrl, AddressError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split('/').next().unwrap_or_default();
        let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let bare = format!("{scheme}://{host}{}", &rest[authority.len()..]);
        let bare = if scheme.is_empty() { url } else { &bare };
        let base =
            BaseUrl::parse(&format!("{prefix}{bare}"), bare).map_err(|error| match error {
                // what stands before the host may be a secret, however wrong the rest is
                AddressError::NotAUrl(url) => {
                    AddressError::NotAUrl(url.rsplit('@').next().unwrap_or_default().into())
                }
                error => error,
            })?;
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let decode =
            |text| Zeroizing::new(percent_decode_str(text).decode_utf8_lossy().into_owned());
        Ok(FolderUrl { kind, base, user: decode(user), password: decode(password) })
    }

    /// Where it is, without the password.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Name and password, if there are any.
    pub(super) fn credentials(&self) -> Option<(&str, &str)> {
        (!self.user.is_empty()).then_some((&*self.user, &*self.password))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_it_is_taken_out_of_the_url() {
        let url = FolderUrl::parse_webdav("https://al%20ice:p%40s:s@a.example/x/").unwrap();
        assert_eq!(url.credentials(), Some(("al ice", "p@s:s")));
        assert_eq!(url.base().spelling(), "webdav:https://a.example/x/");
        assert_eq!(url.base().join("1"), "https://a.example/x/1");
        assert!(!format!("{url:?}").contains("p@s"));
        assert_eq!(FolderUrl::parse_webdav("https://a.example/").unwrap().credentials(), None);
    }

    #[test]
    fn a_bucket_may_have_a_region() {
        let url = FolderUrl::parse_bucket("eu-1:https://id:secret@s3.example/b").unwrap();
        assert_eq!(url.kind(), &Kind::Bucket { region: "eu-1".into() });
        assert_eq!(url.base().spelling(), "s3:eu-1:https://s3.example/b");
        let url = FolderUrl::parse_bucket("https://id:secret@s3.example/b").unwrap();
        assert_eq!(url.kind(), &Kind::Bucket { region: DEFAULT_REGION.into() });
        assert_eq!(url.credentials(), Some(("id", "secret")));
    }

    #[test]
    fn a_secret_with_a_slash_is_not_taken_for_a_path() {
        for url in ["https://id:a/b@s3.example/c", "https://id:/b@s3.example/c"] {
            assert_eq!(FolderUrl::parse_bucket(url), Err(AddressError::Port));
            assert_eq!(FolderUrl::parse_webdav(url), Err(AddressError::Port));
        }
        for url in ["id:secret@s3.example/c", "https://id:se:cret/x@s3.example/c"] {
            for error in [FolderUrl::parse_bucket(url), FolderUrl::parse_webdav(url)] {
                assert_eq!(error, Err(AddressError::NotAUrl("s3.example/c".into())));
            }
        }
        let url = FolderUrl::parse_bucket("https://id:a%2Fb@s3.example/c@d").unwrap();
        assert_eq!(url.credentials(), Some(("id", "a/b")));
        for port in ["0", "65536", "80800", "x"] {
            let url = format!("https://a.example:{port}/");
            assert_eq!(FolderUrl::parse_webdav(&url), Err(AddressError::Port), "{port}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for wrong in ["", "https://", "https://a:b@", "ftp://a:b@c/", "a:b@c", "https://a:b@c/?d"] {
            assert!(FolderUrl::parse_webdav(wrong).is_err(), "{wrong}");
            assert!(FolderUrl::parse_bucket(wrong).is_err(), "{wrong}");
        }
    }
}
