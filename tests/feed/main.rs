//! The feeds of a shared folder as podcast programs, readers and scripts see them.
#![expect(clippy::question_mark, reason = "nanoserde derives such code")]

mod folder;
mod formats;
mod radio;
