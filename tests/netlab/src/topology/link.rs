//! What holds on an access line, and on the way between two of them.

use std::time::Duration;

use super::unit;
use crate::Error;

/// The access line between a node and the emulated Internet.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Bits a second towards the Internet; none means no limit.
    pub up: Option<u64>,
    /// Bits a second from the Internet; none means no limit.
    pub down: Option<u64>,
    /// A packet that would wait longer than this before its transmission is dropped.
    pub queue: Duration,
    /// What a packet costs beyond its own octets.
    pub framing: Framing,
}

/// What a packet costs on a line beyond its own octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    #[default]
    None,
    /// This many octets, as on Ethernet.
    Octets(u64),
    /// This many octets, and then cut into ATM cells: 48 octets of load in 53.
    Atm(u64),
}

/// What happens to packets from one attachment to another, in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path {
    /// One way.
    pub delay: Duration,
    /// This much more or less delay; keeps the order.
    pub jitter: Duration,
    /// Share of packets that vanish.
    pub loss: f64,
    /// Mean length of a burst of losses, in packets; up to 1 means independent losses.
    pub burst: f64,
    /// Share of packets that may be overtaken.
    pub reorder: f64,
    /// How much later those are.
    pub reorder_by: Duration,
    /// Share of packets that arrive twice.
    pub duplicate: f64,
    /// Nothing passes.
    pub down: bool,
}

impl Link {
    /// Changes `up=`, `down=`, `queue=` or `framing=`; a rate of 0 takes the limit away. False: it is none of these.
    ///
    /// # Errors
    /// When the value cannot be read.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        let limit = || unit::rate(value).map(|rate| Some(rate).filter(|rate| *rate > 0));
        match key {
            "up" => self.up = limit()?,
            "down" => self.down = limit()?,
            "queue" => self.queue = unit::duration(value)?,
            "framing" => self.framing = Framing::parse(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Default for Link {
    fn default() -> Link {
        Link { up: None, down: None, queue: Duration::from_millis(500), framing: Framing::None }
    }
}

impl Framing {
    /// How long a packet is on the line.
    pub fn on_the_line(self, packet: usize) -> u64 {
        let packet = packet as u64;
        match self {
            Framing::None => packet,
            Framing::Octets(more) => packet + more,
            Framing::Atm(more) => (packet + more).div_ceil(48) * 53,
        }
    }

    fn parse(text: &str) -> Result<Framing, Error> {
        if text == "none" {
            return Ok(Framing::None);
        }
        match text.strip_prefix("atm+") {
            Some(more) => Ok(Framing::Atm(unit::number(more)?)),
            None => Ok(Framing::Octets(unit::number(text.trim_start_matches('+'))?)),
        }
    }
}

impl Path {
    /// Changes what the settings name, and leaves the rest.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn set(&mut self, settings: &str) -> Result<(), Error> {
        for setting in settings.split_whitespace() {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match key {
                "rtt" => self.delay = unit::duration(value)? / 2,
                "delay" => self.delay = unit::duration(value)?,
                "jitter" => self.jitter = unit::duration(value)?,
                "loss" => self.loss = unit::percent(value)?,
                "burst" => self.burst = unit::number(value)?,
                "dup" => self.duplicate = unit::percent(value)?,
                "reorder" => {
                    let (share, by) = value.split_once('/').unwrap_or((value, "10ms"));
                    self.reorder = unit::percent(share)?;
                    self.reorder_by = unit::duration(by)?;
                }
                "state" if ["down", "up"].contains(&value) => self.down = value == "down",
                _ => return Err(Error::Setting(format!("unknown setting {setting:?} of a path"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_of_a_dsl_line() {
        // 1492 octets in PPPoE and LLC over ATM: 32 cells
        assert_eq!(Framing::parse("atm+40").unwrap().on_the_line(1492), 32 * 53);
        assert_eq!(Framing::parse("+18").unwrap().on_the_line(100), 118);
        assert_eq!(Framing::parse("none").unwrap().on_the_line(100), 100);
    }
}
