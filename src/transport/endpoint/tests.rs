//! What a transport promises whoever is at the other end.

use std::net::SocketAddr;

use futures_lite::future;
use quinn::{Connecting, ConnectionError};
use zeroize::Zeroizing;

use super::*;
use crate::identity::ServicePort;
use crate::link::{SelectedPath, Strangers};
use crate::runtime::{block_on, random};
use crate::transport::StreamKind;
use crate::transport::tls::SERVER_NAME;

fn keys() -> KeyPair {
    KeyPair::from_seed(&Zeroizing::new(random::bytes()))
}

fn host(keys: &KeyPair) -> Transport {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let link = Link::bind(keys, &[loopback], Strangers::Welcome).unwrap();
    Transport::new(keys, link, Lifetimes::default()).unwrap()
}

/// A bare QUIC connection, for misbehaving on it.
async fn bare(client: &Transport, server: &Transport, expected: PublicKey) -> Connecting {
    let link = &client.shared.link;
    let key = server.shared.link.key();
    link.reach(key, &server.shared.link.local_locators()).await.unwrap();
    let config = {
        let selected = link.selected_path(key.hit());
        let credentials = &client.shared.credentials;
        config::client(credentials, expected, selected, Lifetimes::default()).unwrap()
    };
    let endpoint = &client.shared.endpoint;
    endpoint.connect_with(config, Link::virtual_address(&key), SERVER_NAME).unwrap()
}

#[test]
fn a_preface_that_does_not_come_stops_nobody() {
    let http = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
    block_on(async {
        let (client, server) = (host(&keys()), host(&keys()));
        let key = server.shared.link.key();
        let connection = bare(&client, &server, key).await.await.unwrap();
        let mut slow = connection.open_bi().await.unwrap();
        slow.0.write_all(&http.encode()[..2]).await.unwrap();
        let mut nonsense = connection.open_bi().await.unwrap();
        nonsense.0.write_all(&[9, 9, 9, 0, 0]).await.unwrap();
        let mut good = connection.open_bi().await.unwrap();
        good.0.write_all(&http.encode()).await.unwrap();

        assert_eq!(server.accept().await.unwrap().preface, http);
        nonsense.1.read(&mut [0]).await.unwrap_err(); // it is reset
        slow.0.write_all(&http.encode()[2..]).await.unwrap();
        assert_eq!(server.accept().await.unwrap().preface, http);
    });
}

#[test]
fn the_handshake_refuses_another_key() {
    block_on(async {
        let (client, server) = (host(&keys()), host(&keys()));
        let connecting = bare(&client, &server, keys().public()).await;
        let error = ConnectError::from(connecting.await.unwrap_err());
        assert_eq!(error, ConnectError::WrongKey);
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn one_key_cannot_connect_under_the_tag_of_another() {
    block_on(async {
        // probes with one key, handshakes with another
        let (client, server) = (host(&keys()), host(&keys()));
        let other = Credentials::new(&keys()).unwrap();
        let key = server.shared.link.key();
        client.shared.link.reach(key, &server.shared.link.local_locators()).await.unwrap();
        let config =
            config::client(&other, key, SelectedPath::default(), Lifetimes::default()).unwrap();
        let endpoint = &client.shared.endpoint;
        let connecting =
            endpoint.connect_with(config, Link::virtual_address(&key), SERVER_NAME).unwrap();
        let connection = connecting.await.unwrap(); // the client is done first
        assert!(matches!(connection.closed().await, ConnectionError::ApplicationClosed(_)));
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn a_peer_has_a_bounded_number_of_connections_and_the_newest_wins() {
    block_on(async {
        let (client, server) = (host(&keys()), host(&keys()));
        let key = server.shared.link.key();
        let mut connections = Vec::new();
        for _ in 0..12 {
            connections.push(bare(&client, &server, key).await.await.unwrap());
        }
        // the last one works
        let newest = connections.last().unwrap();
        let (mut send, _receive) = newest.open_bi().await.unwrap();
        let http = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
        send.write_all(&http.encode()).await.unwrap();
        let accepted = server.accept().await.unwrap();
        assert!(server.connections() <= 4);
        // and those in the way were closed
        future::zip(connections[0].closed(), connections[1].closed()).await;
        drop(accepted);
    });
}
