//! Finding a peer: who answers, who does not, and how many ask.

use super::*;

#[test]
fn another_key_at_the_address_does_not_answer() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let wanted = fresh_keys().public();
        let error =
            client.transport.open(wanted, &server.locators(), preface(80), None).await.unwrap_err();
        assert_eq!(error, unreachable(ways(&server.locators())));
    });
}

#[test]
fn nobody_there_nowhere_to_ask_and_oneself() {
    run(async {
        let client = Host::at(V4);
        let peer = fresh_keys().public();
        let none = client.transport.open(peer, &[], preface(80), None).await.unwrap_err();
        assert_eq!(none, unreachable(vec![]));
        let oneself = client.open(&client).await.unwrap_err();
        assert_eq!(oneself, ConnectError::Oneself);
        let invalid = client.transport.open(PublicKey([0; 32]), &[V4], preface(80), None).await;
        assert_eq!(invalid.unwrap_err(), ConnectError::InvalidKey);
    });
}

#[test]
fn concurrent_first_requests_share_one_dial() {
    run(async {
        let (client, server) = (Arc::new(Host::at(V4)), Arc::new(Host::at(V4)));
        serve_echo(&server);
        let tasks: Vec<_> = (0..32u8)
            .map(|number| {
                let (client, server) = (client.clone(), server.clone());
                spawn(async move {
                    let mut opened = client.open(&server).await.unwrap();
                    assert_eq!(exchange(&mut opened.stream, &[number; 100]).await, [number; 100]);
                    opened.connected
                })
            })
            .collect();
        // who came when the dial was done has no timings, all others have the same
        let mut timings = Vec::new();
        for task in tasks {
            timings.extend(task.await);
        }
        timings.dedup();
        assert_eq!(timings.len(), 1);
        assert_eq!(server.transport.connections(), 1);
    });
}

#[test]
fn a_failed_dial_is_shared_and_given_up_requests_do_not_stop_it() {
    run(async {
        let client = Host::at(V4);
        let silent = UdpSocket::bind(V4).unwrap();
        let locators = [silent.local_addr().unwrap()];
        let peer = fresh_keys().public();
        let open = || client.transport.open(peer, &locators, preface(80), None);
        let start = clock::now();
        assert!(clock::timeout(Duration::from_millis(10), open()).await.is_none());
        let (one, other) = future::zip(open(), open()).await;
        let expected = unreachable(ways(&locators));
        assert_eq!((one.unwrap_err(), other.unwrap_err()), (expected.clone(), expected));
        let took = clock::now() - start;
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
    });
}

#[test]
fn dead_candidates_delay_nothing() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        // one that swallows, one that is closed, one of the other family, one that is refused
        let silent = UdpSocket::bind(V4).unwrap();
        let closed = UdpSocket::bind(V4).unwrap().local_addr().unwrap();
        let mut locators =
            vec![silent.local_addr().unwrap(), closed, "[2001:db8::1]:9".parse().unwrap()];
        locators.push("0.0.0.0:9".parse().unwrap());
        locators.extend(server.locators());
        let (opened, _) = future::zip(
            async {
                client.transport.open(server.key, &locators, preface(80), None).await.unwrap()
            },
            server.accept(),
        )
        .await;
        let timings = opened.connected.unwrap();
        // those that say nothing are given up after five seconds
        assert!(timings.probe < Duration::from_secs(4), "{timings:?}");
        assert_eq!(opened.path, server.locators().first().copied().map(Way::Direct));
    });
}

#[test]
fn strangers_are_not_heard_by_a_mere_visitor() {
    run(async {
        let (client, visitor) = (Host::at(V4), Host::at(V4));
        visitor.transport.link().set_strangers(Strangers::Ignored);
        let error = client.open(&visitor).await.unwrap_err();
        assert_eq!(error, unreachable(ways(&visitor.locators())));
    });
}

#[test]
fn both_dial_at_the_same_time() {
    run(async {
        let (one, other) = (Host::at(V4), Host::at(V4));
        let dials = future::zip(one.open(&other), other.open(&one));
        let accepts = future::zip(one.accept(), other.accept());
        let ((a, b), (c, d)) = future::zip(dials, accepts).await;
        let (mut a, mut b) = (a.unwrap(), b.unwrap());
        let echoes = future::zip(echo(c.stream), echo(d.stream));
        let asks = future::zip(exchange(&mut a.stream, b"1"), exchange(&mut b.stream, b"2"));
        let (_, answers) = future::zip(echoes, asks).await;
        assert_eq!(answers, (b"1".to_vec(), b"2".to_vec()));
    });
}
