//! Overlays to try: servers of others, our store, and listeners that do as they like.

pub mod datagram_store;
pub mod hostile;
pub mod packets;
pub mod person;
pub mod php;
pub mod pkarr_relay;
pub mod servers;
pub mod store;
pub mod wire;
