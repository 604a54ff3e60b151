//! What to do with somebody met for the first time, about whom nobody trusted says anything.

use std::{fmt, str::FromStr};

/// What a person wants done with a name that is met for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FirstUse {
    /// Ask before anything is sent.
    Ask,
    /// Take the key and remember it.
    #[default]
    Accept,
    /// Talk to known contacts only.
    Refuse,
}

impl FirstUse {
    /// All policies.
    pub const ALL: [FirstUse; 3] = [FirstUse::Ask, FirstUse::Accept, FirstUse::Refuse];

    /// The word for it in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            FirstUse::Ask => "ask",
            FirstUse::Accept => "accept",
            FirstUse::Refuse => "refuse",
        }
    }
}

impl fmt::Display for FirstUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FirstUse {
    type Err = ();

    fn from_str(text: &str) -> Result<FirstUse, ()> {
        FirstUse::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_words() {
        for policy in FirstUse::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!("always".parse::<FirstUse>(), Err(()));
    }
}
