//! How generated pages look: one frame with one style sheet, no script, nothing from elsewhere.
//!
//! `frame.html` is the skeleton, `page.css` with the colours of `palette.css` the style, `icons.svg` the
//! drawings. The style is part of the page, so that a page needs no second address of the shared folder,
//! and the policy names its hash.

use std::sync::LazyLock;

use hyper::header::{ACCEPT, HeaderMap, HeaderValue};

use crate::runtime::html::{self, Part};
use crate::runtime::preference;

const FRAME: &str = include_str!("frame.html");
const STYLE: &str = concat!(include_str!("../../palette.css"), include_str!("page.css"));
const ICONS: &str = include_str!("icons.svg");

/// A whole page. `title` is text; `links` (for the head) and `main` are markup.
pub(super) fn frame(title: &str, links: &str, main: &str) -> String {
    let parts = [
        ("title", Part::Text(title)),
        ("links", Part::Markup(links)),
        ("style", Part::Markup(STYLE)),
        ("icons", Part::Markup(ICONS)),
        ("main", Part::Markup(main)),
    ];
    html::fill(FRAME, &parts)
}

/// What a generated page may do: show its own style, and pictures, audio and video of the same site.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        html::policy(STYLE, &["img-src 'self'", "media-src 'self'", "frame-ancestors 'self'"])
    });
    HeaderValue::from_static(&POLICY)
}

/// Whether the client is a browser that wants something to look at.
pub(super) fn prefers_html(fields: &HeaderMap) -> bool {
    preference(fields, ACCEPT, "text/html").is_some()
}

/// Whether the client asks for JSON, and not for a page as well.
pub(super) fn prefers_json(fields: &HeaderMap) -> bool {
    preference(fields, ACCEPT, "application/json").is_some() && !prefers_html(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_its_policy_allows() {
        let page = frame("<b>", "", "<main>{{style}}</main>");
        assert!(page.contains("<title>&lt;b&gt;</title>") && page.contains(ICONS));
        assert!(page.contains("<main>{{style}}</main>"));
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        assert!(policy().to_str().unwrap().starts_with(&html::policy(style, &[])));
        assert!(!page.contains("style=\"") && !page.contains("<script"));
    }

    #[test]
    fn negotiates() {
        let wants = |accept: &'static str| {
            let fields = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            (prefers_html(&fields), prefers_json(&fields))
        };
        assert_eq!(wants("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), (true, false));
        assert_eq!(wants("application/json, text/plain, */*"), (false, true));
        assert_eq!(wants("application/json;q=0"), (false, false));
        assert_eq!(wants("application/json, text/html"), (true, false));
        assert_eq!(wants("*/*"), (false, false));
    }
}
