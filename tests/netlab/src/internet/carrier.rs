//! The thread that carries packets between the devices of a lab and the emulated Internet.

use std::{
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    io::{read, write},
    thread::set_current_timer_slack,
};

use super::Internet;
use crate::Error;

/// Longest sleep, so that a request to stop is noticed.
const IDLE: Duration = Duration::from_millis(50);

/// Packets read from one device before the others get their turn.
const BATCH: usize = 64;

/// Room for a packet: no device here has a larger MTU.
const BUFFER: usize = 2048;

/// Stops with this.
#[derive(Debug)]
pub(crate) struct Carrier {
    internet: Arc<Mutex<Internet>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Starts the thread. All attachments must be there.
    pub(crate) fn start(mut internet: Internet) -> Result<Carrier, Error> {
        let devices: Vec<OwnedFd> = internet
            .attachments
            .iter_mut()
            .filter_map(|attachment| attachment.device.take())
            .map(OwnedFd::from)
            .collect();
        let internet = Arc::new(Mutex::new(internet));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("internet".into()).spawn({
            let (internet, stop) = (internet.clone(), stop.clone());
            move || carry(&internet, &devices, &stop)
        });
        let thread = thread.map_err(Error::system("a thread"))?;
        Ok(Carrier { internet, stop, thread: Some(thread) })
    }

    /// The Internet, which stands still meanwhile.
    pub(crate) fn internet(&self) -> MutexGuard<'_, Internet> {
        lock(&self.internet)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(internet: &Mutex<Internet>, devices: &[OwnedFd], stop: &AtomicBool) {
    // the default slack of timers is 50 µs, which every packet would be late; without it the lab is less exact
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let mut polled: Vec<PollFd<'_>> =
        devices.iter().map(|device| PollFd::new(device, PollFlags::IN)).collect();
    while !stop.load(Relaxed) {
        let next = {
            let mut internet = lock(internet);
            for (index, poll) in polled.iter().enumerate() {
                if poll.revents().contains(PollFlags::IN) {
                    read_all(&mut internet, index, &devices[index]);
                }
            }
            deliver(&mut internet, devices)
        };
        let wait = next.map_or(IDLE, |at| at.saturating_duration_since(now()).min(IDLE));
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        // interrupted or not: the devices tell
        let _ = poll(&mut polled, Some(&wait));
    }
}

fn read_all(internet: &mut Internet, index: usize, device: &OwnedFd) {
    for _ in 0..BATCH {
        let mut packet = Vec::with_capacity(BUFFER);
        match read(device, spare_capacity(&mut packet)) {
            Ok(length) if length > 0 => internet.accept(index, packet, now()),
            _ => return,
        }
    }
}

/// Delivers what is due, and tells when more is.
fn deliver(internet: &mut Internet, devices: &[OwnedFd]) -> Option<Instant> {
    loop {
        match internet.poll(now()) {
            // a full device drops the packet, as a full network card does
            Ok(arrived) => drop(write(&devices[arrived.at], &arrived.packet)),
            Err(next) => return next,
        }
    }
}

fn lock(internet: &Mutex<Internet>) -> MutexGuard<'_, Internet> {
    internet.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge: the Internet gets its time from here"
)]
fn now() -> Instant {
    Instant::now()
}
