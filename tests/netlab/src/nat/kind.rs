//! How a NAT behaves, in the words of RFC 4787.

use std::time::Duration;

use crate::{Error, topology::unit};

/// On what a mapping or a filter depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// "Endpoint-independent".
    Endpoint,
    /// "Address-dependent".
    Address,
    /// "Address and port-dependent".
    AddressAndPort,
}

/// Which public port a new mapping gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The inside port, or the next free one.
    Preserved,
    /// Any.
    Random,
    /// One more than the last.
    Sequential,
}

/// Everything in which NATs differ.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Which packets share a public port.
    pub mapping: Dependence,
    /// Who may send to it.
    pub filtering: Dependence,
    /// Which port it is.
    pub ports: Ports,
    /// Whether inside hosts reach each other by their public addresses.
    pub hairpin: bool,
    /// Lets no UDP through.
    pub block_udp: bool,
    /// How long an idle UDP mapping lives.
    pub udp_timeout: Duration,
    /// How long an idle TCP mapping lives.
    pub tcp_timeout: Duration,
    /// Inbound packets keep a UDP mapping alive, too. (TCP mappings always are.)
    pub inbound_refresh: bool,
}

impl Kind {
    /// Reads words with commas between, from left to right: `fullcone`, `restricted`, `portrestricted`, `symmetric`,
    /// `blockudp`, `map:eim|adm|apdm`, `filter:eif|adf|apdf`, `port:preserve|random|seq`, `hairpin:on|off`,
    /// `timeout:30s`, `refresh:in|out`. What is not said stays port-restricted, port-preserving, without
    /// hairpinning, 120 s.
    ///
    /// # Errors
    /// When a word is none of these.
    pub fn parse(words: &str) -> Result<Kind, Error> {
        let mut kind = Kind::default();
        for word in words.split(',') {
            kind.set(word)?;
        }
        Ok(kind)
    }

    fn set(&mut self, word: &str) -> Result<(), Error> {
        match word.split_once(':').unwrap_or((word, "")) {
            ("fullcone", "") | ("filter", "eif") => self.filtering = Dependence::Endpoint,
            ("restricted", "") | ("filter", "adf") => self.filtering = Dependence::Address,
            ("portrestricted", "") | ("filter", "apdf") => {
                self.filtering = Dependence::AddressAndPort;
            }
            ("symmetric", "") => {
                self.mapping = Dependence::AddressAndPort;
                self.ports = Ports::Random;
            }
            ("blockudp", "") => self.block_udp = true,
            ("map", "eim") => self.mapping = Dependence::Endpoint,
            ("map", "adm") => self.mapping = Dependence::Address,
            ("map", "apdm") => self.mapping = Dependence::AddressAndPort,
            ("port", "preserve") => self.ports = Ports::Preserved,
            ("port", "random") => self.ports = Ports::Random,
            ("port", "seq") => self.ports = Ports::Sequential,
            ("hairpin", switch @ ("on" | "off")) => self.hairpin = switch == "on",
            ("refresh", by @ ("in" | "out")) => self.inbound_refresh = by == "in",
            ("timeout", time) => self.udp_timeout = unit::duration(time)?,
            _ => return Err(Error::Setting(format!("nat: unknown word {word:?}"))),
        }
        Ok(())
    }
}

impl Default for Kind {
    fn default() -> Kind {
        Kind {
            mapping: Dependence::Endpoint,
            filtering: Dependence::AddressAndPort,
            ports: Ports::Preserved,
            hairpin: false,
            block_udp: false,
            udp_timeout: Duration::from_secs(120),
            tcp_timeout: Duration::from_secs(7440), // RFC 5382
            inbound_refresh: false,
        }
    }
}
