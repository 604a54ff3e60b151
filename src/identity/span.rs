//! Durations as people say them, and as programs are told.

use std::time::Duration;

/// A duration in its largest whole unit, such as `3 hours`.
pub fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0 if !duration.is_zero() => (duration.subsec_millis().into(), "millisecond"),
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// A duration in milliseconds, to the microsecond: written out, it has no digits that nobody measured.
pub fn milliseconds(duration: Duration) -> f64 {
    let micros = (duration.as_nanos() + 500) / 1_000;
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_says_enough_is_taken() {
        for (seconds, said) in [
            (0.0, "0 seconds"),
            (0.5, "500 milliseconds"),
            (1.0, "1 second"),
            (119.0, "119 seconds"),
            (120.0, "2 minutes"),
            (7_199.0, "119 minutes"),
            (7_200.0, "2 hours"),
            (172_800.0, "2 days"),
        ] {
            assert_eq!(roughly(Duration::from_secs_f64(seconds)), said);
        }
    }

    #[test]
    fn milliseconds_have_at_most_three_decimals() {
        for (nanos, written) in [
            (0, "0"),
            (499, "0"),
            (500, "0.001"),
            (7_140_000, "7.14"),
            (51_115_418, "51.115"), // times a thousand in floats, 51.115418000000005
            (8_000_000_000, "8000"),
            (31_536_000_000_000_001, "31536000000"),
        ] {
            assert_eq!(milliseconds(Duration::from_nanos(nanos)).to_string(), written);
        }
    }
}
