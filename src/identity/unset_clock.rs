//! A clock that was never set, as on a router that has none of its own and no time server yet. Daemons go on and say
//! so; what would be signed for years is not signed.

use super::Timestamp;

/// The beginning of 2025, before this program was made. In seconds since 1970.
const LONG_AGO: u64 = 1_735_689_600;

/// What is wrong with a clock that says `now`; None for one that may be right.
pub fn unset_clock(now: Timestamp) -> Option<String> {
    let unset = now < Timestamp::from_secs(LONG_AGO);
    unset
        .then(|| format!("the clock of this machine was never set: it says {}", now.to_date_time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_before_the_program_are_wrong() {
        assert_eq!(
            unset_clock(Timestamp::from_secs(30)).as_deref(),
            Some("the clock of this machine was never set: it says 1970-01-01T00:00:30Z")
        );
        assert_eq!(unset_clock(Timestamp::from_secs(1_800_000_000)), None);
    }
}
