//! The playing time of Opus in Ogg (RFC 7845), read here because lofty 0.25 panics on damaged headers.

use std::{
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

/// Begins every Ogg page (RFC 3533, 6).
const PAGE: &[u8] = b"OggS\0";
/// Octets of the longest page.
const MAX_PAGE: u64 = 65_307;
/// Where the granule position lies in a page.
const GRANULE: usize = 6;
/// Granule positions count samples at this rate, whatever the input had.
const RATE: u32 = 48_000;

/// From the sample at which the last page ends, without those that the decoder drops at the beginning.
pub(super) fn duration(file: &mut (impl Read + Seek)) -> Option<Duration> {
    let mut first = [0; 64];
    file.rewind().ok()?;
    file.read_exact(&mut first).ok()?;
    let head = first.windows(8).position(|bytes| bytes == b"OpusHead")?;
    let pre_skip = first.get(head + 10..head + 12)?.try_into().map(u16::from_le_bytes).ok()?;

    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_PAGE))).ok()?;
    let mut last = Vec::new();
    file.take(MAX_PAGE).read_to_end(&mut last).ok()?;
    let page = last.windows(PAGE.len()).rposition(|bytes| bytes == PAGE)? + GRANULE;
    let end = last.get(page..page + 8)?.try_into().map(u64::from_le_bytes).ok()?;
    let samples = end.checked_sub(pre_skip.into())?;
    // all ones mean that no packet ends on the page
    (end != u64::MAX).then(|| {
        let rate = u64::from(RATE);
        Duration::from_secs(samples / rate) + Duration::from_secs(samples % rate) / RATE
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn file(pre_skip: u16, end: u64) -> Vec<u8> {
        let mut file = [PAGE, &[0; 23], b"OpusHead\x01\x01", &pre_skip.to_le_bytes()].concat();
        file.resize(file.len() + 100, 0);
        file.extend([PAGE, &[4], &end.to_le_bytes(), &[7; 40]].concat());
        file
    }

    #[test]
    fn counts_what_is_heard() {
        let duration = |file: Vec<u8>| duration(&mut Cursor::new(file));
        assert_eq!(duration(file(312, 96_312)), Some(Duration::from_secs(2)));
        assert_eq!(duration(file(0, 24_000)), Some(Duration::from_millis(500)));
        assert_eq!(duration(file(312, 311)), None);
        assert_eq!(duration(file(0, u64::MAX)), None);
        assert!(duration(file(0, u64::MAX - 1)).is_some());
        for length in 0..file(0, 1).len() - 40 {
            let mut cut = file(0, 1);
            cut.truncate(length);
            duration(cut);
        }
    }
}
