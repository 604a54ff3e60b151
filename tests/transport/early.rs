//! Requests beside the handshake.

use super::*;

#[test]
fn a_request_without_effect_is_answered_with_the_handshake() {
    const GET: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(80), Some(GET));
        let answer = async {
            let mut accepted = server.accept().await;
            assert_eq!((accepted.peer, accepted.preface), (client.key, preface(80)));
            assert_eq!(read_all(&mut accepted.stream).await.unwrap(), GET);
            accepted.stream.write_all(b"here it is").await.unwrap();
            accepted.stream.close().await.unwrap();
        };
        let (opened, ()) = future::zip(ask, answer).await;
        let mut opened = opened.unwrap();
        assert!(opened.early && opened.connected.is_some());
        // whoever uses the stream writes as on any other
        assert_eq!(exchange(&mut opened.stream, GET).await, b"here it is");

        // from now on there is a connection, which carries requests as they come
        let again = client.transport.open(server.key, &locators, preface(80), Some(GET)).await;
        let mut again = again.unwrap();
        assert!(!again.early && again.connected.is_none());
        again.stream.write_all(b"twice").await.unwrap();
        again.stream.flush().await.unwrap();
        let mut accepted = server.accept().await;
        assert_eq!(accepted.preface, preface(80));
        // nothing but the flush says that this was all
        assert_eq!(read_all(&mut accepted.stream).await.unwrap(), b"twice");
        accepted.stream.write_all(b"once").await.unwrap();
        accepted.stream.close().await.unwrap();
        assert_eq!(read_all(&mut again.stream).await.unwrap(), b"once");
        assert_eq!((client.transport.connections(), server.transport.connections()), (1, 1));
    });
}

#[test]
fn a_certificate_goes_with_the_early_request_or_both_go_later() {
    const GET: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    let long = [&b"GET /"[..], &[b'a'; 900], b" HTTP/1.1\r\n\r\n"].concat();
    run(async {
        for (request, early) in [(GET, true), (&long, false)] {
            let (client, server) = (Host::at(V4), Host::at(V4));
            let certificate = vec![7; 229];
            client.transport.show([certificate.clone()].into());
            let locators = server.locators();
            let ask = async {
                let opened =
                    client.transport.open(server.key, &locators, preface(80), Some(request));
                let mut opened = opened.await.unwrap();
                assert_eq!(opened.early, early);
                assert_eq!(exchange(&mut opened.stream, request).await, b"here it is");
            };
            let answer = async {
                let mut accepted = server.accept().await;
                assert_eq!((accepted.peer, accepted.preface), (client.key, preface(80)));
                assert_eq!(accepted.certificates, [certificate]);
                assert_eq!(read_all(&mut accepted.stream).await.unwrap(), request);
                accepted.stream.write_all(b"here it is").await.unwrap();
                accepted.stream.close().await.unwrap();
            };
            future::zip(ask, answer).await;
        }
    });
}

#[test]
fn what_may_not_be_sent_early_is_sent_as_ever() {
    run(async {
        let long = [&b"GET /"[..], &[b'a'; 1200], b" HTTP/1.1\r\n\r\n"].concat();
        for request in [&b"POST / HTTP/1.1\r\n\r\n"[..], &long] {
            let (client, server) = (Host::at(V4), Arc::new(Host::at(V4)));
            serve_echo(&server);
            let locators = server.locators();
            let opened = client.transport.open(server.key, &locators, preface(80), Some(request));
            let mut opened = opened.await.unwrap();
            assert!(!opened.early);
            assert_eq!(exchange(&mut opened.stream, request).await, request);
        }
    });
}

#[test]
fn an_early_request_can_be_refused() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(81), Some(GET));
        let (opened, ()) =
            future::zip(ask, async { server.accept().await.refuse(Refusal::NotServed) }).await;
        // the sign that it was taken may get through before the refusal, or be overtaken by it
        match opened {
            Err(error) => assert_eq!(error, ConnectError::Refused(Refusal::NotServed)),
            Ok(mut opened) => {
                opened.stream.write_all(GET).await.unwrap();
                let error = read_all(&mut opened.stream).await.unwrap_err();
                assert_eq!(Refusal::find(&error), Some(Refusal::NotServed));
            }
        }
    });
}
