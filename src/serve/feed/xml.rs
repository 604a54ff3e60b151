//! Well-formed XML 1.0, whatever the text.

use std::borrow::Cow;

use quick_xml::{
    Writer, escape,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

/// A document that grows in memory.
pub(super) struct Xml(Writer<Vec<u8>>);

/// Attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Xml {
    /// Begins a document in UTF-8.
    pub(super) fn new() -> Xml {
        let mut xml = Xml(Writer::new_with_indent(Vec::new(), b' ', 1));
        xml.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        xml
    }

    /// Opens an element, lets `inside` fill it and closes it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Xml),
    ) {
        self.write(Event::Start(start(name, attributes)));
        inside(self);
        self.write(Event::End(BytesEnd::new(name)));
    }

    /// An element with text in it.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes and text in it.
    pub(super) fn text_with(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        let text = legal(text);
        self.element(name, attributes, |xml| xml.write(Event::Text(BytesText::new(&text))));
    }

    /// An element with attributes only.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.write(Event::Empty(start(name, attributes)));
    }

    /// The document.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_inner()
    }

    fn write(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("memory takes every octet");
    }
}

/// Plain text for elements whose readers expect HTML. It stays as it is where that means the same, since
/// some readers look for a tag before they believe that it is HTML.
pub(super) fn html(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '\n']) {
        return text.into();
    }
    format!("<p>{}</p>", escape::partial_escape(text).replace('\n', "<br>\n")).into()
}

/// An image in HTML.
pub(super) fn html_image(url: &str, alternative: &str) -> String {
    format!("<img src=\"{}\" alt=\"{}\">", escape::escape(url), escape::escape(alternative))
}

fn start<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        start.push_attribute((*key, &*legal(value)));
    }
    start
}

/// `text` without the characters that XML 1.0 (2.2) has no way to write.
fn legal(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_legal) {
        return text.into();
    }
    text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}

fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_kind_stays_inside_its_element() {
        let mut xml = Xml::new();
        xml.element("a", &[("b", "\"'<>&\u{1}")], |xml| {
            xml.text("c", "</c> ]]> & \0\u{ffff}\u{1f3b5}");
            xml.empty("d", &[]);
        });
        let text = String::from_utf8(xml.finish()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <a b=\"&quot;&apos;&lt;&gt;&amp;\u{fffd}\">\n \
             <c>&lt;/c&gt; ]]&gt; &amp; \u{fffd}\u{fffd}\u{1f3b5}</c>\n <d/>\n</a>"
        );
    }

    #[test]
    fn html_is_text_in_lines() {
        assert_eq!(html("a < b\nc & d"), "<p>a &lt; b<br>\nc &amp; d</p>");
        assert_eq!(html("it's \"plain\""), "it's \"plain\"");
        assert_eq!(html_image("u&v", "\"<"), "<img src=\"u&amp;v\" alt=\"&quot;&lt;\">");
    }
}
