//! What proves that a client hears what is sent to its address: without a handshake anybody can write another's address
//! on a datagram.

use std::net::{IpAddr, Ipv6Addr};

use ring::hmac;

use super::ip::network_of;

/// What proves that somebody hears what is sent to his address.
pub type Token = [u8; 8];

/// A token is good in the period in which it was given and in the next one: longer than a client that stays where it is
/// goes without putting anything.
const PERIOD: u32 = 86_400;

/// Makes tokens and knows them again, as long as it exists. Times are in seconds since 1970.
#[derive(Debug)]
pub struct Tokens(hmac::Key);

impl Tokens {
    /// Tokens that nobody can make who does not know these octets.
    pub fn new(secret: &[u8; 32]) -> Tokens {
        Tokens(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// That of the network of `client`.
    pub fn give(&self, client: IpAddr, now: u32) -> Token {
        self.of(client, now / PERIOD)
    }

    /// Whether it was given to the network of `client`, not long ago.
    pub fn is_of(&self, token: &Token, client: IpAddr, now: u32) -> bool {
        let period = now / PERIOD;
        let [this, last] = [period, period.wrapping_sub(1)].map(|period| self.of(client, period));
        is_same(token, &this) | is_same(token, &last)
    }

    fn of(&self, client: IpAddr, period: u32) -> Token {
        let network = match network_of(client) {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let said = [&Ipv6Addr::octets(&network)[..], &period.to_be_bytes()].concat();
        let mut token = Token::default();
        token.copy_from_slice(&hmac::sign(&self.0, &said).as_ref()[..size_of::<Token>()]);
        token
    }
}

/// In a time that says nothing about where they differ.
fn is_same(one: &Token, other: &Token) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_network_for_a_day_or_two() {
        let tokens = Tokens::new(&[1; 32]);
        let [home, other, away] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|ip| ip.parse().unwrap());
        let now = 10 * PERIOD + 17;
        let token = tokens.give(home, now);
        for (client, after, is_good) in [
            (home, 0, true),
            (other, 0, true),
            (away, 0, false),
            (home, PERIOD, true),
            (home, 2 * PERIOD, false),
        ] {
            assert_eq!(tokens.is_of(&token, client, now + after), is_good, "{client} {after}");
        }
        assert!(!Tokens::new(&[2; 32]).is_of(&token, home, now), "of another process");
        assert!(!tokens.is_of(&[0; 8], home, now));
    }
}
