//! Walks the way of a request step by step, and says where it stops: name, look-up, trust, connection,
//! service, access, response. The steps and the words are those of the error page.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{Method, header::HOST};
use nanoserde::{DeJson, SerJson};

use super::finder::{Answer, Found, is_unasked};
use super::reach::{Reach, refused, untraceable};
use super::start::bind;
use super::wiring::Wiring;
use super::{Config, ContactBook, Daemon, Home, Identity, StartError, Udp};
use crate::identity::{Destination, milliseconds};
use crate::overlay::OverlayAddress;
use crate::registration::{Outcome, Wanted};
use crate::runtime::clock;
use crate::runtime::http::{self, Io};
use crate::transport::{ConnectError, Opened, Refusal};
use crate::web::{Failure, Step, TerseReader};

/// A walk to a destination.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Walk {
    /// `alice@example.com:1000`.
    pub destination: String,
    /// All steps in their order.
    pub steps: Vec<WalkStep>,
    /// Why it ended before the last step; None if it did not.
    pub stopped: Option<Stopped>,
}

/// One step of a walk.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct WalkStep {
    /// As the error page calls it.
    pub step: String,
    /// `done`, `failed`, or `not reached`.
    pub state: String,
    /// How long it took in milliseconds, if it was reached.
    pub ms: Option<f64>,
    /// What was found, line by line.
    pub found: Vec<String>,
}

/// Why a walk ended.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Stopped {
    /// What happened.
    pub headline: String,
    /// Why, as far as it is known.
    pub explanation: String,
    /// One thing to do.
    pub advice: String,
    /// Whether trust or access forbids it.
    pub refused: bool,
}

/// How long the service may take for the head of its response.
const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// A walk with every step at its limit, and a little more.
pub(super) const LONGEST: Duration = Duration::from_secs(45);

impl Daemon {
    /// Walks the way of a request to a destination.
    pub async fn why(&self, destination: &Destination) -> Walk {
        Walker::new(&self.reach, destination).walk().await
    }
}

/// Walks the way of a request where no daemon runs.
///
/// # Errors
/// When there is no UDP port for it, or the contact book is damaged.
pub async fn why(
    home: &Home,
    identity: Identity,
    overlays: &[OverlayAddress],
    config: &Config,
    destination: &Destination,
) -> Result<Walk, StartError> {
    ContactBook::new(home).contacts().map_err(StartError::Contacts)?;
    let any = [(Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::UNSPECIFIED, 0).into()];
    let udp = Udp { addresses: any.to_vec(), or_any_port: true, ..config.udp(&[]) };
    let transport = Arc::new(bind(&identity.keys, &udp)?);
    let (first_use, well_known) = (config.first_use(), config.well_known());
    let wiring = Wiring::new(home, identity, &transport, overlays, first_use, well_known);
    let walk = Walker::new(&wiring.reach, destination).walk().await;
    transport.shutdown().await;
    Ok(walk)
}

/// A walk in progress.
struct Walker<'a> {
    reach: &'a Reach,
    destination: &'a Destination,
    steps: Vec<WalkStep>,
    since: Instant,
    /// What the step in progress has found.
    found: Vec<String>,
    /// What the overlays said, if none of them could be asked.
    unasked: Option<Vec<String>>,
}

