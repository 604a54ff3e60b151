//! A shared folder as HTTP sees it: every probe by which file servers were compared, and what real
//! folders hold.

mod archive;
mod listing;
mod reach;
mod representation;
mod site;
