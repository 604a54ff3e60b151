//! Requests signed as S3-compatible storage wants it: AWS Signature Version 4, in header fields.

use data_encoding::HEXLOWER;
use hyper::{
    Uri,
    header::{AUTHORIZATION, HeaderName},
};
use ring::{digest, hmac};

use crate::identity::Timestamp;

/// Who signs, and for where.
pub(super) struct Signing<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a str,
    pub(super) region: &'a str,
}

const SERVICE: &str = "s3";
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const FIELDS: &str = "host;x-amz-content-sha256;x-amz-date";

impl Signing<'_> {
    /// The fields that a request needs beside those of its client.
    pub(super) fn headers(
        &self,
        method: &str,
        url: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Vec<(HeaderName, String)> {
        let (hash, date) = (sha256(body), date(now));
        let day = &date[..8];
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let signed = sha256(request(method, url, &hash, &date).as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{signed}");
        let mut key = hmac_of(format!("AWS4{}", self.secret).as_bytes(), day);
        for part in [self.region, SERVICE, "aws4_request"] {
            key = hmac_of(key.as_ref(), part);
        }
        let signature = HEXLOWER.encode(hmac_of(key.as_ref(), &text).as_ref());
        let credential = format!("{}/{scope}", self.id);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={FIELDS},Signature={signature}"
        );
        vec![(AUTHORIZATION, authorization), (CONTENT_HASH, hash), (DATE, date)]
    }
}

/// The request as both ends write it down before it is hashed.
fn request(method: &str, url: &str, hash: &str, date: &str) -> String {
    let uri: Uri = url.parse().unwrap_or_default();
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    format!(
        "{method}\n{path}\n{query}\n\
         host:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{date}\n\n{FIELDS}\n{hash}"
    )
}

/// As in 20130524T000000Z.
fn date(now: Timestamp) -> String {
    let text = now.to_date_time();
    let whole = text.split('.').next().unwrap_or_default();
    let digits: String = whole.chars().filter(|c| !"-:Z".contains(*c)).collect();
    format!("{digits}Z")
}

fn sha256(octets: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, octets).as_ref())
}

fn hmac_of(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_its_makers_is_signed_as_they_do() {
        let signing = Signing {
            id: "AKIAIOSFODNN7EXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
        };
        let url = "https://examplebucket.s3.amazonaws.com/?lifecycle=";
        let now = Timestamp::parse_date_time("2013-05-24T00:00:00Z").unwrap();
        let fields = signing.headers("GET", url, b"", now);
        let expected = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
        assert!(fields[0].1.ends_with(expected), "{}", fields[0].1);
        assert_eq!(fields[2].1, "20130524T000000Z");
    }
}
