//! The HTTP side of the daemon, both ends, independent of how peers are found and connected.
//!
//! ```text
//! browser ── TCP ──> Proxy ── stream ──> Gateway ──> the service's Handler
//!                    target, gate        who asks, in which form
//! ```
//!
//! [`Proxy`] answers a person's own programs. It reads which of the three access forms a request uses
//! (`target.rs`), lets no web site reach through (`gate.rs`), sends the request over a stream of
//! [`Peers`] and streams the answer back. [`Gateway`] is the other end of that stream: it tells the
//! service who asks, in header fields that nobody can forge. Whatever goes wrong is a [`Failure`],
//! which speaks the same words on a page, in JSON and on the command line.
//!
//! | file | concept |
//! |---|---|
//! | `target`, `gate` | what a request is for, and what web pages may not do |
//! | `proxy`, `gateway` | the asking and the serving end |
//! | `exchange`, `finish` | one request up to the head of its response; the rest of one that broke off |
//! | `pace`, `response_body`, `silence`, `slots` | bodies on their way, and what bounds them |
//! | `hop`, `forwarded`, `cookie`, `policy`, `location` | what happens to header fields |
//! | `terse` | heads of responses in fewer octets between two daemons |
//! | `failure`, `words`, `error_page` | what went wrong, and how it is told |
//! | `page`, `welcome`, `meeting`, `pac` | what the daemon's own origins show |
//! | `peers`, `visitor`, `settings` | what the layers above say |
//!
//! Forwarding follows RFC 9110 (7.6) and RFC 9112; what those leave to the parser is hyper's.

mod cookie;
mod error_page;
mod exchange;
mod failure;
mod finish;
mod forwarded;
mod gate;
mod gateway;
mod hop;
mod location;
mod meeting;
mod pac;
mod pace;
mod page;
mod peers;
mod policy;
mod proxy;
mod response_body;
mod settings;
mod silence;
mod slots;
mod target;
mod terse;
mod visitor;
mod welcome;
mod words;

pub use error_page::{Media, error_page, error_page_about};
pub use failure::{Failure, Step};
pub use gateway::{Gateway, Served};
pub use hop::Pseudonym;
pub use meeting::{Answer, Meeting, meeting_page, way_back};
pub use page::own_page;
pub use peers::Peers;
pub use proxy::Proxy;
pub use settings::Settings;
pub use terse::TerseReader;
pub use visitor::Visitor;
pub use words::Words;
