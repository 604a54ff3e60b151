//! Who is to find this identity in the overlays: a setting.

use std::{fmt, str::FromStr};

/// For whom registrations are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Whoever knows the name or the key.
    #[default]
    Public,
    /// Contacts only; see [`crate::registration::presence`].
    Contacts,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Audience::Public => "public",
            Audience::Contacts => "contacts",
        })
    }
}

impl FromStr for Audience {
    type Err = ();

    fn from_str(text: &str) -> Result<Audience, ()> {
        [Audience::Public, Audience::Contacts]
            .into_iter()
            .find(|audience| audience.to_string() == text)
            .ok_or(())
    }
}
