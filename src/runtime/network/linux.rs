//! Events of the Linux kernel.

use std::{io, os::fd::OwnedFd};

use async_io::Async;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv,
        socket_with,
    },
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use super::message::{self, Notice};

/// Groups of the routing socket (rtnetlink(7)): interfaces, addresses and routes of both families.
const GROUPS: u32 = LINK | V4_ADDRESS | V4_ROUTE | V6_ADDRESS | V6_ROUTE;
const LINK: u32 = 0x1;
const V4_ADDRESS: u32 = 0x10;
const V4_ROUTE: u32 = 0x40;
const V6_ADDRESS: u32 = 0x100;
const V6_ROUTE: u32 = 0x400;
/// The kernel sends at most this much at once.
const DATAGRAM: usize = 32 * 1024;
/// Further away than any process lives: a hundred years in seconds.
const NEVER: i64 = 100 * 365 * 24 * 3600;

/// The kernel's routing socket.
#[derive(Debug)]
pub struct NetworkWatch(Async<OwnedFd>);

impl NetworkWatch {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where this process may not; then somebody must look at the interfaces now and then.
    pub fn open() -> io::Result<NetworkWatch> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Async::new_nonblocking(socket).map(NetworkWatch)
    }

    /// Waits for the next change.
    pub async fn next(&self) -> Vec<Notice> {
        let mut datagram = vec![0; DATAGRAM]; // memory that is taken when it is written, unlike an array of a task
        let read = self.0.read_with(|socket| {
            let (length, _) = recv(socket, &mut datagram[..], RecvFlags::empty())?;
            Ok(length)
        });
        match read.await {
            Ok(length) => message::notices(&datagram[..length]),
            // more came than the socket could hold: anything may have changed
            Err(_) => vec![Notice::Other],
        }
    }
}

/// A timer that never fires and is cancelled when the wall clock jumps: it was set, or the machine slept,
/// in which time the monotonic clock stood still.
#[derive(Debug)]
pub struct ClockWatch(Async<OwnedFd>);

impl ClockWatch {
    /// Begins to wait for a jump.
    ///
    /// # Errors
    /// Where the system has no such timers.
    pub fn open() -> io::Result<ClockWatch> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        arm(&timer)?;
        Async::new_nonblocking(timer).map(ClockWatch)
    }

    /// Waits for a jump.
    pub async fn jumped(&self) {
        // one read tells of one jump with ECANCELED, and the timer goes on
        let read = self
            .0
            .read_with(|timer| rustix::io::read(timer, &mut [0; 8][..]).map_err(io::Error::from));
        if let Err(error) = read.await
            && error.raw_os_error() != Some(Errno::CANCELED.raw_os_error())
        {
            futures_lite::future::pending().await // there will be no more news of it
        }
    }
}

fn arm(timer: &OwnedFd) -> io::Result<()> {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    let at = Timespec {
        tv_sec: rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec + NEVER,
        tv_nsec: 0,
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(timer, flags, &Itimerspec { it_interval: zero, it_value: at })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::{block_on, clock};

    #[test]
    fn nothing_comes_from_a_clock_that_runs_evenly() {
        let watch = ClockWatch::open().unwrap();
        let jump = clock::timeout(Duration::from_millis(50), watch.jumped());
        assert_eq!(block_on(jump), None);
    }
}
