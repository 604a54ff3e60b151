//! HTML pages from templates: text is escaped, and a page allows itself its own style and nothing else.

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

/// The media type of pages.
pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";

/// What is put in a place of a template.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Text; it is escaped.
    Text(&'a str),
    /// Markup, as it is.
    Markup(&'a str),
}

/// Puts parts in the places `{{name}}` of a template; a place without a part stays empty. What is put in
/// is not searched for places.
pub fn fill(template: &str, parts: &[(&str, Part<'_>)]) -> String {
    let length: usize = parts.iter().map(|(_, part)| part.length()).sum();
    let mut filled = String::with_capacity(template.len() + length + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        match parts.iter().find(|(of, _)| *of == name) {
            Some((_, Part::Text(text))) => filled.push_str(&escape(text)),
            Some((_, Part::Markup(markup))) => filled.push_str(markup),
            None => {}
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Text as it may stand anywhere in markup, quoted attributes included.
pub fn escape(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => markup.push_str("&amp;"),
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '"' => markup.push_str("&quot;"),
            '\'' => markup.push_str("&#39;"),
            '\n' | '\t' => markup.push(c),
            // these turn the direction of reading around
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                markup.push(char::REPLACEMENT_CHARACTER);
            }
            c if c.is_control() => markup.push(char::REPLACEMENT_CHARACTER),
            c => markup.push(c),
        }
    }
    markup
}

/// A `Content-Security-Policy` that allows a page exactly this style, and `more` (directives with their
/// sources, such as `img-src 'self'`). Forms lead nowhere unless `more` says where.
pub fn policy(style: &str, more: &[&str]) -> String {
    let hash = BASE64.encode(digest(&SHA256, style.as_bytes()).as_ref());
    let style = format!("style-src 'sha256-{hash}'");
    let fixed = ["default-src 'none'", &style, "base-uri 'none'"];
    let has_form = more.iter().any(|directive| directive.starts_with("form-action"));
    let form: &[&str] = if has_form { &[] } else { &["form-action 'none'"] };
    [&fixed, form, more].concat().join("; ")
}

impl Part<'_> {
    fn length(&self) -> usize {
        match self {
            Part::Text(text) | Part::Markup(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_filled_in_is_filled_again() {
        let parts = [("a", Part::Text("{{b}} <i>")), ("b", Part::Markup("<b>{{a}}</b>"))];
        let filled = fill("1 {{a}} 2 {{b}} 3 {{c}} 4 {{", &parts);
        assert_eq!(filled, "1 {{b}} &lt;i&gt; 2 <b>{{a}}</b> 3  4 ");
    }

    #[test]
    fn escapes_everything_that_markup_knows() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
        assert_eq!(escape("a\x1b[31m\0\n\tb"), "a\u{FFFD}[31m\u{FFFD}\n\tb");
        assert_eq!(escape("a\u{202E}gpj.exe"), "a\u{FFFD}gpj.exe");
    }

    #[test]
    fn a_policy_names_the_style_by_its_hash() {
        // from `printf x | openssl dgst -sha256 -binary | base64`
        assert_eq!(
            policy("x", &["img-src 'self'"]),
            "default-src 'none'; style-src 'sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE='; \
             base-uri 'none'; form-action 'none'; img-src 'self'"
        );
    }
}
