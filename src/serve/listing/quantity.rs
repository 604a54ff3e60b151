//! Numbers as people read them.

/// `3 files`; None for none.
pub(super) fn count(number: usize, thing: &str) -> Option<String> {
    let plural = if number == 1 { "" } else { "s" };
    (number > 0).then(|| format!("{} {thing}{plural}", grouped(number)))
}

/// Digits in groups of three, with thin spaces that do not break.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

/// Decimal units, as disks and file managers have them: `999 B`, `1.2 MB`, `35 GB`.
pub(super) fn human_size(octets: u64) -> String {
    if octets < 1000 {
        return format!("{octets} B");
    }
    let mut tenths = octets / 100; // of the present unit
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next();
    while tenths >= 9_995 {
        tenths /= 1000;
        unit = units.next().or(unit);
    }
    let unit = unit.unwrap_or_default();
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (octets, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (999_499, "999 kB"),
            (1_234_567, "1.2 MB"),
            (35_000_000_000, "35 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(human_size(octets), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0, "file"), None);
        assert_eq!(count(1, "file").unwrap(), "1 file");
        assert_eq!(count(20_000, "file").unwrap(), "20\u{202F}000 files");
        assert_eq!(grouped(1_234_567), "1\u{202F}234\u{202F}567");
    }
}