impl<'a> Walker<'a> {
    fn new(reach: &'a Reach, destination: &'a Destination) -> Walker<'a> {
        let (steps, since, found) = (Vec::new(), clock::now(), Vec::new());
        Walker { reach, destination, steps, since, found, unasked: None }
    }

    async fn walk(mut self) -> Walk {
        let stopped = self.go().await.err();
        if let Some(failure) = &stopped {
            self.fail(failure.step().unwrap_or(Step::Response));
        }
        for step in &Step::ALL[self.steps.len()..] {
            let (step, state) = (step.label().into(), "not reached".into());
            self.steps.push(WalkStep { step, state, ms: None, found: Vec::new() });
        }
        let stopped = stopped.map(|failure| {
            let refused = matches!(failure.step(), Some(Step::Trust | Step::Access));
            let words = failure.words();
            Stopped {
                headline: words.headline,
                explanation: words.explanation,
                advice: words.advice,
                refused,
            }
        });
        Walk { destination: self.destination.to_string(), steps: self.steps, stopped }
    }

    /// Ends the step in progress.
    fn end(&mut self, state: &str) {
        let now = clock::now();
        let ms = milliseconds(now - self.since);
        let step = Step::ALL[self.steps.len()].label().to_owned();
        let found = std::mem::take(&mut self.found);
        self.steps.push(WalkStep { step, state: state.to_owned(), ms: Some(ms), found });
        self.since = now;
    }

    /// Ends the walk at a step, which need not be the one in progress.
    fn fail(&mut self, failed: Step) {
        let at = Step::ALL.iter().position(|step| *step == failed).unwrap_or_default();
        if let Some(step) = self.steps.get_mut(at) {
            step.state = "failed".into();
            self.steps.truncate(at + 1);
            return;
        }
        while self.steps.len() < at {
            self.done();
        }
        self.end("failed");
    }

    fn done(&mut self) {
        self.end("done");
    }

    async fn go(&mut self) -> Result<(), Failure> {
        let destination = self.destination;
        if self.reach.answering().is_own(&destination.name) {
            self.found.push("this very identity".into());
            self.done();
            self.found.push("not needed".into());
            self.done();
            self.found.push("your own key".into());
            self.done();
            let (io, _) = self.reach.open(destination, None).await?;
            self.found.push("on this machine".into());
            self.done();
            return self.ask(io).await;
        }
        let wanted = self.name();
        self.done();
        let found = self.look_up(&wanted).await?;
        self.found.extend(self.reach.finder().reason_now(&destination.name));
        self.done();
        let opened = self.connect(&found).await?;
        self.done();
        self.ask(Box::new(opened.stream)).await.map_err(|failure| match failure {
            // a connection that was there may lead nowhere any more
            Failure::ResponseTimedOut { .. } => {
                self.reach.silence_of(&found, destination).unwrap_or(failure)
            }
            failure => failure,
        })
    }

    /// Whom the book knows under the name.
    fn name(&mut self) -> Wanted {
        let name = self.destination.name.clone();
        let contacts = self.reach.finder().book().contacts().unwrap_or_default();
        match contacts.get(&name) {
            Some(contact) => {
                self.found.push(format!("a contact, {}", contact.key.fingerprint()));
                Wanted::Contact(name, contact.key)
            }
            None => {
                self.found.push("not a contact yet".into());
                Wanted::Name(name)
            }
        }
    }

    /// Asks the overlays anew, and lets trust decide without remembering anything.
    async fn look_up(&mut self, wanted: &Wanted) -> Result<Found, Failure> {
        let finder = self.reach.finder();
        let sources = finder.search().sources(wanted);
        let Outcome { found, reports, .. } = finder.search().ask(wanted).await;
        for (source, report) in sources.iter().zip(&reports) {
            let time = report.latency.map(|latency| format!(" after {}", ms(latency)));
            let time = time.unwrap_or_default();
            self.found.push(format!("{source}: {}{time}", report.said));
        }
        if is_unasked(&reports) {
            self.unasked = Some(Answer { sources, reports, ..Answer::default() }.told());
        }
        if let Wanted::Contact(name, key) = wanted {
            for overlay in finder.search().overlays_that_locate(name, key) {
                let report = finder.search().locate(&overlay, name, key).await;
                self.found.push(format!("{}: {}", overlay.address(), report.said));
                if !is_unasked(&[report]) {
                    self.unasked = None;
                }
            }
        }
        if !found.is_empty() {
            self.done();
        }
        finder.examine(&self.destination.name).await
    }

    async fn connect(&mut self, found: &Found) -> Result<Opened, Failure> {
        let locators = &found.packet.registration().locators;
        let listed: Vec<String> = locators.iter().map(SocketAddr::to_string).collect();
        self.found.push(format!("candidates: {}", listed.join(", ")));
        let opened = match self.reach.connect(found, self.destination, None).await {
            Ok(opened) => opened,
            Err(error) => {
                if let ConnectError::Unreachable { tried, .. } = &error {
                    self.found.extend(tried.iter().map(|way| format!("no answer from {way}")));
                }
                let failure = self.reach.failure_of(error, found, self.destination);
                return Err(match self.unasked.take() {
                    Some(tried) => untraceable(failure, found, tried),
                    None => failure,
                });
            }
        };
        if let Some(way) = opened.path {
            let kind = if way.direct().is_some() { "direct" } else { "relayed" };
            self.found.push(format!("path: {kind} by {way}"));
        }
        self.found.push(match opened.connected {
            Some(timings) => format!(
                "path found after {}, handshake {}",
                ms(timings.probe),
                ms(timings.handshake)
            ),
            None => "the connection was there".into(),
        });
        Ok(opened)
    }

    /// Asks the service for the head of its front page.
    async fn ask(&mut self, io: Box<dyn Io>) -> Result<(), Failure> {
        let destination = self.destination;
        let lost = || Failure::LinkLost { name: destination.name.clone() };
        let request = hyper::Request::builder()
            .method(Method::HEAD)
            .uri("/")
            .header(HOST, destination.proxy_host())
            .body(http::empty())
            .map_err(|error| Failure::Defect { detail: error.to_string() })?;
        let asking = http::request_over(Box::new(TerseReader::new(io)), request);
        let response = clock::timeout(RESPONSE_TIME, asking).await;
        let after = RESPONSE_TIME;
        let response = response
            .ok_or(Failure::ResponseTimedOut { destination: destination.clone(), after })?
            .map_err(|error| {
                Refusal::find(&error).map_or_else(lost, |refusal| refused(refusal, destination))
            })?;
        let took = self.since;
        self.found.push("something is served at the port".into());
        self.done();
        self.found.push("you are let in".into());
        self.done();
        self.since = took; // one exchange for the three
        self.found.push(format!("HEAD / is answered with {}", response.status()));
        self.done();
        Ok(())
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.1} ms", milliseconds(duration))
}
