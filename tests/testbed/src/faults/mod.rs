//! Three overlays of which two have faults: what the faults are, and real stores that have them.

pub mod fault;
pub mod real;
