//! How a browser comes to the dashboard.

use crate::scene::{Answer, request};
use testbed::people::Program;

/// The daemon of somebody as a browser sees it.
pub(crate) struct Door<'a> {
    pub(crate) daemon: &'a Program,
}

impl Door<'_> {
    pub(crate) fn port(&self) -> &str {
        self.daemon.said("proxy").rsplit_once(':').unwrap().1
    }

    pub(crate) fn own_host(&self) -> String {
        format!("p2p.localhost:{}", self.port())
    }

    pub(crate) fn local_host(&self) -> String {
        format!("localhost:{}", self.port())
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        host: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let url = format!("http://{}{path}", self.daemon.said("proxy"));
        request(method, &url, &[&[("Host", host), ("Accept", "text/html")], fields].concat(), "")
    }

    pub(crate) fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask("GET", &self.own_host(), path, fields)
    }

    /// Comes in with an address that `p2p open` has printed; gives the path of the dashboard and the cookie.
    pub(crate) fn enter(&self, url: &str) -> (String, String) {
        let ticket = url.trim().strip_prefix(&format!("http://{}", self.own_host())).unwrap();
        let answer = self.get(ticket, &BROWSER);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let to = answer.fields["Refresh"].to_str().unwrap().strip_prefix("0; url=").unwrap();
        let cookie = answer.fields["Set-Cookie"].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, format!("Path={to}; HttpOnly; SameSite=Strict"));
        (to.to_owned(), pair.to_owned())
    }
}

/// What a browser sends with an address that a person has typed.
pub(crate) const BROWSER: [(&str, &str); 3] =
    [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];

/// The words of a page.
pub(crate) fn words(page: &str) -> String {
    let mut words = String::new();
    for piece in page.split('<') {
        words.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
    }
    let entities = [("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    entities.iter().fold(words, |words, (entity, meant)| words.replace(entity, meant))
}
