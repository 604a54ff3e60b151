//! Programs that people use, against real daemons: curl, wget, gPodder, libraries that read feeds,
//! WebSocket clients; each in the access forms that it can use.

mod application;
mod curl;
mod demo;
mod expose;
mod feed_readers;
mod form;
mod gpodder;
mod readme;
mod resume;
mod running;
mod stalled;
mod wget;
