//! What benches share.

pub mod choice;
pub mod laboratory;
pub mod notes;
pub mod table;
