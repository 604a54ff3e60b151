//! A pkarr relay, written from pkarr's own text and not from ours: it keeps in memory what is signed.

use std::{
    collections::HashMap,
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
};

use p2p::identity::PublicKey;
use tiny_http::{Method, Response, Server};

const ALPHABET: &[u8] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// Serves at a free port for as long as the process lives.
pub fn serve() -> SocketAddr {
    let server = Server::http("127.0.0.1:0").unwrap();
    let address = server.server_addr().to_ip().unwrap();
    let items: Arc<Mutex<HashMap<PublicKey, Vec<u8>>>> = Arc::default();
    thread::spawn(move || {
        for mut request in server.incoming_requests() {
            let Some(key) = key(request.url().trim_start_matches('/')) else {
                let _ = request.respond(Response::empty(400));
                continue;
            };
            let mut items = items.lock().unwrap();
            let _ = match request.method() {
                Method::Put => {
                    let mut item = Vec::new();
                    request.as_reader().take(2000).read_to_end(&mut item).unwrap();
                    let status = judge(&key, &item, items.get(&key));
                    if status == 204 {
                        items.insert(key, item);
                    }
                    request.respond(Response::empty(status))
                }
                _ => match items.get(&key) {
                    Some(item) => request.respond(Response::from_data(item.clone())),
                    None => request.respond(Response::empty(404)),
                },
            };
        }
    });
    address
}

/// 52 characters of five bits, the last of them one.
fn key(text: &str) -> Option<PublicKey> {
    let digits = text.bytes().map(|c| ALPHABET.iter().position(|other| *other == c));
    let digits: Vec<usize> = digits.collect::<Option<_>>()?;
    let bits =
        digits.iter().flat_map(|digit| (0..5).rev().map(move |bit| (digit >> bit & 1) as u8));
    let bits: Vec<u8> = bits.collect();
    let octets = bits.chunks_exact(8).map(|octet| octet.iter().fold(0, |sum, bit| sum << 1 | bit));
    octets.collect::<Vec<u8>>().try_into().ok().filter(|_| digits.len() == 52).map(PublicKey)
}

/// What a relay answers to an item.
fn judge(key: &PublicKey, item: &[u8], before: Option<&Vec<u8>>) -> u16 {
    let Some((signature, rest)) = item.split_first_chunk::<64>() else { return 400 };
    let Some((sequence, dns)) = rest.split_first_chunk::<8>() else { return 400 };
    if dns.len() > 1000 {
        return 413;
    }
    let is_answer = dns.len() > 12 && dns[2] & 0x80 != 0 && dns[4..8] == [0, 0, 0, 1];
    let sequence = u64::from_be_bytes(*sequence);
    let mut signed = format!("3:seqi{sequence}e1:v{}:", dns.len()).into_bytes();
    signed.extend_from_slice(dns);
    if !is_answer || key.verify(&signed, signature).is_err() {
        return 400;
    }
    let newer = before.is_some_and(|before| before[64..72] > item[64..72]);
    if newer { 409 } else { 204 }
}
