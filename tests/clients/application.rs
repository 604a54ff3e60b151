//! A web application as people write them: blocking, on tiny_http.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use ring::digest::{Context, SHA256};
use testbed::people::{Neighbours, Program};
use tiny_http::{Request, Response, Server};

/// It runs until it is dropped.
pub(crate) struct Application {
    server: Arc<Server>,
    /// What is sent here is the next event of `/events`; they end when this is taken.
    pub(crate) events: Option<Sender<&'static str>>,
}

impl Application {
    pub(crate) fn start() -> Application {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let (events, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let requests = server.clone();
        thread::spawn(move || {
            for request in requests.incoming_requests() {
                let receiver = receiver.clone();
                // a client may go away at any time
                thread::spawn(move || drop(answer(request, &receiver)));
            }
        });
        Application { server, events: Some(events) }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.server.server_addr().to_string()
    }

    /// Has alice expose it at a port of hers, as long as the program runs.
    pub(crate) fn expose(&self, neighbours: &Neighbours, port: u16) -> Program {
        expose(neighbours, &self.address(), port)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// Has alice expose whatever listens at an address.
pub(crate) fn expose(neighbours: &Neighbours, address: &str, port: u16) -> Program {
    let home = neighbours.root.path().join("alice");
    Program::start(&home, &["expose", address, "--port", &port.to_string()])
}

fn answer(mut request: Request, events: &Mutex<Receiver<&'static str>>) -> io::Result<()> {
    match request.url() {
        "/events" => {
            let events = events.lock().unwrap();
            send_events(request.into_writer(), &events)
        }
        "/fields" => {
            let lines = request.headers().iter().map(|header| {
                format!("{}: {}\n", header.field.as_str().as_str().to_lowercase(), header.value)
            });
            let lines: String = lines.collect();
            request.respond(Response::from_string(lines))
        }
        "/refuse" => request.respond(Response::from_string("too large").with_status_code(413)),
        "/upload" => {
            let (length, hash) = digest(&mut request)?;
            let text = format!("{} {length} {hash}", request.method());
            request.respond(Response::from_string(text))
        }
        _ => request.respond(Response::from_string("not here").with_status_code(404)),
    }
}

/// Each event leaves at once; tiny_http's own responses would be held back until 8 KiB are there.
fn send_events(mut client: impl Write, events: &Receiver<&'static str>) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes())?;
    client.flush()?;
    for event in events {
        let event = format!("data: {event}\n\n");
        write!(client, "{:x}\r\n{event}\r\n", event.len())?;
        client.flush()?;
    }
    client.write_all(b"0\r\n\r\n")?;
    client.flush()
}

fn digest(request: &mut Request) -> io::Result<(usize, String)> {
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let (reader, mut piece) = (request.as_reader(), vec![0; 64 << 10]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok((length, hex(context.finish().as_ref()))),
            count => {
                length += count;
                context.update(&piece[..count]);
            }
        }
    }
}

/// Lower case.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
