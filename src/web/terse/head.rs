//! The head of a response in few octets, and the same head again.
//!
//! ```text
//! head   = status *line end
//! status = an octet of the static table
//! line   = entry                ; name and value
//!        / entry text LF        ; a name, and its value
//!        / entry number         ; a name, and its value as a variable-length integer (RFC 9000, section 16)
//!        / text LF              ; a line as it was, which begins with neither an entry nor LF
//! end    = LF
//! ```
//!
//! What cannot be said like this, or would not come back octet by octet, stays as it was: it begins with none of
//! the octets of status lines.

use super::static_table::{Field, octet_of_status, status_line};

const END_OF_LINE: &[u8] = b"\r\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// The body ends with the stream, which carries one response.
const LAST: &[u8] = b"connection: close";

const LF: u8 = b'\n';
const ENTRY_BITS: u8 = 0x80;

/// What stands for the head at the beginning of `octets`, and how long that head is. None for one that has to be
/// sent as it is, and for what holds no whole head.
pub(super) fn shorten(octets: &[u8]) -> Option<(Vec<u8>, usize)> {
    let length = octets.windows(END_OF_HEAD.len()).position(|four| four == END_OF_HEAD)?;
    let mut lines = split_lines(&octets[..length]);
    let mut shorter = Vec::with_capacity(length);
    shorter.push(octet_of_status(lines.next()?)?);
    for line in lines.filter(|line| !line.eq_ignore_ascii_case(LAST)) {
        shorten_line(line, &mut shorter)?;
    }
    shorter.push(LF);
    Some((shorter, length + END_OF_HEAD.len()))
}

/// Lines without their ends.
fn split_lines(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let end = octets.windows(END_OF_LINE.len()).position(|two| two == END_OF_LINE);
        ended = end.is_none();
        let line = &octets[..end.unwrap_or(octets.len())];
        octets = octets.get(line.len() + END_OF_LINE.len()..).unwrap_or_default();
        Some(line)
    })
}

/// None for a line that would not come back.
fn shorten_line(line: &[u8], shorter: &mut Vec<u8>) -> Option<()> {
    if line.contains(&LF) || line.first()? & ENTRY_BITS != 0 {
        return None;
    }
    let colon = line.windows(2).position(|two| two == b": ");
    let (name, value) = colon.map_or((line, line), |at| (&line[..at], &line[at + 2..]));
    match colon.and_then(|_| Field::find(name, value)) {
        Some((octet, Field::Line(..))) => shorter.push(octet),
        Some((octet, Field::Name(_))) => {
            shorter.push(octet);
            shorter.extend_from_slice(value);
            shorter.push(LF);
        }
        Some((octet, Field::Length(_))) if number(value).is_some() => {
            shorter.push(octet);
            push_number(number(value)?, shorter);
        }
        _ => {
            shorter.extend_from_slice(line);
            shorter.push(LF);
        }
    }
    Some(())
}

/// A decimal number that is written like this again.
fn number(text: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number < 1 << 62 && number.to_string().as_bytes() == text).then_some(number)
}

fn push_number(number: u64, octets: &mut Vec<u8>) {
    let all = number.to_be_bytes();
    let (length, mark) = match number {
        0..0x40 => (1, 0x00),
        0x40..0x4000 => (2, 0x40),
        0x4000..0x4000_0000 => (4, 0x80),
        _ => (8, 0xc0),
    };
    let start = octets.len();
    octets.extend_from_slice(&all[all.len() - length..]);
    octets[start] |= mark;
}

/// Makes of what comes the octets that were written.
#[derive(Debug, Default)]
pub(super) struct Expander {
    place: Place,
}

/// Where in a response the next octet stands.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Start,
    /// At the beginning of a line.
    Line,
    /// In a line or a value.
    Text,
    /// In a number, of which there are so many octets more, or that begins.
    Number { so_far: u64, left: Option<u8> },
    /// Behind the head, or in one that came as it is.
    Body,
}

impl Expander {
    /// Whether all that follows is to be taken as it comes.
    pub(super) fn is_past(&self) -> bool {
        matches!(self.place, Place::Body)
    }

    /// Takes what has come. At most some 50 octets are made of each.
    pub(super) fn expand(&mut self, octets: &[u8], whole: &mut Vec<u8>) {
        octets.iter().for_each(|octet| self.take(*octet, whole));
    }

