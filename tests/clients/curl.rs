//! curl: files as a whole and in parts.

use std::{fs, path::Path};

use crate::form::Form;
use testbed::people::{Neighbours, noise, succeed};
use testbed::programs::have;

const LENGTH: usize = 300_000;

fn one_file(folder: &Path) {
    fs::write(folder.join("talk.mp3"), noise(LENGTH)).unwrap();
}

#[test]
fn whole_files_and_parts() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(one_file);
    let content = noise(LENGTH);
    for form in Form::ALL {
        let url = form.url(&neighbours, 1000, "/talk.mp3");
        let get = |arguments: &[&str]| {
            succeed(&mut form.curl(&neighbours, &[arguments, &[url.as_str()]].concat()))
        };
        assert!(get(&[]) == content, "{form:?}");
        assert_eq!(get(&["--range", "100-199"]), content[100..200], "{form:?}");
        assert_eq!(get(&["--range", "299990-"]), content[LENGTH - 10..], "{form:?}");
        assert_eq!(get(&["--range", "-7"]), content[LENGTH - 7..], "{form:?}");
        let compressed = get(&["--compressed", "--http1.0"]);
        assert!(compressed == content, "{form:?}");
    }
}

#[test]
fn several_ranges_at_once() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(one_file);
    let content = noise(LENGTH);
    for form in Form::ALL {
        let url = form.url(&neighbours, 1000, "/talk.mp3");
        let mut answer =
            form.curl(&neighbours, &["--include", "--range", "0-9,1000-1199,-5", &url]);
        let answer = succeed(&mut answer);
        let (head, body) = split_head(&answer);
        assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
        let boundary = field(&head, "content-type").strip_prefix("multipart/byteranges; boundary=");
        let boundary = boundary.unwrap_or_else(|| panic!("{head}"));
        let mut expected = Vec::new();
        for range in [0..10, 1000..1200, LENGTH - 5..LENGTH] {
            let (first, last) = (range.start, range.end - 1);
            expected.extend_from_slice(
                format!(
                    "\r\n--{boundary}\r\nContent-Type: audio/mpeg\r\n\
                     Content-Range: bytes {first}-{last}/{LENGTH}\r\n\r\n"
                )
                .as_bytes(),
            );
            expected.extend_from_slice(&content[range]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let start = usize::from(!body.starts_with(b"\r\n")) * 2; // the first delimiter may lack its CRLF
        assert!(body == &expected[start..], "{form:?}: {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_head_is_that_of_the_file() {
    if !have("curl") {
        return;
    }
    let neighbours = Neighbours::start(one_file);
    for form in Form::ALL {
        let url = form.url(&neighbours, 1000, "/talk.mp3");
        let head = succeed(&mut form.curl(&neighbours, &["--head", &url]));
        let whole = succeed(&mut form.curl(&neighbours, &["--include", &url]));
        let (head, whole) = (split_head(&head).0, split_head(&whole).0);
        assert_eq!(field(&head, "content-length"), LENGTH.to_string(), "{head}");
        assert_eq!(field(&head, "content-type"), "audio/mpeg", "{head}");
        for name in ["accept-ranges", "content-length", "content-type", "etag", "last-modified"] {
            assert_eq!(field(&head, name), field(&whole, name), "{form:?}");
        }
    }
}

/// The head of an answer, and what follows it.
fn split_head(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap(), &answer[end + 4..])
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let found = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.unwrap_or_else(|| panic!("no {name} in {head}")).1
}
