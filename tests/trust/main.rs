//! Whom people trust, with real processes: authorities, certificates, first meetings, and the books that
//! survive everything.

mod authorities;
mod books;
mod dashboard;
mod key_life;
mod meetings;
mod minisign_files;
mod presence;
mod scene;
mod services;
mod taken_back;
