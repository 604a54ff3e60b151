//! Three overlays, any two of them dead, slow, lying, replaying or full: the newest packet is given as soon
//! as the healthy one has it, and nothing else is taken for it.

#[path = "../fixture/dice.rs"]
#[allow(dead_code, reason = "benches use the rest")]
mod dice;
mod fault;
#[allow(dead_code, reason = "benches use the rest")]
mod real;
mod simulated;
#[path = "../fixture/store.rs"]
mod store;
