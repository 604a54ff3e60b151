//! epoll(7), and which of the threads that run the executor asks it.
//!
//! A thread that has nothing to run leads, if nobody does: it sleeps in the kernel until a socket is ready, a timer
//! goes off, or another thread has work for it. Others wait for their own work, and one of them takes over when the
//! leader has something to run. The program has one such thread; tests have many.

use std::{
    collections::HashMap,
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, TryLockError,
        atomic::{AtomicBool, AtomicU8, Ordering::SeqCst},
    },
    task::{Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
        eventfd,
    },
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

use super::{
    nonblocking::Source,
    timers::{Timers, Window},
};
use crate::runtime::{clock, lock};

/// What the kernel tells at once at most.
const EVENTS: usize = 256;

/// epoll counts milliseconds, which is good enough for a longer sleep. Others end by a timer of their own, as those
/// between the packets of a fast connection.
const COARSE: Duration = Duration::from_millis(10);
/// A longer sleep is interrupted, so that the number of milliseconds fits.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Another thread has work for the leader.
const BELL: u64 = u64::MAX;
/// A short sleep is over.
const ALARM: u64 = u64::MAX - 1;

/// The kernel's news, for everybody who waits for some.
pub(super) struct Reactor {
    epoll: OwnedFd,
    bell: OwnedFd,
    /// The bell has been rung since the leader woke up.
    rung: AtomicBool,
    alarm: OwnedFd,
    sources: Mutex<Sources>,
    timers: Mutex<TimerState>,
    /// Held by the leader.
    lead: Mutex<()>,
    /// Threads that wait while another leads.
    followers: Mutex<Vec<Arc<Waiter>>>,
}

/// What can be waited for.
#[derive(Default)]
struct Sources {
    all: HashMap<u64, Arc<Source>>,
    next: u64,
}

#[derive(Default)]
struct TimerState {
    timers: Timers,
    /// Until when the leader sleeps, while it does.
    asleep: Option<Option<Instant>>,
}

impl Reactor {
    /// The only one.
    pub(super) fn get() -> &'static Reactor {
        static REACTOR: OnceLock<Reactor> = OnceLock::new();
        REACTOR.get_or_init(|| Reactor::new().expect("the kernel gives an epoll instance"))
    }

    fn new() -> io::Result<Reactor> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let alarm = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // told once each time, so that nobody has to read them
        let once = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), once)?;
        epoll::add(&epoll, &alarm, EventData::new_u64(ALARM), once)?;
        Ok(Reactor {
            epoll,
            bell,
            rung: AtomicBool::new(false),
            alarm,
            sources: Mutex::default(),
            timers: Mutex::default(),
            lead: Mutex::default(),
            followers: Mutex::default(),
        })
    }

    pub(super) fn epoll(&self) -> &OwnedFd {
        &self.epoll
    }

    /// Takes in what `make` makes of the number it is known by.
    pub(super) fn insert(&self, make: impl FnOnce(u64) -> Source) -> Arc<Source> {
        let mut sources = lock(&self.sources);
        let key = sources.next;
        sources.next += 1;
        let source = Arc::new(make(key));
        sources.all.insert(key, source.clone());
        source
    }

    pub(super) fn remove(&self, key: u64) {
        lock(&self.sources).all.remove(&key);
    }

    /// Sets a timer that may have been set to `old` before.
    pub(super) fn set_timer(&self, id: u64, old: Option<Window>, new: Window, waker: &Waker) {
        let mut state = lock(&self.timers);
        let replaced = old.and_then(|old| state.timers.remove(id, old));
        let other = state.timers.set(id, new, waker.clone());
        let oversleeps = state.asleep.is_some_and(|until| until.is_none_or(|u| new.late < u));
        drop(state);
        drop((replaced, other)); // which may run code that sets timers
        if oversleeps {
            self.ring();
        }
    }

    pub(super) fn remove_timer(&self, id: u64, window: Window) {
        let removed = lock(&self.timers).timers.remove(id, window);
        drop(removed); // which may run code that sets timers
    }

    /// Wakes the leader.
    fn ring(&self) {
        if !self.rung.swap(true, SeqCst) {
            // it can only be full, and then it has been rung
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// Sleeps until a socket is ready, a timer goes off or the bell rings, and says who waits for that.
    fn lead(&self, turn: &mut Turn, until: Option<Instant>) {
        turn.waiter.place.store(LEADING, SeqCst);
        let timeout = if turn.waiter.woken.load(SeqCst) {
            Some(timespec(Duration::ZERO)) // there is more to run
        } else {
            let mut state = lock(&self.timers);
            let until = state.timers.next().into_iter().chain(until).min();
            state.asleep = Some(until);
            drop(state);
            until.map(|until| self.timeout(until.saturating_duration_since(clock::now())))
        };
        turn.events.clear();
        // an interruption by a signal is like nothing
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut turn.events), timeout.as_ref());
        turn.waiter.place.store(RUNNING, SeqCst);
        self.rung.store(false, SeqCst);
        let sources = lock(&self.sources);
        for event in &turn.events {
            if let Some(source) = sources.all.get(&event.data.u64()) {
                source.handle(event.flags, &mut turn.wakers);
            }
        }
        drop(sources);
        let mut state = lock(&self.timers);
        state.asleep = None;
        state.timers.take_due(clock::now(), &mut turn.wakers);
    }

    /// How long epoll waits, by its own count or else until the alarm.
    fn timeout(&self, remaining: Duration) -> Timespec {
        let (remaining, alarm) = match remaining {
            Duration::ZERO => (Duration::ZERO, None),
            short if short < COARSE => (COARSE, Some(timespec(short))),
            long => (long.min(LONGEST), None),
        };
        if let Some(it_value) = alarm {
            let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            let setting = Itimerspec { it_interval, it_value };
            // without it the sleep is somewhat longer
            let _ = timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &setting);
        }
        timespec(remaining)
    }

    /// Unless another thread leads.
    fn try_lead(&self) -> Option<MutexGuard<'_, ()>> {
        match self.lead.try_lock() {
            Ok(lead) => Some(lead),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Lets another thread lead, if one waits.
    fn hand_over(&self) {
        if let Some(next) = lock(&self.followers).first() {
            next.thread.unpark();
        }
    }

    /// Waits for own work, or to take over.
    fn follow(&self, waiter: &Arc<Waiter>, until: Option<Instant>) {
        lock(&self.followers).push(waiter.clone());
        waiter.place.store(FOLLOWING, SeqCst);
        // the leader may have gone before it could see this thread
        let leaderless = self.try_lead().is_some();
        if !leaderless && !waiter.woken.load(SeqCst) {
            match until {
                Some(until) => thread::park_timeout(until.saturating_duration_since(clock::now())),
                None => thread::park(),
            }
        }
        waiter.place.store(RUNNING, SeqCst);
        lock(&self.followers).retain(|other| !Arc::ptr_eq(other, waiter));
    }
}

