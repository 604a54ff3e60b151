//! The routers between two lines: each takes one from the TTL, and drops what has none left.

/// Routers from any line to any other.
const HOPS: u8 = 5;

/// Takes a packet across; false if it does not get there.
pub(super) fn travel(packet: &mut [u8]) -> bool {
    match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 20 => {
            let left = packet[8].checked_sub(HOPS).filter(|left| *left > 0);
            let Some(left) = left else { return false };
            packet[8] = left;
            // RFC 1624: the TTL is the upper half of its word
            let sum = u32::from(u16::from_be_bytes([packet[10], packet[11]]));
            let sum = sum + u32::from(HOPS) * 0x100;
            let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            true
        }
        Some(6) if packet.len() >= 40 => {
            let left = packet[7].checked_sub(HOPS).filter(|left| *left > 0);
            packet[7] = left.unwrap_or_default();
            left.is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of all words of a right header, its checksum among them.
    fn is_right(header: &[u8]) -> bool {
        let words = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let sum: u32 = words.sum();
        (sum & 0xffff) + (sum >> 16) == 0xffff
    }

    fn header(ttl: u8) -> [u8; 20] {
        let mut header = [0x45, 0, 0, 20, 0, 0, 0x40, 0, ttl, 17, 0, 0, 11, 3, 0, 1, 11, 3, 0, 129];
        let words = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
        let sum: u32 = words.sum();
        let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }

    #[test]
    fn hops_are_counted_and_the_header_stays_right() {
        for ttl in 0..=255 {
            let mut packet = header(ttl);
            assert!(is_right(&packet));
            assert_eq!(travel(&mut packet), ttl > HOPS, "{ttl}");
            if ttl > HOPS {
                assert_eq!(packet[8], ttl - HOPS);
                assert!(is_right(&packet), "{ttl}");
            }
        }
    }
}
