//! A name for people who did not choose one: `pi@raspberrypi-k3v9qa.local`.

use super::{Name, PublicKey};

/// How much of a user's and of a host's name is kept.
const KEPT: usize = 32;

impl Name {
    /// A name made of the machine's user and host, and of six characters of the key's fingerprint, so
    /// that two machines called `raspberrypi` do not claim the same name. Whatever comes in, the
    /// result is a name.
    pub fn for_host(user: &str, host: &str, key: &PublicKey) -> Name {
        let user = Some(plain(user)).filter(|user| user != "at" && !user.is_empty());
        let user = user.as_deref().unwrap_or("user");
        let host = Some(plain(host.split('.').next().unwrap_or_default()));
        let host = host.filter(|host| !host.is_empty());
        let host = host.as_deref().unwrap_or("host");
        let print = key.fingerprint().to_string().replace('-', "");
        let text = format!("{user}@{host}-{}.local", &print[..6]);
        Name::parse(&text).expect("letters, digits and single hyphens inside make a name")
    }
}

/// Letters and digits in lower case, one hyphen for everything between them.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if plain.len() == KEPT {
            break;
        }
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{Destination, OriginLabel, ServicePort};

    const KEY: PublicKey = PublicKey([1; 32]);

    fn print() -> String {
        KEY.fingerprint().to_string().replace('-', "")[..6].to_owned()
    }

    #[test]
    fn keeps_what_a_name_can_have() {
        for (user, host, expected) in [
            ("pi", "raspberrypi", "pi@raspberrypi"),
            ("Alice Smith", "Alices-MacBook.lan", "alice-smith@alices-macbook"),
            ("at", "-", "user@host"),
            ("", "", "user@host"),
            ("__x__", "a..b", "x@a"),
            ("zo\u{eb}", "\u{4e3b}\u{6a5f}", "zo@host"),
            ("EXAMPLE\\bob", "pc_7", "example-bob@pc-7"),
        ] {
            let name = Name::for_host(user, host, &KEY);
            assert_eq!(name.as_str(), format!("{expected}-{}.local", print()), "{user:?} {host:?}");
        }
    }

    #[test]
    fn two_machines_differ() {
        let other = PublicKey([2; 32]);
        assert_ne!(Name::for_host("pi", "pi", &KEY), Name::for_host("pi", "pi", &other));
    }

    proptest! {
        #[test]
        fn is_a_name_whatever_comes_in(user in any::<String>(), host in any::<String>(), key in any::<[u8; 32]>()) {
            let name = Name::for_host(&user, &host, &PublicKey(key));
            prop_assert_eq!(Name::parse(name.as_str()), Ok(name));
        }

        #[test]
        fn fits_a_label_for_ordinary_machines(user in "[a-z]{1,12}", host in "[a-z0-9]{1,20}") {
            let name = Name::for_host(&user, &host, &KEY);
            let destination = Destination { name, port: ServicePort::HTTP };
            let label = OriginLabel::parse(&destination.origin_label());
            prop_assert_eq!(label, Some(OriginLabel::Plain(destination)));
        }
    }
}
