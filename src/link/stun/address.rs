//! Addresses in STUN attributes (RFC 8489, sections 14.1 and 14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::{MAGIC_COOKIE, TransactionId};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// From the value of MAPPED-ADDRESS and its like.
pub(super) fn decode(value: &[u8]) -> Option<SocketAddr> {
    let (&[_, family, p0, p1], ip) = value.split_first_chunk()?;
    let ip: IpAddr = match family {
        IPV4 => <[u8; 4]>::try_from(ip).ok()?.into(),
        IPV6 => <[u8; 16]>::try_from(ip).ok()?.into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([p0, p1])))
}

/// From the value of XOR-MAPPED-ADDRESS and its like.
pub(super) fn decode_xor(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    decode(value).map(|hidden| xor(hidden, id))
}

/// The value of MAPPED-ADDRESS and its like.
pub(super) fn encode(address: SocketAddr) -> Vec<u8> {
    let family = if address.is_ipv4() { IPV4 } else { IPV6 };
    let [p0, p1] = address.port().to_be_bytes();
    let mut value = vec![0, family, p0, p1];
    match address.ip() {
        IpAddr::V4(v4) => value.extend(v4.octets()),
        IpAddr::V6(v6) => value.extend(v6.octets()),
    }
    value
}

/// The value of XOR-MAPPED-ADDRESS and its like.
pub(super) fn encode_xor(address: SocketAddr, id: &TransactionId) -> Vec<u8> {
    encode(xor(address, id))
}

/// Hides or reveals: NATs that look for addresses in what they forward do not find this one.
fn xor(address: SocketAddr, id: &TransactionId) -> SocketAddr {
    let [c0, c1, ..] = MAGIC_COOKIE;
    let ip = match address.ip() {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits() ^ u32::from_be_bytes(MAGIC_COOKIE)).into()
        }
        IpAddr::V6(v6) => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&MAGIC_COOKIE);
            mask[4..].copy_from_slice(id);
            Ipv6Addr::from_bits(v6.to_bits() ^ u128::from_be_bytes(mask)).into()
        }
    };
    SocketAddr::new(ip, address.port() ^ u16::from_be_bytes([c0, c1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_in_both_forms() {
        for text in ["192.0.2.1:32853", "0.0.0.0:0", "[2001:db8::1]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(decode(&encode(address)), Some(address));
            assert_eq!(decode_xor(&encode_xor(address, &[9; 12]), &[9; 12]), Some(address));
        }
    }

    #[test]
    fn family_and_length_must_agree() {
        for value in [
            &[][..],
            &[0, 1],
            &[0, 3, 0, 80, 1, 2, 3, 4],
            &[0, 1, 0, 80, 1, 2, 3],
            &[0, 1, 0, 80, 1, 2, 3, 4, 5],
            &[0, 2, 0, 80, 1, 2, 3, 4],
        ] {
            assert_eq!(decode(value), None);
        }
    }
}
