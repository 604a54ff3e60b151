//! What the web site of a name's domain says about the name: a key at
//! `https://example.com/.well-known/p2p/alice`, as 52 characters or as a public key file (RFC 8615).
//!
//! The web's own authorities (WebPKI) prove that the domain says it. This is the business of
//! [`crate::trust`] beside packets: it names a key and no address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ureq::Agent;

use super::public_only;
use crate::identity::{Name, PublicKey, PublicKeyFile};
use crate::runtime::{clock, unblock};

/// Asks the web sites of domains.
#[derive(Clone, Debug)]
pub struct WellKnown {
    agent: Agent,
    /// With `{domain}` and `{user}`.
    template: String,
    /// What was said a moment ago, so that a page that is reloaded does not knock again and again.
    said: Arc<Mutex<Said>>,
}

/// Answers by name, and when they came.
type Said = HashMap<Name, (Instant, Option<PublicKey>)>;

const TEMPLATE: &str = "https://{domain}/.well-known/p2p/{user}";
/// How long a first meeting waits for the domain.
const DEADLINE: Duration = Duration::from_millis(1500);
/// A key file and a little more.
const MAX_ANSWER: u64 = 4096;
/// For how long an answer is remembered, also that there was none.
const MEMORY: Duration = Duration::from_secs(300);
/// How many are remembered.
const MAX_REMEMBERED: usize = 256;

impl Default for WellKnown {
    fn default() -> WellKnown {
        WellKnown::new(public_only::agent(config()), TEMPLATE)
    }
}

impl WellKnown {
    fn new(agent: Agent, template: &str) -> WellKnown {
        WellKnown { agent, template: template.into(), said: Arc::default() }
    }

    /// The key for which the domain vouches; None when it says nothing, or not in time.
    pub async fn key_of(&self, name: &Name) -> Option<PublicKey> {
        let now = clock::now();
        {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.retain(|_, (at, _)| now - *at < MEMORY);
            if let Some((_, key)) = said.get(name) {
                return *key;
            }
            if said.len() >= MAX_REMEMBERED {
                said.clear();
            }
        }
        let key = self.ask(name).await;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(name.clone(), (now, key));
        key
    }

    async fn ask(&self, name: &Name) -> Option<PublicKey> {
        // both parts are letters that URLs take as they are
        let url = self.template.replace("{domain}", name.domain()).replace("{user}", name.user());
        let agent = self.agent.clone();
        let asked = unblock(move || {
            let mut response = agent.get(&url).call().ok()?;
            if response.status() != 200 {
                return None;
            }
            response.body_mut().with_config().limit(MAX_ANSWER).read_to_string().ok()
        });
        let text = clock::timeout(DEADLINE, asked).await.flatten()?;
        read(&text)
    }
}

fn config() -> ureq::config::Config {
    Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(16 * 1024)
        .user_agent(concat!("p2p/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn read(text: &str) -> Option<PublicKey> {
    let text = text.trim();
    text.parse().ok().or_else(|| PublicKeyFile::parse(text).ok().map(|file| file.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    fn at(template: &str) -> WellKnown {
        WellKnown::new(config().into(), template)
    }

    /// A server that answers one request.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let template = format!("http://{}/{{domain}}/{{user}}", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let length = std::io::Read::read(&mut socket, &mut head).unwrap();
            std::io::Write::write_all(&mut socket, answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&head[..length]).lines().next().unwrap().to_owned()
        });
        (template, asked)
    }

    #[test]
    fn the_domain_is_asked_about_the_user() {
        let name = Name::parse("alice.b+c@example.com").unwrap();
        let key = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 53\r\n\r\naeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq\n";
        let (template, asked) = server(good);
        let well_known = at(&template);
        let vouched = block_on(well_known.key_of(&name));
        assert_eq!(vouched, key.parse().ok());
        assert_eq!(block_on(well_known.key_of(&name)), vouched, "remembered: the server has gone");
        assert_eq!(asked.join().unwrap(), "GET /example.com/alice.b+c HTTP/1.1");
        let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let moved = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
        for answer in [gone, moved] {
            let (template, asked) = server(answer);
            assert_eq!(block_on(at(&template).key_of(&name)), None);
            asked.join().unwrap();
        }
    }

    #[test]
    fn a_key_is_read_in_both_forms_and_nothing_else() {
        let key = PublicKey([1; 32]);
        assert_eq!(read(&format!("{key}\n")), Some(key));
        assert_eq!(read(&PublicKeyFile::new(key).to_text()), Some(key));
        for bad in ["", "<!doctype html>", &format!("{key} {key}"), &format!("{key}x")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
