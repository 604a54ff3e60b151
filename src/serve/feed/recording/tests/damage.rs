//! Damaged files of every kind: nothing is said of them but that they end the reading and nothing
//! else.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Octets of a made file; long texts in some are damaged as often as the rest.
const MOST: usize = 12_000;

fn survives(octets: &[u8]) {
    let tags = read_tags(octets);
    assert!(tags.title.is_none_or(|title| title.len() <= 255));
    assert!(read_cover(octets).is_none_or(|cover| cover.len() <= octets.len()));
}

fn whole() -> impl Iterator<Item = Vec<u8>> {
    media().chain(samples::all()).map(|(_, octets)| octets)
}

/// Numbers that look like chance and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        for shift in [13, -7, 17_i32] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        (self.0 % limit.max(1) as u64) as usize
    }
}

#[test]
fn files_cut_off_anywhere_are_survived() {
    for octets in whole().filter(|octets| octets.len() <= MOST) {
        let steps = (0..octets.len()).filter(|at| *at < 1500 || at % 7 == 0);
        steps.for_each(|length| survives(&octets[..length]));
    }
}

#[test]
fn files_with_other_octets_are_survived() {
    for (seed, octets) in whole().enumerate() {
        let mut numbers = Numbers(seed as u64 + 1);
        for _ in 0..200 {
            let mut damaged = octets.clone();
            for _ in 0..=numbers.below(6) {
                // most of what readers look at is in the beginning
                let within = [100, 1000, damaged.len()][numbers.below(3)].min(damaged.len());
                let place = numbers.below(within);
                damaged[place] = [0, 1, 0x7F, 0xFF, numbers.below(256) as u8][numbers.below(5)];
            }
            survives(&damaged);
        }
    }
}

/// How files of every kind begin.
const BEGINNINGS: [&[u8]; 12] = [
    b"",
    b"ID3\x02\0\0\0\0\x01\0",
    b"ID3\x03\0\x40\0\0\x7F\x7F",
    b"ID3\x04\0\x80\x7F\x7F\x7F\x7F",
    b"fLaC\0\0\0\x22",
    b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\xFF\xFFmoov",
    b"RIFF\xFF\xFF\xFF\xFFWAVE",
    b"FORM\xFF\xFF\xFF\xFFAIFF",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1E\x01vorbis",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead",
    b"\xFF\xFB\x90\0",
    b"\xFF\xF1\x50\x80",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived(
        beginning in 0..BEGINNINGS.len(),
        octets in vec(any::<u8>(), 0..2000),
    ) {
        survives(&[BEGINNINGS[beginning], &octets].concat());
    }

    /// Of small numbers and zeros, lengths make sense more often.
    #[test]
    fn any_small_octets_are_survived(
        beginning in 0..BEGINNINGS.len(),
        octets in vec(0..24_u8, 0..2000),
    ) {
        survives(&[BEGINNINGS[beginning], &octets].concat());
    }

    #[test]
    fn any_octets_behind_the_beginning_of_a_part_are_survived(
        part in prop::sample::select(vec![
            &b"trak"[..], b"mdia", b"udta", b"meta", b"ilst", b"covr", b"data", b"COMM", b"LIST",
            b"fmt ", b"id3 ", b"TIT2", b"APIC", b"TXXX", b"APETAGEX", b"TAG", b"Xing", b"VBRI",
        ]),
        beginning in 0..BEGINNINGS.len(),
        octets in vec(any::<u8>(), 0..300),
    ) {
        survives(&[BEGINNINGS[beginning], part, &octets, part].concat());
    }
}
