//! What tests and benches share. None of it is a test: it sets scenes, breaks things and counts.
//!
//! | | |
//! |---|---|
//! | [`programs`] | starts `p2p`, finds the programs that it is tried with |
//! | [`people`] | alice, bob and a store on loopback, as processes |
//! | [`homes`] | the same people behind routers of the [laboratory](netlab) |
//! | [`overlays`] | servers that others wrote, stores and clients that do everything right or wrong |
//! | [`faults`] | what can be wrong with an overlay, simulated and real |
//! | [`flood`] | datagrams that nobody has asked for |
//! | [`dice`], [`turned_clock`] | chance that a seed repeats, time that stands still |
//! | [`bench`] | how benches in the laboratory begin, and their table |

pub mod bench;
pub mod dice;
pub mod faults;
pub mod flood;
pub mod homes;
pub mod overlays;
pub mod people;
pub mod programs;
pub mod turned_clock;
