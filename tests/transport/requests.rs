//! HTTP on streams, whole or torn.

use super::*;

#[test]
fn refusals_are_found_in_the_errors_of_an_http_client() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (opened, accepted) = pair(&client, &server).await;
        accepted.refuse(Refusal::AccessRefused);
        let request = hyper::Request::get("/").header("host", "x").body(http::empty()).unwrap();
        let error = http::request_over(Box::new(opened.stream), request).await.unwrap_err();
        assert_eq!(Refusal::find(&error), Some(Refusal::AccessRefused), "{error:?}");
    });
}

#[test]
fn http_crosses_a_stream() {
    struct Hello;
    impl http::Handler for Hello {
        fn handle(self: Arc<Self>, request: http::Request) -> http::BoxFuture<http::Response> {
            let path = request.uri().path().to_owned();
            Box::pin(async move { http::Response::new(http::full(path)) })
        }
    }
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (opened, accepted) = pair(&client, &server).await;
        let serving = http::serve_connection(
            Box::new(accepted.stream),
            http::Limits::default(),
            Arc::new(Hello),
        );
        spawn(serving).detach();
        let request = hyper::Request::get("/some/path").body(http::empty()).unwrap();
        let response = http::request_over(Box::new(opened.stream), request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(body.to_bytes(), "/some/path");
    });
}

#[test]
fn a_slow_reader_gets_the_whole_response() {
    const LENGTH: usize = 1 << 20;
    struct Long;
    impl http::Handler for Long {
        fn handle(self: Arc<Self>, _request: http::Request) -> http::BoxFuture<http::Response> {
            Box::pin(async { http::Response::new(http::full(vec![7; LENGTH])) })
        }
    }
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, accepted) = pair(&client, &server).await;
        // no end of the request: another one could follow
        opened.stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let limits = http::Limits { head_time: Duration::from_millis(500), ..Default::default() };
        let gateway = Gateway::new(Pseudonym::new([1; 16]), limits);
        let visitor = Visitor { name: None, key: client.key, trust: "none" };
        let destination = Destination::from_proxy_host("alice.at.example.com").unwrap().unwrap();
        let stream = Box::new(accepted.stream);
        let to = Served { destination, handler: Arc::new(Long), cross_site: false };
        let served = gateway.serve_stream(stream, visitor, to).await;
        assert!(served.is_ok(), "{served:?}");
        // all of it is in buffers now, and nobody waits for it
        let response = read_all(&mut opened.stream).await.unwrap();
        assert!(response.len() > LENGTH && response.ends_with(&[7; LENGTH]), "{}", response.len());
    });
}

#[test]
fn http_does_not_mind_an_answer_that_comes_before_its_question() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(80), Some(GET));
        let answer = async {
            let mut stream = server.accept().await.stream;
            // the sign that the request was taken travels alone
            clock::sleep(Duration::from_millis(5)).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
            stream.close().await.unwrap();
            stream
        };
        let (opened, answered) = future::zip(ask, answer).await;
        let opened = opened.unwrap();
        assert!(opened.early);
        // another exchange comes and goes meanwhile, so the answer has arrived
        let (mut other, accepted) = pair(&client, &server).await;
        spawn(echo(accepted.stream)).detach();
        exchange(&mut other.stream, b"and back").await;
        let request = hyper::Request::get("/").body(http::empty()).unwrap();
        let response = http::request_over(Box::new(opened.stream), request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(body.to_bytes(), "hi");
        drop(answered);
    });
}

#[test]
fn a_dropped_stream_never_looks_whole() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, mut accepted) = pair(&client, &server).await;
        accepted.stream.write_all(b"half of").await.unwrap();
        drop(accepted);
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(Refusal::find(&error), None);

        // the other direction: a reader that goes away stops the writer
        let (mut opened, accepted) = pair(&client, &server).await;
        drop(accepted);
        let block = vec![0; 1 << 20];
        let error = loop {
            if let Err(error) = opened.stream.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}
