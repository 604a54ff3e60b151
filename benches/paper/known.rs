//! The goals, what others need for the same, measured in the same topology, and what the paper says.

/// Cells of a row: the way, and each figure.
pub(crate) type Row<'a> = [&'a str; 7];

const WIDTHS: [usize; 7] = [36, 26, 18, 14, 12, 12, 0];

/// Over all rows.
pub(crate) const TITLES: Row<'static> =
    ["", "cold ms", "warm, over TCP ms", "2 MB of TCP", "B cold", "B warm", "idle B/s"];

/// What each figure should be.
pub(crate) const GOALS: Row<'static> =
    ["goal", "<= 260", "<= 1", ">= 1", "<= 6000", "<= 760", "<= 20"];

/// Milliseconds of a look-up, of the way to alice and back, and of the first packet of her handshake on her line.
pub(crate) const LEAST_COLD: u32 = 27 + 195 + 22;
/// The same when bob asks alice in before, and waits for as long as that may take: a round trip to the Teredo server,
/// in which he learns his address, too.
pub(crate) const LEAST_TEREDO: u32 = LEAST_COLD + 50;
/// Of that so much is due to where the Teredo server is: the way through it to alice is half of both round trips, and
/// the straight one is shorter.
pub(crate) const LEAST_DETOUR: u32 = (50 + 187 - 195) / 2;

/// iroh has the address in hand, and needs no lookup.
pub(crate) const OTHERS: [Row<'static>; 10] = [
    ["paper, Teredo", "1281", "", "0.925", "", "", ""],
    ["paper, HIP", "4026", "", "0.91", "", "", ""],
    ["plain TCP, forwarded port", "403", "0 (203.5)", "1", "1112", "683", ""],
    ["TLS 1.3 nginx", "632", "0.5", "0.994", "3527", "727", ""],
    ["iroh 1.4.1, own relay", "496 (symmetric 497)", "1.1", "1.007", "58786", "865", "500"],
    ["Teredo (miredo)", "627 (symmetric never)", "1.1", "0.928", "1796", "781", ""],
    ["hyperdht 6.34", "644 (symmetric 1610)", "3.5", "0.990", "4309", "821", ""],
    ["ssh -R through a relay host", "405", "0.9", "0.997", "1164", "735", ""],
    ["yggdrasil 0.4.7", "840", "5.0", "0.94", "6323", "1139", ""],
    ["nebula 1.6.1", "1741 (symmetric 11600)", "1.8", "0.926", "5852", "806", ""],
];

/// Prints a row of the table.
pub(crate) fn print(row: &Row<'_>) {
    let cells = row.iter().zip(WIDTHS).map(|(cell, width)| format!("{cell:width$}"));
    println!("{}", cells.collect::<String>().trim_end());
}
