//! (stub)

pub mod feed;
