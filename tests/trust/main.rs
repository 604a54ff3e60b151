//! Whom people trust, with real processes: authorities, certificates, first meetings, and the books that
//! survive everything.

mod authorities;
mod books;
mod dashboard;
mod door;
mod key_life;
mod meetings;
mod minisign_files;
mod presence;
mod reasons;
mod scene;
mod services;
mod taken_back;
