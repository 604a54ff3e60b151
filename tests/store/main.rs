//! Packet stores, the server and the client: what `p2pstore/1` asks of all, under load, in bad hands, after sudden
//! death.

mod calls;
mod churn;
mod client;
mod conformance;
mod durability;
mod strain;
