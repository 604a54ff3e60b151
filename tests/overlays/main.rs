//! Every kind of overlay against a real server of its kind on this machine, with one suite for all; and
//! against servers that do everything wrong.
//!
//! What an overlay cannot do, it says in its abilities; the suite asks there and never for its kind.

#[path = "../fixture/datagram_store.rs"]
mod datagram_store;
#[path = "../fixture/hostile.rs"]
mod hostile;
#[path = "../people/mod.rs"]
mod people;
#[path = "../fixture/php.rs"]
mod php;
#[path = "../fixture/store.rs"]
mod store;

mod bad_input;
mod person;
mod program;
mod relay;
mod sealed;
mod servers;
mod subjects;
mod suite;

use people::{have, have_python, python};
