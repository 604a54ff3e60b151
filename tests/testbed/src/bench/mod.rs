//! What benches share.

pub mod laboratory;
pub mod notes;
pub mod table;