    fn take(&mut self, octet: u8, whole: &mut Vec<u8>) {
        self.place = match self.place {
            Place::Start => match status_line(octet) {
                Some(line) => {
                    whole.extend_from_slice(line);
                    whole.extend_from_slice(END_OF_LINE);
                    Place::Line
                }
                None => {
                    whole.push(octet);
                    Place::Body
                }
            },
            Place::Line if octet == LF => {
                whole.extend_from_slice(END_OF_LINE);
                Place::Body
            }
            Place::Line => match Field::of(octet) {
                Some((field, name)) => begin_field(field, &name, whole),
                None => {
                    whole.push(octet); // what stands for nothing is no field either, and HTTP says so
                    Place::Text
                }
            },
            Place::Text if octet == LF => {
                whole.extend_from_slice(END_OF_LINE);
                Place::Line
            }
            Place::Text => {
                whole.push(octet);
                Place::Text
            }
            Place::Number { so_far, left } => {
                let (so_far, left) = match left {
                    None => (u64::from(octet & 0x3f), (1 << (octet >> 6)) - 1),
                    Some(left) => (so_far << 8 | u64::from(octet), left - 1),
                };
                if left == 0 {
                    whole.extend_from_slice(so_far.to_string().as_bytes());
                    whole.extend_from_slice(END_OF_LINE);
                    Place::Line
                } else {
                    Place::Number { so_far, left: Some(left) }
                }
            }
            Place::Body => {
                whole.push(octet);
                Place::Body
            }
        };
    }
}

fn begin_field(field: Field, name: &[u8], whole: &mut Vec<u8>) -> Place {
    whole.extend_from_slice(name);
    whole.extend_from_slice(b": ");
    match field {
        Field::Line(_, value) => {
            whole.extend_from_slice(value.as_bytes());
            whole.extend_from_slice(END_OF_LINE);
            Place::Line
        }
        Field::Name(_) => Place::Text,
        Field::Length(_) => Place::Number { so_far: 0, left: None },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is made of octets that come few at a time.
    fn expanded(octets: &[u8], at_once: usize) -> Vec<u8> {
        let (mut expander, mut whole) = (Expander::default(), Vec::new());
        octets.chunks(at_once).for_each(|some| expander.expand(some, &mut whole));
        whole
    }

    #[test]
    fn a_usual_head_takes_few_octets() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 272\r\n\r\n";
        let (shorter, length) = shorten(&[&head[..], b"body"].concat()).unwrap();
        assert_eq!(length, head.len());
        assert_eq!(shorter, [0x01, 0x99, 0x80, 0x41, 0x10, LF]);
        assert_eq!(expanded(&shorter, 1), head);
    }

    #[test]
    fn names_keep_the_way_they_are_written() {
        let head = b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 5-9/10\r\nX-Own: 1\r\n\
            ETAG: \"a\"\r\nETag: \"b\"\r\ncontent-length: 05\r\nServer:x\r\n\r\n";
        let (shorter, _) = shorten(head).unwrap();
        let saved = "HTTP/1.1 206 Partial Content".len() - 1 + "content-range: ETag: ".len() - 2;
        assert_eq!(shorter.len() + saved + 9, head.len(), "and of eight ends of lines most");
        assert_eq!(expanded(&shorter, 3), head);
    }

    #[test]
    fn a_connection_that_ends_goes_without_saying() {
        let (shorter, _) =
            shorten(b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(expanded(&shorter, 9), b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
        assert_eq!(shorten(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap().0, [1, LF]);
    }

    #[test]
    fn what_would_not_come_back_stays_as_it_is() {
        for head in [
            &b"HTTP/1.1 200 Fine\r\n\r\n"[..],
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\nc\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\x80: b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n",
            b"\r\n\r\n",
            b"",
        ] {
            assert_eq!(shorten(head), None);
            assert_eq!(expanded(head, 2), head);
        }
    }

    #[test]
    fn numbers_come_back_at_every_length() {
        for number in [0, 63, 64, 16383, 16384, (1 << 30) - 1, 1 << 30, (1 << 62) - 1, 1u64 << 62] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {number}\r\nA: b\r\n\r\n");
            let (shorter, _) = shorten(head.as_bytes()).unwrap();
            assert_eq!(expanded(&shorter, 1), head.as_bytes());
            assert_eq!(shorter.contains(&b'C'), number == 1 << 62);
        }
    }

    proptest! {
        #[test]
        fn heads_come_back(
            status in "(200 OK|304 Not Modified|500 Oops)",
            fields in prop::collection::vec(
                "(Content-Length|content-type|Vary|X-A|ETag)(: |:|:  )(gzip|[0-9]{1,20}|text/plain|[ -~]{0,9})",
                0..8,
            ),
            body in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let lines: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
            let head = format!("HTTP/1.1 {status}\r\n{lines}\r\n");
            let octets = [head.as_bytes(), &body].concat();
            if let Some((shorter, length)) = shorten(&octets) {
                prop_assert_eq!(length, head.len());
                prop_assert!(shorter.len() < head.len());
                prop_assert_eq!(expanded(&[&shorter[..], &body].concat(), 7), octets);
            } else {
                prop_assert_eq!(status, "500 Oops");
            }
        }

        #[test]
        fn nonsense_does_not_grow_without_bound(
            octets in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let octets = [&[0x01], &octets[..]].concat();
            prop_assert!(expanded(&octets, 10).len() <= octets.len() * 50);
        }
    }
}
