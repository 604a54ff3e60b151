//! Numbers with units, as a topology has them.

use std::{net::IpAddr, str::FromStr, time::Duration};

use crate::Error;

/// A plain number.
pub(crate) fn number<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Setting(format!("{text:?} is not a number")))
}

/// Units `us`, `ms`, `s`; a bare number means milliseconds.
pub(crate) fn duration(text: &str) -> Result<Duration, Error> {
    scaled(text, &[("us", 1e-6), ("ms", 1e-3), ("s", 1.0)], 1e-3)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| Error::Setting(format!("{text:?} is not a duration (such as 20ms)")))
}

/// Bits a second. Units `kbit`, `mbit`, `gbit` (powers of ten); a bare number means bit/s.
pub(crate) fn rate(text: &str) -> Result<u64, Error> {
    scaled(text, &[("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)], 1.0)
        .map(|rate| rate as u64)
        .ok_or_else(|| Error::Setting(format!("{text:?} is not a rate (such as 512kbit)")))
}

/// A share between 0 and 1, written with or without `%`.
pub(crate) fn percent(text: &str) -> Result<f64, Error> {
    let share = text.trim_end_matches('%').parse::<f64>().ok().map(|value| value / 100.0);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| Error::Setting(format!("{text:?} is not a percentage (such as 5%)")))
}

/// Addresses with commas between.
pub(crate) fn addresses(list: &str) -> Result<Vec<IpAddr>, Error> {
    let address = |text: &str| {
        text.parse().map_err(|_| Error::Setting(format!("{text:?} is not an IP address")))
    };
    list.split(',').map(address).collect()
}

fn scaled(text: &str, units: &[(&str, f64)], bare: f64) -> Option<f64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, bare));
    let value: f64 = number.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(duration("1.5ms").unwrap(), Duration::from_micros(1500));
        assert_eq!(duration("20").unwrap(), Duration::from_millis(20));
        assert_eq!(rate("441.3kbit").unwrap(), 441_300);
        assert_eq!(percent("5%").unwrap(), 0.05);
        for wrong in ["", "ms", "-1ms", "nan", "1e300s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(percent("101%").is_err());
    }
}
