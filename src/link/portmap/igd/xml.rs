//! Reads the small XML documents of devices: a flat view, element by element, with limits.

use quick_xml::{Reader, events::Event};

/// Deeper documents are not of devices.
const MAX_DEPTH: usize = 32;
/// Longer texts are cut.
const MAX_TEXT: usize = 2048;

/// Visits each element when it ends, with its name without prefix and the text directly inside. False
/// if the document breaks off or is too deep.
pub(super) fn visit(document: &str, mut element: impl FnMut(&str, &str)) -> bool {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) if open.len() == MAX_DEPTH => return false,
            Ok(Event::Start(_)) => open.push(String::new()),
            Ok(Event::Empty(start)) => element(start.local_name().as_ref(), ""),
            Ok(Event::End(end)) => {
                let Some(text) = open.pop() else { return false };
                element(end.local_name().as_ref(), text.trim());
            }
            Ok(Event::Text(text)) => add(&mut open, &text),
            Ok(Event::CData(text)) => add(&mut open, &text),
            Ok(Event::GeneralRef(name)) => {
                let known = quick_xml::escape::resolve_predefined_entity(&name);
                add(&mut open, known.unwrap_or_default());
            }
            Ok(Event::Eof) => return open.is_empty(),
            Ok(Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_)) => {}
            Err(_) => return false,
        }
    }
}

fn add(open: &mut [String], text: &str) {
    if let Some(last) = open.last_mut()
        && last.len() + text.len() <= MAX_TEXT
    {
        last.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(document: &str) -> (bool, Vec<(String, String)>) {
        let mut found = Vec::new();
        let whole = visit(document, |name, text| found.push((name.to_owned(), text.to_owned())));
        (whole, found)
    }

    #[test]
    fn elements_come_with_their_text() {
        let (whole, found) =
            elements("<?xml version=\"1.0\"?><s:a><b> x&amp;y </b><c/><d><![CDATA[z]]></d></s:a>");
        let pairs = [("b", "x&y"), ("c", ""), ("d", "z"), ("a", "")];
        assert!(whole);
        assert_eq!(found, pairs.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn hostile_documents_end() {
        assert!(!elements("<a><b></a>").0);
        assert!(!elements("<a>").0);
        assert!(!elements(&"<a>".repeat(100_000)).0);
        let entities = "<!DOCTYPE a [<!ENTITY e \"eeee\">]><a>&e;&e;</a>";
        assert_eq!(elements(entities).1, [("a".to_owned(), String::new())]);
        let long = format!("<a>{}</a>", "x".repeat(1_000_000));
        assert!(elements(&long).1[0].1.len() <= MAX_TEXT);
    }
}
