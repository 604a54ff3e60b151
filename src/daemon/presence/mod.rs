//! What a daemon tells the world while it serves something: where it is, to everybody or sealed for contacts.
//!
//! [`Publishing`] puts packets into overlays, by way of [`sealing`] when they are for contacts only, and
//! [`OpenPresence`] remembers that some lie there in the open; [`calling`] waits for callers who have no other way in.

mod calling;
mod open_presence;
mod publishing;
mod sealing;

pub(in crate::daemon) use calling::{listen, while_calling};
pub(in crate::daemon) use open_presence::OpenPresence;
pub(in crate::daemon) use publishing::Publishing;
pub(in crate::daemon) use sealing::Readership;
