//! What holds on every system, whoever waits there.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use futures_lite::future;

use super::{Async, Timer};
use crate::runtime::{block_on, clock, spawn};

const AT_ONCE: Duration = Duration::ZERO;
const FAR: Duration = Duration::from_secs(3600);

fn pair() -> (Async<UnixStream>, Async<UnixStream>) {
    Async::<UnixStream>::pair().unwrap()
}

/// Writes until there is no more room; gives how many octets there was room for.
fn fill(stream: &Async<UnixStream>) -> usize {
    let mut written = 0;
    loop {
        match stream.get_ref().write(&[7; 4096]) {
            Ok(more) => written += more,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return written;
            }
        }
    }
}

async fn read_exactly(stream: &Async<UnixStream>, mut octets: usize) {
    let mut buffer = [0; 4096];
    while octets > 0 {
        let wanted = octets.min(buffer.len());
        octets -= stream.read_with(|mut s| s.read(&mut buffer[..wanted])).await.unwrap();
    }
}

#[test]
fn all_who_wait_for_one_socket_hear_of_it() {
    let (one, other) = pair();
    let one = Arc::new(one);
    block_on(async {
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let one = one.clone();
                spawn(async move { one.readable().await })
            })
            .collect();
        future::yield_now().await; // they wait by now
        other.write_with(|mut s| s.write_all(b"!")).await.unwrap();
        for each in waiting {
            each.await.unwrap();
        }
    });
}

#[test]
fn a_full_socket_takes_more_when_some_was_read() {
    let (one, other) = pair();
    block_on(async {
        let octets = fill(&one);
        let one = Arc::new(one);
        let writing = {
            let one = one.clone();
            spawn(async move { one.writable_owned().await })
        };
        future::yield_now().await;
        assert!(!writing.is_finished(), "there is no room");
        read_exactly(&other, octets).await;
        writing.await.unwrap();
        one.write_with(|mut s| s.write_all(b"more")).await.unwrap();
        read_exactly(&other, 4).await;
    });
}

#[test]
fn who_waits_in_one_direction_is_not_kept_from_the_other() {
    let (one, other) = pair();
    let one = Arc::new(one);
    block_on(async {
        let octets = fill(&one);
        let reading = {
            let one = one.clone();
            spawn(async move { read_exactly(&one, 3).await })
        };
        let writing = {
            let one = one.clone();
            spawn(async move { one.write_with(|mut s| s.write_all(b"abc")).await })
        };
        future::yield_now().await;
        other.write_with(|mut s| s.write_all(b"xyz")).await.unwrap();
        reading.await;
        read_exactly(&other, octets + 3).await;
        writing.await.unwrap();
    });
}

#[test]
fn the_end_of_a_stream_is_an_event_too() {
    let (one, other) = pair();
    block_on(async {
        let reading = spawn(async move {
            let mut nothing = [0];
            one.read_with(|mut s| s.read(&mut nothing)).await.unwrap()
        });
        future::yield_now().await;
        drop(other);
        assert_eq!(reading.await, 0);
    });
}

#[test]
fn nobody_listens_at_a_closed_port() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = block_on(Async::<TcpStream>::connect(closed)).expect_err("it is closed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn descriptors_that_are_used_again_are_new_sockets() {
    block_on(async {
        for round in 0..100_u8 {
            let one = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0)).unwrap();
            let to = one.get_ref().local_addr().unwrap();
            one.send_to(&[round], to).await.unwrap();
            let mut datagram = [0; 2];
            assert_eq!(one.recv(&mut datagram).await.unwrap(), 1);
            assert_eq!(datagram[0], round);
        }
    });
}

#[test]
fn timers_never_go_off_early() {
    let start = clock::now();
    // some below and some above the step of the system's own count
    let moments = [40_000, 300, 12_000, 2_500, 700, 25_000];
    let moments = moments.map(|micros| start + Duration::from_micros(micros));
    block_on(async {
        let timers = moments.map(|at| {
            spawn(async move {
                Timer::at(at).await;
                assert!(clock::now() >= at, "it went off early");
            })
        });
        for timer in timers {
            timer.await;
        }
    });
}

#[test]
fn a_timer_that_is_set_anew_forgets_the_old_moment() {
    block_on(async {
        let mut timer = Timer::after(FAR);
        assert!(future::poll_once(&mut timer).await.is_none());
        timer.set_at(clock::now());
        (&mut timer).await;
        timer.set_at(clock::now() + FAR);
        assert!(future::poll_once(&mut timer).await.is_none(), "it is to wait again");
        timer.set_at(clock::now());
        timer.await;
    });
}

#[test]
fn work_of_another_thread_ends_a_sleep() {
    let (sender, work) = async_channel::bounded(1);
    let other = std::thread::spawn(move || sender.send_blocking(()).unwrap());
    block_on(async {
        future::or(async { work.recv().await.unwrap() }, async {
            Timer::after(FAR).await;
            panic!("nobody woke the one who sleeps");
        })
        .await;
        Timer::after(AT_ONCE).await;
    });
    other.join().unwrap();
}
