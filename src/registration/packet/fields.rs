//! The fields of a registration as octets; what they mean is in [`super`].

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::Registration;
use crate::identity::{Name, PublicKey, Timestamp};
use crate::registration::error::PacketError;
use crate::registration::rendezvous::Rendezvous;
use crate::registration::wire::{self, Field, Fields};

pub(in crate::registration) const KEY: u8 = 1;
pub(in crate::registration) const SEQUENCE: u8 = 2;
pub(in crate::registration) const TTL: u8 = 3;
pub(super) const NAME: u8 = 4;
pub(super) const LOCATOR: u8 = 5;
pub(super) const RENDEZVOUS: u8 = 6;
/// From here on a reader skips what it does not know.
const FIRST_OPTIONAL: u8 = 128;
pub(super) const CERTIFICATE: u8 = 128;

/// Writes all fields of a registration that keeps the rules.
pub(super) fn encode(registration: &Registration, bytes: &mut Vec<u8>) {
    wire::push(bytes, KEY, registration.key.as_bytes());
    wire::push(bytes, SEQUENCE, &registration.sequence.as_micros().to_be_bytes());
    let seconds = registration.ttl.as_secs() as u32; // at most a month, see `check`
    wire::push(bytes, TTL, &seconds.to_be_bytes());
    push_rest(bytes, registration);
}

/// Reads all fields.
pub(super) fn decode(payload: &[u8]) -> Result<Registration, PacketError> {
    read(payload, Reader::default())
}

/// The fields of a registration without key and time to live, which stand outside of what is sealed.
pub(in crate::registration) fn encode_sealed(registration: &Registration) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::push(&mut bytes, SEQUENCE, &registration.sequence.as_micros().to_be_bytes());
    push_rest(&mut bytes, registration);
    bytes
}

/// Reads those fields.
pub(in crate::registration) fn decode_sealed(
    payload: &[u8],
    key: PublicKey,
    ttl: Duration,
) -> Result<Registration, PacketError> {
    read(payload, Reader { key: Some(key), ttl: Some(ttl), ..Reader::default() })
}

fn read(payload: &[u8], mut reader: Reader) -> Result<Registration, PacketError> {
    for field in Fields::new(payload) {
        reader.accept(field?)?;
    }
    reader.finish()
}

fn push_rest(bytes: &mut Vec<u8>, registration: &Registration) {
    if let Some(name) = &registration.name {
        wire::push(bytes, NAME, name.as_str().as_bytes());
    }
    for locator in &registration.locators {
        wire::push(bytes, LOCATOR, &encode_address(*locator));
    }
    for Rendezvous { key, address } in &registration.rendezvous {
        let value = [&key.as_bytes()[..], &encode_address(*address)].concat();
        wire::push(bytes, RENDEZVOUS, &value);
    }
    for certificate in &registration.certificates {
        wire::push(bytes, CERTIFICATE, certificate);
    }
}

fn encode_address(address: SocketAddr) -> Vec<u8> {
    let mut bytes = match address.ip() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    bytes.extend_from_slice(&address.port().to_be_bytes());
    bytes
}

/// Collects fields into a registration.
#[derive(Default)]
struct Reader {
    key: Option<PublicKey>,
    sequence: Option<Timestamp>,
    ttl: Option<Duration>,
    name: Option<Name>,
    locators: Vec<SocketAddr>,
    rendezvous: Vec<Rendezvous>,
    certificates: Vec<Vec<u8>>,
}

impl Reader {
    fn accept(&mut self, field: Field<'_>) -> Result<(), PacketError> {
        let Field { kind, value } = field;
        let malformed = PacketError::Value(kind);
        match kind {
            KEY => {
                let key = PublicKey(value.try_into().map_err(|_| malformed)?);
                set(&mut self.key, key, kind)
            }
            SEQUENCE => {
                let micros = u64::from_be_bytes(value.try_into().map_err(|_| malformed)?);
                set(&mut self.sequence, Timestamp::from_micros(micros), kind)
            }
            TTL => {
                let seconds = u32::from_be_bytes(value.try_into().map_err(|_| malformed)?);
                let ttl = Duration::from_secs(seconds.into());
                if ttl > Registration::MAX_TTL {
                    Err(malformed)
                } else {
                    set(&mut self.ttl, ttl, kind)
                }
            }
            NAME => set(&mut self.name, decode_name(value).ok_or(malformed)?, kind),
            LOCATOR => {
                let locator = decode_address(value).ok_or(malformed)?;
                add(&mut self.locators, locator, Registration::MAX_LOCATORS, kind)
            }
            RENDEZVOUS => {
                let rendezvous = decode_rendezvous(value).ok_or(malformed)?;
                add(&mut self.rendezvous, rendezvous, Registration::MAX_RENDEZVOUS, kind)
            }
            CERTIFICATE if value.is_empty() => Err(malformed),
            CERTIFICATE => {
                let limit = Registration::MAX_CERTIFICATES;
                add(&mut self.certificates, value.to_vec(), limit, kind)
            }
            optional if optional >= FIRST_OPTIONAL => Ok(()),
            _ => Err(PacketError::Unknown(kind)),
        }
    }

    fn finish(self) -> Result<Registration, PacketError> {
        Ok(Registration {
            name: self.name,
            key: self.key.ok_or(PacketError::Missing(KEY))?,
            sequence: self.sequence.ok_or(PacketError::Missing(SEQUENCE))?,
            ttl: self.ttl.ok_or(PacketError::Missing(TTL))?,
            locators: self.locators,
            rendezvous: self.rendezvous,
            certificates: self.certificates,
        })
    }
}

fn set<T>(place: &mut Option<T>, value: T, kind: u8) -> Result<(), PacketError> {
    if place.replace(value).is_some() { Err(PacketError::Repeated(kind)) } else { Ok(()) }
}

fn add<T: PartialEq>(
    list: &mut Vec<T>,
    value: T,
    limit: usize,
    kind: u8,
) -> Result<(), PacketError> {
    if list.contains(&value) {
        return Err(PacketError::Repeated(kind));
    }
    if list.len() == limit {
        return Err(PacketError::TooMany(kind));
    }
    list.push(value);
    Ok(())
}

/// A name in its one spelling; upper case is not it.
fn decode_name(value: &[u8]) -> Option<Name> {
    let text = str::from_utf8(value).ok()?;
    Name::parse(text).ok().filter(|name| name.as_str() == text)
}

fn decode_address(value: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = value.split_last_chunk::<2>()?;
    let ip: IpAddr = match ip.len() {
        4 => <[u8; 4]>::try_from(ip).ok()?.into(),
        16 => <[u8; 16]>::try_from(ip).ok()?.into(),
        _ => return None,
    };
    let address = SocketAddr::new(ip, u16::from_be_bytes(*port));
    Registration::can_carry(address).then_some(address)
}

fn decode_rendezvous(value: &[u8]) -> Option<Rendezvous> {
    let (key, address) = value.split_first_chunk::<32>()?;
    Some(Rendezvous { key: PublicKey(*key), address: decode_address(address)? })
}
