//! How long connections live, and how their end is noticed.

use super::*;

#[test]
fn unused_connections_are_closed_and_used_ones_are_not() {
    const LIMIT: Duration = Duration::from_millis(200);
    run(async {
        let lifetimes = Lifetimes { dialled: LIMIT, ..Lifetimes::default() };
        let client = Host::new(&fresh_keys(), V4, lifetimes);
        let server = Host::at(V4);
        let (opened, accepted) = pair(&client, &server).await;
        let start = clock::now();
        while clock::now() < start + 3 * LIMIT {
            clock::sleep(LIMIT / 4).await;
            assert_eq!(client.transport.connections(), 1);
        }
        drop((opened, accepted));
        while client.transport.connections() + server.transport.connections() > 0 {
            clock::sleep(LIMIT / 4).await;
        }
        // and the next request dials again
        assert!(pair(&client, &server).await.0.connected.is_some());
    });
}

#[test]
fn a_restarted_peer_is_dialled_again() {
    run(async {
        let keys = fresh_keys();
        let client = Host::at(V4);
        let server = Host::new(&keys, V4, Lifetimes::default());
        let address = server.locators()[0];
        let (mut opened, _accepted) = pair(&client, &server).await;

        // a crash: the socket is gone without a farewell, and another process has it
        server.transport.link().remove_socket(address);
        let server = Host::new(&keys, address, Lifetimes::default());
        // whatever is sent on the dead connection draws a stateless reset
        let start = clock::now();
        opened.stream.write_all(b"are you there").await.unwrap();
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let took = clock::now() - start;
        assert!(took < Duration::from_secs(5), "{took:?}");
        let start = clock::now();
        assert!(pair(&client, &server).await.0.connected.is_some());
        let took = clock::now() - start;
        // without being asked anew it learns who we are after three seconds
        assert!(took < Duration::from_millis(2500), "{took:?}");
    });
}

#[test]
fn a_farewell_is_heard_at_once() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, accepted) = pair(&client, &server).await;
        server.transport.shutdown().await;
        assert!(server.transport.accept().await.is_none());
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        drop(accepted);
        let error = server.open(&client).await.unwrap_err();
        assert_eq!(error, ConnectError::ShutDown);
    });
}

#[test]
fn a_peer_that_vanishes_in_mid_transfer_is_noticed() {
    const SILENCE: Duration = Duration::from_secs(2);
    run(async {
        let lifetimes = Lifetimes { silence: SILENCE, ..Lifetimes::default() };
        let (client, server) = (Host::new(&fresh_keys(), V4, lifetimes), Host::at(V4));
        let (mut opened, mut accepted) = pair(&client, &server).await;
        accepted.stream.write_all(b"the beginning").await.unwrap();
        let mut beginning = [0; 13];
        opened.stream.read_exact(&mut beginning).await.unwrap();
        server.transport.link().remove_socket(server.locators()[0]);
        let start = clock::now();
        let error = opened.stream.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let took = clock::now() - start;
        assert!(took < 3 * SILENCE, "{took:?}");
        // the connection is out of use then
        assert_eq!(client.transport.connections(), 0);
    });
}

#[test]
fn a_connection_survives_a_new_socket() {
    run(async {
        let (client, server) = (Arc::new(Host::at(V4)), Arc::new(Host::at(V4)));
        serve_echo(&server);
        let mut opened = client.open(&server).await.unwrap();
        let old = client.transport.link().bound_addresses()[0];
        client.transport.link().add_socket(V4).unwrap();
        client.transport.link().remove_socket(old);
        let request = vec![7; 100_000];
        let answer = exchange(&mut opened.stream, &request).await;
        assert_eq!(digest(&SHA256, &answer).as_ref(), digest(&SHA256, &request).as_ref());
        assert_eq!(client.transport.connections(), 1);
    });
}

#[test]
fn a_request_on_a_doubtful_path_asks_the_locators_at_once() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut first, accepted) = pair(&client, &server).await;
        spawn(echo(accepted.stream)).detach();
        assert_eq!(exchange(&mut first.stream, b"one").await, b"one");
        let selected = client.transport.link().selected_path(server.key.hit());
        let at_first = selected.number();
        assert_ne!(at_first, 0);

        // the server moves and says nothing; the client's own move makes it doubt
        let link = server.transport.link();
        let old = link.bound_addresses()[0];
        let new = link.add_socket(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        link.remove_socket(old);
        client.transport.link().network_changed();
        assert_eq!(client.transport.link().suspects(), [server.key]);
        let started = clock::now();
        let locators = [new];
        let opening = client.transport.open(server.key, &locators, preface(1000), None);
        let (second, accepted) = future::zip(opening, server.accept()).await;
        let mut second = second.unwrap();
        assert!(second.connected.is_none(), "the connection goes on");
        assert_eq!(second.path, Some(Way::Direct(new)));
        spawn(echo(accepted.stream)).detach();
        assert_eq!(exchange(&mut second.stream, b"two").await, b"two");
        assert!(clock::now() - started < Duration::from_secs(4), "it waited for time limits");
        assert!(client.transport.link().suspects().is_empty());
        assert_ne!(selected.number(), at_first, "another path has another window");
        let peer = &client.transport.peers()[0];
        assert_eq!((peer.key, peer.way, peer.suspect), (server.key, Some(Way::Direct(new)), false));
        assert!(peer.sent > 0 && peer.lost <= peer.sent && !peer.round_trip.is_zero());
    });
}

#[test]
fn a_peer_that_is_gone_is_told_in_seconds_although_a_connection_seems_to_be_there() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        pair(&client, &server).await;
        let link = server.transport.link();
        let old = link.bound_addresses()[0];
        link.remove_socket(old);
        client.transport.link().network_changed();
        let started = clock::now();
        let error =
            client.transport.open(server.key, &[old], preface(1000), None).await.unwrap_err();
        assert_eq!(error, ConnectError::Unreachable { tried: ways(&[old]), refusals: Vec::new() });
        assert!(clock::now() - started < Duration::from_secs(10));
    });
}
