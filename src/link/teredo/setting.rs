//! Which Teredo servers this host may use.

use std::fmt;

use super::address::SERVER_PORT;

/// Public servers that are run for anybody, for those who set `auto`. They introduce peers and see the
/// addresses of both, never what they say.
const PUBLIC_SERVERS: [&str; 2] = ["teredo.remlab.net", "teredo.iks-jena.de"];

/// What the configuration says about Teredo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TeredoSetting {
    /// Never anything.
    Off,
    /// Peers that have a Teredo address are reached through the server that it names; this host has
    /// none of its own to be found at, and no server hears of it before.
    #[default]
    Visit,
    /// A public server makes this host reachable while it has no address on the Internet.
    Auto,
    /// These servers, by name or IPv4 address, make this host reachable; the first that answers.
    Servers(Vec<String>),
}

impl TeredoSetting {
    /// Reads the texts of the setting: `off`, `visit`, `auto`, or servers.
    ///
    /// # Errors
    /// When a text is none of these.
    pub fn parse(texts: &[String]) -> Result<TeredoSetting, TeredoSettingError> {
        match texts {
            [word] if word == "off" => Ok(TeredoSetting::Off),
            [word] if word == "visit" => Ok(TeredoSetting::Visit),
            [word] if word == "auto" => Ok(TeredoSetting::Auto),
            servers => servers.iter().map(|text| server(text)).collect::<Result<_, _>>().map(
                |servers: Vec<String>| match servers.is_empty() {
                    true => TeredoSetting::Visit,
                    false => TeredoSetting::Servers(servers),
                },
            ),
        }
    }

    /// The servers that make a serving host reachable. One with an address on the Internet, or that
    /// peers find some other way, needs none unless they are named.
    pub fn servers(&self, reachable_without: bool) -> Vec<String> {
        match self {
            TeredoSetting::Off | TeredoSetting::Visit => Vec::new(),
            TeredoSetting::Auto if reachable_without => Vec::new(),
            TeredoSetting::Auto => PUBLIC_SERVERS.map(str::to_owned).into(),
            TeredoSetting::Servers(servers) => servers.clone(),
        }
    }
}

/// A server, whose port cannot be chosen: Teredo addresses do not carry it.
fn server(text: &str) -> Result<String, TeredoSettingError> {
    let wrong = || TeredoSettingError { text: text.to_owned() };
    let name = match text.split_once(':') {
        Some((name, port)) if port.parse() == Ok(SERVER_PORT) => name,
        Some(_) => return Err(wrong()),
        None => text,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let good = name.contains('.') && name.len() <= 253 && name.chars().all(allowed);
    good.then(|| name.to_owned()).ok_or_else(wrong)
}

/// A text that names no Teredo server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeredoSettingError {
    text: String,
}

impl fmt::Display for TeredoSettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not off, visit, auto or a server like teredo.example.com (always at port \
             {SERVER_PORT})",
            self.text
        )
    }
}

impl std::error::Error for TeredoSettingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<TeredoSetting, TeredoSettingError> {
        TeredoSetting::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_and_servers_are_read() {
        assert_eq!(parse(&["off"]), Ok(TeredoSetting::Off));
        assert_eq!(parse(&["auto"]), Ok(TeredoSetting::Auto));
        let servers = parse(&["teredo.example.com:3544", "192.0.2.1"]).unwrap();
        assert_eq!(servers.servers(true), ["teredo.example.com", "192.0.2.1"]);
        for wrong in ["on", "teredo.example.com:80", "a.b:c", "", "[2001:db8::1]:3544", "a b.c"] {
            let error = parse(&[wrong]).unwrap_err().to_string();
            assert!(error.contains("is not off, visit, auto or a server"), "{error}");
        }
        assert!(parse(&["off", "teredo.example.com"]).is_err());
    }

    #[test]
    fn public_servers_are_for_those_who_ask_and_need_them() {
        assert!(TeredoSetting::default().servers(false).is_empty());
        assert!(TeredoSetting::Auto.servers(true).is_empty());
        assert!(!TeredoSetting::Auto.servers(false).is_empty());
    }
}
