//! Type–length–value fields: the view of a packet's payload, without its meaning.
//!
//! A field is a type (u8), a length (u16, big-endian) and that many octets. Types never fall from one
//! field to the next, so there is one order only; there is one way to write a length, no padding and
//! no octet outside a field.

use super::error::PacketError;

/// One field: its type and its value as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) kind: u8,
    pub(super) value: &'a [u8],
}

/// The fields of a payload, in order. Ends after the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    last_kind: u8,
}

impl<'a> Fields<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Fields<'a> {
        Fields { rest: payload, last_kind: 0 }
    }

    fn read(&mut self) -> Result<Field<'a>, PacketError> {
        let (head, rest) = self.rest.split_first_chunk::<3>().ok_or(PacketError::Truncated)?;
        let [kind, high, low] = *head;
        let length = u16::from_be_bytes([high, low]).into();
        let (value, rest) = rest.split_at_checked(length).ok_or(PacketError::Truncated)?;
        if kind < self.last_kind {
            return Err(PacketError::Order);
        }
        self.rest = rest;
        self.last_kind = kind;
        Ok(Field { kind, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Appends a field. The caller checks the packet's length afterwards, so a value too long for a u16
/// cannot get through: its packet is too long as well.
pub(super) fn push(payload: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    payload.push(kind);
    payload.extend_from_slice(&length.to_be_bytes());
    payload.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, PacketError> {
        Fields::new(payload).map(|f| f.map(|f| (f.kind, f.value.to_vec()))).collect()
    }

    #[test]
    fn reads_back_what_was_written() {
        let mut payload = Vec::new();
        push(&mut payload, 1, b"one");
        push(&mut payload, 1, b"");
        push(&mut payload, 200, &[7; 300]);
        let fields = read(&payload).unwrap();
        assert_eq!(fields, [(1, b"one".to_vec()), (1, vec![]), (200, vec![7; 300])]);
        assert_eq!(read(&[]), Ok(vec![]));
    }

    #[test]
    fn refuses_lengths_beyond_the_end_and_falling_types() {
        assert_eq!(read(&[1]), Err(PacketError::Truncated));
        assert_eq!(read(&[1, 0]), Err(PacketError::Truncated));
        assert_eq!(read(&[1, 0, 1]), Err(PacketError::Truncated));
        assert_eq!(read(&[1, 0xff, 0xff, 0]), Err(PacketError::Truncated));
        assert_eq!(read(&[2, 0, 0, 1, 0, 0]), Err(PacketError::Order));
    }

    #[test]
    fn ends_after_an_error() {
        let mut fields = Fields::new(&[2, 0, 0, 1, 0, 0, 3, 0, 0]);
        assert!(fields.next().unwrap().is_ok());
        assert!(fields.next().unwrap().is_err());
        assert!(fields.next().is_none());
    }
}
