//! QUIC and nothing else: quinn on plain UDP sockets, one thread at each end, same version, ciphers and
//! executor as in the daemons. What a transfer through them is compared with.

mod quic;
pub(crate) mod tls;

use std::{
    cell::RefCell,
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    process::{ChildStdin, ChildStdout},
};

use bytes::Bytes;
use p2p::runtime::{block_on, spawn, unblock};

use crate::process::{Killed, again};

/// Octets that the server hands to QUIC at a time.
const PIECE: usize = 256 * 1024;
/// Packets' worth of data that the client takes from QUIC at a time.
const CHUNKS: usize = 32;

/// Both ends as processes, connected.
pub(crate) struct Bare {
    server: Killed,
    client: Killed,
    pipe: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Bare {
    pub(crate) fn start() -> Bare {
        let mut server = again(&["bare-server"]);
        let stdout = server.0.stdout.take().expect("a pipe");
        let address = line(&mut BufReader::new(stdout));
        let mut client = again(&["bare-client", &address]);
        let stdin = client.0.stdin.take().expect("a pipe");
        let stdout = BufReader::new(client.0.stdout.take().expect("a pipe"));
        Bare { server, client, pipe: RefCell::new((stdin, stdout)) }
    }

    pub(crate) fn ids(&self) -> [u32; 2] {
        [self.server.0.id(), self.client.0.id()]
    }

    /// Moves so many octets to the client; gives how many came.
    pub(crate) fn transfer(&self, octets: u64) -> u64 {
        let (stdin, stdout) = &mut *self.pipe.borrow_mut();
        writeln!(stdin, "{octets}").expect("the client runs");
        line(stdout).parse().expect("a number")
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the other end runs");
    line.trim_end().to_owned()
}

/// The server's process: says its address, then sends as much as each stream asks for.
pub(crate) fn serve() {
    block_on(async {
        let endpoint = quic::server().expect("an endpoint");
        println!("{}", endpoint.local_addr().expect("its address"));
        while let Some(incoming) = endpoint.accept().await {
            spawn(async move {
                let connection = incoming.await.expect("a handshake");
                while let Ok((send, receive)) = connection.accept_bi().await {
                    spawn(answer(send, receive)).detach();
                }
            })
            .detach();
        }
    });
}

async fn answer(mut send: quinn::SendStream, mut receive: quinn::RecvStream) {
    let mut length = [0; 8];
    receive.read_exact(&mut length).await.expect("a length");
    let mut left = u64::from_be_bytes(length);
    let piece = Bytes::from(testbed::people::noise(PIECE));
    while left > 0 {
        let length = piece.len().min(left.try_into().unwrap_or(usize::MAX));
        send.write_chunk(piece.slice(..length)).await.expect("the client reads");
        left -= length as u64;
    }
    let _ = send.finish();
    let _ = send.stopped().await;
}

/// The client's process: for each line on stdin, asks for so many octets and says how many came.
pub(crate) fn fetch(server: SocketAddr) {
    block_on(async {
        let endpoint = quic::client().expect("an endpoint");
        let connecting = endpoint.connect(server, "localhost").expect("an address");
        let connection = connecting.await.expect("a handshake");
        while let Some(Ok(line)) = unblock(|| io::stdin().lines().next()).await {
            let length: u64 = line.parse().expect("a number");
            println!("{}", take(&connection, length).await);
        }
    });
}

async fn take(connection: &quinn::Connection, length: u64) -> u64 {
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    send.write_all(&length.to_be_bytes()).await.expect("the server reads");
    let _ = send.finish();
    let mut chunks = [const { Bytes::new() }; CHUNKS];
    let mut taken = 0;
    while let Some(count) = receive.read_chunks(&mut chunks).await.expect("the server sends") {
        for chunk in &mut chunks[..count] {
            taken += std::mem::take(chunk).len() as u64;
        }
    }
    taken
}
