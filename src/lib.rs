//! A peer-to-peer web framework: publish HTTP services under a name like `alice@example.com`
//! without a service provider, open them in any browser, podcast program or script.
//!
//! The folders are the architecture. A module imports only from layers below its own, and
//! `tests/architecture.rs` fails where one does not:
//!
//! | layer | module | holds |
//! |---|---|---|
//! | 9 | [`cli`] | one file per subcommand; how the program speaks |
//! | 8 | [`daemon`] | wiring: home, publisher, look-ups, control interface |
//! | 7 | [`web`] | access forms, proxy, gateway, header rules, error pages |
//! | 6 | [`serve`], [`service`] | a folder as site and feeds; the services of an identity |
//! | 5 | [`transport`] | QUIC between keys: connections, pool, streams |
//! | 4 | [`link`], [`overlay`] | host identity layer under QUIC; storage clients and the store |
//! | 3 | [`runtime`] | the edge: executor, timers, HTTP connections, files, pages |
//! | 2 | [`registration`] | packet, publishing schedule, choice of the newest valid one |
//! | 1 | [`trust`] | contacts, authorities, the decision whether a key belongs to a name, whom to let in |
//! | 0 | [`identity`] | names, keys, HIT, slots, dates: pure values |
//!
//! Layers 0 to 2 touch neither clock nor sockets nor files: they take bytes and a time, and give
//! bytes, events and the next time they want. So does the path agent inside [`link`].
//!
//! A request travels like this: a browser asks the proxy ([`web`]); the daemon finds the name's
//! registration packet in the overlays, [`trust`] decides about its key, [`transport`] opens a
//! stream to that key over whatever path [`link`] has proved to work, and the HTTP request crosses
//! it unchanged to the [`service`] at the other end.

pub mod cli;
pub mod daemon;
pub mod identity;
pub mod link;
pub mod overlay;
pub mod registration;
pub mod runtime;
pub mod serve;
pub mod service;
pub mod transport;
pub mod trust;
pub mod web;
