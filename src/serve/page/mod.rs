//! How generated pages look: one frame with one style sheet, no script, nothing from elsewhere.
//!
//! `frame.html` is the skeleton, `page.css` with the colours of `palette.css` the style, `icons.svg` the drawings. The style is part of
//! the page, so that a page needs no second address of the shared folder, and the policy names its hash.

use std::sync::LazyLock;

use data_encoding::BASE64;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use ring::digest;

/// The media type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

const FRAME: &str = include_str!("frame.html");
const STYLE: &str = concat!(include_str!("../../palette.css"), include_str!("page.css"));
const ICONS: &str = include_str!("icons.svg");

/// A whole page. `title` is text; `links` (for the head) and `main` are markup.
pub(super) fn frame(title: &str, links: &str, main: &str) -> String {
    let title = escape(title);
    let mut page =
        String::with_capacity(FRAME.len() + STYLE.len() + ICONS.len() + main.len() + 200);
    let mut rest = FRAME;
    // one pass: what is filled in is not searched for places
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        page.push_str(before);
        page.push_str(match name {
            "title" => &title,
            "links" => links,
            "style" => STYLE,
            "icons" => ICONS,
            "main" => main,
            _ => "",
        });
        rest = after;
    }
    page.push_str(rest);
    page
}

/// What a generated page may do: show its own style, and pictures, audio and video of the same site.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; media-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
    });
    HeaderValue::from_static(&POLICY)
}

/// Text as it may stand anywhere in markup, attributes included.
pub(super) fn escape(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => {
                markup.push(char::REPLACEMENT_CHARACTER)
            }
            c => markup.push(c),
        }
    }
    markup
}

/// Whether the client is a browser that wants something to look at.
pub(super) fn prefers_html(fields: &HeaderMap) -> bool {
    accepts(fields, "text/html")
}

/// Whether the client asks for JSON, and not for a page as well.
pub(super) fn prefers_json(fields: &HeaderMap) -> bool {
    accepts(fields, "application/json") && !prefers_html(fields)
}

/// Whether `Accept` names a type. Wildcards do not count: they say that nothing is preferred.
fn accepts(fields: &HeaderMap, media_type: &str) -> bool {
    let values = fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parameters = range.split(';').map(str::trim);
        let named = parameters.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        let refused = parameters.any(|it| {
            let weight = it.strip_prefix("q=").or(it.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse().ok()).is_some_and(|weight: f32| weight <= 0.0)
        });
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_filled_in_is_filled_again() {
        let page = frame("{{main}} <b>", "", "<main>{{style}}</main>");
        assert!(page.contains("<title>{{main}} &lt;b&gt;</title>"));
        assert!(page.contains("<main>{{style}}</main>"));
        assert!(page.contains(STYLE) && page.contains(ICONS));
    }

    #[test]
    fn the_style_is_exactly_what_the_policy_names() {
        let page = frame("", "", "");
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = BASE64.encode(digest::digest(&digest::SHA256, style.as_bytes()).as_ref());
        assert!(policy().to_str().unwrap().contains(&format!("style-src 'sha256-{hash}'")));
        assert!(!page.contains("style=\"") && !page.contains("<script"));
    }

    #[test]
    fn escapes_everything_that_markup_knows() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
        assert_eq!(escape("a\x1b[31m\0\nb"), "a\u{FFFD}[31m\u{FFFD}\nb");
    }

    #[test]
    fn negotiates() {
        let wants = |accept: &'static str| {
            let fields = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            (prefers_html(&fields), prefers_json(&fields))
        };
        assert_eq!(wants("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), (true, false));
        assert_eq!(wants("application/json, text/plain, */*"), (false, true));
        assert_eq!(wants("Application/JSON;q=0.5"), (false, true));
        assert_eq!(wants("application/json;q=0"), (false, false));
        assert_eq!(wants("application/json, text/html"), (true, false));
        assert_eq!(wants("*/*"), (false, false));
    }
}