/// How one thread waits when it has nothing to run.
pub(in crate::runtime) struct Turn {
    waiter: Arc<Waiter>,
    events: Vec<Event>,
    /// To be woken because of the events.
    wakers: Vec<Waker>,
}

impl Turn {
    pub(in crate::runtime) fn new() -> Turn {
        let waiter = Arc::new(Waiter {
            woken: AtomicBool::new(false),
            place: AtomicU8::new(RUNNING),
            thread: thread::current(),
        });
        Turn { waiter, events: Vec::with_capacity(EVENTS), wakers: Vec::new() }
    }

    /// Ends the wait, or the next one.
    pub(in crate::runtime) fn waker(&self) -> Waker {
        Waker::from(self.waiter.clone())
    }

    /// Whether it was woken meanwhile; it counts as not woken then.
    pub(in crate::runtime) fn take_woken(&self) -> bool {
        self.waiter.woken.swap(false, SeqCst)
    }

    /// Waits until woken, or until a moment; it may also be for nothing. Gives how many tasks have news.
    pub(in crate::runtime) fn wait(&mut self, until: Option<Instant>) -> usize {
        let reactor = Reactor::get();
        match reactor.try_lead() {
            Some(lead) => {
                reactor.lead(self, until);
                drop(lead);
                reactor.hand_over();
            }
            None => reactor.follow(&self.waiter, until),
        }
        self.waiter.woken.store(false, SeqCst);
        let news = self.wakers.len();
        self.wakers.drain(..).for_each(Waker::wake);
        news
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // it may have been told to take over
        Reactor::get().hand_over();
    }
}

const RUNNING: u8 = 0;
const LEADING: u8 = 1;
const FOLLOWING: u8 = 2;

struct Waiter {
    woken: AtomicBool,
    place: AtomicU8,
    thread: Thread,
}

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, SeqCst) {
            return;
        }
        match self.place.load(SeqCst) {
            LEADING => Reactor::get().ring(),
            FOLLOWING => self.thread.unpark(),
            _ => {}
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        // less than 1000 million: it fits, whatever type a machine has for it
        tv_nsec: duration.subsec_nanos() as _,
    }
}
