//! What benches share.

pub mod laboratory;
pub mod table;
