//! A web application as people write them: a blocking server that knows nothing of peers.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use data_encoding::BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tiny_http::{Header, Method, ReadWrite, Request, Response, Server};

/// What RFC 6455 adds to the key of a handshake.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A running application: a page, a WebSocket that echoes, an event stream, and a count of what came.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    server: Arc<Server>,
}

#[derive(Default)]
struct State {
    /// Requests for `/target` that ask for something.
    asked: AtomicUsize,
    /// Requests for `/target` that do something.
    acted: AtomicUsize,
    /// How many events are allowed out so far.
    events: Mutex<usize>,
    more: Condvar,
}

impl Application {
    pub(crate) fn start() -> Application {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let address = server.server_addr().to_ip().unwrap();
        let state = Arc::<State>::default();
        let (listener, shared) = (server.clone(), state.clone());
        thread::spawn(move || {
            for request in listener.incoming_requests() {
                let state = shared.clone();
                thread::spawn(move || answer(request, &state));
            }
        });
        Application { address, state, server }
    }

    /// How many requests for `/target` asked for something, and how many did something.
    pub(crate) fn reached(&self) -> [usize; 2] {
        [&self.state.asked, &self.state.acted].map(|count| count.load(Ordering::SeqCst))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn answer(request: Request, state: &State) {
    // a browser that goes away is no fault of the application
    let _ = match (request.method(), request.url()) {
        (Method::Get, "/") => {
            let page = Response::from_string("<!doctype html><title>Application</title>")
                .with_header(header("Content-Type", "text/html"));
            request.respond(page)
        }
        (Method::Get, "/cookie") => {
            let cookie = header("Set-Cookie", "taste=plain; Path=/");
            request.respond(Response::from_string("baked").with_header(cookie))
        }
        (Method::Get, "/cookies") => {
            let sent = field(&request, "Cookie").unwrap_or_default();
            request.respond(Response::from_string(sent))
        }
        (Method::Get, "/worker.js") => {
            let script = Response::from_string("self.onfetch = () => {}")
                .with_header(header("Content-Type", "text/javascript"))
                .with_header(header("Service-Worker-Allowed", "/"));
            request.respond(script)
        }
        (Method::Get, "/events") => stream_events(request, state),
        (Method::Post, "/next") => {
            *state.events.lock().unwrap() += 1;
            state.more.notify_all();
            request.respond(Response::empty(204))
        }
        (Method::Get, "/socket") => return echo(upgrade(request)),
        (Method::Get, "/target") => {
            state.asked.fetch_add(1, Ordering::SeqCst);
            request.respond(Response::from_string("reached"))
        }
        (_, "/target") => {
            state.acted.fetch_add(1, Ordering::SeqCst);
            // it welcomes everybody: what keeps pages away must be something else
            let any = header("Access-Control-Allow-Origin", "*");
            request.respond(Response::from_string("reached").with_header(any))
        }
        _ => request.respond(Response::from_string("nothing here").with_status_code(404)),
    };
}

/// Three events, each of which leaves only when it was asked for after the one before.
fn stream_events(request: Request, state: &State) -> std::io::Result<()> {
    let mut stream = request.into_writer();
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
          Connection: close\r\n\r\n",
    )?;
    for event in 0..3 {
        let allowed = state.events.lock().unwrap();
        drop(state.more.wait_while(allowed, |allowed| *allowed < event).unwrap());
        write!(stream, "data: event {event}\n\n")?;
        stream.flush()?;
    }
    Ok(())
}

/// Switches to WebSocket (RFC 6455, 4.2.2).
fn upgrade(request: Request) -> Box<dyn ReadWrite + Send> {
    let key = field(&request, "Sec-WebSocket-Key").unwrap_or_default() + WEBSOCKET_GUID;
    let accept = BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()).as_ref());
    let response = Response::empty(101).with_header(header("Sec-WebSocket-Accept", &accept));
    request.upgrade("websocket", response)
}

/// Sends each short frame back, unmasked, until one says close.
fn echo(mut socket: Box<dyn ReadWrite + Send>) {
    let mut head = [0; 6]; // opcode, length below 126, mask
    while socket.read_exact(&mut head).is_ok() {
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        if socket.read_exact(&mut payload).is_err() {
            return;
        }
        for (octet, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
            *octet ^= mask;
        }
        let frame = [&[head[0], head[1] & 0x7f], &payload[..]].concat();
        let closing = head[0] & 0x0f == 8;
        if socket.write_all(&frame).and_then(|()| socket.flush()).is_err() || closing {
            return;
        }
    }
}

fn field(request: &Request, name: &'static str) -> Option<String> {
    let found = request.headers().iter().find(|header| header.field.equiv(name));
    found.map(|header| header.value.to_string())
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap()
}
